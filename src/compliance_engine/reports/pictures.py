"""Small pictures of the report as geometry: stacked bars, day strips and time lines. Templates draw them.

All numbers are pixels of the picture's own box. Every picture has a text that says what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from compliance_engine.engine.deadline import Word
from compliance_engine.engine.derivation import day_text
from compliance_engine.reports.model import STATUSES, DutySummary, Finding, WorkingStep

BAR_WIDTH = 220
_LEAST = 3  # a share of the bar that is there at all can be seen
_PITCH, _CELL, _LEFT, _TOP = 12, 10, 16, 15
_LETTER = 6
_LONGEST_STRIP = 60 * 7
_AFTER_DUE = 6 * 7  # days drawn beyond the due day at most, when the whole would be too long
_LINE_WIDTH, _LINE_LEFT = 640, 10
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STATUS_WORDS: Mapping[str, str] = {
    "met": "met on time",
    "met_late": "met late",
    "overdue": "overdue",
    "pending": "pending",
    "paused": "paused",
    "not_applicable": "not applicable",
    "undetermined": "undetermined",
}


@dataclass(frozen=True, slots=True)
class Share:
    """One stretch of a stacked bar."""

    status: Word
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A stacked bar of what became of a rule's deadlines."""

    shares: tuple[Share, ...]
    text: str
    width: int = BAR_WIDTH


@dataclass(frozen=True, slots=True)
class Mark:
    """A day that stands out: ``start``, ``due``, ``met`` or ``missed``."""

    kind: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place."""

    x: int
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """Days as small squares, a column for each week, Monday on top.

    Attributes:
        paths: Kind of day (``counted``, ``weekend``, ``skipped``, ``added``, ``late``), path of its squares.
        cut: Whether the time after the due day goes on beyond the picture.
    """

    width: int
    height: int
    months: tuple[Label, ...]
    paths: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]
    text: str
    cut: bool
    shape: str = "strip"


@dataclass(frozen=True, slots=True)
class Line:
    """A straight time line, for spans of years."""

    ticks: tuple[Label, ...]
    stretches: tuple[tuple[str, int, int], ...]
    """Kind (``running``, ``late``), x and width."""
    marks: tuple[Mark, ...]
    text: str
    width: int = _LINE_WIDTH + 2 * _LINE_LEFT
    shape: str = "line"


def bar(duty: DutySummary) -> Bar:
    """Return the bar of a rule."""
    counts = [(status, duty.count(status)) for status in STATUSES if duty.count(status)]
    shares, x = [], 0
    for (status, _), width in zip(counts, _widths([count for _, count in counts], BAR_WIDTH), strict=True):
        shares.append(Share(status, x, width))
        x += width
    return Bar(tuple(shares), ", ".join(f"{count} {STATUS_WORDS[status]}" for status, count in counts))


def _widths(counts: Sequence[int], whole: int) -> list[int]:
    """Return whole widths in proportion, none too small to be seen, that add up to `whole`."""
    total = sum(counts)
    widths = [max(_LEAST, whole * count // total) for count in counts]
    widths[counts.index(max(counts))] += whole - sum(widths)
    return widths


def picture(finding: Finding) -> Strip | Line | None:
    """Return a strip of days where days were counted, else a line; None for a finding without dates."""
    if finding.due_on is None:
        return None
    end = finding.met_on or missed_by(finding)
    counted = _counted(finding)
    if counted is not None:
        days = [day for day in (counted.start, counted.end, finding.due_on) if day is not None]
        if (max(days) - min(days)).days <= _LONGEST_STRIP:
            return _strip(finding, counted, min(days), max(days), end)
    return _line(finding, end)


def missed_by(finding: Finding) -> date | None:
    """Return the day through which days late count: the report's, or that of an event to come before."""
    if finding.status != "overdue" or finding.due_on is None:
        return None
    return finding.due_on + timedelta(days=finding.days_late)


def _counted(finding: Finding) -> WorkingStep | None:
    """Return the count that led to the due day, or the last one."""
    steps = [step for step in finding.working if step.step == "counted" and step.start and step.end]
    ended = [step for step in steps if step.end == finding.due_on]
    chosen = ended or steps
    return chosen[-1] if chosen else None


def _strip(finding: Finding, counted: WorkingStep, low: date, due: date, end: date | None) -> Strip:
    high = max(due, end) if end else due
    cut = (high - low).days > _LONGEST_STRIP
    if cut:
        high = due + timedelta(days=_AFTER_DUE)
    monday = low - timedelta(days=low.weekday())
    kinds = _kinds(finding, counted, end, low, high)
    grouped: dict[str, list[date]] = {}
    for day, kind in kinds:
        grouped.setdefault(kind, []).append(day)
    weeks = (high - monday).days // 7 + 1
    marks = [(kind, day) for kind, day in _marks(finding, end, counted.start) if low <= day <= high]
    months = tuple(_month_labels(monday, high))
    needed = max((label.x + _LETTER * len(label.text) for label in months), default=0)
    return Strip(
        width=max(_LEFT + weeks * _PITCH + (16 if cut else 4), needed),
        height=_TOP + 7 * _PITCH,
        months=months,
        paths=tuple((kind, _squares(days, monday)) for kind, days in sorted(grouped.items())),
        marks=tuple(_centred(kind, day, monday) for kind, day in marks),
        text=_text(finding, end, counted),
        cut=cut,
    )


def _kinds(
    finding: Finding, counted: WorkingStep, end: date | None, low: date, high: date
) -> Iterator[tuple[date, str]]:
    """Yield each day of the strip that has a kind."""
    assert counted.start
    assert counted.end
    assert finding.due_on
    skipped = {day: run.reason for run in counted.skipped for day in _days(run.first, run.last)}
    first, last = sorted((counted.start, counted.end))
    for day in _days(low, high):
        if first <= day <= last and day != counted.start:
            reason = skipped.get(day)
            yield day, "counted" if reason is None else "weekend" if reason == "weekend" else "skipped"
        elif counted.end < day <= finding.due_on:
            yield day, "added"
        elif end and finding.due_on < day <= end:
            yield day, "late"


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _corner(day: date, monday: date) -> tuple[int, int]:
    return _LEFT + (day - monday).days // 7 * _PITCH, _TOP + day.weekday() * _PITCH


def _squares(days: Iterable[date], monday: date) -> str:
    corners = (_corner(day, monday) for day in days)
    return " ".join(f"M{x} {y}h{_CELL}v{_CELL}h-{_CELL}z" for x, y in corners)


def _centred(kind: str, day: date, monday: date) -> Mark:
    x, y = _corner(day, monday)
    return Mark(kind, x + _CELL // 2, y + _CELL // 2)


def _month_labels(monday: date, high: date) -> Iterator[Label]:
    """Yield a label over the first whole week of each month, with the year where it begins."""
    free = 0
    for week in range((high - monday).days // 7 + 1):
        first = monday + timedelta(days=7 * week)
        x = _LEFT + week * _PITCH
        begins = first.day <= 7 or week == 0
        if begins and x >= free:
            text = _MONTHS[first.month - 1] + (f" {first.year}" if week == 0 or first.month == 1 else "")
            free = x + _LETTER * len(text) + 4
            yield Label(x, text)


def _marks(finding: Finding, end: date | None, start: date | None) -> Iterator[tuple[str, date]]:
    if start:
        yield "start", start
    if finding.due_on:
        yield "due", finding.due_on
    if finding.met_on:
        yield "met", finding.met_on
    elif end and end != start:
        yield "missed", end


def _line(finding: Finding, end: date | None) -> Line | None:
    due = finding.due_on
    assert due
    days = [day for day in (finding.opened_on, due, end) if day]
    low, high = min(days), max(days)
    if low == high:
        return None
    scale = (high - low).days

    def x(day: date) -> int:
        return _LINE_LEFT + _LINE_WIDTH * (day - low).days // scale

    stretches = []
    if finding.opened_on and finding.opened_on < due:
        stretches.append(("running", x(finding.opened_on), x(due) - x(finding.opened_on)))
    if end and end > due:
        stretches.append(("late", x(due), x(end) - x(due)))
    return Line(
        ticks=tuple(_ticks(low, high, x)),
        stretches=tuple(stretches),
        marks=tuple(Mark(kind, x(day), 14) for kind, day in _marks(finding, end, finding.opened_on)),
        text=_text(finding, end, None),
    )


def _ticks(low: date, high: date, x: Callable[[date], int]) -> Iterator[Label]:
    """Yield month, quarter or year ticks, so that they do not touch."""
    months = (high - low).days // 30
    step = next(step for step in (1, 3, 6, 12, 24, 60, 1200) if months // step <= 10)
    year, month = low.year, low.month
    while True:
        month += 1
        year, month = (year + 1, 1) if month > 12 else (year, month)
        day = date(year, month, 1)
        if day > high:
            return
        if (12 * year + month - 1) % step == 0 and (high - day).days * 20 > (high - low).days:
            yield Label(x(day), str(year) if step >= 12 else f"{_MONTHS[month - 1]} {year}")


def _text(finding: Finding, end: date | None, counted: WorkingStep | None) -> str:
    parts = [counted.text] if counted else []
    if finding.opened_on and not counted:
        parts.append(f"opened {day_text(finding.opened_on)}")
    parts.append(f"due {day_text(finding.due_on)}")
    if end:
        parts.append(f"met {day_text(end)}" if finding.met_on else f"not met by {day_text(end)}")
    return "; ".join(parts)

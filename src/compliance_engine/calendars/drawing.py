"""A school year drawn for the terminal: month grids in which every kind of day has a letter and a colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.text import Text

from compliance_engine.calendars.models import SchoolYear, days_of

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_CELL = 4  # two digits, a letter, a blank
_WIDTH = 7 * _CELL


@dataclass(frozen=True)
class Mark:
    """How one kind of day is shown."""

    letter: str
    style: str
    meaning: str


MARKS: dict[str, Mark] = {
    "school": Mark(" ", "bold green", "school day (no letter)"),
    "partial": Mark("p", "green", "partial day, a school day"),
    "make_up": Mark("m", "bold cyan", "make-up day, a school day"),
    "holiday": Mark("H", "magenta", "holiday"),
    "break": Mark("B", "blue", "break"),
    "staff_day": Mark("S", "yellow", "staff day, no students"),
    "other": Mark("N", "bright_black", "no school"),
    "weather": Mark("W", "bold red", "called off: weather"),
    "called_off": Mark("X", "bold red", "called off: other reason"),
    "possible": Mark("?", "cyan", "no school, kept for making up"),
    "outside": Mark(" ", "dim", "weekend or outside the school year (shown as a dot)"),
}


def day_marks(year: SchoolYear) -> dict[date, str]:
    """Return the kind of every day of a school year's cover, a key of `MARKS`."""
    marks = dict.fromkeys(days_of(year.covers), "outside")
    weekdays = year.school_weekdays
    for day in days_of(year.school_year):
        if day.weekday() in weekdays:
            marks[day] = "school"
    for closure in year.closures:
        for day in days_of(closure):
            if day.weekday() in weekdays:
                marks[day] = closure.kind
    marks.update({item.date: "possible" for item in year.possible_make_up_days})
    marks.update({item.date: "make_up" for item in year.make_up_days})
    marks.update({item.date: "partial" for item in year.partial_days})
    for lost in year.unplanned:
        marks[lost.date] = "weather" if lost.kind == "weather" else "called_off"
    return marks


def draw_year(year: SchoolYear) -> RenderableType:
    """Return a school year as something rich can print: heading, months, legend, numbers of days."""
    marks = day_marks(year)
    per_month = Counter((day.year, day.month) for day in year.instructional_days())
    months = sorted({(day.year, day.month) for day, mark in marks.items() if mark != "outside"})
    grids = [_month(number, month, marks, per_month[number, month]) for number, month in months]
    return Group(
        Text(year.name, style="bold"),
        Text(f"{year.id}: school from {year.school_year.from_} to {year.school_year.to}"),
        Text(),
        Columns(grids, padding=(0, 3), equal=True),
        *_legend(set(marks.values())),
        Text(),
        *(Text(line) for line in _totals(year)),
    )


def _month(number: int, month: int, marks: dict[date, str], school_days: int) -> Text:
    text = Text()
    text.append(f"{_MONTHS[month - 1]} {number}".ljust(_WIDTH) + "\n", style="bold")
    text.append(
        "".join(f" {name} " for name in ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")) + "\n", style="dim"
    )
    first = date(number, month, 1)
    text.append(" " * (_CELL * first.weekday()))
    day = first
    while day.month == month:
        mark = MARKS[marks.get(day, "outside")]
        label = " ." if mark is MARKS["outside"] else f"{day.day:2d}"
        text.append(f" {label}{mark.letter}", style=mark.style)
        if day.weekday() == 6:
            text.append("\n")
        day += timedelta(days=1)
    if day.weekday():
        text.append(" " * (_CELL * (7 - day.weekday())) + "\n")
    text.append(f" {school_days} school days\n", style="italic")
    return text


def _legend(present: set[str]) -> Iterator[Text]:
    for key, mark in MARKS.items():
        if key in present:
            sign = "." if key == "outside" else f"12{mark.letter}"
            text = Text(f"{sign:>4}", style=mark.style)
            text.append(f"  {mark.meaning}", style="default")
            yield text


def _totals(year: SchoolYear) -> Iterable[str]:
    held, planned = len(year.instructional_days()), len(year.planned_days())
    yield f"{held} instructional days" + (f", {planned} as planned" if planned != held else "")
    if year.stated_instructional_days is not None:
        yield f"{year.stated_instructional_days} stated by the source"
    if year.instructional_days_note:
        yield " ".join(year.instructional_days_note.split())
    if not year.complete:
        yield "Incomplete: the sources give key dates only."
    if year.projected:
        yield "Projected: not published."

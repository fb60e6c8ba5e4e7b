"""The steps by which a date was reached. Words are made from them at the edge, by `words`.

A step is a fact: days, counts, the runs of days passed over. Nothing here computes a date.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class SkippedRun:
    """Days that were not counted, and why."""

    from_: date
    to: date
    days: int
    reason: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the working."""

    kind: ClassVar[str] = "step"

    def as_json(self) -> dict[str, Any]:
        """Return the step as plain data, its words under ``text``."""
        content = {key.rstrip("_"): _plain(value) for key, value in asdict(self).items()}
        return {"step": self.kind, **content, "text": words(self)}


@dataclass(frozen=True, slots=True)
class Opened(Step):
    """The day the duty opened, and the event (or other cause) that opened it."""

    kind: ClassVar[str] = "opened"
    on_day: date
    by: str


@dataclass(frozen=True, slots=True)
class VersionUsed(Step):
    """The version of the rule that was in force."""

    kind: ClassVar[str] = "version"
    effective_from: date | None
    chosen_by: str


@dataclass(frozen=True, slots=True)
class ReadingUsed(Step):
    """The answer used for an open question of law."""

    kind: ClassVar[str] = "reading"
    question: str
    option: str
    default: bool


@dataclass(frozen=True, slots=True)
class FactChecked(Step):
    """A condition, what was found, and its answer (None: not known)."""

    kind: ClassVar[str] = "fact"
    what: str
    found: str
    answer: bool | None


@dataclass(frozen=True, slots=True)
class VariantUsed(Step):
    """The variant of the rule that applied."""

    kind: ClassVar[str] = "variant"
    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Counted(Step):
    """N counted days, with day 1 and the days passed over."""

    kind: ClassVar[str] = "counted"
    count: int
    unit: str
    from_: date
    to: date
    direction: str
    day_one: date | None
    skipped: tuple[SkippedRun, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Moved(Step):
    """Years, months, weeks or hours from a day."""

    kind: ClassVar[str] = "moved"
    count: int
    unit: str
    from_: date
    to: date
    direction: str


@dataclass(frozen=True, slots=True)
class Reached(Step):
    """A day that follows from a fact: a birthday, a fixed date, a school-year day, another event."""

    kind: ClassVar[str] = "reached"
    what: str
    to: date


@dataclass(frozen=True, slots=True)
class Chosen(Step):
    """The earliest or latest of several days (None: not known)."""

    kind: ClassVar[str] = "chosen"
    rule: str
    candidates: tuple[date | None, ...]
    to: date


@dataclass(frozen=True, slots=True)
class Extended(Step):
    """The period became longer."""

    kind: ClassVar[str] = "extended"
    why: str
    days: int
    unit: str
    from_: date
    to: date


@dataclass(frozen=True, slots=True)
class PausedStep(Step):
    """The clock stood still; `until` None while it still does."""

    kind: ClassVar[str] = "paused"
    from_: date
    until: date | None
    days: int
    to: date | None


@dataclass(frozen=True, slots=True)
class Rolled(Step):
    """The due day was moved off a day on which it may not fall."""

    kind: ClassVar[str] = "rolled"
    why: str
    from_: date
    to: date


@dataclass(frozen=True, slots=True)
class ExceptionUsed(Step):
    """An exception applied."""

    kind: ClassVar[str] = "exception"
    id: str
    effect: str
    citation: str


@dataclass(frozen=True, slots=True)
class Ended(Step):
    """How the duty ended: met, or closed by an event."""

    kind: ClassVar[str] = "ended"
    how: str
    on_day: date
    by: str


@dataclass(frozen=True, slots=True)
class NotKnown(Step):
    """Why a day or an answer is not known."""

    kind: ClassVar[str] = "not_known"
    code: str
    detail: str


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key.rstrip("_"): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def words(step: Step) -> str:
    """Return a step as a plain sentence without a full stop."""
    return str(_WORDS[type(step)](step))


def day_text(day: date | None) -> str:
    """Return a date as text: ``Mon 2026-03-23``."""
    return "not known" if day is None else f"{_WEEKDAYS[day.weekday()]} {day.isoformat()}"


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _counted(step: Counted) -> str:
    unit = step.unit.replace("_", " ")
    text = f"{step.count} {unit} {step.direction} {day_text(step.from_)} is {day_text(step.to)}"
    if step.day_one is not None and step.count:
        text += f"; day 1 is {day_text(step.day_one)}"
    passed = sum(run.days for run in step.skipped)
    if passed:
        text += f"; {passed} day{'s' if passed > 1 else ''} not counted"
    return text


def _fact(step: FactChecked) -> str:
    answer = {True: "yes", False: "no", None: "not known"}[step.answer]
    return f"{step.what}: {answer}" + (f" ({step.found})" if step.found else "")


def _paused(step: PausedStep) -> str:
    if step.until is None:
        return f"the clock stands still since {day_text(step.from_)}"
    span = f"from {day_text(step.from_)} to {day_text(step.until)}"
    return f"the clock stood still {span}: {step.days} days not counted, due {day_text(step.to)}"


_WORDS: dict[type[Step], Any] = {
    Opened: lambda s: f"opened on {day_text(s.on_day)} by {s.by}",
    VersionUsed: lambda s: (
        "version in force "
        + (f"from {s.effective_from.isoformat()}" if s.effective_from else "since an unknown day")
        + f", chosen by the {s.chosen_by} day"
    ),
    ReadingUsed: lambda s: (
        f"open question: {s.question} Read as: {s.option}" + (" (default)" if s.default else " (chosen)")
    ),
    FactChecked: _fact,
    VariantUsed: lambda s: f"variant {s.id}" + (f": {s.title}" if s.title else ""),
    Counted: _counted,
    Moved: lambda s: f"{s.count} {s.unit} {s.direction} {day_text(s.from_)} is {day_text(s.to)}",
    Reached: lambda s: f"{s.what} is {day_text(s.to)}",
    Chosen: lambda s: (
        f"{s.rule.replace('_', ' ')} of {', '.join(map(day_text, s.candidates))} is {day_text(s.to)}"
    ),
    Extended: lambda s: (
        f"{s.why}: {s.days} {s.unit.replace('_', ' ')} added, from {day_text(s.from_)} to {day_text(s.to)}"
    ),
    PausedStep: _paused,
    Rolled: lambda s: f"{day_text(s.from_)} is {s.why}: moved to {day_text(s.to)}",
    ExceptionUsed: lambda s: f"exception {s.id} ({s.citation}): {s.effect.replace('_', ' ')}",
    Ended: lambda s: f"{s.how} on {day_text(s.on_day)} by {s.by}",
    NotKnown: lambda s: f"not known: {s.detail}",
}

"""The expression tree of days, and the text it is written in.

`docs/rule-language.md` lists every form. A tree is a frozen dataclass without behaviour: the engine evaluates
it over columns, the words module tells it, and the loader checks the names in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from compliance_engine.dates import parse_date
from compliance_engine.rules.patterns import EventPattern, parse_pattern

MONTHS = ("january", "february", "march", "april", "may", "june",
          "july", "august", "september", "october", "november", "december")  # fmt: skip
MAX_COUNT = 4000
"""The longest count a rule may ask for; the day tables' pads rest on it."""


class Expr:
    """A day to be computed for each opening of a duty."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Offset(Expr):
    """N counted days of a day count, after or before an anchor."""

    count: int
    unit: str
    before: bool
    anchor: Expr


@dataclass(frozen=True, slots=True)
class Anniversary(Expr):
    """N years, months or weeks, after or before an anchor."""

    count: int
    unit: Literal["years", "months", "weeks"]
    before: bool
    anchor: Expr


@dataclass(frozen=True, slots=True)
class Hours(Expr):
    """N hours (whole days of 24) after or before an anchor, to the minute where times are recorded."""

    count: int
    before: bool
    anchor: Expr


@dataclass(frozen=True, slots=True)
class Start(Expr):
    """The day the duty opened."""


@dataclass(frozen=True, slots=True)
class Due(Expr):
    """The due day so far; only where a rule corrects it."""


@dataclass(frozen=True, slots=True)
class Birth(Expr):
    """The birth date."""


@dataclass(frozen=True, slots=True)
class StartAttribute(Expr):
    """A date that the opening event carries."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Age(Expr):
    """The birthday on which an age is reached."""

    months: int


@dataclass(frozen=True, slots=True)
class AgeParameter(Expr):
    """The birthday on which an age named by the jurisdiction is reached."""

    name: str


@dataclass(frozen=True, slots=True)
class FixedDate(Expr):
    """A month and day, the first on or after (the last on or before) an anchor."""

    month: int
    day: int
    forward: bool
    anchor: Expr


@dataclass(frozen=True, slots=True)
class LastSchoolDay(Expr):
    """Last student day of the school year that holds the anchor, or of the next one."""

    anchor: Expr


@dataclass(frozen=True, slots=True)
class FirstSchoolDay(Expr):
    """First student day of the next school year to begin after the anchor."""

    anchor: Expr


@dataclass(frozen=True, slots=True)
class NthSchoolDay(Expr):
    """N-th student day of the next school year to begin after the anchor."""

    number: int
    anchor: Expr


@dataclass(frozen=True, slots=True)
class Snap(Expr):
    """The anchor if it counts, else the next (previous) day that does."""

    unit: str
    forward: bool
    anchor: Expr


@dataclass(frozen=True, slots=True)
class EventDay(Expr):
    """The day (or a date attribute) of the latest event up to, or the first event after, an anchor."""

    pattern: EventPattern
    latest: bool
    bound: Expr
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class DueOf(Expr):
    """The due day of another duty's latest opening on or before this one."""

    rule: str


@dataclass(frozen=True, slots=True)
class GradeEntry(Expr):
    """The recorded day of entry to a grade."""

    grade: int


@dataclass(frozen=True, slots=True)
class Constant(Expr):
    """A date of the law."""

    day: date


@dataclass(frozen=True, slots=True)
class Choice(Expr):
    """The earliest or latest of several days."""

    kind: Literal["earliest", "latest", "earliest_known"]
    of: tuple[Expr, ...]


_TOKEN = re.compile(r"[a-z_0-9]+\([^()]*\)(?:\.[a-z_0-9]+)?|[^\s]+")
_FORMS = (
    "'45 school_days after start', '3 years after start', 'age 16 years', 'june 30 on_or_after start', "
    "'first_school_day after start', 'latest EVENT by start', or {earliest: [...]}"
)


def parse_expression(value: object) -> Expr:
    """Read an expression from YAML data (a line of text or a mapping with one key).

    Raises:
        ValueError: If it cannot be read; the message names the word and the forms expected.
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, dict):
        return _parse_choice(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not an expression; expected {_FORMS}")
    reader = _Reader(_TOKEN.findall(value), value)
    tree = reader.expression()
    reader.finish()
    return tree


def _parse_choice(value: dict[object, object]) -> Choice:
    (kind, members), *more = value.items() or [(None, None)]
    if more or kind not in ("earliest", "latest", "earliest_known"):
        raise ValueError(
            f"{sorted(map(str, value))} is not an expression; expected earliest, latest or earliest_known"
        )
    if not isinstance(members, list) or len(members) < 2:
        raise ValueError(f"{kind} needs a list of at least two expressions")
    return Choice(kind, tuple(parse_expression(member) for member in members))


class _Reader:
    """A recursive-descent reader over the words of one expression."""

    def __init__(self, words: list[str], text: str) -> None:
        self.words, self.text, self.at = words, text, 0

    def next(self, expected: str) -> str:
        if self.at >= len(self.words):
            raise ValueError(f"{self.text!r} ends too early; expected {expected}")
        self.at += 1
        return self.words[self.at - 1]

    def need(self, *words: str) -> str:
        word = self.next(" or ".join(words))
        if word not in words:
            raise ValueError(f"{word!r} in {self.text!r}: expected {' or '.join(words)}")
        return word

    def number(self) -> int:
        word = self.next("a number")
        if not word.isdigit():
            raise ValueError(f"{word!r} in {self.text!r}: expected a whole number")
        if int(word) > MAX_COUNT:
            raise ValueError(f"{word} in {self.text!r} is more than {MAX_COUNT}")
        return int(word)

    def finish(self) -> None:
        if self.at < len(self.words):
            raise ValueError(f"{' '.join(self.words[self.at :])!r} in {self.text!r} is left over")

    def expression(self) -> Expr:
        word = self.next("an expression")
        if word.isdigit():
            self.at -= 1
            return self._counted()
        if word in _SIMPLE:
            return _SIMPLE[word]()
        if word.startswith("start."):
            return StartAttribute(word.removeprefix("start."))
        if word in MONTHS:
            day = self.number()
            forward = self.need("on_or_after", "on_or_before") == "on_or_after"
            return FixedDate(_month(word), _day_of_month(word, day), forward, self.expression())
        reader = _KEYWORDS.get(word)
        if reader is None:
            raise ValueError(f"{word!r} in {self.text!r} is not known; expected {_FORMS}")
        return reader(self)

    def _counted(self) -> Expr:
        count, unit = self.number(), self.next("a unit")
        before = self.need("after", "before") == "before"
        anchor = self.expression()
        if unit in ("years", "months", "weeks"):
            return Anniversary(count, unit, before, anchor)  # type: ignore[arg-type]
        if unit == "hours":
            if count % 24:
                raise ValueError(f"{count} hours in {self.text!r}: only whole multiples of 24 can be counted")
            return Hours(count, before, anchor)
        return Offset(count, unit, before, anchor)

    def age(self) -> Expr:
        word = self.next("a number of years or the name of an age")
        if not word.isdigit():
            return AgeParameter(word)
        self.need("years")
        months = int(word) * 12
        if self.at < len(self.words) and self.words[self.at].isdigit():
            months += self.number()
            self.need("months")
        return Age(months)

    def event(self, latest: bool) -> Expr:
        word = self.next("an event")
        name, dot, attribute = word.partition(".") if "(" not in word else _split_attribute(word)
        self.need("by" if latest else "after")
        return EventDay(parse_pattern(name), latest, self.expression(), attribute if dot else None)

    def last_school_day(self) -> Expr:
        self.need("of_year")
        return LastSchoolDay(self.expression())

    def first_school_day(self) -> Expr:
        self.need("after")
        return FirstSchoolDay(self.expression())

    def nth_school_day(self) -> Expr:
        number = self.number()
        self.need("of_year_after")
        return NthSchoolDay(number, self.expression())

    def snap(self, forward: bool) -> Expr:
        unit = self.next("a day count")
        self.need("from")
        return Snap(unit, forward, self.expression())

    def due_of(self) -> Expr:
        self.need("of")
        return DueOf(self.next("a rule id"))


def _due(reader: _Reader) -> Expr:
    following = reader.words[reader.at] if reader.at < len(reader.words) else ""
    return reader.due_of() if following == "of" else Due()


_SIMPLE = {"start": Start, "birth": Birth}
_KEYWORDS: dict[str, Callable[[_Reader], Expr]] = {
    "due": _due,
    "age": _Reader.age,
    "latest": lambda reader: reader.event(True),
    "first": lambda reader: reader.event(False),
    "last_school_day": _Reader.last_school_day,
    "first_school_day": _Reader.first_school_day,
    "school_day": _Reader.nth_school_day,
    "next": lambda reader: reader.snap(True),
    "previous": lambda reader: reader.snap(False),
    "entry_to_grade": lambda reader: GradeEntry(reader.number()),
    "date": lambda reader: Constant(parse_date(reader.next("a date"))),
}


def _split_attribute(word: str) -> tuple[str, str, str]:
    head, closing, tail = word.partition(")")
    return head + closing, tail[:1], tail[1:]


def _month(word: str) -> int:
    return MONTHS.index(word) + 1


def _day_of_month(word: str, day: int) -> int:
    try:
        date(2001, _month(word), day)
    except ValueError:
        raise ValueError(f"{word} {day} does not occur every year") from None
    return day


def choices(expr: Expr) -> Iterator[Expr]:
    """Yield the days among which an expression chooses: itself, if it is no choice."""
    if isinstance(expr, Choice):
        for member in expr.of:
            yield from choices(member)
    else:
        yield expr


def is_running(expr: Expr) -> bool:
    """Tell whether a day is the end of a count of days, which absences and pauses can lengthen."""
    return isinstance(expr, Offset) and not expr.before


def walk(tree: object) -> Iterator[object]:
    """Yield a tree of dataclasses and everything inside it, depth first."""
    yield tree
    if isinstance(tree, tuple):
        for member in tree:
            yield from walk(member)
    elif hasattr(tree, "__dataclass_fields__"):
        for name in tree.__dataclass_fields__:
            value = getattr(tree, name)
            if isinstance(value, tuple) or hasattr(value, "__dataclass_fields__"):
                yield from walk(value)

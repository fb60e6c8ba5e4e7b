"""One case for the oracle: its facts and its events in order; and answers that may be unknown (None)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from compliance_engine.calendars.models import Calendar
from compliance_engine.cases.catalogue import canonical_json, catalogue
from compliance_engine.dates import parse_date
from compliance_engine.rules.patterns import EventPattern, Scalar

Order = tuple[date, int]
"""Day, and place within the day."""
START_OF_DAY, END_OF_DAY = -1, 10_000


@dataclass(frozen=True)
class Fact:
    """A dated fact."""

    name: str
    day: date
    attributes: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def order(self) -> Order:
        return self.day, catalogue().rank(self.name)

    def date_of(self, attribute: str) -> date | None:
        text = self.attributes.get(attribute)
        return parse_date(str(text)) if text is not None else None


@dataclass(frozen=True)
class History:
    """One case."""

    state: str
    program: str
    calendar: Calendar | None
    events: Sequence[Fact]
    birth: date | None = None
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    district: str | None = None

    def until(self, as_of: date) -> list[Fact]:
        """The events that exist on a day, in order."""
        there = [one for one in self.events if one.day <= as_of]
        return sorted(there, key=lambda one: (one.order, canonical_json(one.attributes) or ""))


def all_known(answers: Iterable[bool | None]) -> bool | None:
    """True if all are, false if one is false, else unknown."""
    listed = list(answers)
    return False if False in listed else None if None in listed else True


def any_known(answers: Iterable[bool | None]) -> bool | None:
    listed = list(answers)
    return True if True in listed else None if None in listed else False


def matches(pattern: EventPattern, event: Fact) -> bool | None:
    """Whether an event matches; unknown if it lacks an attribute on which that rests."""
    if event.name != pattern.name:
        return False
    answers: list[bool | None] = []
    for test in pattern.tests:
        value = event.attributes.get(test.attribute)
        answers.append(None if value is None else (value in test.values) != test.negated)
    return all_known(answers)


def matches_any(patterns: Iterable[EventPattern], event: Fact) -> bool | None:
    return any_known(matches(pattern, event) for pattern in patterns)

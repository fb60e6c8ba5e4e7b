"""When a duty opens in one case; part of the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from compliance_engine.rules import starts as s
from compliance_engine.rules.models import Rule
from oracle_history import END_OF_DAY, START_OF_DAY, Fact, Order, any_known, matches, matches_any

if TYPE_CHECKING:
    from oracle import Oracle


@dataclass(frozen=True)
class Opening:
    """A duty opened; `unsure` where it is not known whether it did, or when (`day` None).

    Attributes:
        event: The event that opened it, if one alone did.
        place: Where in the day it opened: with its event, before all events of the day, or after them.
        previous: Where the opening before it stands.
    """

    day: date | None
    event: Fact | None = None
    unsure: bool = False
    place: int = START_OF_DAY
    previous: Order | None = None

    @property
    def order(self) -> Order:
        return self.day or date.min, self.place


def _with(event: Fact, *, unsure: bool = False) -> Opening:
    return Opening(event.day, event, unsure, place=event.order[1])


def openings(oracle: Oracle, rule: Rule) -> list[Opening]:
    """Every opening of a rule, in order, before its conditions are tested."""
    found = list(_FORMS[type(rule.starts_on)](oracle, rule.starts_on, rule))
    # an opening on a day that is not known stands first, unless it lies beyond the calendar
    beyond = {START_OF_DAY: date.min, END_OF_DAY: date.max}
    return sorted(found, key=lambda one: (one.day or beyond.get(one.place, date.min), one.place))


def _on_event(oracle: Oracle, start: s.OnEvent, rule: Rule) -> Iterator[Opening]:
    for event in oracle.events:
        answer = matches_any(start.patterns, event)
        if answer is not False:
            yield _with(event, unsure=answer is None)


def _on_all_of(oracle: Oracle, start: s.OnAllOf, rule: Rule) -> Iterator[Opening]:
    firsts = []
    for pattern in start.patterns:
        events = [one for one in oracle.events if matches(pattern, one) is not False]
        if not events:
            return
        firsts.append((events[0], matches(pattern, events[0]) is None))
    last = max((event for event, _ in firsts), key=lambda one: one.order)
    yield Opening(last.day, unsure=any(unsure for _, unsure in firsts), place=last.order[1])


def _on_birth(oracle: Oracle, start: s.OnBirth, rule: Rule) -> Iterator[Opening]:
    yield Opening(oracle.history.birth, unsure=oracle.history.birth is None)


def _on_silence(oracle: Oracle, start: s.OnSilence, rule: Rule) -> Iterator[Opening]:
    from oracle_terms import Scene

    for event in oracle.events:
        asked = matches(start.after, event)
        if asked is False:
            continue
        ends = Scene(oracle, rule.id, _with(event)).day(start.lasting)
        if ends is None:
            yield Opening(None, unsure=True)
            continue
        later = [one for one in oracle.events if one.order > event.order and one.day <= ends]
        answers = [matches_any(start.unless, one) for one in later]
        if ends < oracle.as_of and True not in answers:
            yield Opening(ends, unsure=asked is None or None in answers, place=END_OF_DAY)


def _on_count(oracle: Oracle, start: s.OnCount, rule: Rule) -> Iterator[Opening]:
    totals: dict[object, int] = {}
    doubtful: set[object] = set()
    for event in oracle.events:
        matched = matches(start.of, event)
        if matched is False:
            continue
        year = oracle.days.year_holding(event.day)
        bucket: object = "ever" if start.within == "ever" else year.id if year else "not covered"
        number = 1 if start.sum is None else event.attributes.get(start.sum)
        before = totals.get(bucket, 0)
        # what is not known is taken as one, and everything from there on is in doubt
        after = totals[bucket] = before + (1 if number is None else int(number))
        steps = [start.reaches]
        if start.every:
            steps += [one for one in range(start.reaches + 1, after + 1) if one % start.every == 0]
        passed = [step for step in steps if before < step <= after]
        still_open = bool(start.every) or before < start.reaches
        if matched is None or number is None:
            doubtful.add(bucket)
            passed = passed or ([after] if still_open else [])
        if not passed:
            continue
        unsure = bucket in doubtful or bucket == "not covered"
        day: date | None = event.day
        if start.spread is not None:
            key = oracle.in_force[rule.id].units[start.spread]
            nth = 1 if bucket in doubtful else passed[0] - before
            day = oracle.days.step(key, event.day, nth, with_start=True)
        if day is None or day == event.day:
            yield _with(event, unsure=unsure or day is None)
        else:
            yield Opening(day, event, unsure)


def _on_school_year(oracle: Oracle, start: s.OnSchoolYear, rule: Rule) -> Iterator[Opening]:
    for first, last in oracle.days.terms:
        day = first if start.which == "first_day" else last
        active = _active(oracle, start, rule, day)
        if day <= oracle.as_of and active is not False:
            yield Opening(day, unsure=active is None)
    if not oracle.days.covered(oracle.as_of) and _active(oracle, start, rule, oracle.as_of) is not False:
        yield Opening(None, unsure=True, place=END_OF_DAY)


def _active(oracle: Oracle, start: s.OnSchoolYear, rule: Rule, day: date) -> bool | None:
    """Whether the event has happened before a day, and nothing has closed it since."""
    closing, answer = oracle.closed_by(rule), False
    for moment in sorted({one.order for one in oracle.events if one.day < day}):
        events = [one for one in oracle.events if one.order == moment]
        begun = any_known(matches(start.after, one) for one in events)
        closed = any_known(matches_any(closing, one) for one in events)
        if begun is not False and answer is not True:
            answer = begun
        if closed is not False and answer is not False:
            answer = False if closed else None
    return answer


def _on_due(oracle: Oracle, start: s.OnDue, rule: Rule) -> Iterator[Opening]:
    for other in oracle.results.get(oracle.book.resolve(start.rule), ()):
        if other.status != "not_applicable":
            yield Opening(other.due_on, unsure=other.due_on is None)


_FORMS = {
    s.OnEvent: _on_event,
    s.OnAllOf: _on_all_of,
    s.OnBirth: _on_birth,
    s.OnSilence: _on_silence,
    s.OnCount: _on_count,
    s.OnSchoolYear: _on_school_year,
    s.OnDue: _on_due,
}

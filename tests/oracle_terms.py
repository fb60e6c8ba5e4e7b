"""Expressions and conditions for one opening, read off `docs/rule-language.md`; part of the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from compliance_engine.dates import add_months_date
from compliance_engine.rules import conditions as c
from compliance_engine.rules import expressions as e
from compliance_engine.rules.patterns import EventPattern, Scalar
from oracle_days import DAY
from oracle_history import END_OF_DAY, Fact, all_known, any_known, matches

if TYPE_CHECKING:
    from oracle import Opening, Oracle


@dataclass
class Scene:
    """What an expression or a condition of one opening may look at.

    `start_day` holds while a version's due day is computed, `due` and `met` once they are known. `paused`
    says that the due day is not known because the clock stands still: it lies after the day asked.
    """

    oracle: Oracle
    rule_id: str
    opening: Opening
    due: date | None = None
    met: Fact | None = None
    start_day: bool = False
    paused: bool = False

    @property
    def events(self) -> list[Fact]:
        return self.oracle.events

    @property
    def end_of_due(self) -> tuple[date, int] | None:
        return None if self.due is None else (self.due, END_OF_DAY)

    def day_of_start(self) -> date:
        return self.opening.day or date.min

    def key(self, unit: str) -> str:
        return self.oracle.in_force[self.rule_id].units[unit]

    # --- days
    def day(self, tree: e.Expr) -> date | None:
        """The day an expression gives; None where it is not known."""
        return _DAYS[type(tree)](self, tree)

    def _anchor(self, tree: Any, then: Callable[[date], date | None]) -> date | None:
        anchor = self.day(tree.anchor)
        return None if anchor is None else then(anchor)

    def _offset(self, tree: e.Offset) -> date | None:
        days = self.oracle.days
        return self._anchor(
            tree,
            lambda anchor: days.step(
                self.key(tree.unit), anchor, tree.count, back=tree.before,
                with_start=self.start_day and not tree.before,
            ),
        )  # fmt: skip

    def _anniversary(self, tree: e.Anniversary) -> date | None:
        sign = -1 if tree.before else 1

        def move(anchor: date) -> date:
            if tree.unit == "weeks":
                return anchor + timedelta(weeks=sign * tree.count)
            return add_months_date(anchor, sign * tree.count * (12 if tree.unit == "years" else 1))

        return self._anchor(tree, move)

    def _hours(self, tree: e.Hours) -> date | None:
        sign = -1 if tree.before else 1
        return self._anchor(tree, lambda anchor: anchor + timedelta(hours=sign * tree.count))

    def _fixed(self, tree: e.FixedDate) -> date | None:
        def find(anchor: date) -> date:
            while (anchor.month, anchor.day) != (tree.month, tree.day):
                anchor += DAY if tree.forward else -DAY
            return anchor

        return self._anchor(tree, find)

    def _last_school_day(self, tree: e.LastSchoolDay) -> date | None:
        term = None if (anchor := self.day(tree.anchor)) is None else self.oracle.days.term_of(anchor)
        return term[1] if term else None

    def _first_school_day(self, tree: e.FirstSchoolDay) -> date | None:
        term = None if (anchor := self.day(tree.anchor)) is None else self.oracle.days.next_term(anchor)
        return term[0] if term else None

    def _nth_school_day(self, tree: e.NthSchoolDay) -> date | None:
        return self._anchor(tree, lambda anchor: self.oracle.days.nth_school_day(anchor, tree.number))

    def _snap(self, tree: e.Snap) -> date | None:
        days = self.oracle.days
        return self._anchor(tree, lambda anchor: days.snap(self.key(tree.unit), anchor, forward=tree.forward))

    def _choice(self, tree: e.Choice) -> date | None:
        days = [self.day(member) for member in tree.of]
        known = [day for day in days if day is not None]
        if tree.kind == "earliest_known":
            return min(known, default=None)
        if len(known) < len(days):
            return None
        return min(known) if tree.kind == "earliest" else max(known)

    def _event_day(self, tree: e.EventDay) -> date | None:
        bound = self.day(tree.bound)
        if bound is None:
            return None
        # an event is before or after the start by its place in the day, and before or after a day by its day
        edge = self.opening.order if isinstance(tree.bound, e.Start) else (bound, END_OF_DAY)
        found = [one for one in self.events if matches(tree.pattern, one) is not False]
        if tree.latest:
            found = [one for one in reversed(found) if one.order <= edge]
        else:
            found = [one for one in found if one.order > edge]
        if not found or matches(tree.pattern, found[0]) is None:
            return None
        return found[0].date_of(tree.attribute) if tree.attribute else found[0].day

    def _age(self, months: int | None) -> date | None:
        birth = self.oracle.history.birth
        return None if birth is None or months is None else add_months_date(birth, months)

    def _age_named(self, tree: e.AgeParameter) -> date | None:
        years = self.oracle.book.ages.get(tree.name)
        return self._age(None if years is None else 12 * years)

    def _start_attribute(self, tree: e.StartAttribute) -> date | None:
        event = self.opening.event
        return event.date_of(tree.attribute) if event else None

    def _due_of(self, tree: e.DueOf) -> date | None:
        other = self.oracle.latest_of(tree.rule, self.opening)
        return other.due_on if other else None

    def _grade_entry(self, tree: e.GradeEntry) -> date | None:
        entries = [one.day for one in self.events if one.name == "grade_entered"
                   and one.attributes.get("grade") == tree.grade]  # fmt: skip
        return min(entries, default=None)

    # --- conditions
    def holds(self, condition: c.Condition | None) -> bool | None:
        """Whether a condition holds; None where that is not known."""
        return True if condition is None else _ANSWERS[type(condition)](self, condition)

    def _days_left(self, condition: c.DaysLeft) -> bool | None:
        start, days = self.opening.day, self.oracle.days
        if start is None or (outside := days.between_years(start)) is None:
            return None
        if outside:
            return False
        term = days.term_of(start)
        left = days.between(self.key(condition.unit), start, term[1]) if term else None
        return None if left is None else in_range(condition.test, left)

    def _in_summer(self, condition: c.InSummer) -> bool | None:
        day = self.day(condition.of)
        return None if day is None else self.oracle.days.between_years(day)

    def _absences(self, condition: c.Absences) -> bool | None:
        until = self.day(condition.until)
        absent = None if until is None else self.absent(until)
        return None if absent is None else in_range(condition.test, absent)

    def absent(self, until: date, key: str | None = None, after: date | None = None) -> int | None:
        """School days absent after the start (or another day) through a day."""
        key, start = key or self.key("school_days"), after or self.opening.day
        if start is None:
            return None
        absent: set[date] = set()
        for event in self.events:
            if event.name != "student_absent" or event.day > until:
                continue
            number = event.attributes.get("school_days", 1)
            day = event.day
            while int(number) and day <= until:
                counted = self.oracle.days.counts(key, day)
                if counted is None:
                    return None
                if counted:
                    number = int(number) - 1
                    absent.add(day)
                day += DAY
        return sum(start < day <= until for day in absent)

    def _age_test(self, condition: c.AgeTest) -> bool | None:
        day = self.day(condition.at)
        low, high = self._age(condition.at_least), self._age(condition.below)
        if day is None or self.oracle.history.birth is None:
            return None
        return (low is None or low <= day) and (high is None or day < high)

    def _birth_month(self, condition: c.BirthMonth) -> bool | None:
        birth = self.oracle.history.birth
        return None if birth is None else birth.month in condition.months

    def _case_fact(self, condition: c.CaseFact) -> bool | None:
        return _fact(condition, self.oracle.history.facts.get(condition.name))

    def _start_fact(self, condition: c.StartFact) -> bool | None:
        event = self.opening.event
        return _fact(condition, event.attributes.get(condition.name) if event else None)

    def happened(self, condition: c.Happened) -> bool | None:
        found = [one for one in self.events if matches(condition.pattern, one) is not False]
        if condition.after == "start":
            found = [one for one in found if one.order > self.opening.order]
        if condition.through == "start":
            found = [one for one in found if one.order <= self.opening.order]
        elif condition.through in ("due", "met"):
            bound = self.end_of_due if condition.through == "due" else self.met and self.met.order
            if bound is None and (self.paused or condition.through == "met"):
                bound = self.oracle.as_of, END_OF_DAY
            if found and bound is None:
                return None
            found = [one for one in found if bound is not None and one.order <= bound]
        return any_known(matches(condition.pattern, one) for one in found)

    def _days_between(self, condition: c.DaysBetween) -> bool | None:
        first, last = self.day(condition.start), self.day(condition.end)
        if first is None or last is None:
            return None
        number = self.oracle.days.between(self.key(condition.unit), first, last)
        return None if number is None else in_range(condition.test, number)

    def _date_test(self, condition: c.DateTest) -> bool | None:
        day = self.day(condition.of)
        if day is None:
            return None
        low, high = condition.on_or_after, condition.before
        return (low is None or day >= low) and (high is None or day < high)

    def _variant_of(self, condition: c.VariantOf) -> bool | None:
        other = self.oracle.latest_of(condition.rule, self.opening)
        if other is None:
            return False
        if not other.chose:
            return None
        return other.variant in condition.variants


def in_range(test: c.NumberTest, number: int) -> bool:
    return (test.at_least is None or number >= test.at_least) and (
        test.at_most is None or number <= test.at_most
    )


def _fact(condition: c.CaseFact | c.StartFact, value: Scalar | None) -> bool | None:
    if value is None:
        return condition.if_missing
    if isinstance(condition.test, c.NumberTest):
        return in_range(condition.test, int(value))
    return (value in condition.test.values) != condition.test.negated


def first_match(patterns: Iterable[EventPattern], events: Iterable[Fact]) -> Fact | None:
    """The first event that surely matches one of the patterns."""
    listed = list(patterns)
    return next((one for one in events if any(matches(p, one) for p in listed)), None)


_DAYS: dict[type, Callable[[Scene, Any], date | None]] = {
    e.Offset: Scene._offset,
    e.Anniversary: Scene._anniversary,
    e.Hours: Scene._hours,
    e.Start: lambda scene, tree: scene.opening.day,
    e.Due: lambda scene, tree: scene.due,
    e.Birth: lambda scene, tree: scene.oracle.history.birth,
    e.StartAttribute: Scene._start_attribute,
    e.Age: lambda scene, tree: scene._age(tree.months),
    e.AgeParameter: Scene._age_named,
    e.FixedDate: Scene._fixed,
    e.LastSchoolDay: Scene._last_school_day,
    e.FirstSchoolDay: Scene._first_school_day,
    e.NthSchoolDay: Scene._nth_school_day,
    e.Snap: Scene._snap,
    e.EventDay: Scene._event_day,
    e.DueOf: Scene._due_of,
    e.GradeEntry: Scene._grade_entry,
    e.Constant: lambda scene, tree: tree.day,
    e.Choice: Scene._choice,
}

_ANSWERS: dict[type, Callable[[Scene, Any], bool | None]] = {
    c.AllOf: lambda scene, one: all_known(scene.holds(part) for part in one.of),
    c.AnyOf: lambda scene, one: any_known(scene.holds(part) for part in one.of),
    c.Not: lambda scene, one: None if (answer := scene.holds(one.of)) is None else not answer,
    c.DaysLeft: Scene._days_left,
    c.InSummer: Scene._in_summer,
    c.Absences: Scene._absences,
    c.AgeTest: Scene._age_test,
    c.BirthMonth: Scene._birth_month,
    c.CaseFact: Scene._case_fact,
    c.StartFact: Scene._start_fact,
    c.Happened: Scene.happened,
    c.DaysBetween: Scene._days_between,
    c.DateTest: Scene._date_test,
    c.VariantOf: Scene._variant_of,
}

"""Plain English for patterns, expressions, conditions and starts: one place for words of the rule language.

A phrase never ends in a full stop and never begins with a capital, so that callers may put it in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compliance_engine.rules import conditions as c
from compliance_engine.rules import expressions as e
from compliance_engine.rules import starts as s
from compliance_engine.rules.patterns import AttributeTest, EventPattern, scalar_text

_MONTHS = tuple(month.capitalize() for month in e.MONTHS)


def plain(name: str) -> str:
    """Return a name of the rule language as words: ``iep_meeting_held`` becomes ``iep meeting held``."""
    return name.replace("_", " ")


def listed(texts: Sequence[str], joint: str = "and") -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {joint} {texts[-1]}"


def age_words(months: int) -> str:
    """Return an age: ``3 years`` or ``14 years 6 months``."""
    years, rest = divmod(months, 12)
    return f"{years} years" + (f" {rest} months" if rest else "")


def number_words(test: c.NumberTest) -> str:
    """Return a test of a number: ``35 to 44``, ``at least 3``, ``at most 2``, ``exactly 9``."""
    low, high = test.at_least, test.at_most
    if low is not None and high is not None:
        return f"exactly {low}" if low == high else f"{low} to {high}"
    return f"at least {low}" if low is not None else f"at most {high}"


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``11th`` and so on."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


@dataclass(frozen=True, slots=True)
class Words:
    """Makes words.

    Attributes:
        event: Returns what an event is called, by its name in the catalogue.
        rule: Returns what a rule is called, by its id.
    """

    event: Callable[[str], str] = plain
    rule: Callable[[str], str] = str

    def pattern(self, pattern: EventPattern) -> str:
        """Return which events match: ``consent to evaluate received (purpose: initial)``."""
        tests = f" ({', '.join(_attribute(test) for test in pattern.tests)})" if pattern.tests else ""
        return self.event(pattern.name) + tests

    def patterns(self, patterns: Sequence[EventPattern], joint: str = "or") -> str:
        """Return several patterns in a row."""
        return listed([self.pattern(pattern) for pattern in patterns], joint)

    def day(self, expr: e.Expr) -> str:
        """Return which day an expression means, ``the start`` being the day the duty opened."""
        return str(_DAYS[type(expr)](self, expr))

    def condition(self, condition: c.Condition) -> str:
        """Return what a condition asks, as a clause that is true or not."""
        return str(_CONDITIONS[type(condition)](self, condition))

    def start(self, start: s.Start) -> str:
        """Return what opens a duty."""
        return str(_STARTS[type(start)](self, start))

    def met_by(self, met: s.MetBy) -> str:
        """Return what meets a duty."""
        if met.needs_all:
            return f"all of: {'; '.join(self.pattern(one) for one in met.patterns)}"
        return self.patterns(met.patterns)

    def _part(self, condition: c.Condition) -> str:
        """Return a condition inside another one."""
        text = self.condition(condition)
        return f"({text})" if isinstance(condition, c.AllOf | c.AnyOf) else text


def _attribute(test: AttributeTest) -> str:
    if test.values in ((True,), (False,)):
        return (
            plain(test.attribute)
            if (test.values[0] is True) != test.negated
            else f"not {plain(test.attribute)}"
        )
    values = listed([plain(scalar_text(value)) for value in test.values], "or")
    return f"{plain(test.attribute)}: {'not ' if test.negated else ''}{values}"


def _amount(count: int, unit: str) -> str:
    word = plain(unit)
    return f"{count} {word.removesuffix('s') if count == 1 else word}"


def _moved(words: Words, expr: Any) -> str:
    unit = "hours" if isinstance(expr, e.Hours) else expr.unit
    return f"{_amount(expr.count, unit)} {'before' if expr.before else 'after'} {words.day(expr.anchor)}"


def _fixed_date(words: Words, expr: e.FixedDate) -> str:
    which, relation = ("first", "on or after") if expr.forward else ("last", "on or before")
    return f"the {which} {_MONTHS[expr.month - 1]} {expr.day} {relation} {words.day(expr.anchor)}"


def _snap(words: Words, expr: e.Snap) -> str:
    unit = plain(expr.unit).removesuffix("s")
    return (
        f"{words.day(expr.anchor)} or, if that is no {unit}, the {'next' if expr.forward else 'previous'} one"
    )


def _event_day(words: Words, expr: e.EventDay) -> str:
    which = "latest" if expr.latest else "first"
    relation = "up to" if expr.latest else "after"
    what = f"the date “{plain(expr.attribute)}” given by" if expr.attribute else "the day of"
    return f"{what} the {which} “{words.pattern(expr.pattern)}” {relation} {words.day(expr.bound)}"


def _choice(words: Words, expr: e.Choice) -> str:
    which = (
        "the earliest of those that are known"
        if expr.kind == "earliest_known"
        else f"the {expr.kind} of these"
    )
    return f"{which}: {'; '.join(_member(words, number, one) for number, one in enumerate(expr.of, 1))}"


def _member(words: Words, number: int, expr: e.Expr) -> str:
    text = words.day(expr)
    return f"({number}) [{text}]" if isinstance(expr, e.Choice) else f"({number}) {text}"


def _birthday(months: int) -> str:
    years, rest = divmod(months, 12)
    return f"the day the child is {age_words(months)} old" if rest else f"the {ordinal(years)} birthday"


_DAYS: Mapping[type[e.Expr], Callable[[Words, Any], str]] = {
    e.Offset: _moved,
    e.Anniversary: _moved,
    e.Hours: _moved,
    e.Start: lambda words, expr: "the start",
    e.Due: lambda words, expr: "the due day",
    e.Birth: lambda words, expr: "the birth date",
    e.StartAttribute: lambda words, expr: f"the date “{plain(expr.attribute)}” given by the starting event",
    e.Age: lambda words, expr: _birthday(expr.months),
    e.AgeParameter: lambda words, expr: f"the birthday of the {plain(expr.name)}",
    e.FixedDate: _fixed_date,
    e.LastSchoolDay: lambda words, expr: (
        f"the last school day of the school year of {words.day(expr.anchor)}"
    ),
    e.FirstSchoolDay: lambda words, expr: (
        f"the first school day of the next school year to begin after {words.day(expr.anchor)}"
    ),
    e.NthSchoolDay: lambda words, expr: (
        f"the {ordinal(expr.number)} school day of the next school year"
        f" to begin after {words.day(expr.anchor)}"
    ),
    e.Snap: _snap,
    e.EventDay: _event_day,
    e.DueOf: lambda words, expr: f"the due day of {words.rule(expr.rule)}",
    e.GradeEntry: lambda words, expr: f"the day of entry to grade {expr.grade}",
    e.Constant: lambda words, expr: expr.day.isoformat(),
    e.Choice: _choice,
}


def _fact(name: str, condition: c.CaseFact | c.StartFact) -> str:
    test = condition.test
    if isinstance(test, c.NumberTest):
        text = f"{name} is {number_words(test)}"
    elif test.values in ((True,), (False,)):
        text = f"{name} is {'yes' if (test.values[0] is True) != test.negated else 'no'}"
    else:
        values = listed([plain(scalar_text(value)) for value in test.values], "or")
        text = f"{name} is {'not ' if test.negated else ''}{values}"
    if condition.if_missing is None:
        return text
    return text + (" (or not recorded)" if condition.if_missing else " (and recorded)")


def _happened(words: Words, condition: c.Happened, *, negated: bool = False) -> str:
    through = {"due": "the due day", "start": "the start", "met": "the day it was met", "as_of": "today"}
    since = "after the start and " if condition.after == "start" else ""
    has = "has not happened" if negated else "has happened"
    return f"“{words.pattern(condition.pattern)}” {has} {since}by {through[condition.through]}"


def _not(words: Words, condition: c.Not) -> str:
    if isinstance(condition.of, c.Happened):
        return _happened(words, condition.of, negated=True)
    if isinstance(condition.of, c.InSummer):
        return f"{words.day(condition.of.of)} does not lie between school years"
    return f"it is not so that {words._part(condition.of)}"


def _age(words: Words, condition: c.AgeTest) -> str:
    bounds = []
    if condition.at_least is not None:
        bounds.append(f"at least {age_words(condition.at_least)}")
    if condition.below is not None:
        bounds.append(f"under {age_words(condition.below)}")
    return f"the child is {listed(bounds)} old on {words.day(condition.at)}"


def _date_test(words: Words, condition: c.DateTest) -> str:
    bounds = []
    if condition.on_or_after:
        bounds.append(f"on or after {condition.on_or_after.isoformat()}")
    if condition.before:
        bounds.append(f"before {condition.before.isoformat()}")
    return f"{words.day(condition.of)} is {listed(bounds)}"


def _days_between(words: Words, condition: c.DaysBetween) -> str:
    ends = f"after {words.day(condition.start)} through {words.day(condition.end)}"
    return f"{number_words(condition.test)} {plain(condition.unit)} lie {ends}"


_CONDITIONS: Mapping[type[c.Condition], Callable[[Words, Any], str]] = {
    c.AllOf: lambda words, one: " and ".join(words._part(member) for member in one.of),
    c.AnyOf: lambda words, one: " or ".join(words._part(member) for member in one.of),
    c.Not: _not,
    c.DaysLeft: lambda words, one: (
        f"{number_words(one.test)} {plain(one.unit)} are left in the school year after the start"
    ),
    c.InSummer: lambda words, one: f"{words.day(one.of)} lies between school years",
    c.Absences: lambda words, one: (
        f"the child is absent on {number_words(one.test)} school days"
        f" after the start through {words.day(one.until)}"
    ),
    c.AgeTest: _age,
    c.BirthMonth: lambda words, one: (
        f"the child is born in {listed([_MONTHS[m - 1] for m in one.months], 'or')}"
    ),
    c.CaseFact: lambda words, one: _fact(f"the case's “{plain(one.name)}”", one),
    c.StartFact: lambda words, one: _fact(f"the starting event's “{plain(one.name)}”", one),
    c.Happened: _happened,
    c.DaysBetween: _days_between,
    c.DateTest: _date_test,
    c.VariantOf: lambda words, one: (
        f"{words.rule(one.rule)} takes the variant {listed([plain(name) for name in one.variants], 'or')}"
    ),
}


def _silence(words: Words, start: s.OnSilence) -> str:
    lasting = words.day(start.lasting).removesuffix(" after the start")
    return f"{lasting} after “{words.pattern(start.after)}” without {words.patterns(start.unless)}"


def _count(words: Words, start: s.OnCount) -> str:
    within = "within one school year" if start.within == "school_year" else "over all time"
    if start.sum is None:
        text = f"the {ordinal(start.reaches)} “{words.pattern(start.of)}” {within}"
    else:
        text = f"“{words.pattern(start.of)}” adding up to {start.reaches} {plain(start.sum)} {within}"
    return text + (f", and again with each further {start.every}" if start.every else "")


def _school_year(words: Words, start: s.OnSchoolYear) -> str:
    which = "first" if start.which == "first_day" else "last"
    return f"the {which} school day of each school year after “{words.pattern(start.after)}”"


_STARTS: Mapping[type[s.Start], Callable[[Words, Any], str]] = {
    s.OnEvent: lambda words, start: words.patterns(start.patterns),
    s.OnAllOf: lambda words, start: (
        f"the day by which all of these have happened: {words.patterns(start.patterns, 'and')}"
    ),
    s.OnBirth: lambda words, start: "birth",
    s.OnSilence: _silence,
    s.OnCount: _count,
    s.OnSchoolYear: _school_year,
    s.OnDue: lambda words, start: f"the due day of {words.rule(start.rule)}",
}

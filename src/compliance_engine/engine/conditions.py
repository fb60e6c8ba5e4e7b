"""Evaluates conditions: each maps a frame's rows to answers that are true, false or unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from compliance_engine.cases.attributes import ValueArray
from compliance_engine.cases.catalogue import catalogue
from compliance_engine.dates import NO_DAY, BoolArray, IntArray, to_day
from compliance_engine.engine import derivation as working
from compliance_engine.engine.absences import days_absent
from compliance_engine.engine.columns import (
    FALSE,
    NOT_CHOSEN,
    TRUE,
    UNKNOWN,
    Truth,
    first_reason,
    is_no_day,
    known,
    where_known,
)
from compliance_engine.engine.expressions import days_of, event_rows, other_outcome, text_day, trace_count
from compliance_engine.engine.frame import Frame
from compliance_engine.engine.selection import Selection, end_of_day
from compliance_engine.engine.shifts import shift_months
from compliance_engine.rules import conditions as tree
from compliance_engine.rules.patterns import scalar_text


def answers_of(condition: tree.Condition, frame: Frame) -> Truth:
    """Return the answer to a condition for each row of a frame."""
    return _EVALUATORS[type(condition)](condition, frame)


def _record(frame: Frame, what: str, found: str, truth: Truth) -> Truth:
    if frame.trace is not None:
        answer = {int(TRUE): True, int(FALSE): False}.get(int(truth.answer[0]))
        frame.record(working.FactChecked(what, found, answer))
    return truth


def _all(condition: tree.AllOf, frame: Frame) -> Truth:
    parts = [answers_of(member, frame) for member in condition.of]
    return Truth(
        np.minimum.reduce([part.answer for part in parts]), first_reason(*(part.reason for part in parts))
    )


def _any(condition: tree.AnyOf, frame: Frame) -> Truth:
    parts = [answers_of(member, frame) for member in condition.of]
    return Truth(
        np.maximum.reduce([part.answer for part in parts]), first_reason(*(part.reason for part in parts))
    )


def _not(condition: tree.Not, frame: Frame) -> Truth:
    inner = answers_of(condition.of, frame)
    return Truth(TRUE - inner.answer, inner.reason)


def _within(value: ValueArray, test: tree.NumberTest) -> BoolArray:
    passed = np.ones(len(value), bool)
    if test.at_least is not None:
        passed &= value >= test.at_least
    if test.at_most is not None:
        passed &= value <= test.at_most
    return passed


def test_text(test: tree.FactTest) -> str:
    """Return a test in words: ``at least 35 and at most 44``, ``not one of a, b``."""
    if isinstance(test, tree.NumberTest):
        parts = [f"at least {test.at_least}"] * (test.at_least is not None)
        parts += [f"at most {test.at_most}"] * (test.at_most is not None)
        return " and ".join(parts)
    listed = " or ".join(scalar_text(value) for value in test.values)
    return f"not {listed}" if test.negated else listed


def _days_left(condition: tree.DaysLeft, frame: Frame) -> Truth:
    tables, calendar, start = frame.view.tables, frame.calendar, frame.openings.day
    last = tables.last_school_day_from(calendar, start)
    inside = tables.in_school_year(calendar, start)
    unit = frame.unit(condition.unit)
    left = tables.between(unit, calendar, start, last)
    between_years = ~inside & tables.covers(calendar, start)
    missing = (is_no_day(last) | is_no_day(left) | is_no_day(start)) & ~between_years
    truth = where_known(
        inside & _within(left, condition.test), missing, frame.view.reasons.number("calendar_ends", unit)
    )
    if frame.trace is None:
        return truth
    if not missing[0] and inside[0]:
        trace_count(frame, int(left[0]), condition.unit, start, last, before=False)
    found = (
        "the start lies between school years"
        if not missing[0] and not inside[0]
        else f"{left[0]} left, last student day {text_day(last[0])}"
    )
    if missing[0]:
        found = tables.why_missing(unit, int(calendar[0]), int(start[0]))
    return _record(
        frame,
        f"{condition.unit.replace('_', ' ')} left in the year {test_text(condition.test)}",
        found,
        truth,
    )


def _in_summer(condition: tree.InSummer, frame: Frame) -> Truth:
    day = days_of(condition.of, frame)
    inside = frame.view.tables.in_school_year(frame.calendar, day.day)
    covered = frame.view.tables.year_index(frame.calendar, day.day) >= 0
    missing = is_no_day(day.day) | (~covered & ~inside)
    truth = where_known(
        ~inside & covered, missing, frame.view.reasons.number("calendar_ends", frame.unit("school_days"))
    )
    return _record(
        frame,
        f"{working.day_text(text_day(day.day[0]))} lies between school years"
        if frame.trace is not None
        else "",
        "",
        truth,
    )


def _absences(condition: tree.Absences, frame: Frame) -> Truth:
    until = days_of(condition.until, frame)
    days, unknown = days_absent(frame, until.day)
    missing = is_no_day(until.day) | unknown
    truth = where_known(
        _within(days, condition.test),
        missing,
        frame.view.reasons.number("calendar_ends", frame.unit("school_days")),
    )
    if frame.trace is None:
        return truth
    return _record(
        frame,
        f"school days absent through {working.day_text(text_day(until.day[0]))} {test_text(condition.test)}",
        f"{days[0]} absent",
        truth,
    )


def _age(condition: tree.AgeTest, frame: Frame) -> Truth:
    at, birth = days_of(condition.at, frame), frame.view.batch.birth_day[frame.case]
    missing = is_no_day(birth) | is_no_day(at.day)
    passed = np.ones(len(frame), bool)
    bounds = []
    if condition.at_least is not None:
        passed &= at.day >= shift_months(birth, condition.at_least)
        bounds.append(f"at least {_age_text(condition.at_least)}")
    if condition.below is not None:
        passed &= at.day < shift_months(birth, condition.below)
        bounds.append(f"below {_age_text(condition.below)}")
    truth = where_known(passed, missing, frame.view.reasons.number("birth_date_missing"))
    return _record(
        frame,
        f"age {' and '.join(bounds)} on {working.day_text(text_day(at.day[0]))}"
        if frame.trace is not None
        else "",
        "",
        truth,
    )


def _age_text(months: int) -> str:
    years, rest = divmod(months, 12)
    return f"{years} years" + (f" {rest} months" if rest else "")


def _birth_month(condition: tree.BirthMonth, frame: Frame) -> Truth:
    birth = frame.view.batch.birth_day[frame.case]
    missing = is_no_day(birth)
    month = (
        np.where(missing, 0, birth).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    )
    truth = where_known(
        np.isin(month, condition.months), missing, frame.view.reasons.number("birth_date_missing")
    )
    return _record(frame, f"month of birth among {', '.join(map(str, condition.months))}", "", truth)


def _fact_answer(
    name: str,
    condition: tree.CaseFact | tree.StartFact,
    frame: Frame,
    values: ValueArray,
    missing: BoolArray,
    reason: int,
) -> Truth:
    if isinstance(condition.test, tree.NumberTest):
        passed = _within(values, condition.test)
    else:
        passed = np.isin(values, frame.view.batch.codes_for(name, condition.test.values))
        passed = ~passed if condition.test.negated else passed
    if condition.if_missing is not None:
        truth = known(np.where(missing, condition.if_missing, passed))
    else:
        truth = where_known(passed, missing, reason)
    if frame.trace is None:
        return truth
    found = "not recorded" if missing[0] else _value_text(frame, name, int(values[0]))
    if missing[0] and condition.if_missing is not None:
        found += f", taken as {'so' if condition.if_missing else 'not so'}"
    return _record(frame, f"{name.replace('_', ' ')} is {test_text(condition.test)}", found, truth)


def _value_text(frame: Frame, name: str, value: int) -> str:
    kind = catalogue().kind_of(name)
    if kind == "code":
        return frame.view.batch.vocab[name][value]
    if kind == "bool":
        return "true" if value else "false"
    return str(text_day(value)) if kind == "date" else str(value)


def _case_fact(condition: tree.CaseFact, frame: Frame) -> Truth:
    values, missing = frame.view.batch.case_values(condition.name)
    number = frame.view.reasons.number("fact_missing", condition.name)
    return _fact_answer(condition.name, condition, frame, values[frame.case], missing[frame.case], number)


def _start_fact(condition: tree.StartFact, frame: Frame) -> Truth:
    value, absent = np.zeros(len(frame), np.int32), np.ones(len(frame), bool)
    openings = frame.openings
    for index, column in enumerate(openings.columns):
        mine = np.ones(len(frame), bool) if openings.source is None else openings.source == index
        values, missing = column.values(condition.name)
        rows = event_rows(frame, mine)
        value[mine], absent[mine] = values[rows], missing[rows]
    number = frame.view.reasons.number("event_attribute_missing", condition.name)
    return _fact_answer(condition.name, condition, frame, value, absent, number)


def _happened(condition: tree.Happened, frame: Frame) -> Truth:
    found = frame.view.selections.of((condition.pattern,))
    limit, open_ended = _window_end(condition, frame)
    sure = found.sure()
    rows, inside = _first_inside(sure, condition, frame, limit)
    truth = known(inside)
    perhaps = found.perhaps()
    if perhaps is not None:
        doubtful = _first_inside(perhaps, condition, frame, limit)[1] & ~inside
        number = frame.view.reasons.number("event_attribute_missing", str(condition.pattern))
        truth = where_known(inside, doubtful, number)
    if open_ended is not None:
        # without a due day it is not known whether what happened still falls into the window
        number = frame.view.reasons.number("due_day_unknown", str(condition.pattern))
        later = where_known(inside, open_ended & (truth.answer != FALSE), number)
        truth = Truth(
            np.where(later.answer == UNKNOWN, UNKNOWN, truth.answer), first_reason(truth.reason, later.reason)
        )
    text = working.day_text(text_day(sure.days_at(rows)[0])) if frame.trace is not None and inside[0] else ""
    return _record(frame, f"{condition.pattern} happened", text, truth)


def _first_inside(
    found: Selection, condition: tree.Happened, frame: Frame, limit: IntArray
) -> tuple[IntArray, BoolArray]:
    """Return the first event of the window of each row, and whether there is one."""
    ever = np.full(len(frame), NO_DAY + np.int32(1))
    rows = found.next_after(frame.case, frame.openings.moment if condition.after == "start" else ever)
    return rows, np.asarray((rows >= 0) & (found.moments_at(rows) <= limit))


def _window_end(condition: tree.Happened, frame: Frame) -> tuple[IntArray, BoolArray | None]:
    """Return the last moment of the window, and the rows of which it is not known (None: known of all)."""
    as_of = np.full(len(frame), np.int32(frame.view.as_of))
    if condition.through == "start":
        return frame.openings.moment, None
    if condition.through == "due" and frame.due is not None:
        missing = is_no_day(frame.due)
        limit = end_of_day(np.where(missing, as_of, frame.due))
        unknown = missing if frame.standing is None else missing & ~frame.standing
        return limit, unknown if unknown.any() else None
    if condition.through == "met" and frame.met_moment is not None:
        return np.where(frame.met_moment == NO_DAY, end_of_day(as_of), frame.met_moment), None
    return end_of_day(as_of), None


def _days_between(condition: tree.DaysBetween, frame: Frame) -> Truth:
    start, end = days_of(condition.start, frame), days_of(condition.end, frame)
    unit = frame.unit(condition.unit)
    days = frame.view.tables.between(unit, frame.calendar, start.day, end.day)
    missing = is_no_day(days) | is_no_day(start.day) | is_no_day(end.day)
    truth = where_known(
        _within(days, condition.test), missing, frame.view.reasons.number("calendar_ends", unit)
    )
    reason = first_reason(start.reason, end.reason)
    if truth.reason is not None and reason is not None:
        truth.reason = np.where((truth.reason != 0) & (reason != 0), reason, truth.reason)
    if frame.trace is None:
        return truth
    first, last = (working.day_text(text_day(days.day[0])) for days in (start, end))
    span = f"{condition.unit.replace('_', ' ')} from {first} to {last}"
    return _record(
        frame, f"{span} {test_text(condition.test)}", "" if missing[0] else f"{days[0]} days", truth
    )


def _date(condition: tree.DateTest, frame: Frame) -> Truth:
    day = days_of(condition.of, frame)
    passed = np.ones(len(frame), bool)
    bounds = []
    if condition.on_or_after is not None:
        passed &= day.day >= to_day(condition.on_or_after)
        bounds.append(f"on or after {condition.on_or_after}")
    if condition.before is not None:
        passed &= day.day < to_day(condition.before)
        bounds.append(f"before {condition.before}")
    missing = is_no_day(day.day)
    truth = where_known(passed, missing, 0)
    if truth.reason is not None:
        truth.reason = day.reason
    return _record(
        frame,
        f"{working.day_text(text_day(day.day[0]))} is {' and '.join(bounds)}"
        if frame.trace is not None
        else "",
        "",
        truth,
    )


def _variant_of(condition: tree.VariantOf, frame: Frame) -> Truth:
    rows, outcome = other_outcome(frame, condition.rule)
    missing = rows < 0
    passed = np.zeros(len(frame), bool)
    if outcome is not None and len(outcome.due):
        versions = next(
            one.rule.versions
            for one in frame.view.rulebook.rules
            if one.id == frame.view.rulebook.resolve(condition.rule)
        )
        for index, version in enumerate(versions):
            wanted = [
                number for number, variant in enumerate(version.variants) if variant.id in condition.variants
            ]
            passed |= ~missing & (outcome.version[rows] == index) & np.isin(outcome.variant[rows], wanted)
        missing = ~missing & (outcome.variant[rows] == NOT_CHOSEN)
    else:
        missing = np.zeros(len(frame), bool)
    number = frame.view.reasons.number("other_deadline_unknown", condition.rule)
    truth = where_known(passed, missing, number)
    return _record(
        frame,
        f"{frame.view.rulebook.resolve(condition.rule)} took the variant {' or '.join(condition.variants)}",
        "",
        truth,
    )


_EVALUATORS: dict[type, Callable[[Any, Frame], Truth]] = {
    tree.AllOf: _all,
    tree.AnyOf: _any,
    tree.Not: _not,
    tree.DaysLeft: _days_left,
    tree.InSummer: _in_summer,
    tree.Absences: _absences,
    tree.AgeTest: _age,
    tree.BirthMonth: _birth_month,
    tree.CaseFact: _case_fact,
    tree.StartFact: _start_fact,
    tree.Happened: _happened,
    tree.DaysBetween: _days_between,
    tree.DateTest: _date,
    tree.VariantOf: _variant_of,
}

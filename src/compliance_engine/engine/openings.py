"""What opens a duty: events, birth, silence, counts reached, school years, other duties' due days."""

from __future__ import annotations

import numpy as np

from compliance_engine.dates import NO_DAY, BoolArray, IntArray
from compliance_engine.engine.columns import is_no_day
from compliance_engine.engine.frame import Frame, Openings, View, start_of_day
from compliance_engine.engine.selection import RANKS, Selection
from compliance_engine.rules.models import Rule
from compliance_engine.rules.patterns import EventPattern
from compliance_engine.rules.rulebook import RuleInForce
from compliance_engine.rules.starts import (
    OnAllOf,
    OnBirth,
    OnCount,
    OnDue,
    OnEvent,
    OnSchoolYear,
    OnSilence,
    Start,
)


def open_duties(view: View, rule: RuleInForce) -> Openings:
    """Return the openings of a rule among the cases of a view, sorted by case and moment."""
    openings = _all_openings(view, rule, rule.rule.starts_on)
    if rule.rule.met_looking == "backward":
        openings.previous = _previous(openings)
    if rule.rule.opens == "each" or not len(openings):
        return openings
    other = (
        np.diff(openings.case, prepend=-1)
        if rule.rule.opens == "first"
        else np.diff(openings.case, append=-1)
    )
    return openings.take(np.flatnonzero(other))


def _previous(openings: Openings) -> IntArray:
    before = np.full(len(openings), NO_DAY)
    same = openings.case[1:] == openings.case[:-1]
    before[1:] = np.where(same, openings.moment[:-1], NO_DAY)
    return before


def closing_patterns(view: View, rule: Rule) -> tuple[EventPattern, ...]:
    """Return the events that close a rule's duties: its own, or the program's."""
    return view.rulebook.closed_by if rule.closed_by is None else rule.closed_by


def _all_openings(view: View, rule: RuleInForce, start: Start) -> Openings:
    if isinstance(start, OnEvent):
        return _from_selection(view, view.selections.of(start.patterns))
    if isinstance(start, OnAllOf):
        return _on_all_of(view, start)
    if isinstance(start, OnBirth):
        cases = np.arange(len(view.batch), dtype=np.int32)
        return _on_days(view, cases, view.batch.birth_day, "birth_date_missing")
    if isinstance(start, OnSilence):
        return _on_silence(view, rule, start)
    if isinstance(start, OnCount):
        return _on_count(view, rule, start)
    if isinstance(start, OnSchoolYear):
        return _on_school_year(view, rule, start)
    assert isinstance(start, OnDue)
    return _on_due(view, start)


def _from_selection(view: View, found: Selection) -> Openings:
    openings = Openings(
        found.case, found.day, found.moment, found.columns, found.source, found.rows_in_columns()
    )
    if found.unsure is not None:
        number = view.reasons.number("event_attribute_missing")
        openings.reason = np.where(found.unsure, np.int32(number), np.int32(0))
    return openings


def _on_days(view: View, case: IntArray, day: IntArray, code: str) -> Openings:
    missing = is_no_day(day)
    openings = Openings(case, day, np.where(missing, NO_DAY, start_of_day(day)))
    if missing.any():
        openings.reason = np.where(missing, np.int32(view.reasons.number(code)), np.int32(0))
    return openings


def _on_all_of(view: View, start: OnAllOf) -> Openings:
    cases = np.arange(len(view.batch), dtype=np.int32)
    moment, day = np.full(len(cases), NO_DAY), np.full(len(cases), NO_DAY)
    complete = np.ones(len(cases), bool)
    for pattern in start.patterns:
        found = view.selections.of((pattern,))
        rows = found.next_after(cases, np.full(len(cases), NO_DAY))
        complete &= rows >= 0
        later = found.moments_at(rows) > moment
        moment = np.where(later, found.moments_at(rows), moment)
        day = np.where(later, found.days_at(rows), day)
    return Openings(cases[complete], day[complete], moment[complete])


def _on_silence(view: View, rule: RuleInForce, start: OnSilence) -> Openings:
    from compliance_engine.engine.expressions import days_of

    asked = _from_selection(view, view.selections.of((start.after,)))
    days = days_of(start.lasting, Frame(view, rule, asked)).day
    answers = view.selections.of(start.unless)
    answered = answers.days_at(answers.next_after(asked.case, asked.moment))
    silent = (days != NO_DAY) & (days < view.as_of) & (is_no_day(answered) | (answered > days))
    case, day = asked.case[silent], days[silent]
    return Openings(case, day, day * np.int32(RANKS) + np.int32(RANKS - 1))


def _on_count(view: View, rule: RuleInForce, start: OnCount) -> Openings:
    found = view.selections.of((start.of,))
    if not len(found):
        return _from_selection(view, found)
    amount, missing = np.ones(len(found), np.int64), np.zeros(len(found), bool)
    if start.sum is not None:
        (column,) = found.columns
        values, absent = column.values(start.sum)
        missing = absent[found.rows_in_columns()]
        amount = np.where(missing, 1, values[found.rows_in_columns()]).astype(np.int64)
    segment = found.case.astype(np.int64)
    if start.within == "school_year":
        year = view.tables.year_index(view.calendar[found.case], found.day)
        segment = segment * 4096 + year
    total = np.cumsum(amount)
    fresh = np.diff(segment, prepend=-1) != 0
    before = np.maximum.accumulate(np.where(fresh, total - amount, 0))
    total -= before
    reached = (total >= start.reaches) & (total - amount < start.reaches)
    if start.every:
        reached |= (total >= start.reaches) & (total // start.every > (total - amount) // start.every)
    opened = _from_selection(view, found)
    if missing.any():
        doubtful = _any_before(missing, fresh)
        number = np.int32(view.reasons.number("event_attribute_missing", str(start.sum)))
        opened.reason = np.where(doubtful, number, np.int32(0) if opened.reason is None else opened.reason)
        reached |= missing
    if start.spread is not None:
        _spread(view, rule, start, opened, start.reaches - (total - amount))
    return opened.take(np.flatnonzero(reached))


def _any_before(missing: BoolArray, fresh: BoolArray) -> BoolArray:
    """Return where a row of the same segment, up to and including this one, is marked."""
    counted = np.cumsum(missing)
    base = np.maximum.accumulate(np.where(fresh, counted - missing, 0))
    return np.asarray(counted > base)


def _spread(view: View, rule: RuleInForce, start: OnCount, opened: Openings, wanting: np.ndarray) -> None:
    """Open on the day within the event on which the threshold was reached, not on the event's first."""
    assert start.spread is not None
    nth = np.clip(wanting, 1, None).astype(np.int32)
    unit = rule.units[start.spread]
    day = view.tables.after(unit, view.calendar[opened.case], opened.day, nth, include_start=True)
    missing = is_no_day(day)
    opened.day = np.where(missing, opened.day, day)
    opened.moment = np.where(missing | (nth == 1), opened.moment, start_of_day(opened.day))
    if missing.any():
        number = np.int32(view.reasons.number("calendar_ends", unit))
        opened.reason = np.where(missing, number, np.int32(0) if opened.reason is None else opened.reason)


def _on_school_year(view: View, rule: RuleInForce, start: OnSchoolYear) -> Openings:
    case, day = _school_year_days(view, start.which)
    active = _active(view, rule, start, case, start_of_day(day)) & (day <= view.as_of)
    known = Openings(case[active], day[active], start_of_day(day[active]))
    beyond = _beyond_the_calendar(view, rule, start)
    if not len(beyond):
        return known
    number = np.int32(view.reasons.number("calendar_ends", rule.units["school_days"]))
    both = Openings(
        case=np.concatenate([known.case, beyond]),
        day=np.concatenate([known.day, np.full(len(beyond), NO_DAY)]),
        moment=np.concatenate([known.moment, np.full(len(beyond), NO_DAY)]),
        reason=np.concatenate([np.zeros(len(known), np.int32), np.full(len(beyond), number)]),
    )
    return both.take(np.argsort(both.case, kind="stable"))


def _active(
    view: View, rule: RuleInForce, start: OnSchoolYear, case: IntArray, moment: IntArray
) -> BoolArray:
    """Return which cases the event has happened in, with nothing closing it since, at each moment."""
    gates = view.selections.of((start.after,))
    closings = view.selections.of(closing_patterns(view, rule.rule))
    opened = gates.moments_at(gates.last_by(case, moment))
    closed = closings.moments_at(closings.last_by(case, moment))
    return np.asarray((opened != NO_DAY) & (opened > closed))


def _beyond_the_calendar(view: View, rule: RuleInForce, start: OnSchoolYear) -> IntArray:
    """Return the active cases whose calendar says nothing of the day that is asked about."""
    as_of = np.full(len(view.batch), np.int32(view.as_of))
    missing = np.flatnonzero(view.tables.year_index(view.calendar, as_of) < 0).astype(np.int32)
    active = _active(view, rule, start, missing, start_of_day(as_of[missing]))
    return np.asarray(missing[active])


def _school_year_days(view: View, which: str) -> tuple[IntArray, IntArray]:
    """Return (case, day) for every school year of every case's calendar, sorted by case and day."""
    cases, days = [], []
    for index in np.unique(view.calendar):
        members = np.flatnonzero(view.calendar == index).astype(np.int32)
        facts = view.tables.facts[int(index)]
        terms = () if facts is None else facts.terms
        marks = np.array([term.first if which == "first_day" else term.last for term in terms], np.int32)
        cases.append(np.repeat(members, len(marks)))
        days.append(np.tile(marks, len(members)))
    case, day = (np.concatenate(parts) if parts else np.zeros(0, np.int32) for parts in (cases, days))
    order = np.lexsort((day, case))
    return case[order], day[order]


def _on_due(view: View, start: OnDue) -> Openings:
    other = view.outcome(start.rule)
    if other is None:
        nothing = np.zeros(0, np.int32)
        return Openings(nothing, nothing, nothing)
    keep = np.isin(other.status, (0, 1, 2, 3, 4, 6))
    case, day = other.openings.case[keep], other.due[keep]
    order = np.lexsort((day, case))
    return _on_days(view, case[order], day[order], "other_deadline_unknown")

"""What opens a duty: events, birth, silence, counts reached, school years, other duties' due days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compliance_engine.dates import NO_DAY, BoolArray, IntArray
from compliance_engine.engine.columns import is_no_day
from compliance_engine.engine.frame import Frame, Openings, View, start_of_day
from compliance_engine.engine.selection import Selection, end_of_day
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

_COVER_DAYS = 800
"""How many days are looked ahead for the end of a calendar."""


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
    complete, unsure = np.ones(len(cases), bool), np.zeros(len(cases), bool)
    for pattern in start.patterns:
        found = view.selections.of((pattern,))
        rows = found.next_after(cases, np.full(len(cases), NO_DAY))
        complete &= rows >= 0
        if found.unsure is not None:
            unsure |= (rows >= 0) & found.unsure[rows]
        later = found.moments_at(rows) > moment
        moment = np.where(later, found.moments_at(rows), moment)
        day = np.where(later, found.days_at(rows), day)
    openings = Openings(cases[complete], day[complete], moment[complete])
    if (unsure & complete).any():
        number = np.int32(view.reasons.number("event_attribute_missing"))
        openings.reason = np.where(unsure[complete], number, np.int32(0))
    return openings


def _on_silence(view: View, rule: RuleInForce, start: OnSilence) -> Openings:
    from compliance_engine.engine.expressions import days_of

    asked = _from_selection(view, view.selections.of((start.after,)))
    # whether it is certain that the time began does not bear on when it ends
    ends = days_of(start.lasting, Frame(view, rule, replace(asked, reason=None)))
    answers = view.selections.of(start.unless)
    missing = is_no_day(ends.day)
    view.changes_on(asked.case, ends.day + np.int32(1))
    silent = (ends.day < view.as_of) & ~_within(answers.sure(), asked, ends.day)
    reason = np.zeros(len(asked), np.int32) if asked.reason is None else asked.reason.copy()
    if ends.reason is not None:
        reason = np.where(missing, ends.reason, reason)
    perhaps = answers.perhaps()
    if perhaps is not None:
        number = np.int32(view.reasons.number("event_attribute_missing", str(start.unless[0])))
        reason = np.where((reason == 0) & _within(perhaps, asked, ends.day), number, reason)
    keep = silent | missing
    moment = np.where(missing, NO_DAY, end_of_day(ends.day))
    openings = Openings(asked.case[keep], ends.day[keep], moment[keep])
    openings.reason = reason[keep] if reason[keep].any() else None
    return openings.take(np.lexsort((openings.moment, openings.case)))


def _within(found: Selection, asked: Openings, until: IntArray) -> BoolArray:
    """Return where an event happened after an opening, through a day."""
    day = found.days_at(found.next_after(asked.case, asked.moment))
    return np.asarray((day != NO_DAY) & (day <= until))


def _on_count(view: View, rule: RuleInForce, start: OnCount) -> Openings:
    found = view.selections.of((start.of,))
    opened = _from_selection(view, found)
    if not len(found):
        return opened
    amount, missing = _amounts(found, start)
    segment, beyond = found.case.astype(np.int64) * 4096, np.zeros(len(found), bool)
    if start.within == "school_year":
        year = view.tables.year_index(view.calendar[found.case], found.day)
        segment, beyond = segment + year + 1, year < 0
    fresh = np.diff(segment, prepend=-1) != 0
    total = np.cumsum(amount)
    total -= np.maximum.accumulate(np.where(fresh, total - amount, 0))
    before = total - amount
    reached = (total >= start.reaches) & (before < start.reaches)
    if start.every:
        reached |= (total >= start.reaches) & (total // start.every > before // start.every)
    doubtful = _any_before(missing, fresh)
    reached |= missing & ((before < start.reaches) | bool(start.every))
    if (doubtful | beyond).any():
        number = np.int32(view.reasons.number("event_attribute_missing", start.sum or str(start.of)))
        opened.reason = np.where(doubtful, number, np.int32(0))
        number = np.int32(view.reasons.number("calendar_ends", "school_days"))
        opened.reason = np.where(beyond & ~doubtful, number, opened.reason)
    if start.spread is not None:
        step = np.full(len(total), start.reaches)
        if start.every:
            step = np.where(before < start.reaches, step, (before // start.every + 1) * start.every)
        # of a count that is in doubt the day is not told more closely than by the event
        nth = np.where(doubtful, 1, np.clip(step - before, 1, None)).astype(np.int32)
        _spread(view, rule.units[start.spread], opened, nth)
    opened = opened.take(np.flatnonzero(reached))
    return opened.take(np.lexsort((opened.moment, opened.case)))


def _amounts(found: Selection, start: OnCount) -> tuple[np.ndarray, BoolArray]:
    """Return what each event adds, and where that is not known: such an event is taken as one."""
    missing = np.zeros(len(found), bool) if found.unsure is None else found.unsure.copy()
    if start.sum is None:
        return np.ones(len(found), np.int64), missing
    (column,) = found.columns
    values, absent = column.values(start.sum)
    missing |= absent[found.rows_in_columns()]
    return np.where(missing, 1, values[found.rows_in_columns()]).astype(np.int64), missing


def _any_before(missing: BoolArray, fresh: BoolArray) -> BoolArray:
    """Return where a row of the same segment, up to and including this one, is marked."""
    counted = np.cumsum(missing)
    base = np.maximum.accumulate(np.where(fresh, counted - missing, 0))
    return np.asarray(counted > base)


def _spread(view: View, unit: str, opened: Openings, nth: IntArray) -> None:
    """Open on the nth counted day of the event, on which the threshold was reached, not on its first."""
    day = view.tables.after(unit, view.calendar[opened.case], opened.day, nth, include_start=True)
    missing = is_no_day(day)
    same = missing | (day == opened.day)
    opened.moment = np.where(same, opened.moment, start_of_day(day))
    opened.day = np.where(same, opened.day, day)
    if missing.any():
        number = np.int32(view.reasons.number("calendar_ends", unit))
        reason = np.zeros(len(opened), np.int32) if opened.reason is None else opened.reason
        opened.reason = np.where(missing & (reason == 0), number, reason)


def _on_school_year(view: View, rule: RuleInForce, start: OnSchoolYear) -> Openings:
    case, day = _school_year_days(view, start.which)
    view.changes_on(case, day)
    due = day <= view.as_of
    case, day = case[due], day[due]
    known = _while_active(view, rule, start, Openings(case, day, start_of_day(day)))
    as_of = np.full(len(view.batch), np.int32(view.as_of))
    missing = np.flatnonzero(view.tables.year_index(view.calendar, as_of) < 0).astype(np.int32)
    _until_cover_changes(view)
    # of a day that the calendar does not cover it is not known whether a school year has begun
    now = _while_active(view, rule, start, Openings(missing, as_of[missing], start_of_day(as_of[missing])))
    if not len(now):
        return known
    number = np.int32(view.reasons.number("calendar_ends", rule.units["school_days"]))
    nothing = np.full(len(now), NO_DAY)
    reason = np.zeros(len(known), np.int32) if known.reason is None else known.reason
    both = Openings(
        case=np.concatenate([known.case, now.case]),
        day=np.concatenate([known.day, nothing]),
        moment=np.concatenate([known.moment, nothing]),
        reason=np.concatenate([reason, np.full(len(now), number)]),
    )
    return both.take(np.argsort(both.case, kind="stable"))


def _until_cover_changes(view: View) -> None:
    """Note the day on which each calendar begins or ceases to cover the day asked about."""
    for calendar in np.unique(view.calendar).tolist():
        cases = np.flatnonzero(view.calendar == calendar).astype(np.int32)
        days = view.as_of + np.arange(_COVER_DAYS, dtype=np.int32)
        index = view.tables.year_index(np.full(len(days), np.int32(calendar)), days)
        other = np.flatnonzero((index < 0) != (index[0] < 0))
        if len(other):
            view.changes_on(cases, np.full(len(cases), days[other[0]]))
        else:
            view.changes_on(cases, np.full(len(cases), days[-1]))


def _while_active(view: View, rule: RuleInForce, start: OnSchoolYear, asked: Openings) -> Openings:
    """Return the openings in whose case the event has happened by then, with nothing closing it since."""
    gates = view.selections.of((start.after,))
    closings = view.selections.of(closing_patterns(view, rule.rule))

    def last(found: Selection | None) -> IntArray:
        if found is None:
            return np.full(len(asked), NO_DAY)
        return found.moments_at(found.last_by(asked.case, asked.moment))

    begun, ended = last(gates.sure()), last(closings.sure())
    perhaps_begun, perhaps_ended = last(gates.perhaps()), last(closings.perhaps())
    surely = (begun != NO_DAY) & (begun > ended) & (begun > perhaps_ended)
    perhaps = (begun > ended) | (perhaps_begun > ended)
    openings = asked
    if (perhaps & ~surely).any():
        number = np.int32(view.reasons.number("event_attribute_missing", str(start.after)))
        openings = replace(asked, reason=np.where(surely, np.int32(0), number))
    return openings.take(np.flatnonzero(perhaps))


def _school_year_days(view: View, which: str) -> tuple[IntArray, IntArray]:
    """Return (case, day) for every school year of every case's calendar, sorted by case and day."""
    cases, days = [], []
    for index in np.flatnonzero(np.bincount(view.calendar)):
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

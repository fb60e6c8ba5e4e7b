"""Evaluates expressions: each node maps a frame's rows to a column of days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np

from compliance_engine.dates import NO_DAY, BoolArray, IntArray, to_date, to_day
from compliance_engine.engine import derivation as working
from compliance_engine.engine.columns import PAUSED_ELSEWHERE, Days, Status, first_reason, is_no_day
from compliance_engine.engine.frame import Frame
from compliance_engine.engine.selection import Selection, end_of_day
from compliance_engine.engine.shifts import fixed_date, shift_months
from compliance_engine.rules import expressions as tree
from compliance_engine.rules.patterns import EventPattern

_LATEST = np.int32(2**31 - 1)


def days_of(expr: tree.Expr, frame: Frame) -> Days:
    """Return the day an expression gives for each row of a frame."""
    return _EVALUATORS[type(expr)](expr, frame)


def text_day(day: int | np.integer[Any]) -> date | None:
    """Return a day number as a date, None for NO_DAY."""
    return None if day == NO_DAY else to_date(int(day))


def _offset(expr: tree.Offset, frame: Frame) -> Days:
    anchor = days_of(expr.anchor, frame)
    unit, tables, calendar = frame.unit(expr.unit), frame.view.tables, frame.calendar
    if expr.before:
        day = tables.before(unit, calendar, anchor.day, expr.count)
    else:
        day = tables.after(unit, calendar, anchor.day, expr.count, include_start=frame.count_start)
    result = Days(day, anchor.reason)
    if frame.trace is not None:
        trace_count(frame, expr.count, expr.unit, anchor.day, day, before=expr.before)
    return _calendar_may_end(result, anchor.day, frame, unit)


def _calendar_may_end(result: Days, asked: IntArray, frame: Frame, unit: str) -> Days:
    missing = is_no_day(result.day)
    if missing.any():
        result = result.because(missing & ~is_no_day(asked), frame.view.reasons.number("calendar_ends", unit))
        if frame.trace is not None and missing[0] and asked[0] != NO_DAY:
            detail = frame.view.tables.why_missing(unit, int(frame.calendar[0]), int(asked[0]))
            frame.record(working.NotKnown("calendar_ends", detail))
    return result


def trace_count(frame: Frame, count: int, word: str, start: IntArray, end: IntArray, *, before: bool) -> None:
    """Record a count and the days it passed over, if it came to a day."""
    if start[0] == NO_DAY or end[0] == NO_DAY:
        return
    tables, unit, calendar = frame.view.tables, frame.unit(word), int(frame.calendar[0])
    low, high = (int(end[0]) - 1, int(start[0]) - 1) if before else (int(start[0]), int(end[0]))
    low -= int(frame.count_start and not before)
    runs = tuple(
        working.SkippedRun(run.from_, run.to, run.days, run.reason, run.name)
        for run in tables.skipped(unit, calendar, low, high)
    )
    one = np.ones(1, np.int32)
    step = tables.before if before else tables.after
    first = step(unit, frame.calendar[:1], start[:1], one, include_start=frame.count_start and not before)
    direction = "before" if before else "after"
    frame.record(
        working.Counted(
            count, word, to_date(int(start[0])), to_date(int(end[0])), direction, text_day(first[0]), runs
        )
    )


def _anniversary(expr: tree.Anniversary, frame: Frame) -> Days:
    anchor = days_of(expr.anchor, frame)
    count = -expr.count if expr.before else expr.count
    if expr.unit == "weeks":
        day = np.where(anchor.day == NO_DAY, NO_DAY, anchor.day + np.int32(7 * count))
    else:
        day = shift_months(anchor.day, count * (12 if expr.unit == "years" else 1))
    _trace_move(expr, expr.unit, frame, anchor.day, day)
    return Days(day, anchor.reason)


def _trace_move(expr: Any, unit: str, frame: Frame, start: IntArray, end: IntArray) -> None:
    if frame.trace is not None and end[0] != NO_DAY:
        direction = "before" if expr.before else "after"
        frame.record(working.Moved(expr.count, unit, to_date(int(start[0])), to_date(int(end[0])), direction))


def _hours(expr: tree.Hours, frame: Frame) -> Days:
    anchor = days_of(expr.anchor, frame)
    days = expr.count // 24 * (-1 if expr.before else 1)
    day = np.where(anchor.day == NO_DAY, NO_DAY, anchor.day + np.int32(days))
    _trace_move(expr, "hours", frame, anchor.day, day)
    return Days(day, anchor.reason)


def _start(expr: tree.Start, frame: Frame) -> Days:
    return Days(frame.openings.day, frame.openings.reason)


def _due(expr: tree.Due, frame: Frame) -> Days:
    assert frame.due is not None, "an expression that looks at the due day stands where there is none"
    return Days(frame.due)


def _birth(expr: tree.Birth, frame: Frame) -> Days:
    return _needs_birth(Days(frame.view.batch.birth_day[frame.case]), frame)


def _needs_birth(days: Days, frame: Frame) -> Days:
    return days.because(is_no_day(days.day), frame.view.reasons.number("birth_date_missing"))


def _age(expr: tree.Age, frame: Frame) -> Days:
    return _birthday(frame, expr.months)


def _birthday(frame: Frame, months: int) -> Days:
    days = _needs_birth(Days(shift_months(frame.view.batch.birth_day[frame.case], months)), frame)
    years, rest = divmod(months, 12)
    what = f"age {years} years" + (f" {rest} months" if rest else "")
    return _reached(days, frame, what)


def _reached(days: Days, frame: Frame, what: str) -> Days:
    if frame.trace is not None and days.day[0] != NO_DAY:
        frame.record(working.Reached(what, to_date(int(days.day[0]))))
    return days


def _age_parameter(expr: tree.AgeParameter, frame: Frame) -> Days:
    years = frame.view.rulebook.ages.get(expr.name)
    if years is None:
        missing = np.ones(len(frame), bool)
        number = frame.view.reasons.number("age_of_majority_unknown", frame.view.rulebook.state)
        return Days(np.full(len(frame), NO_DAY)).because(missing, number)
    return _birthday(frame, years * 12)


def _fixed_date(expr: tree.FixedDate, frame: Frame) -> Days:
    anchor = days_of(expr.anchor, frame)
    days = Days(fixed_date(anchor.day, expr.month, expr.day, forward=expr.forward), anchor.reason)
    if frame.trace is None:
        return days
    side = "on or after" if expr.forward else "on or before"
    month, near = tree.MONTHS[expr.month - 1].title(), working.day_text(text_day(anchor.day[0]))
    return _reached(days, frame, f"{month} {expr.day} {side} {near}")


def _last_school_day(expr: tree.LastSchoolDay, frame: Frame) -> Days:
    anchor = days_of(expr.anchor, frame)
    day = frame.view.tables.last_school_day_from(frame.calendar, anchor.day)
    return _school_year(
        Days(day, anchor.reason), anchor.day, frame, "the last student day of the school year"
    )


def _first_school_day(expr: tree.FirstSchoolDay, frame: Frame) -> Days:
    anchor = days_of(expr.anchor, frame)
    day = frame.view.tables.first_school_day_after(frame.calendar, anchor.day)
    return _school_year(
        Days(day, anchor.reason), anchor.day, frame, "the first student day of the next school year"
    )


def _nth_school_day(expr: tree.NthSchoolDay, frame: Frame) -> Days:
    anchor = days_of(expr.anchor, frame)
    tables = frame.view.tables
    first = tables.first_school_day_after(frame.calendar, anchor.day)
    day = tables.nth_school_day(frame.calendar, first, expr.number)
    return _school_year(
        Days(day, anchor.reason), anchor.day, frame, f"student day {expr.number} of the next school year"
    )


def _school_year(days: Days, asked: IntArray, frame: Frame, what: str) -> Days:
    return _calendar_may_end(_reached(days, frame, what), asked, frame, frame.unit("school_days"))


def _snap(expr: tree.Snap, frame: Frame) -> Days:
    anchor = days_of(expr.anchor, frame)
    return snapped(anchor, frame, expr.unit, forward=expr.forward)


def snapped(anchor: Days, frame: Frame, word: str, *, forward: bool) -> Days:
    """Return each day if it counts, else the next (previous) day that does."""
    unit, tables, calendar = frame.unit(word), frame.view.tables, frame.calendar
    move = tables.after if forward else tables.before
    day = move(unit, calendar, anchor.day, 1, include_start=True)
    if frame.trace is not None and day[0] not in (NO_DAY, anchor.day[0]):
        frame.record(
            working.Rolled(
                f"not one of the {word.replace('_', ' ')}", to_date(int(anchor.day[0])), to_date(int(day[0]))
            )
        )
    return _calendar_may_end(Days(day, anchor.reason), anchor.day, frame, unit)


def _event_day(expr: tree.EventDay, frame: Frame) -> Days:
    found = frame.view.selections.of((expr.pattern,))
    bound = days_of(expr.bound, frame)
    rows = np.where(is_no_day(bound.day), np.int32(-1), rows_by_bound(found, expr, bound, frame))
    day = found.days_at(rows) if expr.attribute is None else found.dates_at(rows, expr.attribute)
    result = Days(day, bound.reason)
    if found.unsure is not None:
        unsure = (rows >= 0) & found.unsure[rows]
        result = Days(np.where(unsure, NO_DAY, day), bound.reason)
        result = result.because(
            unsure, frame.view.reasons.number("event_attribute_missing", str(expr.pattern))
        )
    number = frame.view.reasons.number("event_missing", str(expr.pattern))
    result = result.because(is_no_day(result.day), number)
    which = "latest" if expr.latest else "first"
    return _reached(
        result, frame, f"{which} {expr.pattern}" + (f", its {expr.attribute}" if expr.attribute else "")
    )


def rows_by_bound(found: Selection, expr: tree.EventDay, bound: Days, frame: Frame) -> IntArray:
    """Return the rows of the latest event up to a bound, or of the first after it."""
    moment = frame.openings.moment if isinstance(expr.bound, tree.Start) else end_of_day(bound.day)
    return found.last_by(frame.case, moment) if expr.latest else found.next_after(frame.case, moment)


def _start_attribute(expr: tree.StartAttribute, frame: Frame) -> Days:
    day = np.full(len(frame), NO_DAY)
    openings = frame.openings
    for index, column in enumerate(openings.columns):
        mine = np.ones(len(frame), bool) if openings.source is None else openings.source == index
        values, missing = column.values(expr.attribute)
        rows = event_rows(frame, mine)
        day[mine] = np.where(missing[rows], NO_DAY, values[rows])
    number = frame.view.reasons.number("event_attribute_missing", expr.attribute)
    days = Days(day, openings.reason).because(is_no_day(day), number)
    return _reached(days, frame, f"the opening event's {expr.attribute.replace('_', ' ')}")


def event_rows(frame: Frame, mine: BoolArray) -> IntArray:
    """Return the rows of the opening events within their column."""
    assert frame.openings.row is not None
    rows: IntArray = frame.openings.row[mine]
    return rows


def _due_of(expr: tree.DueOf, frame: Frame) -> Days:
    rows, outcome = other_outcome(frame, expr.rule)
    day = np.full(len(frame), NO_DAY)
    if outcome is not None and len(outcome.due):
        day = np.where(rows >= 0, outcome.due[rows], NO_DAY)
    days = Days(day)
    if outcome is not None and len(outcome.due):
        standing = (rows >= 0) & (outcome.status[rows] == Status.PAUSED)
        days = days.because(standing, frame.view.reasons.number(PAUSED_ELSEWHERE, expr.rule))
    number = frame.view.reasons.number("other_deadline_unknown", expr.rule)
    return _reached(
        days.because(is_no_day(day), number),
        frame,
        f"the due day of {frame.view.rulebook.resolve(expr.rule)}",
    )


def other_outcome(frame: Frame, rule_id: str) -> tuple[IntArray, Any]:
    """Return each row's place among another rule's openings (the latest by then; -1: none), and those."""
    outcome = frame.view.outcome(rule_id)
    if outcome is None or not len(outcome.due):
        return np.full(len(frame), np.int32(-1)), outcome
    theirs = outcome.openings
    offsets = np.searchsorted(theirs.case, np.arange(len(frame.view.batch) + 1)).astype(np.int32)
    found = Selection(offsets, theirs.case, theirs.day, theirs.moment, ())
    dated = np.flatnonzero(~is_no_day(theirs.day)).astype(np.int32)
    if len(dated) < len(theirs):
        found = found.keep(~is_no_day(theirs.day))
    rows = found.last_by(frame.case, frame.openings.moment)
    return (np.where(rows >= 0, dated[rows], rows) if len(dated) else rows), outcome


def _grade_entry(expr: tree.GradeEntry, frame: Frame) -> Days:
    from compliance_engine.rules.patterns import AttributeTest

    pattern = EventPattern("grade_entered", (AttributeTest("grade", (expr.grade,)),))
    found = frame.view.selections.of((pattern,)).sure()
    day = found.days_at(found.next_after(frame.case, np.full(len(frame), NO_DAY)))
    number = frame.view.reasons.number("event_missing", str(pattern))
    return _reached(Days(day).because(is_no_day(day), number), frame, f"entry to grade {expr.grade}")


def _constant(expr: tree.Constant, frame: Frame) -> Days:
    return Days(np.full(len(frame), np.int32(to_day(expr.day))))


def _choice(expr: tree.Choice, frame: Frame) -> Days:
    return choose(expr.kind, [days_of(member, frame) for member in expr.of], frame)


def choose(kind: str, parts: Sequence[Days], frame: Frame) -> Days:
    """Return the earliest, latest or earliest known of several days, row by row."""
    columns = [part.day for part in parts]
    missing = np.logical_or.reduce([is_no_day(column) for column in columns])
    if kind == "latest":
        day = np.where(missing, NO_DAY, np.maximum.reduce(columns))
    elif kind == "earliest":
        day = np.minimum.reduce(columns)  # NO_DAY is below every day, so one unknown makes it unknown
    else:
        day = np.minimum.reduce([np.where(is_no_day(column), _LATEST, column) for column in columns])
        missing = day == _LATEST
        day = np.where(missing, NO_DAY, day)
    reason = first_reason(*(part.reason for part in parts))
    if frame.trace is not None and day[0] != NO_DAY:
        days = tuple(text_day(column[0]) for column in columns)
        frame.record(working.Chosen(kind, days, to_date(int(day[0]))))
    return Days(day, None if reason is None else np.where(is_no_day(day), reason, np.int32(0)))


_EVALUATORS: dict[type, Callable[[Any, Frame], Days]] = {
    tree.Offset: _offset,
    tree.Anniversary: _anniversary,
    tree.Hours: _hours,
    tree.Start: _start,
    tree.Due: _due,
    tree.Birth: _birth,
    tree.StartAttribute: _start_attribute,
    tree.Age: _age,
    tree.AgeParameter: _age_parameter,
    tree.FixedDate: _fixed_date,
    tree.LastSchoolDay: _last_school_day,
    tree.FirstSchoolDay: _first_school_day,
    tree.NthSchoolDay: _nth_school_day,
    tree.Snap: _snap,
    tree.EventDay: _event_day,
    tree.DueOf: _due_of,
    tree.GradeEntry: _grade_entry,
    tree.Constant: _constant,
    tree.Choice: _choice,
}

"""Due days of one branch of a version: the expression, then absences, pauses, days off and agreed dates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from compliance_engine.dates import NO_DAY, BoolArray, IntArray, to_date
from compliance_engine.engine import derivation as working
from compliance_engine.engine.absences import days_absent
from compliance_engine.engine.columns import TRUE, UNKNOWN, Days, Flag, is_no_day
from compliance_engine.engine.conditions import answers_of
from compliance_engine.engine.expressions import days_of, snapped, text_day, trace_count
from compliance_engine.engine.frame import Frame
from compliance_engine.engine.selection import end_of_day
from compliance_engine.rules.expressions import Offset
from compliance_engine.rules.models import (
    AbsenceExtension,
    Agreement,
    Counting,
    ExtendedBy,
    Pause,
    Roll,
    Variant,
    Version,
)
from compliance_engine.rules.patterns import AttributeTest, EventPattern

_ROUNDS = 100


@dataclass(slots=True)
class Branch:
    """Due days of a branch, where its clock is paused, and flags."""

    due: Days
    paused: BoolArray
    flags: np.ndarray


def branch_due(frame: Frame, version: Version, variant: Variant | None) -> Branch:
    """Return the due days under a variant of a version, or (None) under the version itself."""
    expr = version.due if variant is None else variant.due
    counting = version.counting if variant is None or variant.counting is None else variant.counting
    rolls = version.rolls if variant is None or variant.rolls is None else variant.rolls
    extended = version.extended_by if variant is None or variant.extended_by is None else variant.extended_by
    due = days_of(expr, replace(frame, count_start=counting.day_one == "start_day"))
    branch = Branch(due, np.zeros(len(frame), bool), np.zeros(len(frame), np.uint8))
    word = expr.unit if isinstance(expr, Offset) else "calendar_days"
    if isinstance(extended, ExtendedBy):
        if extended.absences is not None:
            branch.due = _with_absences(frame, branch.due, extended.absences, word)
        for pause in extended.pauses:
            _pause(frame, branch, pause, word)
    branch.due = _off_days(frame, branch.due, counting, rolls)
    if isinstance(extended, ExtendedBy) and extended.agreement is not None:
        _agree(frame, branch, extended.agreement)
    _exceptional_due(frame, version, branch)
    return branch


def _with_absences(frame: Frame, due: Days, extension: AbsenceExtension, word: str) -> Days:
    """Lengthen the period by absences within it, until it no longer grows."""
    unit, tables, calendar = frame.unit(word), frame.view.tables, frame.calendar
    applies = np.ones(len(frame), bool)
    if extension.when is not None:
        truth = answers_of(extension.when, frame.with_due(due.day))
        applies = truth.answer == TRUE
        if truth.reason is not None:
            due = _unknown(due, truth.answer == UNKNOWN, truth.reason)
    base = due.day
    day, added = base, np.zeros(len(frame), np.int32)
    for _ in range(_ROUNDS):
        absent = np.where(applies, days_absent(frame, day), 0)
        more = _added(absent, extension)
        if (more == added).all():
            break
        added = more
        day = np.where(added > 0, tables.after(unit, calendar, base, added), base)
    if frame.trace is not None and added[0] and day[0] != NO_DAY:
        frame.record(
            working.Extended(
                "absences of the student", int(added[0]), word, to_date(int(base[0])), to_date(int(day[0]))
            )
        )
        trace_count(frame, int(added[0]), word, base, day, before=False)
    result = Days(day.astype(np.int32), due.reason)
    return result.because(is_no_day(day) & ~is_no_day(base), frame.view.reasons.number("calendar_ends", unit))


def _added(absent: IntArray, extension: AbsenceExtension) -> IntArray:
    if extension.at_least is not None:
        over = absent >= extension.at_least
        excess = absent - (extension.at_least - 1)
    else:
        assert extension.above is not None
        over = absent > extension.above
        excess = absent - extension.above
    return np.where(over, absent if extension.add == "all" else excess, 0).astype(np.int32)


def _unknown(due: Days, where: BoolArray, reason: IntArray) -> Days:
    old = np.zeros(len(due.day), np.int32) if due.reason is None else due.reason
    return Days(np.where(where, NO_DAY, due.day), np.where(where, reason, old))


def _pause(frame: Frame, branch: Branch, pause: Pause, word: str) -> None:
    """Take the days of each pause out of the period; stop where a pause has not ended."""
    view, unit = frame.view, frame.unit(word)
    begins, ends = view.selections.of((pause.from_,)), view.selections.of((pause.until,))
    moment, day = frame.openings.moment.copy(), branch.due.day.copy()
    running = ~is_no_day(day)
    for _ in range(_ROUNDS):
        begin = begins.next_after(frame.case, moment)
        begun = begins.days_at(begin)
        running &= (begin >= 0) & (begun <= day)
        if not running.any():
            break
        end = ends.next_after(frame.case, np.where(running, begins.moments_at(begin), moment))
        ended = ends.days_at(end)
        standing = running & (end < 0)
        removed = view.tables.between(unit, frame.calendar, begun, ended)
        branch.paused |= standing
        running &= end >= 0
        later = view.tables.after(unit, frame.calendar, day, np.where(running, np.maximum(removed, 0), 0))
        _trace_pause(frame, begun, ended, removed, standing, running, later)
        day = np.where(standing, NO_DAY, np.where(running, later, day)).astype(np.int32)
        moment = np.where(running, ends.moments_at(end), moment)
    branch.due = Days(day, branch.due.reason).because(
        is_no_day(day) & ~is_no_day(branch.due.day) & ~branch.paused,
        view.reasons.number("calendar_ends", unit),
    )


def _trace_pause(
    frame: Frame,
    begun: IntArray,
    ended: IntArray,
    removed: IntArray,
    standing: BoolArray,
    running: BoolArray,
    later: IntArray,
) -> None:
    if frame.trace is None or not (standing[0] or running[0]):
        return
    days = 0 if standing[0] else int(removed[0])
    until, to = (None, None) if standing[0] else (text_day(ended[0]), text_day(later[0]))
    frame.record(working.PausedStep(to_date(int(begun[0])), until, days, to))


def _off_days(frame: Frame, due: Days, counting: Counting, rolls: tuple[Roll, ...]) -> Days:
    if counting.last_day_off != "stays":
        side, _, word = counting.last_day_off.partition("_")
        due = snapped(due, frame, word, forward=side == "next")
    for roll in rolls:
        due = _roll(frame, due, roll)
    return due


def _roll(frame: Frame, due: Days, roll: Roll) -> Days:
    tables, calendar, day = frame.view.tables, frame.calendar, due.day
    if roll.when == "on_weekend":
        off = (day + np.int32(3)) % 7 >= 5  # 1970-01-01 was a Thursday
    elif roll.when == "on_legal_holiday":
        off = ~tables.counts_day(frame.unit("business_days"), calendar, day) & ((day + np.int32(3)) % 7 < 5)
    elif roll.when == "on_closed_day":
        off = ~tables.counts_day(frame.unit("school_days"), calendar, day)
    else:
        off = ~tables.in_school_year(calendar, day) & (tables.year_index(calendar, day) >= 0)
    rows = np.flatnonzero(off & ~is_no_day(day))
    if not len(rows):
        return due
    moved = days_of(roll.to, frame.with_due(day).take(rows))
    result = Days(day.copy(), due.reason)
    result.day[rows] = moved.day
    if frame.trace is not None and moved.day[0] != NO_DAY:
        why = roll.when.replace("_", " ").removeprefix("on ").replace("in summer", "between school years")
        frame.record(working.Rolled(why, to_date(int(day[0])), to_date(int(moved.day[0]))))
    if moved.reason is not None:
        reason = np.zeros(len(day), np.int32) if due.reason is None else due.reason.copy()
        reason[rows] = moved.reason
        result.reason = reason
    return result


def _agree(frame: Frame, branch: Branch, agreement: Agreement) -> None:
    """Move due days to the dates agreed, within the cap."""
    rule = frame.rule.rule
    names = tuple(name for full in (rule.id, *rule.overrides) for name in (full, full.rsplit(".", 1)[1]))
    test = AttributeTest("rule", names)
    patterns = [EventPattern(event.name, (*event.tests, test)) for event in agreement.event.patterns]
    found = frame.view.selections.of(patterns)
    if not len(found):
        return
    day = branch.due.day
    limit = end_of_day(day) if agreement.made_by == "due" else np.full(len(frame), np.int32(2**31 - 1))
    rows = found.last_by(frame.case, limit)
    made = (rows >= 0) & (found.days_at(rows) >= frame.openings.day) & ~is_no_day(day)
    if agreement.when is not None:
        truth = answers_of(agreement.when, frame.with_due(day))
        if truth.reason is not None:
            branch.due = _unknown(branch.due, made & (truth.answer == UNKNOWN), truth.reason)
        made &= truth.answer == TRUE
    until = np.where(made, found.dates_at(rows, "until"), NO_DAY)
    if found.unsure is not None:
        doubtful = made & found.unsure[rows]
        number = np.full(len(frame), np.int32(frame.view.reasons.number("event_attribute_missing", "rule")))
        branch.due = _unknown(branch.due, doubtful, number)
    later = until > day
    new = np.where(later, until, day)
    if agreement.cap is not None and later.any():
        cap = days_of(agreement.cap, replace(frame.with_due(day), trace=None)).day
        over = later & ~is_no_day(cap) & (new > cap)
        new = np.where(over, cap, new)
        branch.flags[over] |= np.uint8(Flag.CAPPED)
    _move_due(
        frame,
        branch,
        new,
        "extension agreed" + (", cut to the cap" if branch.flags.any() and len(frame) == 1 else ""),
    )


def _move_due(frame: Frame, branch: Branch, new: IntArray, why: str) -> None:
    old = branch.due.day
    keep = is_no_day(old) & (branch.due.reason is not None)
    if frame.trace is not None and old[0] != NO_DAY and new[0] != old[0]:
        frame.record(
            working.Extended(
                why, int(new[0]) - int(old[0]), "calendar_days", to_date(int(old[0])), to_date(int(new[0]))
            )
        )
    branch.due = Days(np.where(keep, old, new).astype(np.int32), branch.due.reason)


def _exceptional_due(frame: Frame, version: Version, branch: Branch) -> None:
    """Apply the exceptions that set another due day."""
    for exception in version.exceptions:
        if exception.due is None:
            continue
        timed = frame.with_due(branch.due.day)
        truth = answers_of(exception.when, timed)
        rows = np.flatnonzero(truth.answer == TRUE)
        if len(rows):
            found = days_of(exception.due, timed.take(rows))
            day = branch.due.day.copy()
            day[rows] = found.day
            reason = np.zeros(len(frame), np.int32) if branch.due.reason is None else branch.due.reason.copy()
            reason[rows] = 0 if found.reason is None else found.reason
            branch.due = Days(day, reason)
            frame.record(working.ExceptionUsed(exception.id, exception.effect, exception.citation))
        if truth.reason is not None:
            branch.due = _unknown(branch.due, truth.answer == UNKNOWN, truth.reason)

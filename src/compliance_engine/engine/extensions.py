"""Due days of one branch of a version: the expression, then absences, pauses, days off and agreed dates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from compliance_engine.dates import NO_DAY, BoolArray, IntArray, to_date
from compliance_engine.engine import derivation as working
from compliance_engine.engine.absences import days_absent
from compliance_engine.engine.columns import FALSE, TRUE, UNKNOWN, Days, Flag, is_no_day
from compliance_engine.engine.conditions import answers_of
from compliance_engine.engine.expressions import choose, days_of, snapped, text_day, trace_count
from compliance_engine.engine.frame import Frame, start_of_day
from compliance_engine.rules.expressions import Choice, Expr, Offset, is_running
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
    counted = replace(frame, count_start=counting.day_one == "start_day")
    nothing = Days(np.full(len(frame), NO_DAY))
    branch = Branch(nothing, np.zeros(len(frame), bool), np.zeros(len(frame), np.uint8))
    if isinstance(extended, ExtendedBy):
        branch.due = _lengthened(counted, expr, extended, branch)
    else:
        branch.due = days_of(expr, counted)
    branch.due = _off_days(frame, branch.due, counting, rolls)
    if isinstance(extended, ExtendedBy) and extended.agreement is not None:
        _agree(frame, branch, extended.agreement)
    _exceptional_due(frame, version, branch)
    return branch


def _lengthened(frame: Frame, expr: Expr, extended: ExtendedBy, branch: Branch) -> Days:
    """Return the end of a period that absences and pauses lengthen; of several periods, each by itself.

    A day that is no count (a birthday, June 30) stays where it is, unless `extended` names a unit.
    """
    if isinstance(expr, Choice) and extended.unit is None:
        parts = [_lengthened(frame, member, extended, branch) for member in expr.of]
        return choose(expr.kind, parts, frame)
    due = days_of(expr, frame)
    if extended.unit is None and not is_running(expr):
        return due
    period = _period_of(frame, expr, extended)
    frame = replace(frame, count_start=False)
    if extended.absences is not None:
        due = _with_absences(frame, due, extended.absences, period)
    if extended.pauses:
        due = _pause(frame, due, branch, extended.pauses, period)
    return due


@dataclass(frozen=True, slots=True)
class _Period:
    """The running period: the unit in which days are added to it, and the day after which it runs."""

    word: str
    after: IntArray


def _period_of(frame: Frame, expr: Expr, extended: ExtendedBy) -> _Period:
    """Return the period that a due day ends; one that is no count of days runs from the opening."""
    if not isinstance(expr, Offset) or expr.before:
        return _Period(extended.unit or "calendar_days", frame.openings.day)
    anchor = days_of(expr.anchor, replace(frame, trace=None)).day
    after = np.where(is_no_day(anchor), anchor, anchor - np.int32(frame.count_start)).astype(np.int32)
    return _Period(extended.unit or expr.unit, after)


def _with_absences(frame: Frame, due: Days, extension: AbsenceExtension, period: _Period) -> Days:
    """Lengthen the period by absences within it, until it no longer grows."""
    word = period.word
    unit, tables, calendar = frame.unit(word), frame.view.tables, frame.calendar
    applies = np.ones(len(frame), bool)
    if extension.when is not None:
        truth = answers_of(extension.when, frame.with_due(due.day))
        applies = truth.answer == TRUE
        if truth.reason is not None:
            due = _unknown(due, truth.answer == UNKNOWN, truth.reason)
    base = due.day
    day, added = base, np.zeros(len(frame), np.int32)
    lost = np.zeros(len(frame), bool)
    for _ in range(_ROUNDS):
        absent, unknown = days_absent(frame, day, period.after)
        lost |= applies & unknown & ~is_no_day(day)
        more = _added(np.where(applies, absent, 0), extension)
        more = np.where(lost | is_no_day(day), added, more)
        if (more == added).all():
            break
        added = more
        day = np.where(added > 0, tables.after(unit, calendar, base, added), base)
    day = np.where(lost, NO_DAY, day)
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
    """Return days that are not known, for one reason more, in some rows."""
    where = where & ~is_no_day(due.day)
    old = np.zeros(len(due.day), np.int32) if due.reason is None else due.reason
    return Days(np.where(where, NO_DAY, due.day), np.where(where, reason, old))


def _pause(frame: Frame, due: Days, branch: Branch, pauses: tuple[Pause, ...], period: _Period) -> Days:
    """Take the days of every pause out of the period, each day once; stop where a pause has not ended.

    Pauses are taken in the order in which they begin; one that begins after the due day, as it stands by
    then, changes nothing.
    """
    clocks = [_PauseClock(frame, pause) for pause in pauses]
    view, unit = frame.view, frame.unit(period.word)
    base, day = due.day, due.day.copy()
    paused = np.zeros(len(frame), bool)
    taken, until = np.zeros(len(frame), np.int32), period.after
    running = ~is_no_day(day)
    for _ in range(_ROUNDS):
        begins = np.stack([clock.begins for clock in clocks])
        first = begins.argmin(axis=0)
        begun, ended = (
            np.choose(first, [getattr(clock, name) for clock in clocks]) for name in ("begun", "ended")
        )
        running &= (begins.min(axis=0) < _NEVER) & (begun <= day)
        if not running.any():
            break
        standing = running & is_no_day(ended)
        paused |= standing
        running &= ~standing
        removed = view.tables.between(unit, frame.calendar, np.maximum(begun, until), ended)
        unknown = is_no_day(removed)
        taken += np.where(running & ~unknown, np.maximum(removed, 0), 0).astype(np.int32)
        later = np.where(unknown, NO_DAY, view.tables.after(unit, frame.calendar, base, taken))
        _trace_pause(frame, begun, ended, removed, standing, running, later)
        day = np.where(standing, NO_DAY, np.where(running, later, day)).astype(np.int32)
        until = np.where(running, np.maximum(until, ended), until)
        running &= ~is_no_day(day)
        for index, clock in enumerate(clocks):
            clock.go_on(running & (first == index))
    branch.paused |= paused
    return Days(day, due.reason).because(
        is_no_day(day) & ~is_no_day(base) & ~paused, view.reasons.number("calendar_ends", unit)
    )


_NEVER = np.int64(2**62)


@dataclass(slots=True)
class _PauseClock:
    """The next pause of one kind, for each row: it begins after the opening and after the one before it."""

    frame: Frame
    pause: Pause
    begins: np.ndarray = field(init=False)
    begun: IntArray = field(init=False)
    ended: IntArray = field(init=False)
    _moment: IntArray = field(init=False)
    _after: IntArray = field(init=False)

    def __post_init__(self) -> None:
        self._moment = self.frame.openings.moment.copy()
        self._find()

    def _find(self) -> None:
        selections, case = self.frame.view.selections, self.frame.case
        begins, ends = selections.of((self.pause.from_,)).sure(), selections.of((self.pause.until,)).sure()
        row = begins.next_after(case, self._moment)
        moment = begins.moments_at(row)
        self.begins = np.where(row >= 0, moment.astype(np.int64), _NEVER)
        self.begun = begins.days_at(row)
        end = ends.next_after(case, moment)
        self.ended = np.where(row >= 0, ends.days_at(end), NO_DAY)
        self._after = ends.moments_at(end)

    def go_on(self, rows: BoolArray) -> None:
        """Look for the next pause in some rows."""
        if rows.any():
            self._moment = np.where(rows, self._after, self._moment)
            self._find()


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
    off, unknown = _is_off(frame, due.day, roll.when)
    number = frame.view.reasons.number("calendar_ends", frame.unit("school_days"))
    due = _unknown(due, unknown, np.full(len(frame), np.int32(number)))
    day = due.day
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


def _is_off(frame: Frame, day: IntArray, when: str) -> tuple[BoolArray, BoolArray]:
    """Return which days are off in the sense of a roll, and of which the calendar does not say."""
    tables, calendar = frame.view.tables, frame.calendar
    if when == "on_weekend":
        return (day + np.int32(3)) % 7 >= 5, np.zeros(len(day), bool)  # 1970-01-01 was a Thursday
    if when == "on_legal_holiday":
        return tables.legal_holidays(calendar, day)
    uncovered = ~tables.covers(calendar, day)
    if when == "on_closed_day":
        return ~tables.counts_day(frame.unit("school_days"), calendar, day) & ~uncovered, uncovered
    return ~tables.in_school_year(calendar, day) & ~uncovered, uncovered


def _agree(frame: Frame, branch: Branch, agreement: Agreement) -> None:
    """Move due days to the dates agreed: each by the due day as it then stood, the last one counts."""
    rule = frame.rule.rule
    names = tuple(name for full in (rule.id, *rule.overrides) for name in (full, full.rsplit(".", 1)[1]))
    test = AttributeTest("rule", names)
    patterns = [EventPattern(event.name, (*event.tests, test)) for event in agreement.event.patterns]
    found = frame.view.selections.of(patterns)
    base = branch.due.day
    made = ~is_no_day(base)
    if not len(found) or not made.any():
        return
    truth = answers_of(agreement.when, frame.with_due(base)) if agreement.when is not None else None
    if truth is not None:
        made &= truth.answer != FALSE
    due, unknown, agreed = base.copy(), np.zeros(len(frame), bool), np.zeros(len(frame), bool)
    row = found.next_after(frame.case, start_of_day(np.where(made, frame.openings.day, 0)))
    for _ in range(_ROUNDS):
        made &= row >= 0
        if agreement.made_by == "due":
            made &= found.days_at(row) <= due
        if not made.any():
            break
        until = found.dates_at(row, "until")
        unsure = is_no_day(until) | (False if found.unsure is None else found.unsure[row])
        unknown |= made & unsure
        agreed |= made
        due = np.where(made & ~unsure, np.maximum(until, base), due)
        made &= ~unsure
        following = row + np.int32(1)
        row = np.where(made & (following < found.offsets[frame.case + 1]), following, np.int32(-1))
    if truth is not None and truth.reason is not None:
        branch.due = _unknown(branch.due, agreed & (truth.answer == UNKNOWN), truth.reason)
    number = np.int32(frame.view.reasons.number("event_attribute_missing", str(agreement.event.patterns[0])))
    branch.due = _unknown(branch.due, unknown, np.full(len(frame), number))
    due = np.where(is_no_day(branch.due.day), NO_DAY, due)
    _move_due(frame, branch, _cut(frame, branch, agreement, base, due))


def _cut(frame: Frame, branch: Branch, agreement: Agreement, base: IntArray, due: IntArray) -> IntArray:
    """Return agreed days, cut to the cap (never before the day without agreement)."""
    later = due > base
    if agreement.cap is None or not later.any():
        return due
    cap = days_of(agreement.cap, replace(frame.with_due(base), trace=None))
    missing = later & is_no_day(cap.day)
    if missing.any():
        reason = np.zeros(len(frame), np.int32) if cap.reason is None else cap.reason
        branch.due = _unknown(branch.due, missing, reason)
        due = np.where(missing, NO_DAY, due)
    over = later & ~missing & (due > cap.day)
    branch.flags[over] |= np.uint8(Flag.CAPPED)
    return np.where(over, np.maximum(cap.day, base), due)


def _move_due(frame: Frame, branch: Branch, new: IntArray) -> None:
    old = branch.due.day
    why = "extension agreed" + (", cut to the cap" if branch.flags.any() and len(frame) == 1 else "")
    if frame.trace is not None and old[0] != NO_DAY and new[0] != old[0]:
        frame.record(
            working.Extended(
                why, int(new[0]) - int(old[0]), "calendar_days", to_date(int(old[0])), to_date(int(new[0]))
            )
        )
    branch.due = Days(new.astype(np.int32), branch.due.reason)


def _exceptional_due(frame: Frame, version: Version, branch: Branch) -> None:
    """Apply the exceptions that set another due day."""
    for exception in version.exceptions:
        if exception.due is None:
            continue
        timed = replace(frame, due=branch.due.day, standing=branch.paused)
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

"""How duties end: what met them, what closed them, what excuses them, and their status as of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from compliance_engine.dates import NO_DAY, BoolArray, IntArray, to_date
from compliance_engine.engine import derivation as working
from compliance_engine.engine.columns import PAUSED_ELSEWHERE, TRUE, UNKNOWN, Flag, Status, is_no_day
from compliance_engine.engine.conditions import answers_of
from compliance_engine.engine.expressions import days_of
from compliance_engine.engine.frame import Frame, Outcome, start_of_day
from compliance_engine.engine.openings import closing_patterns
from compliance_engine.engine.selection import Selection, end_of_day
from compliance_engine.rules.expressions import Hours, walk
from compliance_engine.rules.models import Version


@dataclass(slots=True)
class _Met:
    """When each duty was met, and where that is not certain."""

    day: IntArray
    moment: IntArray
    doubtful: BoolArray | None = None


def end_duties(frame: Frame, version: Version, outcome: Outcome, paused: BoolArray) -> Outcome:
    """Fill in what met and closed each duty, and its status."""
    assert frame.due is not None
    met = _met(frame)
    closings = frame.view.selections.of(closing_patterns(frame.view, frame.rule.rule))
    closed, closed_moment = _closed(frame, closings.sure(), met)
    over = (closed != NO_DAY) & (met.moment > closed_moment)
    over &= (closed <= frame.due) | is_no_day(frame.due)
    outcome.met = np.where(over, NO_DAY, met.day)
    outcome.closed = closed
    standing = paused | np.isin(outcome.reason, frame.view.reasons.numbers_of(PAUSED_ELSEWHERE))
    _status(frame, outcome, standing)
    if met.doubtful is not None:
        decides = outcome.status != Status.PENDING  # perhaps met already, but not late either way
        _undetermined(frame, outcome, met.doubtful & decides, str(frame.rule.rule.met_by.patterns[0]))
    perhaps = closings.perhaps()
    if perhaps is not None:
        maybe, moment = _closed(frame, perhaps, met)
        _undetermined(
            frame, outcome, (maybe != NO_DAY) & _still_owed(frame, maybe, moment, met), "closing event"
        )
    _by_the_clock(frame, version, outcome)
    _too_early(frame, version, outcome)
    met_moment = np.where(over, NO_DAY, met.moment)
    _apply_exceptions(replace(frame, met_moment=met_moment, standing=standing), version, outcome)
    _trace_end(frame, outcome)
    return outcome


def _closed(frame: Frame, closings: Selection, met: _Met) -> tuple[IntArray, IntArray]:
    """Return day and moment of the first closing event after each opening, unless it was met by then."""
    if frame.rule.rule.met_looking == "backward":
        nothing = np.full(len(frame), NO_DAY)
        return nothing, nothing
    row = closings.next_after(frame.case, frame.openings.moment)
    day, moment = closings.days_at(row), closings.moments_at(row)
    ignored = (day != NO_DAY) & (met.moment != NO_DAY) & (met.moment <= moment)
    return np.where(ignored, NO_DAY, day), moment


def _still_owed(frame: Frame, closed: IntArray, moment: IntArray, met: _Met) -> BoolArray:
    """Return where an event fell into the time in which the duty was neither met nor late."""
    assert frame.due is not None
    in_time = (closed <= frame.due) | is_no_day(frame.due)
    return np.asarray(in_time & ((met.moment == NO_DAY) | (met.moment > moment)))


def _met(frame: Frame) -> _Met:
    rule = frame.rule.rule
    if rule.met_looking == "in_effect":
        return _in_effect(frame)
    if rule.met_looking == "backward":
        assert frame.openings.previous is not None
        after, until = frame.openings.previous, end_of_day(frame.openings.day)
    elif rule.met_looking == "forward_same_day":
        after, until = start_of_day(frame.openings.day), None
    else:
        after, until = frame.openings.moment, None
    if not rule.met_by.needs_all:
        return _first_between(frame, frame.view.selections.of(rule.met_by.patterns), after, until)
    parts = [
        _first_between(frame, frame.view.selections.of((pattern,)), after, until)
        for pattern in rule.met_by.patterns
    ]
    missing = np.logical_or.reduce([is_no_day(part.day) for part in parts])
    day = np.where(missing, NO_DAY, np.maximum.reduce([part.day for part in parts]))
    moment = np.where(missing, NO_DAY, np.maximum.reduce([part.moment for part in parts]))
    doubts = [part.doubtful for part in parts if part.doubtful is not None]
    if not doubts:
        return _Met(day, moment)
    none = np.zeros(len(frame), bool)
    never = [is_no_day(part.day) & ~(none if part.doubtful is None else part.doubtful) for part in parts]
    return _Met(day, moment, np.logical_or.reduce(doubts) & ~np.logical_or.reduce(never))


def _first_between(frame: Frame, found: Selection, after: IntArray, until: IntArray | None) -> _Met:
    """Return the first event within a window; doubtful where only one that says too little came in time."""
    sure, perhaps = found.sure(), found.perhaps()
    row = _row_between(sure, frame, after, until)
    day, moment = sure.days_at(row), sure.moments_at(row)
    if perhaps is None:
        return _Met(day, moment)
    assert frame.due is not None
    other = _row_between(perhaps, frame, after, until)
    sooner = (row < 0) | ((perhaps.moments_at(other) < moment) & (day > frame.due))
    return _Met(day, moment, (other >= 0) & sooner)


def _row_between(found: Selection, frame: Frame, after: IntArray, until: IntArray | None) -> IntArray:
    row = found.next_after(frame.case, after)
    if until is None:
        return row
    return np.where((row >= 0) & (found.moments_at(row) <= until), row, np.int32(-1))


def _in_effect(frame: Frame) -> _Met:
    """Return the plan in effect on the due day if it qualifies, else the first that does afterwards."""
    rule = frame.rule.rule
    assert rule.superseded_by is not None
    assert frame.due is not None
    qualifying = frame.view.selections.of(rule.met_by.patterns)
    replacing = frame.view.selections.of((rule.superseded_by,))
    limit = end_of_day(frame.due)
    sure, perhaps = qualifying.sure(), qualifying.perhaps()
    good = sure.last_by(frame.case, limit)
    began, replaced = sure.moments_at(good), _last_moment(replacing.sure(), frame, limit)
    in_force = (good >= 0) & (began >= replaced)
    row = np.where(in_force, good, sure.next_after(frame.case, limit))
    row = np.where(is_no_day(frame.due), np.int32(-1), row)
    doubtful = in_force & (_last_moment(replacing.perhaps(), frame, limit) > began)
    if perhaps is not None:
        maybe = _last_moment(perhaps, frame, limit)
        other = perhaps.next_after(frame.case, limit)
        sooner = (other >= 0) & ((row < 0) | (perhaps.moments_at(other) < sure.moments_at(row)))
        doubtful |= ~in_force & (((maybe != NO_DAY) & (maybe >= replaced)) | sooner)
    doubtful &= ~is_no_day(frame.due)
    return _Met(sure.days_at(row), sure.moments_at(row), doubtful)


def _last_moment(found: Selection | None, frame: Frame, limit: IntArray) -> IntArray:
    if found is None:
        return np.full(len(frame), NO_DAY)
    return found.moments_at(found.last_by(frame.case, limit))


def _status(frame: Frame, outcome: Outcome, standing: BoolArray) -> None:
    due, met, closed, as_of = outcome.due, outcome.met, outcome.closed, np.int32(frame.view.as_of)
    is_met, is_closed = met != NO_DAY, closed != NO_DAY
    end = np.where(is_closed, closed, as_of)
    if frame.rule.rule.met_looking == "backward":
        end = np.minimum(end, np.maximum(frame.openings.day, due))
        is_closed = is_closed & False
    reached = np.where(is_met, met, end)
    late = reached > due
    status = np.where(
        is_met,
        late.astype(np.uint8),
        np.where(
            late,
            np.uint8(Status.OVERDUE),
            np.where(is_closed, np.uint8(Status.NOT_APPLICABLE), np.uint8(Status.PENDING)),
        ),
    )
    outcome.days_late = np.where(late, reached - due, 0).astype(np.int32)
    waiting = ~(is_met | is_closed)
    frame.view.changes_on(frame.case[waiting], due[waiting] + np.int32(1))
    unknown = due == NO_DAY
    if unknown.any():
        status[unknown] = Status.UNDETERMINED
        outcome.days_late[unknown] = 0
        # what is done while the clock stands still is done in time
        open_ended = np.where(is_closed, np.uint8(Status.NOT_APPLICABLE), np.uint8(Status.PAUSED))
        open_ended[is_met] = Status.MET
        status[unknown & standing] = open_ended[unknown & standing]
    if frame.rule.rule.kind != "deadline":
        _other_kinds(frame, outcome, status, is_met)
    outcome.status = status


def _other_kinds(frame: Frame, outcome: Outcome, status: np.ndarray, is_met: BoolArray) -> None:
    """A first permitted day, or a window of the parent's, is never late."""
    known = outcome.due != NO_DAY
    if frame.rule.rule.kind == "not_before":
        early = known & is_met & (outcome.met < outcome.due)
        frame.view.changes_on(frame.case[known], outcome.due[known])
        outcome.flags[early] |= np.uint8(Flag.TOO_EARLY)
        status[known & (is_met | (outcome.due <= frame.view.as_of))] = Status.MET
    else:
        status[known & (status == Status.MET_LATE)] = Status.MET
        status[known & (status == Status.OVERDUE)] = Status.NOT_APPLICABLE
    outcome.days_late[:] = 0


def _undetermined(
    frame: Frame, outcome: Outcome, rows: BoolArray, about: str, code: str = "event_attribute_missing"
) -> None:
    """Mark rows as undetermined, unless the duty has fallen away or is undetermined already."""
    rows = rows & ~np.isin(outcome.status, (Status.NOT_APPLICABLE, Status.UNDETERMINED))
    if rows.any():
        outcome.status[rows] = Status.UNDETERMINED
        outcome.days_late[rows] = 0
        outcome.reason = np.where(rows, np.int32(frame.view.reasons.number(code, about)), outcome.reason)


def _by_the_clock(frame: Frame, version: Version, outcome: Outcome) -> None:
    """Where a period in hours ended on its last possible day, compare times of day."""
    hourly = np.array([*(_in_hours(one.due) for one in version.variants), _in_hours(version.due)])
    kind = frame.rule.rule.kind
    if not hourly.any() or kind == "information":
        return
    last = (outcome.met != NO_DAY) & (outcome.met == outcome.due) & hourly[np.maximum(outcome.variant, -1)]
    rows = np.flatnonzero(last)
    if not len(rows):
        return
    begun = _minutes_of_openings(frame)[rows]
    done, silent = _minutes_of_met(frame.take(rows), outcome.met[rows])
    known = (begun >= 0) & (done >= 0)
    missing = np.zeros(len(frame), bool)
    if kind == "not_before":
        early = known & (done < begun)
        missing[rows] = ~early & (silent | ~known)
        _undetermined(frame, outcome, missing, "", "time_of_day_missing")
        outcome.flags[rows[early]] |= np.uint8(Flag.TOO_EARLY)
        return
    in_time = known & (done <= begun)
    missing[rows] = ~in_time & (silent | (begun < 0) | (done < 0))
    _undetermined(frame, outcome, missing, "", "time_of_day_missing")
    late = rows[~in_time & ~missing[rows] & (outcome.status[rows] == Status.MET)]
    outcome.status[late] = Status.MET_LATE
    outcome.days_late[late] = 1


def _in_hours(due: object) -> bool:
    return any(isinstance(node, Hours) for node in walk(due))


def _minutes_of_openings(frame: Frame) -> IntArray:
    minutes = np.full(len(frame), np.int32(-1))
    openings = frame.openings
    for index, column in enumerate(openings.columns):
        values, missing = column.values("at")
        mine = np.ones(len(frame), bool) if openings.source is None else openings.source == index
        assert openings.row is not None
        rows = openings.row[mine]
        minutes[mine] = np.where(missing[rows], -1, values[rows])
    return minutes


def _minutes_of_met(frame: Frame, met: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the earliest time of day of the meeting events of each day, and where one says none."""
    found = frame.view.selections.of(frame.rule.rule.met_by.patterns).sure()
    rows, sources = found.rows_in_columns(), found.sources()
    earliest, silent = np.full(len(frame), np.int32(-1)), np.zeros(len(frame), bool)
    row = found.next_after(frame.case, start_of_day(met))
    while True:
        hit = (row >= 0) & (found.days_at(row) == met)
        if not hit.any():
            return earliest, silent
        for index, column in enumerate(found.columns):
            mine = np.flatnonzero(hit & (sources[row] == index))
            values, missing = column.values("at")
            inner = rows[row[mine]]
            silent[mine] |= missing[inner]
            before = earliest[mine]
            time = np.where(missing[inner], before, values[inner])
            earliest[mine] = np.where(before < 0, time, np.minimum(before, time))
        row = np.where(hit & (row + 1 < found.offsets[frame.case + 1]), row + 1, np.int32(-1)).astype(
            np.int32
        )


def _too_early(frame: Frame, version: Version, outcome: Outcome) -> None:
    if version.not_before is None:
        return
    opened = days_of(version.not_before, replace(frame, trace=None)).day
    early = (outcome.met != NO_DAY) & ~is_no_day(opened) & (outcome.met < opened)
    outcome.flags[early] |= np.uint8(Flag.TOO_EARLY)
    if frame.trace is not None and opened[0] != NO_DAY:
        frame.record(working.Reached("not before", to_date(int(opened[0]))))


def _apply_exceptions(frame: Frame, version: Version, outcome: Outcome) -> None:
    """Apply the exceptions that lift a duty or excuse its lateness, in order."""
    lifted = np.zeros(len(frame), bool)
    for index, exception in enumerate(version.exceptions):
        if exception.effect == "due":
            continue
        truth = answers_of(exception.when, frame)
        holds = (truth.answer == TRUE) & ~lifted
        late = np.isin(outcome.status, (Status.MET_LATE, Status.OVERDUE))
        if exception.effect == "not_applicable":
            outcome.status[holds] = Status.NOT_APPLICABLE
            outcome.days_late[holds] = 0
            outcome.reason[holds] = 0
            outcome.flags[holds] &= ~np.uint8(Flag.TOO_EARLY)
            outcome.excuse[holds] = index
            lifted |= holds
        elif exception.effect == "met":
            kept = holds & (late | (outcome.status == Status.PENDING))
            outcome.status[kept] = Status.MET
            outcome.days_late[kept] = 0
            outcome.excuse[kept & (outcome.excuse < 0)] = index
        else:
            outcome.excuse[holds & late & (outcome.excuse < 0)] = index
        if truth.reason is not None:
            doubtful = (truth.answer == UNKNOWN) & late
            outcome.status[doubtful] = Status.UNDETERMINED
            outcome.days_late[doubtful] = 0
            outcome.reason = np.where(doubtful, truth.reason, outcome.reason)
        if frame.trace is not None and holds[0]:
            frame.record(working.ExceptionUsed(exception.id, exception.effect, exception.citation))


def _trace_end(frame: Frame, outcome: Outcome) -> None:
    if frame.trace is None or not len(frame):
        return
    if outcome.met[0] != NO_DAY:
        frame.record(
            working.Ended(
                "met",
                to_date(int(outcome.met[0])),
                _names(frame.rule.rule.met_by.patterns, frame, outcome.met),
            )
        )
    elif outcome.closed[0] != NO_DAY:
        patterns = closing_patterns(frame.view, frame.rule.rule)
        frame.record(
            working.Ended("closed", to_date(int(outcome.closed[0])), _names(patterns, frame, outcome.closed))
        )


def _names(patterns: Sequence[object], frame: Frame, day: IntArray) -> str:
    """Return which of the patterns happened on the day."""
    named = []
    for pattern in patterns:
        found = frame.view.selections.of((pattern,))  # type: ignore[arg-type]
        row = found.last_by(frame.case, end_of_day(day))
        if found.days_at(row)[0] == day[0]:
            named.append(str(pattern))
    return " and ".join(named)

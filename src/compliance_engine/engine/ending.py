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
from compliance_engine.engine.frame import Frame, Outcome
from compliance_engine.engine.openings import closing_patterns
from compliance_engine.engine.selection import Selection, end_of_day
from compliance_engine.rules.expressions import Hours, walk
from compliance_engine.rules.models import RuleException, Version
from compliance_engine.rules.starts import MetBy


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
    row = closings.next_after(frame.case, frame.openings.moment)
    closed, closed_moment = closings.days_at(row), closings.moments_at(row)
    ignored = (closed != NO_DAY) & (met.moment != NO_DAY) & (met.moment <= closed_moment)
    closed = np.where(ignored, NO_DAY, closed)
    if frame.rule.rule.met_looking == "backward":
        closed = np.full(len(frame), NO_DAY)
    over = (closed != NO_DAY) & (met.moment > closed_moment) & (closed <= frame.due)
    outcome.met = np.where(over, NO_DAY, met.day)
    outcome.closed = closed
    _status(frame, outcome, paused)
    if met.doubtful is not None:
        _undetermined(
            frame, outcome, met.doubtful, "event_attribute_missing", str(frame.rule.rule.met_by.patterns[0])
        )
    _by_the_clock(frame, version, outcome)
    _too_early(frame, version, outcome)
    timed = replace(frame, met_moment=np.where(over, NO_DAY, met.moment))
    for index, exception in enumerate(version.exceptions):
        _except(timed, outcome, index, exception)
    _trace_end(frame, outcome)
    return outcome


def _met(frame: Frame) -> _Met:
    looking = frame.rule.rule.met_looking
    if looking == "forward":
        return _forward(frame, frame.rule.rule.met_by)
    return _backward(frame) if looking == "backward" else _in_effect(frame)


def _forward(frame: Frame, met_by: MetBy) -> _Met:
    if not met_by.needs_all:
        return _first_after(frame, frame.view.selections.of(met_by.patterns))
    parts = [_first_after(frame, frame.view.selections.of((pattern,))) for pattern in met_by.patterns]
    missing = np.logical_or.reduce([is_no_day(part.day) for part in parts])
    day = np.where(missing, NO_DAY, np.maximum.reduce([part.day for part in parts]))
    moment = np.where(missing, NO_DAY, np.maximum.reduce([part.moment for part in parts]))
    doubts = [part.doubtful for part in parts if part.doubtful is not None]
    return _Met(day, moment, np.logical_or.reduce(doubts) if doubts else None)


def _first_after(frame: Frame, found: Selection) -> _Met:
    moment = frame.openings.moment
    row = found.next_after(frame.case, moment)
    if found.unsure is None:
        return _Met(found.days_at(row), found.moments_at(row))
    doubtful = (row >= 0) & found.unsure[row]
    sure = found.keep(~found.unsure)
    row = sure.next_after(frame.case, moment)
    return _Met(sure.days_at(row), sure.moments_at(row), doubtful)


def _backward(frame: Frame) -> _Met:
    """Return the first meeting event since the opening before, up to this opening."""
    openings = frame.openings
    assert openings.previous is not None
    found = frame.view.selections.of(frame.rule.rule.met_by.patterns)
    row = found.next_after(frame.case, openings.previous)
    inside = (row >= 0) & (found.moments_at(row) <= end_of_day(openings.day))
    row = np.where(inside, row, np.int32(-1))
    return _Met(found.days_at(row), found.moments_at(row))


def _in_effect(frame: Frame) -> _Met:
    rule = frame.rule.rule
    assert rule.superseded_by is not None
    assert frame.due is not None
    qualifying = frame.view.selections.of(rule.met_by.patterns)
    plans = frame.view.selections.of((*rule.met_by.patterns, rule.superseded_by))
    limit = end_of_day(frame.due)
    last, good = plans.last_by(frame.case, limit), qualifying.last_by(frame.case, limit)
    in_force = (good >= 0) & (qualifying.moments_at(good) == plans.moments_at(last))
    later = qualifying.next_after(frame.case, limit)
    row = np.where(in_force, good, later)
    row = np.where(is_no_day(frame.due), np.int32(-1), row)
    doubtful = None if qualifying.unsure is None else (row >= 0) & qualifying.unsure[row]
    return _Met(qualifying.days_at(row), qualifying.moments_at(row), doubtful)


def _status(frame: Frame, outcome: Outcome, paused: BoolArray) -> None:
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
    unknown = due == NO_DAY
    if unknown.any():
        status[unknown] = Status.UNDETERMINED
        outcome.days_late[unknown] = 0
        paused = paused | np.isin(outcome.reason, frame.view.reasons.numbers_of(PAUSED_ELSEWHERE))
        status[unknown & paused] = np.where(is_closed, Status.NOT_APPLICABLE, Status.PAUSED)[unknown & paused]
    if frame.rule.rule.kind != "deadline":
        _other_kinds(frame, outcome, status, is_met)
    outcome.status = status


def _other_kinds(frame: Frame, outcome: Outcome, status: np.ndarray, is_met: BoolArray) -> None:
    """A first permitted day, or a window of the parent's, is never late."""
    known = outcome.due != NO_DAY
    if frame.rule.rule.kind == "not_before":
        early = known & is_met & (outcome.met < outcome.due)
        outcome.flags[early] |= np.uint8(Flag.TOO_EARLY)
        status[known & (is_met | (outcome.due <= frame.view.as_of))] = Status.MET
    else:
        status[known & (status == Status.MET_LATE)] = Status.MET
        status[known & (status == Status.OVERDUE)] = Status.NOT_APPLICABLE
    outcome.days_late[:] = 0


def _undetermined(frame: Frame, outcome: Outcome, rows: BoolArray, code: str, about: str = "") -> None:
    if rows.any():
        outcome.status[rows] = Status.UNDETERMINED
        outcome.days_late[rows] = 0
        outcome.reason = np.where(
            rows & (outcome.reason == 0), np.int32(frame.view.reasons.number(code, about)), outcome.reason
        )


def _by_the_clock(frame: Frame, version: Version, outcome: Outcome) -> None:
    """Where a period in hours ended on its last possible day, compare times of day."""
    if not any(isinstance(node, Hours) for node in walk(version.due)):
        return
    last = (outcome.met != NO_DAY) & (outcome.met == outcome.due)
    rows = np.flatnonzero(last)
    if not len(rows):
        return
    begun = _minutes_of_openings(frame)[rows]
    done = _minutes_of_met(frame, outcome)[rows]
    missing = (begun < 0) | (done < 0)
    late = ~missing & (done > begun)
    outcome.status[rows[late]] = Status.MET_LATE
    outcome.days_late[rows[late]] = 1
    mask = np.zeros(len(frame), bool)
    mask[rows[missing]] = True
    _undetermined(frame, outcome, mask, "time_of_day_missing")


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


def _minutes_of_met(frame: Frame, outcome: Outcome) -> IntArray:
    found = frame.view.selections.of(frame.rule.rule.met_by.patterns)
    minutes = np.full(len(frame), np.int32(-1))
    row = found.last_by(frame.case, end_of_day(outcome.met))
    hit = (row >= 0) & (outcome.met != NO_DAY)
    rows, sources = found.rows_in_columns(), found.sources()
    for index, column in enumerate(found.columns):
        mine = hit & (sources[row] == index)
        values, missing = column.values("at")
        inner = rows[row[mine]]
        minutes[mine] = np.where(missing[inner], -1, values[inner])
    return minutes


def _too_early(frame: Frame, version: Version, outcome: Outcome) -> None:
    if version.not_before is None:
        return
    opened = days_of(version.not_before, replace(frame, trace=None)).day
    early = (outcome.met != NO_DAY) & ~is_no_day(opened) & (outcome.met < opened)
    outcome.flags[early] |= np.uint8(Flag.TOO_EARLY)
    if frame.trace is not None and opened[0] != NO_DAY:
        frame.record(working.Reached("not before", to_date(int(opened[0]))))


def _except(frame: Frame, outcome: Outcome, index: int, exception: RuleException) -> None:
    if exception.effect == "due":
        return
    truth = answers_of(exception.when, frame)
    holds = truth.answer == TRUE
    if exception.effect == "not_applicable":
        outcome.status[holds] = Status.NOT_APPLICABLE
        outcome.days_late[holds] = 0
        outcome.reason[holds] = 0
        outcome.flags[holds] &= ~np.uint8(Flag.TOO_EARLY)
    outcome.excuse[holds & (outcome.excuse < 0)] = index
    if truth.reason is not None:
        late = np.isin(outcome.status, (Status.MET_LATE, Status.OVERDUE))
        doubtful = (truth.answer == UNKNOWN) & late
        outcome.status[doubtful] = Status.UNDETERMINED
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

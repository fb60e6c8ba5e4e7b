"""School days a student was absent within a period."""

from __future__ import annotations

import numpy as np

from compliance_engine.dates import NO_DAY, BoolArray, IntArray
from compliance_engine.engine.columns import is_no_day
from compliance_engine.engine.frame import Frame
from compliance_engine.rules.patterns import EventPattern

ABSENT = EventPattern("student_absent")


def days_absent(frame: Frame, until: IntArray, after: IntArray | None = None) -> tuple[IntArray, BoolArray]:
    """Return the school days absent after a day, through `until`, int32[k], and where that is not known.

    A record of n school days beginning on a day covers that school day (or the next) and the n - 1 after it.
    A day that several records cover counts once, and only days within the period count. A record without a
    number is one day. It is not known of records that leave the calendar's cover within the period.

    Args:
        after: The day after which the period runs, int32[k]; the start by default.
    """
    after = frame.openings.day if after is None else after
    found = frame.view.selections.of((ABSENT,))
    total, unknown = np.zeros(len(frame), np.int32), is_no_day(after)
    if not len(found):
        return total, unknown
    case, first = frame.case, found.offsets[frame.case]
    number = found.offsets[case + 1] - first
    row = np.repeat(np.arange(len(frame), dtype=np.int32), number)
    if not len(row):
        return total, unknown
    within = np.arange(len(row), dtype=np.int32) - np.repeat(np.cumsum(number) - number, number).astype(
        np.int32
    )
    record = np.repeat(first, number) + within
    days, lost = _overlap(frame, found.day[record], _lengths(frame)[record], row, until, after)
    np.add.at(total, row, days)
    unknown[row[lost]] = True
    return total, unknown


def _lengths(frame: Frame) -> IntArray:
    found = frame.view.selections.of((ABSENT,))
    (column,) = found.columns
    values, missing = column.values("school_days")
    return np.where(missing, 1, values)[found.rows_in_columns()].astype(np.int32)


def _overlap(
    frame: Frame, day: IntArray, length: IntArray, row: IntArray, until: IntArray, after: IntArray
) -> tuple[IntArray, BoolArray]:
    """Return the days of each record within its row's period that no record before it covers."""
    tables, unit, calendar, until = (
        frame.view.tables,
        frame.unit("school_days"),
        frame.calendar[row],
        until[row],
    )
    end = tables.after(unit, calendar, day, length, include_start=True)
    lost = (end == NO_DAY) & (until >= day) & (tables.between(unit, calendar, day, until) == NO_DAY)
    high = np.where(
        lost | (until == NO_DAY), day - np.int32(1), np.minimum(np.where(end == NO_DAY, until, end), until)
    )
    low = np.maximum(day, after[row] + np.int32(1))
    low = np.maximum(low, _covered_before(row, high) + np.int32(1))
    days = tables.between(unit, calendar, low, high) + tables.counts_day(unit, calendar, low)
    return np.where(low <= high, days, 0).astype(np.int32), np.asarray(lost)


def _covered_before(row: IntArray, high: IntArray) -> IntArray:
    """Return the last day that earlier records of the same row reach; `NO_DAY` for the first one."""
    key = (row.astype(np.int64) << 33) + (high.astype(np.int64) + 2**31)
    reach = np.maximum.accumulate(key)[:-1]
    before = np.full(len(row), NO_DAY)
    same = row[1:] == row[:-1]
    before[1:][same] = ((reach & (2**33 - 1)) - 2**31)[same].astype(np.int32)
    return before

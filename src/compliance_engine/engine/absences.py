"""School days a student was absent within a period."""

from __future__ import annotations

import numpy as np

from compliance_engine.dates import NO_DAY, IntArray
from compliance_engine.engine.frame import Frame
from compliance_engine.rules.patterns import EventPattern

ABSENT = EventPattern("student_absent")


def days_absent(frame: Frame, until: IntArray) -> IntArray:
    """Return the school days absent after each start, through `until`, int32[k].

    A record of n school days beginning on a day covers that school day and the n - 1 after it; only those
    within the period count. A record without a number is one day.
    """
    found = frame.view.selections.of((ABSENT,))
    total = np.zeros(len(frame), np.int32)
    if not len(found):
        return total
    case, first = frame.case, found.offsets[frame.case]
    number = found.offsets[case + 1] - first
    row = np.repeat(np.arange(len(frame), dtype=np.int32), number)
    if not len(row):
        return total
    within = np.arange(len(row), dtype=np.int32) - np.repeat(np.cumsum(number) - number, number).astype(
        np.int32
    )
    record = np.repeat(first, number) + within
    days = _overlap(frame, found.day[record], _lengths(frame)[record], row, until)
    np.add.at(total, row, days)
    return total


def _lengths(frame: Frame) -> IntArray:
    found = frame.view.selections.of((ABSENT,))
    (column,) = found.columns
    values, missing = column.values("school_days")
    return np.where(missing, 1, values)[found.rows_in_columns()].astype(np.int32)


def _overlap(frame: Frame, day: IntArray, length: IntArray, row: IntArray, until: IntArray) -> IntArray:
    tables, unit, calendar = frame.view.tables, frame.unit("school_days"), frame.calendar[row]
    eve = day - np.int32(1)
    end = tables.after(unit, calendar, eve, length)
    low = np.maximum(eve, frame.openings.day[row])
    high = np.minimum(np.where(end == NO_DAY, until[row], end), until[row])
    days = tables.between(unit, calendar, low, high)
    return np.where((until[row] == NO_DAY) | (days == NO_DAY), 0, np.clip(days, 0, length)).astype(np.int32)

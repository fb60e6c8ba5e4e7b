"""Days as int32 counts since 1970-01-01, and calendar arithmetic on months; pure.

A day is an int; `NO_DAY` marks "no day" inside arrays only. The proleptic Gregorian calendar from year 1 to
9999 is what `datetime.date` and these functions share.
"""

from __future__ import annotations

import datetime
import re
from datetime import date
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from dateutil.relativedelta import relativedelta
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
LeapDay = Literal["feb28", "mar1"]

NO_DAY = np.int32(-(2**31))
NEVER = np.int32(2**31 - 1)
"""In arrays of days that are yet to come: no such day."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
FIRST_DAY = date.min.toordinal() - _EPOCH_ORDINAL
LAST_DAY = date.max.toordinal() - _EPOCH_ORDINAL
_DATE_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def to_day(when: date) -> int:
    """Return the day number of a date."""
    return when.toordinal() - _EPOCH_ORDINAL


def to_date(day: int) -> date:
    """Return the date of a day number.

    Raises: ValueError for `NO_DAY` and anything else outside the years 1 to 9999.
    """
    return date.fromordinal(int(day) + _EPOCH_ORDINAL)


def parse_date(text: str) -> date:
    """Return the date written ``YYYY-MM-DD``; no other form is read.

    Raises: ValueError naming the text and the form.
    """
    if not _DATE_FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not a date written YYYY-MM-DD, as in 2026-03-02")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a day of the calendar ({error})") from error


def _read_day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime.datetime):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("day_form", "a date is written YYYY-MM-DD, as in 2026-03-02")
    try:
        return parse_date(value)
    except ValueError as error:
        raise PydanticCustomError("day_form", "{reason}", {"reason": str(error)}) from error


Day = Annotated[
    date,
    BeforeValidator(_read_day),
    PlainSerializer(date.isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}),
]
"""A `datetime.date` for pydantic models, read only from ``YYYY-MM-DD``."""


def add_months(days: IntArray, months: int, *, feb29: LeapDay = "feb28") -> IntArray:
    """Return the same day of the month, `months` later (earlier when negative).

    A day the target month does not have becomes its last day; 29 February in a year without one becomes
    28 February, or 1 March with ``feb29="mar1"``.

    Args:
        days: int32[n]; `NO_DAY` stays `NO_DAY`.
        months: Calendar months, 12 to the year.
    """
    given = np.asarray(days, dtype=np.int32)
    known = given != NO_DAY
    stamps = np.where(known, given, 0).astype("datetime64[D]")
    month = stamps.astype("datetime64[M]")
    day_of_month = (stamps - month.astype("datetime64[D]")).astype(np.int32)
    target = month + np.timedelta64(months, "M")
    first = target.astype("datetime64[D]").astype(np.int32)
    length = (target + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int32) - first
    result = first + np.minimum(day_of_month, length - 1)
    if feb29 == "mar1":
        # only 29 February (day 28 from zero) of a month of 28 days can spill into March
        february = month.astype(np.int64) % 12 == 1
        result += february & (day_of_month == 28) & (length == 28)
    return np.where(known, result, NO_DAY).astype(np.int32, copy=False)


def add_months_date(when: date, months: int, *, feb29: LeapDay = "feb28") -> date:
    """Return `when` moved by months; the scalar twin of `add_months`."""
    moved = when + relativedelta(months=months)
    if feb29 == "mar1" and (when.month, when.day) == (2, 29) and (moved.month, moved.day) == (2, 28):
        return date(moved.year, 3, 1)
    return moved

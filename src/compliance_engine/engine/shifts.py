"""Calendar arithmetic by table: years, months and fixed dates for many days at the cost of one look-up."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from compliance_engine.dates import NO_DAY, IntArray, add_months

_LOW, _HIGH = -25_567, 54_786
"""1900-01-01 to 2120-01-01; days outside are computed one by one."""
_FEW = 512


def shift_months(days: IntArray, months: int) -> IntArray:
    """Return the same day of the month, `months` later; see `compliance_engine.dates.add_months`."""
    return _by_table(days, _month_table, (months,), lambda some: add_months(some, months))


def fixed_date(days: IntArray, month: int, day: int, *, forward: bool) -> IntArray:
    """Return the first such date on or after (the last on or before) each day."""
    return _by_table(
        days, _fixed_table, (month, day, forward), lambda some: _fixed(some, month, day, forward)
    )


def _by_table(
    days: IntArray,
    table: Callable[..., IntArray],
    key: tuple[int, ...],
    compute: Callable[[IntArray], IntArray],
) -> IntArray:
    if len(days) < _FEW:
        return compute(days)
    inside = (days >= _LOW) & (days < _HIGH)
    if inside.all():
        return np.asarray(table(*key)[days - np.int32(_LOW)])
    result = compute(np.where(inside, NO_DAY, days))
    result[inside] = table(*key)[days[inside] - np.int32(_LOW)]
    return result


@lru_cache(maxsize=64)
def _month_table(months: int) -> IntArray:
    return add_months(np.arange(_LOW, _HIGH, dtype=np.int32), months)


@lru_cache(maxsize=64)
def _fixed_table(month: int, day: int, forward: bool) -> IntArray:
    return _fixed(np.arange(_LOW, _HIGH, dtype=np.int32), month, day, forward)


def _fixed(days: IntArray, month: int, day: int, forward: bool) -> IntArray:
    known = days != NO_DAY
    years = np.where(known, days, 0).astype("datetime64[D]").astype("datetime64[Y]")
    january = years.astype("datetime64[M]")
    this_year = ((january + (month - 1)).astype("datetime64[D]") + (day - 1)).astype(np.int32)
    step = 12 if forward else -12
    moved = add_months(this_year, step)
    passed = this_year < days if forward else this_year > days
    return np.where(known, np.where(passed, moved, this_year), NO_DAY).astype(np.int32)

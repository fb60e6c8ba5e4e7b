"""Where the days of many calendars lie in flat arrays, and the look-ups of one day count.

For each covered day, `last_at` is the position of the last counted day up to and including it, and
`first_at` that of the first counted day from it on, in one list of counted days, `inverse`. Around the
unbroken stretches of cover the list is padded with `NO_DAY`, wider than any count, so that leaving the cover
or crossing a gap gives `NO_DAY` without a check.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compliance_engine.dates import NO_DAY, BoolArray, IntArray

MOST_DAYS = 4000
"""The largest number of days that can be counted on a table; beyond it the answer is `NO_DAY`."""

Indices = npt.NDArray[np.intp]


class _Scratch(threading.local):
    """Buffers of one thread, used again for every block: the first touch of fresh memory is dear."""

    def __init__(self) -> None:
        self._days = np.empty(0, dtype=np.int32)
        self._rows = np.empty(0, dtype=np.int32)
        self._places = [np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)]

    def days(self, size: int) -> IntArray:
        if len(self._days) < size:
            self._days = np.empty(size, dtype=np.int32)
        return self._days[:size]

    def rows(self, size: int) -> IntArray:
        if len(self._rows) < size:
            self._rows = np.empty(size, dtype=np.int32)
        return self._rows[:size]

    def places(self, slot: int, size: int) -> Indices:
        if len(self._places[slot]) < size:
            self._places[slot] = np.empty(size, dtype=np.intp)
        return self._places[slot][:size]


_SCRATCH = _Scratch()


@dataclass(frozen=True)
class Layout:
    """Flat position of a calendar's day: its row times `span`, plus the day from `low` - 1 on, clipped.

    The first and last place of a row are never covered, so clipping cannot make a day known.

    Attributes:
        low: First day of the earliest cover.
        span: Places of a row.
        n_rows: Rows; at least one.
        row_offsets: For layouts whose rows are not the calendars: first place of each calendar's row, and at
            the end that of a row without cover (for the calendar -1).
    """

    low: int
    span: int
    n_rows: int
    row_offsets: IntArray | None = None

    @classmethod
    def of(cls, low: int, high: int, n_rows: int, rows: Sequence[int] | None = None) -> Layout:
        """Return the layout for the days `low` to `high`; `rows` gives each calendar's row (-1 for none)."""
        span = high - low + 3
        if rows is None:
            return cls(low, span, max(n_rows, 1))
        offsets = [(row if row >= 0 else n_rows) * span for row in (*rows, -1)]
        return cls(low, span, n_rows + 1, np.array(offsets, dtype=np.int32))

    def locate(self, calendars: IntArray, days: IntArray, *, slot: int = 0) -> Indices:
        """Return the flat place of each day; calendar -1 and `NO_DAY` are places without cover.

        The result is scratch memory of this thread: it holds until the next call with the same slot.
        """
        size = len(days)
        at = _SCRATCH.days(size)
        np.subtract(days, np.int32(self.low - 1), out=at)
        np.clip(at, 0, self.span - 1, out=at)
        places = _SCRATCH.places(slot, size)
        if self.row_offsets is None:
            np.multiply(calendars, self.span, out=places)
            places += at
        else:
            rows = _SCRATCH.rows(size)
            self.row_offsets.take(calendars, mode="wrap", out=rows)
            np.add(rows, at, out=places)
        return places

    def place(self, row: int, day: int) -> int:
        """Return the flat place of one day that lies within the layout."""
        return row * self.span + day - (self.low - 1)


@dataclass(frozen=True)
class Stretch:
    """Unbroken cover of one row: `counted` says of each day from `first` on whether it counts."""

    row: int
    first: int
    counted: BoolArray


@dataclass(frozen=True)
class Table:
    """The look-ups of one day count."""

    layout: Layout
    first_at: IntArray
    last_at: IntArray
    inverse: IntArray
    pad: int

    @classmethod
    def build(cls, layout: Layout, stretches: Iterable[Stretch]) -> Table:
        """Lay out the stretches; each must lie within the layout."""
        known = list(stretches)
        sizes = [int(np.count_nonzero(stretch.counted)) for stretch in known]
        pad = max(MOST_DAYS, *sizes, 0) + 1
        nowhere = 2 * pad
        start = 4 * pad
        inverse = np.full(start + sum(sizes) + pad * len(known) + 1, NO_DAY, dtype=np.int32)
        first_at = np.full(layout.span * layout.n_rows, nowhere, dtype=np.int32)
        last_at = first_at.copy()
        for stretch, size in zip(known, sizes, strict=True):
            begin = layout.place(stretch.row, stretch.first)
            place = slice(begin, begin + len(stretch.counted))
            last_at[place] = np.cumsum(stretch.counted, dtype=np.int32) + np.int32(start - 1)
            first_at[place] = last_at[place] + ~stretch.counted
            inverse[start : start + size] = np.flatnonzero(stretch.counted) + stretch.first
            start += size + pad
        return cls(layout, first_at, last_at, inverse, pad)

    def after(
        self, calendars: IntArray, days: IntArray, number: int | IntArray, *, include_start: bool
    ) -> IntArray:
        """Return the N-th counted day after each day."""
        at = self.layout.locate(calendars, days)
        known = self.first_at if include_start else self.last_at
        return self._counted(known, at, self._bounded(number) - np.int32(include_start))

    def before(
        self, calendars: IntArray, days: IntArray, number: int | IntArray, *, include_start: bool
    ) -> IntArray:
        """Return the N-th counted day before each day."""
        at = self.layout.locate(calendars, days)
        known = self.last_at if include_start else self.first_at
        return self._counted(known, at, np.int32(include_start) - self._bounded(number))

    def between(self, calendars: IntArray, first: IntArray, last: IntArray) -> IntArray:
        """Return the number of counted days after `first` through `last`; `NO_DAY` where not known."""
        number = self.last_at.take(self.layout.locate(calendars, last), mode="clip")
        low = _SCRATCH.rows(len(number))
        self.last_at.take(self.layout.locate(calendars, first, slot=1), mode="clip", out=low)
        number -= low
        unknown = (np.abs(number) >= self.pad) | (low == 2 * self.pad)
        if unknown.any():
            number[unknown] = NO_DAY
        return number

    def counts(self, calendars: IntArray, days: IntArray) -> BoolArray:
        """Return which days are known to count."""
        at = self.layout.locate(calendars, days)
        first, last = _SCRATCH.days(len(at)), _SCRATCH.rows(len(at))
        self.first_at.take(at, mode="clip", out=first)
        self.last_at.take(at, mode="clip", out=last)
        return np.asarray((first == last) & (first != 2 * self.pad))

    def _counted(self, known: IntArray, at: Indices, steps: np.int32 | IntArray) -> IntArray:
        position = _SCRATCH.rows(len(at))
        known.take(at, mode="clip", out=position)
        np.add(position, steps, out=at)
        return self.inverse.take(at, mode="clip")

    def _bounded(self, number: int | IntArray) -> np.int32 | IntArray:
        if isinstance(number, int | np.integer):
            return np.int32(min(int(number), self.pad))
        return np.minimum(number, np.int32(self.pad), dtype=np.int32)

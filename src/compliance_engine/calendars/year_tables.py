"""First and last student days of the school years around any day, as flat look-ups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compliance_engine.calendars.day_facts import DayFacts
from compliance_engine.calendars.layout import Layout
from compliance_engine.dates import NO_DAY, BoolArray, IntArray


class YearTables:
    """For each covered day: its school year, and the ends of the years around it.

    Args:
        layout: Rows are the calendars.
        facts: What is known of each calendar; None for no calendar.
    """

    def __init__(self, layout: Layout, facts: Sequence[DayFacts | None]) -> None:
        size = layout.span * layout.n_rows
        self.layout = layout
        self._next_first = np.full(size, NO_DAY, dtype=np.int32)
        self._last_from = np.full(size, NO_DAY, dtype=np.int32)
        self._index = np.full(size, -1, dtype=np.int32)
        self._inside = np.zeros(size, dtype=np.bool_)
        for row, known in enumerate(facts):
            if known is not None:
                self._fill(row, known)

    def _fill(self, row: int, facts: DayFacts) -> None:
        origin = self.layout.place(row, 0)
        for position, term in enumerate(facts.terms):
            cover = slice(origin + term.cover_from, origin + term.cover_to + 1)
            self._index[cover] = term.index
            self._inside[origin + term.first : origin + term.last + 1] = True
            self._next_first[cover.start : origin + term.first] = term.first
            self._last_from[cover.start : origin + term.last + 1] = term.last
            following = facts.terms[position + 1] if position + 1 < len(facts.terms) else None
            if following is not None and following.cover_from == term.cover_to + 1:
                self._next_first[origin + term.first : cover.stop] = following.first
                self._last_from[origin + term.last + 1 : cover.stop] = following.last

    def next_first(self, calendars: IntArray, days: IntArray) -> IntArray:
        """Return the first student day of the next school year to begin strictly after each day."""
        return self._next_first.take(self.layout.locate(calendars, days), mode="clip")

    def last_from(self, calendars: IntArray, days: IntArray) -> IntArray:
        """Return the last student day of the school year of each day, of the next between years."""
        return self._last_from.take(self.layout.locate(calendars, days), mode="clip")

    def index(self, calendars: IntArray, days: IntArray) -> IntArray:
        """Return the index of the school year whose cover holds each day; -1 for none."""
        return self._index.take(self.layout.locate(calendars, days), mode="clip")

    def inside(self, calendars: IntArray, days: IntArray) -> BoolArray:
        """Return which days lie from the first through the last student day of a school year."""
        return self._inside.take(self.layout.locate(calendars, days), mode="clip")

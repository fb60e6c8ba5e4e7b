"""Events of a batch that match a pattern, ordered by moment, and searches over them.

A *moment* orders events within a case: ``day * 512 + place of the event type in the catalogue``, int32. Two
events of one type on one day share a moment; neither is after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from compliance_engine.cases.catalogue import catalogue
from compliance_engine.cases.columns import CaseBatch, EventColumn
from compliance_engine.dates import NO_DAY, BoolArray, IntArray
from compliance_engine.rules.patterns import AttributeTest, EventPattern

RANKS = 512
NONE = np.int32(-1)


def end_of_day(day: IntArray) -> IntArray:
    """Return the last moment of each day; a row without a day gets one before all others."""
    return np.where(day == NO_DAY, NO_DAY, day * np.int32(RANKS) + np.int32(RANKS - 1))


@dataclass(slots=True)
class Selection:
    """Matching events, sorted by case and moment.

    Attributes:
        offsets: int32[n_cases + 1], the rows of each case.
        case: int32[m].
        day: int32[m].
        moment: int32[m].
        source: Which of `columns` each row comes from, int8[m]; None when there is but one.
        row: Row within that column, int32[m]; None when row i is row i.
        columns: The event columns behind the rows.
        unsure: Rows that lack an attribute the pattern asks for; None when there are none.
    """

    offsets: IntArray
    case: IntArray
    day: IntArray
    moment: IntArray
    columns: tuple[EventColumn, ...]
    source: np.ndarray | None = None
    row: IntArray | None = None
    unsure: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.day)

    def next_after(self, case: IntArray, moment: IntArray) -> IntArray:
        """Return the first row of each case after a moment, int32[k]; -1 where there is none."""
        result = np.full(len(case), NONE)
        if not len(self.day):
            return result
        at, end = self.offsets[case], self.offsets[case + 1]
        rows = np.flatnonzero(at < end)
        if len(rows) < len(case):
            at, end, moment = at[rows], end[rows], moment[rows]
        while len(rows):
            late = self.moment[at] > moment
            if late.all():
                result[rows] = at
                break
            result[rows[late]] = at[late]
            at = at + np.int32(1)
            going = np.flatnonzero(~late & (at < end))
            rows, at, end, moment = rows[going], at[going], end[going], moment[going]
        return result

    def last_by(self, case: IntArray, moment: IntArray) -> IntArray:
        """Return the last row of each case at or before a moment, int32[k]; -1 where there is none."""
        result = np.full(len(case), NONE)
        if not len(self.day):
            return result
        first, at = self.offsets[case], self.offsets[case + 1] - np.int32(1)
        rows = np.flatnonzero(at >= first)
        first, at, moment = first[rows], at[rows], moment[rows]
        while len(rows):
            early = self.moment[at] <= moment
            result[rows[early]] = at[early]
            at = at - np.int32(1)
            going = np.flatnonzero(~early & (at >= first))
            rows, at, first, moment = rows[going], at[going], first[going], moment[going]
        return result

    def days_at(self, rows: IntArray) -> IntArray:
        """Return the days of rows found by a search; NO_DAY for -1."""
        return self._at(self.day, rows)

    def moments_at(self, rows: IntArray) -> IntArray:
        """Return the moments of rows found by a search; NO_DAY for -1."""
        return self._at(self.moment, rows)

    def dates_at(self, rows: IntArray, attribute: str) -> IntArray:
        """Return a date that the events of rows carry; NO_DAY for -1 and where it is not given."""
        result = np.full(len(rows), NO_DAY)
        inner, sources = self.rows_in_columns(), self.sources()
        for index, column in enumerate(self.columns):
            hit = (
                np.flatnonzero((rows >= 0) & (sources[rows] == index))
                if len(sources)
                else np.zeros(0, np.intp)
            )
            values, missing = column.values(attribute)
            picked = inner[rows[hit]]
            result[hit] = np.where(missing[picked], NO_DAY, values[picked])
        return result

    def _at(self, column: IntArray, rows: IntArray) -> IntArray:
        if not len(column):
            return np.full(len(rows), NO_DAY)
        found = column[rows]
        found[rows < 0] = NO_DAY
        return found

    def keep(self, mask: BoolArray) -> Selection:
        """Return the rows of `mask` alone."""
        counted = np.zeros(len(mask) + 1, np.int32)
        np.cumsum(mask, out=counted[1:])
        row = np.flatnonzero(mask).astype(np.int32) if self.row is None else self.row[mask]
        return Selection(
            offsets=counted[self.offsets],
            case=self.case[mask],
            day=self.day[mask],
            moment=self.moment[mask],
            columns=self.columns,
            source=None if self.source is None else self.source[mask],
            row=row,
            unsure=None if self.unsure is None else self.unsure[mask],
        )

    def sure(self) -> Selection:
        """Return the events that match for certain."""
        return self if self.unsure is None else self.keep(~self.unsure)

    def perhaps(self) -> Selection | None:
        """Return the events that match if they say what they do not; None when there are none."""
        return None if self.unsure is None else self.keep(self.unsure)

    def rows_in_columns(self) -> IntArray:
        """Return each row's index within its event column."""
        return np.arange(len(self.day), dtype=np.int32) if self.row is None else self.row

    def sources(self) -> np.ndarray:
        """Return which column each row comes from."""
        return np.zeros(len(self.day), np.int8) if self.source is None else self.source


@dataclass(slots=True)
class Selections:
    """Selections of one batch, made once each."""

    batch: CaseBatch
    _made: dict[tuple[EventPattern, ...], Selection] = field(default_factory=dict)
    _columns: dict[str, Selection] = field(default_factory=dict)

    def of(self, patterns: Iterable[EventPattern]) -> Selection:
        """Return the events that match any of the patterns."""
        key = tuple(patterns)
        if key not in self._made:
            parts = [part for part in map(self._one, key) if len(part)]
            self._made[key] = parts[0] if len(parts) == 1 else self._merge(parts)
        return self._made[key]

    def _one(self, pattern: EventPattern) -> Selection:
        whole = self._whole(pattern.name)
        if not pattern.tests or not len(whole):
            return whole
        (column,) = whole.columns
        mask, unsure = np.ones(len(whole), bool), np.zeros(len(whole), bool)
        for test in pattern.tests:
            passed, missing = test_attribute(self.batch, column, test)
            mask &= passed | missing
            unsure |= missing
        unsure &= mask
        kept = whole if mask.all() else whole.keep(mask)
        if unsure.any():
            kept = Selection(
                kept.offsets,
                kept.case,
                kept.day,
                kept.moment,
                kept.columns,
                kept.source,
                kept.row,
                unsure[mask],
            )
        return kept

    def _whole(self, name: str) -> Selection:
        if name not in self._columns:
            column = self.batch.events.get(name)
            self._columns[name] = self._empty() if column is None else self._from_column(name, column)
        return self._columns[name]

    def _from_column(self, name: str, column: EventColumn) -> Selection:
        case = np.repeat(np.arange(len(self.batch), dtype=np.int32), np.diff(column.offsets))
        moment = column.day * np.int32(RANKS) + np.int32(catalogue().rank(name))
        return Selection(column.offsets, case, column.day, moment, (column,))

    def _empty(self) -> Selection:
        nothing = np.zeros(0, np.int32)
        return Selection(np.zeros(len(self.batch) + 1, np.int32), nothing, nothing, nothing, ())

    def _merge(self, parts: list[Selection]) -> Selection:
        if not parts:
            return self._empty()
        parts = self._each_event_once(parts)
        case = np.concatenate([part.case for part in parts])
        moment = np.concatenate([part.moment for part in parts])
        order = np.argsort((case.astype(np.int64) << 32) + moment, kind="stable")
        shift, sources = 0, []
        columns: list[EventColumn] = []
        for part in parts:
            sources.append(part.sources() + np.int8(shift))
            columns += part.columns
            shift += len(part.columns)
        unsure = None
        if any(part.unsure is not None for part in parts):
            unsure = np.concatenate(
                [np.zeros(len(p), bool) if p.unsure is None else p.unsure for p in parts]
            )[order]
        return Selection(
            offsets=np.searchsorted(case[order], np.arange(len(self.batch) + 1)).astype(np.int32),
            case=case[order],
            day=np.concatenate([part.day for part in parts])[order],
            moment=moment[order],
            columns=tuple(columns),
            source=np.concatenate(sources)[order],
            row=np.concatenate([part.rows_in_columns() for part in parts])[order],
            unsure=unsure,
        )

    def _each_event_once(self, parts: list[Selection]) -> list[Selection]:
        """Join the selections of one event type: an event that several patterns match is one event."""
        by_column: dict[int, list[Selection]] = {}
        for part in parts:
            by_column.setdefault(id(part.columns[0]), []).append(part)
        return [same[0] if len(same) == 1 else self._union(same) for same in by_column.values()]

    def _union(self, parts: list[Selection]) -> Selection:
        """Join selections from one column; an event is unsure if no pattern matches it for certain."""
        whole = self._whole(parts[0].columns[0].name)
        matched, sure = np.zeros(len(whole), bool), np.zeros(len(whole), bool)
        for part in parts:
            matched[part.rows_in_columns()] = True
            sure[part.sure().rows_in_columns()] = True
        kept = whole.keep(matched)
        kept.unsure = ~sure[matched] if (matched & ~sure).any() else None
        return kept


def test_attribute(batch: CaseBatch, column: EventColumn, test: AttributeTest) -> tuple[BoolArray, BoolArray]:
    """Return which events pass an attribute test, and which lack the attribute."""
    values, missing = column.values(test.attribute)
    codes = batch.codes_for(test.attribute, test.values)
    passed = np.isin(values, codes) if len(codes) != 1 else values == codes[0]
    return (~passed if test.negated else passed) & ~missing, missing

"""Events of many synthetic cases at once: chance, weekdays, and the table they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compliance_engine.cases.catalogue import canonical_json, catalogue
from compliance_engine.cases.tables import EVENTS
from compliance_engine.dates import BoolArray, IntArray

Days = npt.NDArray[np.int64]
NEVER = 2**40
YEAR = 365.25
_DAY_SHIFT = 2**20
Attributes = Mapping[str, object] | tuple[Days, Sequence[Mapping[str, object]]] | None


@dataclass(slots=True)
class Log:
    """Events of many cases under construction.

    Attributes:
        n: Number of cases.
        rng: The only source of chance.
        last_day: int64[n], the last day on which anything may happen to the case.
    """

    n: int
    rng: np.random.Generator
    last_day: Days
    _texts: dict[str | None, int] = field(default_factory=lambda: {None: 0})
    _parts: list[tuple[IntArray, IntArray, npt.NDArray[np.int16], IntArray]] = field(default_factory=list)

    def add(self, event: str, days: Days, attributes: Attributes = None) -> None:
        """Add one event to every case whose day has come.

        Args:
            days: int64[n], `NEVER` where it does not happen.
            attributes: One object for all, or an index per case into several.
        """
        rows = np.flatnonzero(days <= self.last_day)
        if attributes is None or isinstance(attributes, Mapping):
            texts = np.full(len(rows), self._number(attributes), dtype=np.int64)
        else:
            choice, objects = attributes
            numbers = np.asarray([self._number(one) for one in objects], dtype=np.int64)
            texts = numbers[choice[rows]]
        rank = np.full(len(rows), catalogue().rank(event), dtype=np.int16)
        parts = (rows.astype(np.int32), days[rows].astype(np.int32), rank, texts.astype(np.int32))
        self._parts.append(parts)

    def chance(self, share: float) -> BoolArray:
        """Return a mask with about this share of the cases."""
        mask: BoolArray = self.rng.random(self.n) < share
        return mask

    def later(self, days: Days, low: int, high: int) -> Days:
        """Return weekdays `low` to `high` days after `days`; `NEVER` stays."""
        moved = weekday(days + self.rng.integers(low, high + 1, self.n))
        return np.where(days >= NEVER, NEVER, moved)

    def pick(self, shares: Sequence[float]) -> Days:
        """Return an index per case, drawn with the given shares."""
        return np.searchsorted(np.cumsum(shares)[:-1], self.rng.random(self.n), side="right")

    def table(self, ids: pa.Array) -> pa.Table:
        """Return the events, sorted by case, day and process order."""
        rows, days, rank, texts = (np.concatenate([part[k] for part in self._parts]) for k in range(4))
        key = (rows.astype(np.int64) << 32) | ((days.astype(np.int64) + _DAY_SHIFT) << 10) | rank
        order = np.argsort(key, kind="stable")
        rows, days, rank, texts = rows[order], days[order].astype(np.int64), rank[order], texts[order]
        entered = (days * 86_400 + 15 * 3600 + self.rng.integers(0, 3 * 86_400, len(days))) * 1_000_000
        recorded = pa.array(entered, mask=self.rng.random(len(days)) < 0.05)
        nothing = pa.nulls(len(days), pa.string())
        columns = [
            ids.take(pa.array(rows)),
            pa.array(catalogue().names).take(pa.array(rank)),
            pa.array(days.astype(np.int32)).cast(pa.date32()),
            recorded.cast(EVENTS.field("recorded_at").type),
            pa.array(list(self._texts), pa.string()).take(pa.array(texts)),
            nothing,
            nothing,
            nothing,
        ]
        return pa.table(columns, schema=EVENTS)

    def _number(self, attributes: Mapping[str, object] | None) -> int:
        return self._texts.setdefault(canonical_json(attributes or {}), len(self._texts))


def weekday(days: Days) -> Days:
    """Return the days, those on a weekend moved to Monday."""
    of_week = (days + 3) % 7  # 1970-01-01 was a Thursday
    return days + np.where(of_week == 5, 2, np.where(of_week == 6, 1, 0))

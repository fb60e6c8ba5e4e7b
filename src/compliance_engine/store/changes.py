"""What one sweep found otherwise than the sweep before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.dates import NO_DAY, IntArray
from compliance_engine.engine.changes import KINDS, Change, Kind, day_or_none, kinds_of
from compliance_engine.engine.columns import Status
from compliance_engine.store.bulk import among, read_table
from compliance_engine.store.states import otherwise_after
from compliance_engine.store.sweeps import Sweep
from compliance_engine.store.tables import cases, deadlines
from compliance_engine.store.words import texts_of

_CASES_AT_ONCE = 10_000
_MADE_AT_ONCE = 10_000
_STILL = 2**31 - 1
_NAMES = ("case_key", "rule", "opened_on", "nth", "due_on", "status", "valid_from", "valid_to")
_ROW = pa.schema([(name, pa.int32()) for name in _NAMES])
_KEY = pa.schema([("case_key", pa.int32())])
_ID = pa.schema([("case_key", pa.int32()), ("case_id", pa.string())])
_SIDES = ("old_due", "old_status", "new_due", "new_status")


@dataclass(frozen=True, slots=True)
class Changes:
    """Deadlines that differ between two finished sweeps, sorted by case, rule and opening.

    They are kept as numbers, and made `Change`s one after the other: another law changes millions of them.

    Attributes:
        cases: The ids of the cases, sorted.
        keys: int32[c], the number of each of them in the store.
        rules: The ids of the rules, sorted.
        columns: int32[n] each: case and rule (places in the lists above), opened_on, nth, old_due,
            old_status, new_due, new_status; `NO_DAY` where there is none.
        kinds: int8[n], places in `KINDS`.
    """

    cases: pa.Array
    keys: IntArray
    rules: Sequence[str]
    columns: dict[str, IntArray]
    kinds: npt.NDArray[np.int8]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.kinds)

    def __iter__(self) -> Iterator[Change]:
        """Yield each."""
        for at in range(0, len(self), _MADE_AT_ONCE):
            some = slice(at, at + _MADE_AT_ONCE)
            ids = self.cases.take(pa.array(self.columns["case"][some])).to_pylist()
            others = (self.columns[name][some].tolist() for name in ("rule", "opened_on", "nth", *_SIDES))
            for case_id, rule, opened, nth, old_due, old_status, new_due, new_status, kind in zip(
                ids, *others, self.kinds[some].tolist(), strict=True
            ):
                about = (case_id, self.rules[rule], day_or_none(opened), nth, KINDS[kind])
                days = day_or_none(old_due), day_or_none(new_due)
                yield Change(*about, *days, _status(old_status), _status(new_status))

    def count(self, kind: Kind) -> int:
        """Return how many there are of a kind."""
        return int(np.count_nonzero(self.kinds == KINDS.index(kind)))

    def of(self, kind: Kind) -> Changes:
        """Return those of a kind."""
        return self._some(self.kinds == KINDS.index(kind))

    def by_cases(self, number: int) -> Iterator[Changes]:
        """Yield those of so many cases at a time."""
        for at in range(0, len(self.keys), number):
            low, high = np.searchsorted(self.columns["case"], (at, at + number))
            yield self._some(slice(low, high))

    def of_cases(self) -> IntArray:
        """Return the numbers in the store of the cases that have any, ascending."""
        return np.sort(self.keys[np.unique(self.columns["case"])])

    def _some(self, which: slice | npt.NDArray[np.bool_]) -> Changes:
        columns = {name: column[which] for name, column in self.columns.items()}
        return Changes(self.cases, self.keys, self.rules, columns, self.kinds[which])


def _status(number: int) -> str | None:
    return None if number == NO_DAY else Status(number).word


def no_changes() -> Changes:
    """Return what a first sweep changes."""
    columns = {name: np.zeros(0, np.int32) for name in ("case", "rule", "opened_on", "nth", *_SIDES)}
    return Changes(pa.array([], pa.string()), np.zeros(0, np.int32), (), columns, np.zeros(0, np.int8))


def read_changes(
    connection: sa.Connection, before: Sweep, after: Sweep, changed: IntArray | None = None
) -> Changes:
    """Return every deadline that differs between two finished sweeps.

    Args:
        changed: The cases of which rows began or ended since, where they are known.
    """
    keys = _maybe_changed(connection, before, after) if changed is None else changed
    parts = [
        _differences(connection, keys[at : at + _CASES_AT_ONCE], before.number, after.number)
        for at in range(0, len(keys), _CASES_AT_ONCE)
    ]
    if not parts:
        return no_changes()
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    del parts
    keys, columns["case"] = np.unique(columns.pop("case_key"), return_inverse=True)
    ids = _ids(connection, keys)
    order = pc.sort_indices(ids).to_numpy()
    columns["case"] = _ranks(order)[columns["case"]]
    texts = texts_of(connection, columns["rule"])
    rules = sorted(texts.values())
    table = np.zeros(max(texts, default=0) + 1, np.int32)
    table[list(texts)] = [rules.index(text) for text in texts.values()]
    columns["rule"] = table[columns["rule"]]
    sorted_rows = np.lexsort([columns[name] for name in ("nth", "opened_on", "rule", "case")])
    columns = {name: column[sorted_rows] for name, column in columns.items()}
    kinds = kinds_of(*(columns[name] for name in _SIDES))
    return Changes(ids.take(pa.array(order)), keys[order].astype(np.int32), rules, columns, kinds)


def _maybe_changed(connection: sa.Connection, before: Sweep, after: Sweep) -> IntArray:
    """Return the cases that an evaluation since found otherwise, and few others, ascending."""
    low, high = deadlines.c.valid_from, deadlines.c.valid_to
    ended = (low <= before.number) & (high > before.number) & (high <= after.number)
    queries = (
        sa.select(deadlines.c.case_key).distinct().where(ended),
        sa.select(cases.c.case_key).where(otherwise_after(connection, before.number, cases.c.case_key)),
    )
    found = [read_table(connection, query, _KEY).column("case_key").to_numpy() for query in queries]
    return np.unique(np.concatenate(found)).astype(np.int32)


def _differences(connection: sa.Connection, keys: IntArray, before: int, after: int) -> dict[str, IntArray]:
    """Return the deadlines of some cases that differ, with what they were and are."""
    listed = [
        sa.func.coalesce(deadlines.c[name], _STILL if name == "valid_to" else int(NO_DAY)) for name in _NAMES
    ]
    # by their cases alone: SQLite would look through all rows that ended for each of the lists
    queries = [sa.select(*listed).where(some) for some in among(deadlines.c.case_key, keys)]
    rows = pa.concat_tables([read_table(connection, query, _ROW) for query in queries])
    found = {name: rows.column(name).to_numpy() for name in _NAMES}
    start, end = found.pop("valid_from"), found.pop("valid_to")
    old = (start <= before) & (end > before) & (end <= after)
    new = (start > before) & (start <= after) & (end > after)
    some = np.flatnonzero(old | new)
    some = some[np.lexsort([found[name][some] for name in ("nth", "opened_on", "rule", "case_key")])]
    about = {name: found[name][some] for name in ("case_key", "rule", "opened_on", "nth")}
    fresh = np.ones(len(some), np.bool_)
    fresh[1:] = np.any([column[1:] != column[:-1] for column in about.values()], axis=0)
    place = np.cumsum(fresh) - 1
    result = {name: column[fresh] for name, column in about.items()}
    for side, mask in (("old", old[some]), ("new", new[some])):
        for name, column in (("due", "due_on"), ("status", "status")):
            values = np.full(len(result["nth"]), NO_DAY)
            values[place[mask]] = found[column][some][mask]
            result[f"{side}_{name}"] = values
    return result


def _ids(connection: sa.Connection, keys: IntArray) -> pa.Array:
    """Return the ids of some cases (keys ascending)."""
    query = sa.select(cases.c.case_key, cases.c.case_id)
    parts = [read_table(connection, query.where(some), _ID) for some in among(cases.c.case_key, keys)]
    return pa.concat_tables(parts).sort_by("case_key").column("case_id").combine_chunks()


def _ranks(order: npt.NDArray[np.uint64]) -> IntArray:
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return ranks

"""Reading cases and events back as the canonical tables, as the store knew them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.dates import IntArray
from compliance_engine.store.bulk import Readable, among, next_number, read_table, to_microseconds
from compliance_engine.store.tables import case_versions, cases, districts, events, imports, of_case
from compliance_engine.store.words import decode, texts_of

_CASE = pa.schema(
    [
        ("case_key", pa.int32()),
        ("district_key", pa.int32()),
        ("case_id", pa.string()),
        ("program", pa.string()),
        ("import_id", pa.int32()),
        ("recorded_at", pa.int64()),
        ("calendar", pa.string()),
        ("birth_day", pa.int32()),
        ("grade", pa.int32()),
        ("attributes", pa.int32()),
    ]
)
_EVENT = pa.schema(
    [
        ("case_key", pa.int32()),
        ("event", pa.int32()),
        ("occurred_on", pa.int32()),
        ("recorded_at", pa.int64()),
        ("attributes", pa.int32()),
        ("event_id", pa.string()),
        ("corrects", pa.string()),
        ("retracts", pa.string()),
    ]
)
_DISTRICT = pa.schema([("district_key", pa.int32()), ("state", pa.string()), ("district", pa.string())])
_EVER = -(2**63)


@dataclass(frozen=True, slots=True)
class District:
    """One part of the store."""

    key: int
    state: str
    district: str

    @property
    def name(self) -> str:
        """State and district as one text."""
        return (
            self.district if self.district.startswith(f"{self.state}.") else f"{self.state} {self.district}"
        )


class Extent(NamedTuple):
    """How many cases a district has, and the smallest and the largest of their numbers."""

    cases: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some cases of the store.

    Attributes:
        districts: Keys of the districts they belong to.
        low, high: Bounds of their numbers, both included; None without.
        keys: Their numbers; None for all of the districts within the bounds.
        dense: Whether most numbers within the bounds are theirs, so that rows are better read in one stretch.
    """

    districts: tuple[int, ...]
    low: int | None = None
    high: int | None = None
    keys: IntArray | None = None
    dense: bool = False

    def conditions(
        self, number: sa.ColumnElement[int], district: sa.ColumnElement[int] = cases.c.district_key
    ) -> list[sa.ColumnElement[bool]]:
        """Return what is true of the rows of these cases, a query for each.

        Args:
            number: The column of a table that numbers the cases.
            district: The column that has their district, of the same table or of `cases`, which is joined.
        """
        if self.keys is not None:
            return among(number, self.keys)
        condition: sa.ColumnElement[bool] = district.in_(self.districts)
        if self.low is not None and self.high is not None:
            condition &= number.between(self.low, self.high)
        return [condition]


@dataclass(frozen=True, slots=True)
class Facts:
    """Cases and events of some districts, or of one case.

    Attributes:
        cases: Columns of `cases.tables.CASES`.
        events: Columns of `cases.tables.EVENTS`.
        keys: int32[n], the number of each case in the store, in the order of `cases`.
        districts: int32[n], the key of each case's district.
    """

    cases: pa.Table
    events: pa.Table
    keys: IntArray
    districts: IntArray

    def laws(self) -> tuple[list[tuple[str, str | None]], IntArray]:
        """Return the distinct pairs of state and calendar, and which of them each case has, int32[n]."""
        if not len(self.keys):
            return [], np.zeros(0, np.int32)
        columns = [
            self.cases.column(name).combine_chunks().dictionary_encode() for name in ("state", "calendar")
        ]
        states, calendars = (column.dictionary.to_pylist() for column in columns)
        calendars.append(None)
        first = columns[0].indices.to_numpy()
        second = columns[1].indices.fill_null(len(calendars) - 1).to_numpy()
        used, index = np.unique(first.astype(np.int64) * len(calendars) + second, return_inverse=True)
        pairs = [(states[one // len(calendars)], calendars[one % len(calendars)]) for one in used.tolist()]
        return pairs, index.astype(np.int32)

    def first_events_after(self, day: int) -> tuple[IntArray, IntArray]:
        """Return the cases that have events after a day, with the days of those events."""
        days = self.events.column("occurred_on").cast(pa.int32()).to_numpy()
        later = np.flatnonzero(days > day)
        ids = self.cases.column("case_id").combine_chunks()
        at = pc.index_in(self.events.column("case_id").take(pa.array(later)), value_set=ids)
        return self.keys[at.to_numpy()], days[later]


def read_districts(connection: sa.Connection) -> list[District]:
    """Return all districts that have cases, sorted by state and name."""
    query = sa.select(districts.c.district_key, districts.c.state, districts.c.district)
    query = query.where(sa.exists().where(cases.c.district_key == districts.c.district_key))
    found = [District(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one.state, one.district))


def extents(connection: sa.Connection, chosen: Sequence[int]) -> dict[int, Extent]:
    """Return the extent of each of some districts, by their keys."""
    key, district = cases.c.case_key, cases.c.district_key
    query = sa.select(district, sa.func.count(key), sa.func.min(key), sa.func.max(key))
    rows = connection.execute(query.where(district.in_(chosen)).group_by(district))
    return {one: Extent(*extent) for one, *extent in rows}


def numbers_of(connection: Readable, chosen: Sequence[int]) -> IntArray:
    """Return the numbers of all cases of some districts, ascending."""
    query = sa.select(cases.c.case_key).where(cases.c.district_key.in_(chosen))
    found = read_table(connection, query, pa.schema([("case_key", pa.int32())]))
    return np.sort(found.column("case_key").to_numpy())


def districts_of(connection: Readable, keys: IntArray) -> dict[int, int]:
    """Return the district of each of some cases, both by their keys."""
    query = sa.select(cases.c.case_key, cases.c.district_key)
    schema = pa.schema([("case_key", pa.int32()), ("district_key", pa.int32())])
    parts = [read_table(connection, query.where(part), schema) for part in among(cases.c.case_key, keys)]
    return dict(zip(*(column.to_pylist() for column in pa.concat_tables(parts).columns), strict=True))


def last_import(connection: sa.Connection) -> int:
    """Return the number of the last import, 0 for none."""
    return next_number(connection, imports.c.import_id) - 1


def read_facts(
    connection: Readable,
    which: Chosen | str,
    *,
    known_at: datetime | None,
    until_import: int,
) -> Facts:
    """Return the facts of some cases.

    Of a case that changed, the version recorded last and known at `known_at` counts. Events come with their
    `recorded_at`, corrections and retractions; `build_batch` chooses among them. Events of a case that was
    not known yet are left out.

    Args:
        which: The cases, or the id of one.
        known_at: With a time zone; None believes everything.
        until_import: Later imports do not exist.
    """
    versions = _read(connection, _case_query, which, until_import, _CASE)
    rows = _read(connection, _event_query, which, until_import, _EVENT)
    picked = versions.take(pa.array(_known_versions(versions, known_at)))
    numbers, ids = picked.column("case_key"), picked.column("case_id")
    at = pc.index_in(rows.column("case_key"), value_set=numbers.combine_chunks())
    known = at.is_valid()
    rows, at = rows.filter(known), at.filter(known)
    texts = texts_of(connection, picked.column("attributes"), rows.column("event"), rows.column("attributes"))
    table = _case_table(picked, _district_names(connection), texts)
    of_case = picked.column("district_key").to_numpy()
    return Facts(table, _event_table(rows, ids.take(at), texts), numbers.to_numpy(), of_case)


_Query = Callable[["Chosen | str", int], list[sa.Select[Any]]]


def _read(
    connection: Readable, queries: _Query, which: Chosen | str, until_import: int, schema: pa.Schema
) -> pa.Table:
    return pa.concat_tables([read_table(connection, one, schema) for one in queries(which, until_import)])


def _conditions(which: Chosen | str, number: sa.ColumnElement[int]) -> list[sa.ColumnElement[bool]]:
    return [cases.c.case_id == which] if isinstance(which, str) else which.conditions(number)


def _case_query(which: Chosen | str, until_import: int) -> list[sa.Select[Any]]:
    columns = (cases.c.case_key, cases.c.district_key, cases.c.case_id, cases.c.program)
    columns_of_version = (case_versions.c[name] for name in _CASE.names[4:])
    joined = sa.select(*columns, *columns_of_version).join_from(cases, case_versions, of_case(case_versions))
    joined = joined.where(case_versions.c.import_id <= until_import)
    return [joined.where(one) for one in _conditions(which, cases.c.case_key)]


def _event_query(which: Chosen | str, until_import: int) -> list[sa.Select[Any]]:
    query = sa.select(*(events.c[name] for name in _EVENT.names)).where(events.c.import_id <= until_import)
    if isinstance(which, Chosen) and which.dense:
        # the few events of cases of others are left out afterwards
        return [query.where(events.c.case_key.between(which.low, which.high))]
    joined = query.join_from(cases, events, of_case(events))
    return [joined.where(one) for one in _conditions(which, events.c.case_key)]


def _district_names(connection: Readable) -> dict[int, tuple[str, str]]:
    query = sa.select(districts.c.district_key, districts.c.state, districts.c.district)
    rows = read_table(connection, query, _DISTRICT)
    return {key: (state, name) for key, state, name in zip(*rows.to_pydict().values(), strict=True)}


def _known_versions(versions: pa.Table, known_at: datetime | None) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return for each case the version recorded last, of those known."""
    key, number = (versions.column(name).to_numpy() for name in ("case_key", "import_id"))
    recorded = versions.column("recorded_at").fill_null(_EVER).to_numpy()
    order = np.lexsort((number, recorded, key))
    if known_at is not None:
        order = order[recorded[order] <= to_microseconds(known_at)]
    last = np.ones(len(order), np.bool_)
    last[:-1] = key[order][1:] != key[order][:-1]
    return order[last]


def _case_table(rows: pa.Table, names: Mapping[int, tuple[str, str]], texts: dict[int, str]) -> pa.Table:
    keys = rows.column("district_key")
    columns = [
        rows.column("case_id"),
        decode(keys, {key: state for key, (state, _) in names.items()}),
        decode(keys, {key: district for key, (_, district) in names.items()}),
        rows.column("calendar"),
        rows.column("program"),
        rows.column("birth_day").cast(pa.date32()),
        rows.column("grade"),
        decode(rows.column("attributes"), texts),
    ]
    return pa.table(columns, schema=CASES)


def _event_table(rows: pa.Table, ids: pa.ChunkedArray, texts: dict[int, str]) -> pa.Table:
    columns = [
        ids,
        decode(rows.column("event"), texts),
        rows.column("occurred_on").cast(pa.date32()),
        rows.column("recorded_at").cast(EVENTS.field("recorded_at").type),
        decode(rows.column("attributes"), texts),
        *(rows.column(name) for name in ("event_id", "corrects", "retracts")),
    ]
    return pa.table(columns, schema=EVENTS)

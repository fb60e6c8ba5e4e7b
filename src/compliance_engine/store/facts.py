"""Reading cases and events back as the canonical tables, as the store knew them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.dates import BoolArray, IntArray
from compliance_engine.store.bulk import next_number, parts_of, read_table, to_microseconds
from compliance_engine.store.connect import Store
from compliance_engine.store.tables import case_versions, cases, districts, events, imports, of_case
from compliance_engine.store.words import all_words, decode

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
_EVER = -(2**63)


@dataclass(frozen=True, slots=True)
class District:
    """One part of the store.

    Attributes:
        cases: How many cases it has.
    """

    key: int
    state: str
    district: str
    cases: int

    @property
    def name(self) -> str:
        """State and district as one text."""
        return (
            self.district if self.district.startswith(f"{self.state}.") else f"{self.state} {self.district}"
        )


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

    def pairs(self, which: BoolArray) -> list[tuple[str, str | None]]:
        """Return state and calendar of some of the cases."""
        mask = pa.array(which)
        columns = (self.cases.column(name).filter(mask).to_pylist() for name in ("state", "calendar"))
        return list(zip(*columns, strict=True))

    def first_events_after(self, day: int) -> tuple[IntArray, IntArray]:
        """Return the cases that have events after a day, with the days of those events."""
        days = self.events.column("occurred_on").cast(pa.int32()).to_numpy()
        later = np.flatnonzero(days > day)
        ids = self.cases.column("case_id").combine_chunks()
        at = pc.index_in(self.events.column("case_id").take(pa.array(later)), value_set=ids)
        return self.keys[at.to_numpy()], days[later]


def read_districts(connection: sa.Connection) -> list[District]:
    """Return all districts, sorted by state and name."""
    number = sa.func.count(cases.c.case_key)
    query = sa.select(districts.c.district_key, districts.c.state, districts.c.district, number)
    query = query.join_from(districts, cases).group_by(districts.c.district_key)
    found = [District(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one.state, one.district))


def last_import(connection: sa.Connection) -> int:
    """Return the number of the last import, 0 for none."""
    return next_number(connection, imports.c.import_id) - 1


def read_facts(
    store: Store,
    *,
    chosen: Sequence[District] = (),
    case_id: str | None = None,
    keys: IntArray | None = None,
    known_at: datetime | None,
    until_import: int,
) -> Facts:
    """Return the facts of some districts or of one case.

    Of a case that changed, the version recorded last and known at `known_at` counts. Events come with their
    `recorded_at`, corrections and retractions; `build_batch` chooses among them. Events of a case that was
    not known yet are left out.

    Args:
        chosen: Districts; give these or `case_id`.
        keys: Only these cases of the districts.
        known_at: With a time zone; None believes everything.
        until_import: Later imports do not exist.
    """
    which = _which(chosen, case_id, keys)
    with store.read() as connection:
        versions = pa.concat_tables(
            [read_table(connection, _case_query(one, until_import), _CASE) for one in which]
        )
        texts = all_words(connection)
        rows = pa.concat_tables(
            [read_table(connection, _event_query(one, until_import), _EVENT) for one in which]
        )
        names = {one.key: one for one in read_districts(connection)}
    picked = versions.take(pa.array(_known_versions(versions, known_at)))
    numbers, ids = picked.column("case_key"), picked.column("case_id")
    at = pc.index_in(rows.column("case_key"), value_set=numbers.combine_chunks())
    known = at.is_valid()
    rows, at = rows.filter(known), at.filter(known)
    table = _case_table(picked, names, texts)
    of_case = picked.column("district_key").to_numpy()
    return Facts(table, _event_table(rows, ids.take(at), texts), numbers.to_numpy(), of_case)


def _which(
    chosen: Sequence[District], case_id: str | None, keys: IntArray | None
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that choose the cases, one for each query to be made."""
    if case_id is not None:
        return [cases.c.case_id == case_id]
    if keys is not None:
        return [cases.c.case_key.in_(part) for part in parts_of(keys)]
    return [cases.c.district_key.in_([one.key for one in chosen])]


def _case_query(which: sa.ColumnElement[bool], until_import: int) -> sa.Select[Any]:
    columns = (cases.c.case_key, cases.c.district_key, cases.c.case_id, cases.c.program)
    columns_of_version = (case_versions.c[name] for name in _CASE.names[4:])
    joined = sa.select(*columns, *columns_of_version).join_from(cases, case_versions, of_case(case_versions))
    return joined.where(which, case_versions.c.import_id <= until_import)


def _event_query(which: sa.ColumnElement[bool], until_import: int) -> sa.Select[Any]:
    columns = (events.c[name] for name in _EVENT.names)
    joined = sa.select(*columns).join_from(cases, events, of_case(events))
    return joined.where(which, events.c.import_id <= until_import)


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


def _case_table(rows: pa.Table, names: Mapping[int, District], texts: dict[int, str]) -> pa.Table:
    keys = rows.column("district_key")
    states = {key: one.state for key, one in names.items()}
    columns = [
        rows.column("case_id"),
        decode(keys, states),
        decode(keys, {key: one.district for key, one in names.items()}),
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

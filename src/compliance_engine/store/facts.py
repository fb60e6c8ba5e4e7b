"""Reading cases and events back as the canonical tables, as the store knew them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.store.bulk import next_number, read_table, to_microseconds
from compliance_engine.store.connect import Store
from compliance_engine.store.tables import case_versions, cases, districts, events, imports
from compliance_engine.store.words import all_words, decode

_CASE = pa.schema(
    [
        ("case_key", pa.int32()),
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


@dataclass(frozen=True, slots=True)
class Facts:
    """Cases and events of one district, or of one case.

    Attributes:
        cases: Columns of `cases.tables.CASES`, sorted by key.
        events: Columns of `cases.tables.EVENTS`.
        keys: The number of each case in the store, by case id.
    """

    cases: pa.Table
    events: pa.Table
    keys: dict[str, int]


def read_districts(connection: sa.Connection) -> list[District]:
    """Return all districts, sorted by state and name."""
    query = sa.select(districts.c.district_key, districts.c.state, districts.c.district)
    found = [District(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one.state, one.district))


def last_import(connection: sa.Connection) -> int:
    """Return the number of the last import, 0 for none."""
    return next_number(connection, imports.c.import_id) - 1


def read_facts(
    store: Store,
    *,
    district: int | None = None,
    case_id: str | None = None,
    known_at: datetime | None,
    until_import: int,
) -> Facts:
    """Return the facts of a district or of one case.

    Of a case that changed, the version recorded last and known at `known_at` counts. Events come with their
    `recorded_at`, corrections and retractions; `build_batch` chooses among them. Events of a case that was
    not known yet are left out.

    Args:
        district: Key of a district; give this or `case_id`.
        known_at: With a time zone; None believes everything.
        until_import: Later imports do not exist.
    """
    chosen = cases.c.case_id == case_id if case_id is not None else cases.c.district_key == district
    with store.read() as connection:
        versions = read_table(connection, _case_query(chosen, until_import), _CASE)
        texts = all_words(connection)
        rows = read_table(connection, _event_query(chosen, until_import), _EVENT)
        names = connection.execute(
            sa.select(districts.c.state, districts.c.district).join(cases).where(chosen).limit(1)
        ).first()
    picked = versions.take(pa.array(_known_versions(versions, known_at)))
    state, name = names if names else ("", "")
    table = _case_table(picked, state, name, texts)
    keys, ids = picked.column("case_key"), picked.column("case_id")
    at = pc.index_in(rows.column("case_key"), value_set=keys.combine_chunks())
    known = at.is_valid()
    rows, at = rows.filter(known), at.filter(known)
    by_id = dict(zip(ids.to_pylist(), keys.to_pylist(), strict=True))
    return Facts(table, _event_table(rows, ids.take(at), texts), by_id)


def _case_query(chosen: sa.ColumnElement[bool], until_import: int) -> sa.Select[Any]:
    columns = (cases.c.case_key, cases.c.case_id, cases.c.program)
    columns_of_version = (case_versions.c[name] for name in _CASE.names[3:])
    joined = sa.select(*columns, *columns_of_version).join_from(cases, case_versions)
    return joined.where(chosen, case_versions.c.import_id <= until_import)


def _event_query(chosen: sa.ColumnElement[bool], until_import: int) -> sa.Select[Any]:
    columns = (events.c[name] for name in _EVENT.names)
    return sa.select(*columns).join_from(cases, events).where(chosen, events.c.import_id <= until_import)


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


def _case_table(rows: pa.Table, state: str, district: str, texts: dict[int, str]) -> pa.Table:
    columns = [
        rows.column("case_id"),
        pa.array([state] * len(rows), pa.string()),
        pa.array([district] * len(rows), pa.string()),
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

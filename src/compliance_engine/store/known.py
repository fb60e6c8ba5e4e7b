"""What a store knows already, for an import to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.dates import IntArray
from compliance_engine.store.bulk import among, among_texts, read_table
from compliance_engine.store.tables import case_versions, cases, districts, events

_KNOWN_CASE = pa.schema(
    [
        ("case_key", pa.int32()),
        ("case_id", pa.string()),
        ("state", pa.string()),
        ("district", pa.string()),
        ("program", pa.string()),
    ]
)
VERSION = pa.schema(
    [
        ("case_key", pa.int32()),
        ("import_id", pa.int32()),
        ("recorded_at", pa.int64()),
        ("calendar", pa.string()),
        ("birth_day", pa.int32()),
        ("grade", pa.int32()),
        ("attributes", pa.int32()),
    ]
)
EVENT = pa.schema(
    [
        ("case_key", pa.int32()),
        ("event", pa.int32()),
        ("occurred_on", pa.int32()),
        ("attributes", pa.int32()),
        ("event_id", pa.string()),
        ("corrects", pa.string()),
        ("retracts", pa.string()),
    ]
)


def known_cases(connection: sa.Connection, ids: Sequence[str]) -> pa.Table:
    """Return those of some cases that the store holds, perhaps with others.

    Returns: Columns of key, id, state, district and program.
    """
    columns = (cases.c.case_key, cases.c.case_id, districts.c.state, districts.c.district, cases.c.program)
    query = sa.select(*columns).join(districts)
    parts = None if _most(connection, len(ids)) else among_texts(cases.c.case_id, ids)
    return _read(connection, query, parts, _KNOWN_CASE)


def last_versions(connection: sa.Connection, keys: IntArray) -> pa.Table:
    """Return the version of each of some cases that came last into the store, perhaps with others."""
    query = sa.select(*(case_versions.c[name] for name in VERSION.names))
    parts = None if _most(connection, len(keys)) else among(case_versions.c.case_key, keys)
    versions = _read(connection, query, parts, VERSION)
    key, number = (versions.column(name).to_numpy() for name in ("case_key", "import_id"))
    order = np.lexsort((number, key))
    last = np.ones(len(order), np.bool_)
    last[:-1] = key[order][1:] != key[order][:-1]
    return versions.take(pa.array(order[last]))


def known_events(connection: sa.Connection, keys: IntArray) -> pa.Table:
    """Return the events of some cases, perhaps with others."""
    query = sa.select(*(events.c[name] for name in EVENT.names))
    parts = None if _most(connection, len(keys)) else among(events.c.case_key, keys)
    return _read(connection, query, parts, EVENT)


def _most(connection: sa.Connection, number: int) -> bool:
    """Return whether so many cases are most of the store: all are read then."""
    known = connection.execute(sa.select(sa.func.count()).select_from(cases)).scalar_one()
    return bool(number * 2 > known)


def _read(
    connection: sa.Connection,
    query: sa.Select[Any],
    parts: Sequence[sa.ColumnElement[bool]] | None,
    schema: pa.Schema,
) -> pa.Table:
    if parts is None:
        return read_table(connection, query, schema)
    tables = [read_table(connection, query.where(part), schema) for part in parts]
    return pa.concat_tables([schema.empty_table(), *tables])


def not_in(rows: pa.Table, before: pa.Table) -> npt.NDArray[np.int64]:
    """Return the numbers, ascending, of the rows that are not equal to a row of `before` in every column."""
    numbers = np.arange(len(rows), dtype=np.int64)
    if not len(before):
        return numbers
    numbered = _comparable(rows).append_column("number", pa.array(numbers))
    fresh = numbered.join(_comparable(before), list(EVENT.names), join_type="left anti")
    return np.sort(fresh.column("number").to_numpy())


def _comparable(rows: pa.Table) -> pa.Table:
    """Return the rows with null as a value, since a join takes no null for equal to another."""
    columns = [
        pc.fill_null(column, "" if field.type == pa.string() else 0)
        for field, column in zip(EVENT, rows.columns, strict=True)
    ]
    return pa.table(columns, schema=EVENT)

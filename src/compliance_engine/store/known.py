"""What a store knows already, for an import to compare with."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.store.bulk import read_table
from compliance_engine.store.tables import case_versions, cases, districts

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


def known_cases(connection: sa.Connection) -> pa.Table:
    """Return all cases: key, id, state, district, program."""
    columns = (cases.c.case_key, cases.c.case_id, districts.c.state, districts.c.district, cases.c.program)
    return read_table(connection, sa.select(*columns).join(districts), _KNOWN_CASE)


def last_versions(connection: sa.Connection) -> pa.Table:
    """Return the version of each case that came last into the store."""
    query = sa.select(*(case_versions.c[name] for name in VERSION.names))
    versions = read_table(connection, query, VERSION)
    key, number = (versions.column(name).to_numpy() for name in ("case_key", "import_id"))
    order = np.lexsort((number, key))
    last = np.ones(len(order), np.bool_)
    last[:-1] = key[order][1:] != key[order][:-1]
    return versions.take(pa.array(order[last]))


def not_in(rows: pa.Table, before: pa.Table) -> list[int]:
    """Return the numbers of the rows that are not equal to a row of `before` in every column."""
    if not len(before):
        return list(range(len(rows)))
    numbered = _comparable(rows).append_column("number", pa.array(np.arange(len(rows), dtype=np.int64)))
    fresh = numbered.join(_comparable(before), list(EVENT.names), join_type="left anti")
    return sorted(fresh.column("number").to_pylist())


def _comparable(rows: pa.Table) -> pa.Table:
    """Return the rows with null as a value, since a join takes no null for equal to another."""
    columns = [
        pc.fill_null(column, "" if field.type == pa.string() else 0)
        for field, column in zip(EVENT, rows.columns, strict=True)
    ]
    return pa.table(columns, schema=EVENT)

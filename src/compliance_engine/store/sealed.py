"""What an import added, with the seal that follows from each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import sqlalchemy as sa

from compliance_engine.store.bulk import read_table
from compliance_engine.store.seals import (
    EVENT_COLUMNS,
    VERSION_NUMBERS,
    VERSION_TEXTS,
    Seals,
    event_seals,
    import_digest,
    version_seals,
)
from compliance_engine.store.tables import cases, districts

_NUMBERS, _TEXTS = EVENT_COLUMNS[:4], EVENT_COLUMNS[4:]
_EVENT = [
    ("case_key", pa.int32()),
    ("event_number", pa.int64()),
    *((name, pa.int64()) for name in _NUMBERS),
    *((name, pa.string()) for name in _TEXTS),
    ("import_id", pa.int32()),
]
_VERSION = [
    ("case_key", pa.int32()),
    ("import_id", pa.int32()),
    ("calendar", pa.string()),
    *((name, pa.int64()) for name in (*VERSION_NUMBERS, "attributes")),
]
_SEAL = ("seal", pa.int64())


def events_of(
    connection: sa.Connection, number: int, *, table: str = "events", sealed: bool = True
) -> pa.Table:
    """Return the events an import added, in the order of their numbers.

    Args:
        table: Where they lie (a migration reads them from elsewhere).
        sealed: Whether the table has seals.

    Returns: The columns of the table, and case_id.
    """
    rows = _read(connection, table, number, [*_EVENT, *([_SEAL] if sealed else [])], ("case_id",))
    return rows.sort_by("event_number")


def versions_of(
    connection: sa.Connection, number: int, *, table: str = "case_versions", sealed: bool = True
) -> pa.Table:
    """Return the versions of cases an import added: the columns of the table, and of `VERSION_TEXTS`."""
    fields = [*_VERSION, *([_SEAL] if sealed else [])]
    return _read(connection, table, number, fields, ("case_id", "state", "district", "program"))


def seals_of(events: pa.Table, versions: pa.Table, texts: Mapping[int, str]) -> tuple[Seals, Seals, str]:
    """Return the seals of events and versions of cases, and the digest of the import they came with."""
    of_events = event_seals(events, events.column("case_id"), texts)
    of_versions = version_seals(versions.select([*VERSION_TEXTS, *VERSION_NUMBERS, "attributes"]), texts)
    return of_events, of_versions, import_digest(of_events, of_versions)


def _read(
    connection: sa.Connection,
    name: str,
    number: int,
    fields: Sequence[tuple[str, pa.DataType]],
    about: Sequence[str],
) -> pa.Table:
    table = sa.table(name, *(sa.column(column) for column, _ in fields))
    of_case = {**cases.c, **{one: districts.c[one] for one in ("state", "district")}}
    query = sa.select(*(table.c[column] for column, _ in fields), *(of_case[one] for one in about))
    query = query.join_from(table, cases, table.c.case_key == cases.c.case_key)
    query = query.join(districts, cases.c.district_key == districts.c.district_key)
    schema = pa.schema([*fields, *((one, pa.string()) for one in about)])
    return read_table(connection, query.where(table.c.import_id == number), schema)

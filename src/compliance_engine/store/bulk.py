"""Many rows at once, in and out: Arrow tables and plain tuples, never an object per row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

_ROWS = 65_536
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_table(connection: sa.Connection, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    """Return the rows of a query as columns.

    Args:
        query: Selects the columns of the schema in its order, as whole numbers, texts or null.
    """
    cursor = connection.execute(query).cursor
    assert cursor is not None
    batches = []
    while rows := cursor.fetchmany(_ROWS):
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*rows, strict=True), schema, strict=True)
        ]
        batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
    cursor.close()
    return pa.Table.from_batches(batches, schema=schema)


def insert_table(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    """Insert rows given as columns; names are those of the database table."""
    names = [column.name for column in table.columns if column.name in rows.column_names]
    columns = [rows.column(name).to_pylist() for name in names]
    insert_rows(connection, table, names, list(zip(*columns, strict=True)))


def insert_rows(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert tuples by the driver's own executemany.

    Args:
        names: The columns, in the order of the table and of the tuples.
    """
    if not rows:
        return
    compiled = table.insert().compile(dialect=connection.dialect, column_keys=list(names))
    if compiled.positiontup == list(names):
        connection.exec_driver_sql(str(compiled), list(rows))
    else:
        connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def next_number(connection: sa.Connection, column: sa.ColumnElement[Any]) -> int:
    """Return the number after the largest in a column; only a writer may ask."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one()) + 1


def to_microseconds(moment: datetime) -> int:
    """Return a moment (with a time zone) as microseconds since 1970-01-01 (UTC)."""
    elapsed = moment.astimezone(UTC) - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def to_moment(microseconds: int) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(
        microsecond=microseconds % 1_000_000
    )

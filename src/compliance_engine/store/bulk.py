"""Many rows at once, in and out: Arrow tables and plain tuples, never an object per row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles

from compliance_engine.dates import BoolArray
from compliance_engine.errors import Place, Problem, StoreProblem
from compliance_engine.store.arrow import ArrowConnection

Readable = sa.Connection | ArrowConnection
"""What `read_table` reads from."""
_ROWS = 65_536
_BLOCK = 1 << 24
_NAMED = 10_000
_TEXTS = 500
_KIN = {
    pa.int32(): (pa.int64(), pa.null()),
    pa.int64(): (pa.int64(), pa.null()),
    pa.string(): (pa.string(), pa.null()),
}
"""The types that values from SQLite have, for each type of a schema."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_table(connection: Readable, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    """Return the rows of a query as columns, as the connection's transaction sees them.

    Args:
        query: Selects the columns of the schema in its order, as whole numbers, texts or null.
    """
    if isinstance(connection, ArrowConnection):
        return connection.fetch(_written_out(query), schema)
    if connection.dialect.name == "postgresql":
        return _copied(connection, query, schema)
    cursor = connection.execute(query).cursor
    assert cursor is not None
    batches = []
    while rows := cursor.fetchmany(_ROWS):
        columns = [
            _array(connection, column, field)
            for column, field in zip(zip(*rows, strict=True), schema, strict=True)
        ]
        batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
    cursor.close()
    return pa.Table.from_batches(batches, schema=schema)


def _written_out(query: sa.Select[Any]) -> str:
    return str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


def _array(connection: sa.Connection, values: tuple[Any, ...], field: pa.Field) -> pa.Array:
    """Return a column; SQLite takes anything into any, and what is not of its type is refused."""
    try:
        found = pa.array(values)  # asked for whole numbers, it would cut fractions off
        if found.type in _KIN[field.type]:
            return found.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        pass  # of several types, or too large a number
    said = f"{field.name} of a row is not of the type {field.type}: another program wrote it"
    place, mend = Place(str(connection.engine.url.database)), "restore the store from a backup"
    raise StoreProblem(Problem(place, "CE602", "store", said, mend=mend))


def _copied(connection: sa.Connection, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    written = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    command, given = f"COPY ({written}) TO STDOUT (FORMAT CSV)", written.params
    received = pa.BufferOutputStream()
    with _driver(connection).cursor() as cursor, cursor.copy(command, given) as copy:
        for data in copy:
            received.write(data)
    content = received.getvalue()
    if not content.size:
        return schema.empty_table()
    return csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(column_names=schema.names, block_size=_BLOCK),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


def _driver(connection: sa.Connection) -> Any:
    """Return the psycopg connection of a SQLAlchemy connection."""
    return connection.connection.driver_connection


def insert_table(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    """Insert rows given as columns; names are those of the database table."""
    names = [column.name for column in table.columns if column.name in rows.column_names]
    if connection.dialect.name == "postgresql":
        if len(rows):
            _copy_in(connection, table.name, rows.select(names))
        return
    for part in rows.select(names).to_batches(max_chunksize=_ROWS):
        _execute_many(connection, table.name, part)


def _execute_many(connection: sa.Connection, name: str, rows: pa.RecordBatch) -> None:
    """Insert rows into SQLite.

    Python's driver takes long to bind None: columns that are null throughout are left out, and null among
    whole numbers is bound as a number that does not occur.
    """
    names, marks, values = [], [], []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        if column.null_count == len(column):
            continue
        names.append(field.name)
        if column.null_count and pa.types.is_integer(field.type):
            other = pc.min(column).as_py() - 1
            marks.append(f"nullif(?, {other})")
            values.append(column.cast(pa.int64()).fill_null(other).to_numpy().tolist())
        elif pa.types.is_integer(field.type):
            marks.append("?")
            values.append(column.to_numpy().tolist())
        else:
            marks.append("?")
            values.append(column.to_pylist())
    command = f"INSERT INTO {name} ({', '.join(names)}) VALUES ({', '.join(marks)})"
    connection.exec_driver_sql(command, list(zip(*values, strict=True)))


def _copy_in(connection: sa.Connection, name: str, rows: pa.Table) -> None:
    listed = ", ".join(rows.column_names)
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    with (
        _driver(connection).cursor() as cursor,
        cursor.copy(f"COPY {name} ({listed}) FROM STDIN (FORMAT CSV)") as copy,
    ):
        for part in rows.to_batches(max_chunksize=_ROWS):
            written = pa.BufferOutputStream()
            csv.write_csv(part, written, options)
            copy.write(written.getvalue().to_pybytes())


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


class _Among(sa.ColumnElement[bool]):
    """A column has one of some numbers, written out: thousands of parameters cost far more than the query."""

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[int], numbers: Sequence[int]) -> None:
        self.column = column
        self.listed = ", ".join(map(str, numbers)) or "NULL"

    def self_group(self, against: Any = None) -> _Among:
        """Return itself: SQLAlchemy would compare it with 1 in SQLite, which then finds no index for it."""
        return self


@compiles(_Among)
def _in_list(element: _Among, compiler: sa.Compiled, **how: Any) -> str:
    return f"{compiler.process(element.column, **how)} IN ({element.listed})"


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: sa.Compiled, **how: Any) -> str:
    # one constant, where a list would be planned number by number
    return f"{compiler.process(element.column, **how)} = ANY ('{{{element.listed}}}'::int[])"


def among(column: sa.ColumnElement[int], numbers: npt.NDArray[np.int32]) -> list[sa.ColumnElement[bool]]:
    """Return conditions that a column has one of some numbers, each naming as many as a query may."""
    listed = np.sort(numbers).tolist()
    parts = [listed[at : at + _NAMED] for at in range(0, len(listed), _NAMED)] or [[]]
    return [_Among(column, part) for part in parts]


def among_texts(column: sa.ColumnElement[str], texts: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    """Return conditions that a column has one of some texts, each naming as many as a query may."""
    return [column.in_(texts[at : at + _TEXTS]) for at in range(0, len(texts), _TEXTS)]


def alike(one: pa.ChunkedArray, other: pa.ChunkedArray) -> BoolArray:
    """Return where two columns are equal, null being equal to null."""
    both_null = pc.and_(one.is_null(), other.is_null())
    return np.asarray(pc.fill_null(pc.or_kleene(pc.equal(one, other), both_null), False).to_numpy())


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

"""Reading a SQLite store as Arrow columns by ADBC, in processes that do nothing else with it.

The driver brings a SQLite of its own. Two of them in one process take each other's locks on the same file
away, so a process that opens an `ArrowConnection` must not use the store through SQLAlchemy as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.errors import Place, Problem, StoreProblem

_NULL = "\x01"


class ArrowConnection:
    """A connection that only reads."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def fetch(self, query: str, schema: pa.Schema) -> pa.Table:
        """Return the rows of a query with the columns of a schema: whole numbers and texts."""
        # the driver takes the type of a column from its first rows, which may be null: null texts are marked
        listed = [
            f"ifnull({field.name}, char(1))" if field.type == pa.string() else field.name for field in schema
        ]
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"WITH found ({', '.join(schema.names)}) AS ({query}) SELECT {', '.join(listed)} FROM found"
            )
            found = cursor.fetch_arrow_table()
        columns = [_column(column, field) for field, column in zip(schema, found.columns, strict=True)]
        return pa.table(columns, schema=schema)


def _column(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if field.type != pa.string() or not len(column):
        return column.cast(field.type)
    return pc.if_else(pc.equal(column, _NULL), pa.scalar(None, pa.string()), column)


@contextmanager
def arrow_connection(path: Path) -> Iterator[ArrowConnection]:
    """Give a connection to a SQLite file.

    Raises: StoreProblem CE602 when it cannot be read.
    """
    from adbc_driver_sqlite import dbapi

    try:
        with dbapi.connect(f"file:{path.absolute().as_posix()}?mode=ro") as connection:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA mmap_size = 268435456")
                cursor.fetchall()
            yield ArrowConnection(connection)
    except dbapi.Error as error:
        said = str(error).partition("\n")[0]
        mend = "check the file, the free space and the rights to read"
        raise StoreProblem(
            Problem(Place(str(path)), "CE602", "store", f"the database says: {said}", mend=mend)
        ) from error

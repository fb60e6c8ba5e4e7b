"""What a database can do at best: the facts read by ADBC, and the rows of the last sweep written by bulk ingest.

Run in a process of its own, since the driver brings a SQLite of its own. The rows are written into tables like
those of the store, keys and indexes included, in one transaction.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

READ = {
    "events": "case_key, event, occurred_on, recorded_at, attributes, event_id, corrects, retracts",
    "case_versions": "case_key, import_id, recorded_at, calendar, birth_day, grade, attributes",
    "cases": "case_key, case_id, district_key, program",
}
WRITTEN = ("deadlines", "findings", "case_states")
ROWS = 500_000


def batches(cursor: Any, query: str) -> Iterator[Any]:
    cursor.execute(query)
    yield from cursor.fetch_record_batch()


@contextmanager
def copies_in_sqlite(source: Any) -> Iterator[Any]:
    """Give a connection to an empty file with the tables a sweep writes."""
    from adbc_driver_sqlite import dbapi

    with source.cursor() as cursor:
        kept = ", ".join(f"'{name}'" for name in WRITTEN)
        cursor.execute(
            f"SELECT sql FROM sqlite_master WHERE tbl_name IN ({kept}) AND sql IS NOT NULL ORDER BY rootpage"
        )
        made = cursor.fetch_arrow_table().column(0).to_pylist()
    with (
        tempfile.TemporaryDirectory() as folder,
        dbapi.connect(f"{folder}/limits.db", autocommit=True) as target,
    ):
        with target.cursor() as cursor:
            for command in (
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA cache_size = -64000",
            ):
                cursor.execute(command)
                cursor.fetchall()
            for command in made:
                cursor.execute(command)
        target.adbc_connection.set_autocommit(False)
        yield target


@contextmanager
def copies_in_postgresql(source: Any, address: str) -> Iterator[Any]:
    """Give a connection whose tables are empty copies of those a sweep writes."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(address, autocommit=True) as target:
        with target.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            own = cursor.fetchone()[0]
            cursor.execute("DROP SCHEMA IF EXISTS limits CASCADE")
            cursor.execute("CREATE SCHEMA limits")
            for name in WRITTEN:
                cursor.execute(f"CREATE TABLE limits.{name} (LIKE {own}.{name} INCLUDING INDEXES)")
            cursor.execute("SET search_path = limits")
        target.adbc_connection.set_autocommit(False)
        yield target
        target.rollback()


def measure(address: str) -> dict[str, float]:
    if "://" in address:
        from adbc_driver_postgresql import dbapi

        source, copies = dbapi.connect(address), lambda: copies_in_postgresql(source, address)
    else:
        from adbc_driver_sqlite import dbapi

        source, copies = (
            dbapi.connect(f"file:{Path(address).absolute()}?mode=ro"),
            lambda: copies_in_sqlite(source),
        )
    figures = {"read": 0.0, "write": 0.0}
    with source, source.cursor() as cursor:
        started = time.perf_counter()
        for name, columns in READ.items():
            for _ in batches(cursor, f"SELECT {columns} FROM {name}"):
                pass
        figures["read"] = time.perf_counter() - started
        with copies() as target:
            for name in WRITTEN:
                figures["write"] += copied(source, target, name)
            started = time.perf_counter()
            target.commit()
            figures["write"] += time.perf_counter() - started
    return figures


def copied(source: Any, target: Any, name: str) -> float:
    """Write the rows of a table again, some at a time; return the seconds of writing alone."""
    import pyarrow as pa

    seconds, kept = 0.0, []
    with source.cursor() as cursor, target.cursor() as sink:

        def write() -> float:
            started = time.perf_counter()
            sink.adbc_ingest(name, pa.Table.from_batches(kept), mode="append")
            kept.clear()
            return time.perf_counter() - started

        held = "valid_to IS NULL" if name != "case_states" else "true"
        for batch in batches(cursor, f"SELECT * FROM {name} WHERE {held}"):
            kept.append(batch)
            if sum(len(one) for one in kept) >= ROWS:
                seconds += write()
        return seconds + (write() if kept else 0.0)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))

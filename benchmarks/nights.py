"""The nights of a store: import, the first sweep, a quiet night, one in which 1 % of the cases changed, a full one.

Sweeps are run as the command is, each in processes of its own, whose memory is looked at meanwhile. What the
database can do at best (`limits.py`) is measured right after the first sweep. Before each sweep the disk is
brought to rest, and before the nights PostgreSQL, for in a year's nights neither has just loaded everything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.generator import District, Generated, generate
from compliance_engine.cases.importers.outcome import Imported
from compliance_engine.cases.tables import EVENTS
from compliance_engine.store.connect import Store, open_store
from compliance_engine.store.events import add
from compliance_engine.store.sweeps import last_finished
from watch import Watch

HERE = Path(__file__).parent
AS_OF = date(2026, 2, 2)
NOW = datetime(2026, 2, 2, 12, tzinfo=UTC)
DISTRICT = 50_000
PART = 250_000
"""Cases imported at a time: the generator needs some gigabytes for a million."""


@contextmanager
def timed(figures: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    figures[name] = figures.get(name, 0.0) + time.perf_counter() - started


def parts(number: int) -> Iterator[Generated]:
    """Yield so many cases, some districts at a time, with ids that differ."""
    size = min(DISTRICT, max(1, number // 20))
    for at in range(0, number, PART):
        whole = range(at, min(at + PART, number), size)
        districts = [District("tx", f"tx.d{one // size:04d}", "us.example_county", size) for one in whole]
        made = generate(districts, seed=at, until=AS_OF, years=1)
        yield Generated(*(_named(table, f"p{at // PART}") for table in (made.cases, made.events)))


def _named(table: pa.Table, prefix: str) -> pa.Table:
    ids = pc.binary_join_element_wise(prefix, table.column("case_id"), "")
    return table.set_column(0, table.schema.field("case_id"), ids)


def put(store: Store, cases: pa.Table, events: pa.Table) -> None:
    add(store, Imported(cases, events, [], 0, 0), source="bench", form="canonical", received_at=NOW)


def news(made: Generated) -> tuple[pa.Table, pa.Table]:
    """Return every hundredth case with one new event."""
    some = made.cases.take(pa.array(range(0, len(made.cases), 100)))
    day, attributes = AS_OF - timedelta(days=20), '{"school_days": 12}'
    rows = [
        {"case_id": case_id, "event": "student_absent", "occurred_on": day, "attributes": attributes}
        for case_id in some.column("case_id").to_pylist()
    ]
    return some, pa.Table.from_pylist(rows, EVENTS)


def swept(figures: dict[str, float], name: str, store: str, *more: str) -> dict[str, Any]:
    """Sweep by the command; keep how long it took, the sweep alone as well, and the memory it needed."""
    os.sync()  # what the step before left to be written is not of this one
    command = [
        sys.executable,
        "-m",
        "compliance_engine",
        "sweep",
        "--store",
        store,
        "--format",
        "json",
        *more,
    ]
    # as where it is installed: its modules are not compiled anew each time
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with (
        timed(figures, name),
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process,
        Watch(process.pid) as seen,
    ):
        assert process.stdout is not None
        answer = json.loads(process.stdout.read())
    figures[f"{name}_alone"] = recorded(store)
    figures[f"{name}_mib"] = seen.together
    figures[f"{name}_evaluated"] = answer["counts"]["written"]["cases_evaluated"]
    assert not answer["warnings"], answer["warnings"]
    return answer


def recorded(address: str) -> float:
    """Return the seconds of the last sweep by its record: the law is read in them, Python is not started."""
    store = open_store(address)
    with store.read() as connection:
        sweep = last_finished(connection)
    store.close()
    assert sweep is not None
    assert sweep.finished_at is not None
    return (sweep.finished_at - sweep.started_at).total_seconds()


def rest(address: str) -> None:
    """Let PostgreSQL do now what it does by itself in the hours after a first load."""
    store = open_store(address)
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")
            connection.exec_driver_sql("CHECKPOINT")
    store.close()


def measure(number: int, address: str) -> dict[str, float]:
    figures: dict[str, float] = {"cases": number, "events": 0}
    store, later = open_store(address, create=True), []
    for made in parts(number):
        with timed(figures, "import"):
            put(store, made.cases, made.events)
        figures["events"] += len(made.events)
        later.append(news(made))
    store.close()
    days = ("--as-of", AS_OF.isoformat())
    first = swept(figures, "first", address, *days)
    for name in ("deadlines", "findings"):
        figures[name] = first["counts"]["totals"][name]
    limits = subprocess.run(
        [sys.executable, str(HERE / "limits.py"), address], check=True, capture_output=True, text=True
    )
    figures |= json.loads(limits.stdout)
    rest(address)
    swept(figures, "quiet", address, *days)
    store = open_store(address)
    with timed(figures, "import_changed"):
        put(store, *(pa.concat_tables(tables) for tables in zip(*later, strict=True)))
    store.close()
    night = swept(figures, "changed", address, *days)
    full = swept(figures, "full", address, *days, "--full")
    assert full["digest"] == night["digest"]
    swept(figures, "next", address, "--as-of", (AS_OF + timedelta(days=1)).isoformat())
    return figures


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the address of a PostgreSQL server started for this run, or that of COMPLIANCE_TEST_DATABASE_URL."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from postgresql import running

    with running() as address:
        yield address


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--postgresql", type=int, default=0, help="1: in PostgreSQL rather than SQLite")
    given = parser.parse_args()
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if given.postgresql:
        with postgresql() as url:
            print(json.dumps(measure(given.cases, url)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(given.cases, str(Path(folder) / "bench.db"))))

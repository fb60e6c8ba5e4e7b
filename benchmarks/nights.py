"""The nights of a store: import, the first sweep, a quiet night, and one in which 1 % of the cases changed."""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from compliance_engine.cases.generator import District, generate
from compliance_engine.cases.importers.outcome import Imported
from compliance_engine.cases.tables import EVENTS
from compliance_engine.data_files import calendars_folder, rules_folder
from compliance_engine.store.connect import Store, open_store
from compliance_engine.store.events import add
from compliance_engine.store.sweeps import Process, Question
from compliance_engine.sweep.law import read_law
from compliance_engine.sweep.runner import Finished, run_sweep

AS_OF = date(2026, 2, 2)
NOW = datetime(2026, 2, 2, 12, tzinfo=UTC)


@contextmanager
def timed(figures: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - started


def put(store: Store, cases: pa.Table, events: pa.Table) -> None:
    add(store, Imported(cases, events, [], 0, 0), source="bench", form="canonical", received_at=NOW)


def changed(cases: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return every hundredth case with one new event."""
    some = cases.take(pa.array(range(0, len(cases), 100)))
    rows = [
        {
            "case_id": case_id,
            "event": "student_absent",
            "occurred_on": AS_OF,
            "attributes": '{"school_days": 1}',
        }
        for case_id in some.column("case_id").to_pylist()
    ]
    return some, pa.Table.from_pylist(rows, EVENTS)


def measure(number: int, address: str) -> dict[str, float]:
    districts = [District("tx", f"tx.d{one:03d}", "us.example_county", number // 20) for one in range(20)]
    made = generate(districts, seed=1, until=AS_OF, years=2)
    figures: dict[str, float] = {"cases": len(made.cases), "events": len(made.events)}
    store, law = open_store(address, create=True), read_law(rules_folder(), calendars_folder())

    def night(as_of: date, *, full: bool = False) -> Finished:
        who = Process(1, "bench", NOW)
        return run_sweep(store, Question(as_of), law, who, clock=lambda: NOW, full=full)

    with timed(figures, "import"):
        put(store, made.cases, made.events)
    with timed(figures, "first"):
        first = night(AS_OF)
    figures["deadlines"] = first.sweep.counts["totals"]["deadlines"]
    with timed(figures, "quiet"):
        night(AS_OF)
    put(store, *changed(made.cases))
    with timed(figures, "changed"):
        incremental = night(AS_OF)
    figures["evaluated"] = incremental.sweep.counts["written"]["cases_evaluated"]
    with timed(figures, "next"):
        figures["next_evaluated"] = night(AS_OF + timedelta(days=1)).sweep.counts["written"][
            "cases_evaluated"
        ]
    with timed(figures, "full"):
        full = night(AS_OF + timedelta(days=1), full=True)
    assert not full.warnings, full.warnings
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    store.close()
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--store", help="a file or URL of a new store; a temporary file by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(given.cases, given.store or str(Path(folder) / "bench.db"))))

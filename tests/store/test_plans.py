"""What is about some cases is looked up by index: no query reads a whole table of facts or results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from compliance_engine.reports.stored import report_of_sweep
from store_samples import event, imported, new_store, put, sweep, synthetic

LARGE = "events|case_versions|deadlines|findings"


@contextmanager
def asked(store) -> Iterator[list[tuple[str, Any]]]:
    """Note the queries and changes that a store is asked for."""
    noted: list[tuple[str, Any]] = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            noted.append((statement, parameters[0] if executemany else parameters))

    sa.event.listen(store.engine, "before_cursor_execute", note)
    yield noted
    sa.event.remove(store.engine, "before_cursor_execute", note)


def plans(store, noted) -> dict[str, list[str]]:
    """Return the steps by which SQLite answers each query."""
    with store.read() as connection:
        return {
            query: [
                row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given).fetchall()
            ]
            for query, given in noted
        }


def scanned(found: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [
        (step, query) for query, steps in found.items() for step in steps if re.match(f"SCAN ({LARGE})", step)
    ]


@pytest.mark.sqlite_only
def test_news_of_one_case_are_imported_and_swept_by_index(tmp_path: Path, law):
    given = synthetic("tx.one", "tx.two", cases=40)
    store = new_store(tmp_path, given)
    sweep(store, law)
    known = given.cases.slice(3, 1)
    case_id = known.column("case_id")[0].as_py()
    done = event(case_id, "evaluation_completed", "2026-01-22", purpose="initial")
    news = imported(known.to_pylist(), [done])
    with asked(store) as noted:
        put(store, news)
        finished = sweep(store, law)
    assert finished.sweep.counts["written"]["cases_evaluated"] == 1
    check(plans(store, noted), *LARGE.split("|"))


@pytest.mark.sqlite_only
def test_a_district_is_reported_by_index(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one", "tx.two", cases=40))
    finished = sweep(store, law).sweep
    with asked(store) as noted:
        report = report_of_sweep(store, finished, title="one", only=["tx.two"])
    assert report.findings
    check(plans(store, noted), *LARGE.split("|"))


def check(found: dict[str, list[str]], *read: str) -> None:
    for name in read:  # each is read: otherwise nothing would be shown of it
        assert any(re.match(f"SEARCH {name}", step) for steps in found.values() for step in steps), name
    assert not scanned(found)

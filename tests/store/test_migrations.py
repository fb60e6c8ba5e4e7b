"""Tables of another version: brought up and down with all they hold, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from compliance_engine.errors import StoreProblem
from compliance_engine.store import schema
from compliance_engine.store.chain import links
from compliance_engine.store.changes import read_changes
from compliance_engine.store.results import read_deadlines, read_findings
from compliance_engine.store.tables import REVISION, chain, events, imports, metadata
from store_samples import (
    AS_OF,
    address,
    case,
    consent,
    facts,
    imported,
    new_store,
    opened,
    put,
    sweep,
    synthetic,
)

FIRST = "0001"


def filled(folder: Path, law):
    """Return a store with two imports, a corrected event, and a finished sweep."""
    store = new_store(folder, synthetic("tx.one", "tx.two", cases=15))
    more = [
        consent("known", "2025-10-01", event_id="first"),
        consent("known", "2025-10-02", event_id="second", corrects="first"),
    ]
    put(store, imported([case("known", birth_date=date(2017, 5, 1), grade=3)], more))
    return store, sweep(store, law)


def migrated(folder: Path, to: str):
    """Return the store brought to a version."""
    store = opened(address(folder), any_version=True)
    schema.migrate(store, to)
    return store


def contents(store, finished):
    """Return all facts and results of a store."""
    found = facts(store)
    with store.read() as connection:
        results = read_deadlines(connection, finished.sweep), read_findings(connection, finished.sweep)
    order = [(name, "ascending") for name in ("case_id", "occurred_on", "event", "attributes")]
    tables = (found.cases.sort_by("case_id"), found.events.sort_by(order), *results)
    return [table.to_pylist() for table in tables]


def seals(store):
    with store.read() as connection:
        rows = connection.execute(sa.select(events.c.event_number, events.c.seal)).all()
        return dict(rows), connection.execute(sa.select(imports.c.import_id, imports.c.digest)).all()


def shape(store):
    """Return the columns, keys and indexes of every table."""
    inspector = sa.inspect(store.engine)
    return {
        name: (
            [(one["name"], str(one["type"]), one["nullable"]) for one in inspector.get_columns(name)],
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(tuple(one["constrained_columns"]) for one in inspector.get_foreign_keys(name)),
            sorted((one["name"], tuple(one["column_names"])) for one in inspector.get_indexes(name)),
            sorted(tuple(one["column_names"]) for one in inspector.get_unique_constraints(name)),
        )
        for name in inspector.get_table_names()
    }


def test_down_and_up_again_keeps_facts_results_and_seals(tmp_path: Path, law):
    store, finished = filled(tmp_path, law)
    before, sealed = contents(store, finished), seals(store)
    migrated(tmp_path, FIRST)
    again = migrated(tmp_path, REVISION)
    assert contents(again, finished) == before
    assert seals(again) == sealed
    assert all(digest for _, digest in sealed[1])


def test_the_chain_begins_anew_with_the_imports_and_finished_sweeps(tmp_path: Path, law):
    store, _ = filled(tmp_path, law)
    with store.read() as connection:
        before = [(one.kind, one.number, one.digest) for one in links(connection)]
    migrated(tmp_path, FIRST)
    with migrated(tmp_path, REVISION).read() as connection:
        after = list(links(connection))
    assert [(one.kind, one.number, one.digest) for one in after] == before
    assert [one.kind for one in after] == ["import", "import", "sweep"]
    assert all(one.head == one.expected for one in after)


def test_a_migrated_store_can_be_imported_into_and_swept(tmp_path: Path, law):
    filled(tmp_path, law)
    migrated(tmp_path, FIRST)
    migrated(tmp_path, REVISION)
    store = opened(address(tmp_path))
    put(store, imported([case("new")], [consent("new", "2025-10-01")]))
    finished = sweep(store, law, AS_OF)
    assert finished.sweep.number == 2
    assert {one.kind for one in finished.changes} == {"appeared"}


def test_an_earlier_version_is_refused_with_how_to_upgrade_it(tmp_path: Path, law):
    filled(tmp_path, law)
    migrated(tmp_path, FIRST)
    with pytest.raises(StoreProblem) as raised:
        opened(address(tmp_path))
    (problem,) = raised.value.problems
    assert problem.code == "CE603"
    assert "compliance-engine store upgrade" in problem.mend


def test_new_tables_are_those_the_migrations_make(tmp_path: Path):
    made, grown = new_store(tmp_path), new_store(tmp_path, name="grown.db")
    with grown.write() as connection:
        metadata.drop_all(connection)
    migrating = opened(address(tmp_path, "grown.db"), any_version=True, create=True)
    schema.migrate(migrating, FIRST)
    schema.migrate(migrating, REVISION)
    assert shape(migrating) == shape(made)


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path, law):
    store, finished = filled(tmp_path, law)
    before = contents(store, finished)
    with store.write() as connection:  # a table in the way of the migration
        connection.exec_driver_sql("CREATE TABLE events_before (odd INTEGER)")
    with pytest.raises(StoreProblem) as raised:
        migrated(tmp_path, FIRST)
    assert raised.value.problems[0].code == "CE602"
    assert contents(opened(address(tmp_path)), finished) == before
    with store.read() as connection:
        assert len(connection.execute(sa.select(chain)).all()) == 3


def test_what_changed_between_old_sweeps_is_known_after_a_migration(tmp_path: Path, law):
    store, first = filled(tmp_path, law)
    second = sweep(store, law, AS_OF + timedelta(days=200))
    assert {one.kind for one in second.changes} >= {"status"}
    migrated(tmp_path, FIRST)
    with migrated(tmp_path, REVISION).read() as connection:
        assert list(read_changes(connection, first.sweep, second.sweep)) == list(second.changes)

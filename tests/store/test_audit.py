"""What was changed in a store behind its back is found and named; what was not, is not."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from compliance_engine.engine.columns import Status
from compliance_engine.store.connect import Store
from compliance_engine.store.sweeps import finished_sweeps
from compliance_engine.store.tables import (
    case_versions,
    cases,
    chain,
    contents,
    deadlines,
    events,
    findings,
    imports,
    snapshot_files,
    sweep_parts,
    sweeps,
    words,
)
from compliance_engine.sweep.verifying import verify
from store_samples import AS_OF, case, consent, event, imported, new_store, put, sweep, synthetic

DONE = "evaluation_report_completed"


@pytest.fixture
def store(tmp_path: Path, law, database) -> Store:
    """Two imports and two sweeps; the case `known` has one consent and is late."""
    made = new_store(tmp_path, synthetic("tx.one", "tx.two", cases=12))
    sweep(made, law)
    given = [consent("known", "2025-09-02"), event("known", DONE, "2026-01-30", purpose="initial")]
    put(made, imported([case("known", birth_date=date(2017, 5, 1))], given))
    sweep(made, law, AS_OF + timedelta(days=30))
    return made


def faults(store: Store, **how: bool) -> set[tuple[str, str]]:
    with store.read() as connection:
        made = finished_sweeps(connection)
    return {(one.kind, one.thing) for one in verify(store, made, **how)}


def change(store: Store, *statements: sa.Executable) -> None:
    with store.write() as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


def of_known(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.case_key == sa.select(cases.c.case_key).where(cases.c.case_id == "known").scalar_subquery()


def event_named(name: str) -> sa.ColumnElement[bool]:
    word = sa.select(words.c.word).where(words.c.text == name).scalar_subquery()
    return of_known(events) & (events.c.event == word)


def test_a_store_as_it_was_written_has_no_fault(store: Store):
    assert faults(store) == set()
    assert faults(store, evaluate=False) == set()


def test_a_changed_event_is_named(store: Store):
    change(store, events.update().where(event_named(DONE)).values(occurred_on=20_000))
    assert ("event", f"known: {DONE} on 2024-10-04") in faults(store, evaluate=False)


def test_a_changed_event_shows_in_the_sweep_that_used_it(store: Store):
    change(store, events.update().where(event_named(DONE)).values(occurred_on=20_486))
    rule = "sweep 2, tx.one: known tx.idea_b.initial_evaluation of 2025-09-02"
    assert ("deadline", rule) in faults(store)


def test_an_event_taken_away_is_missed(store: Store):
    change(store, events.delete().where(event_named(DONE)))
    assert ("import", "import 2") in faults(store, evaluate=False)


def test_a_changed_birth_date_is_named(store: Store):
    change(store, case_versions.update().where(of_known(case_versions)).values(birth_day=17_000))
    assert ("case", "known") in faults(store, evaluate=False)


def test_an_event_changed_with_its_seal_is_found_by_the_digest_of_its_import(store: Store):
    values = {"occurred_on": 20_000, "seal": 1}
    change(store, events.update().where(event_named(DONE)).values(**values))
    # the seal is wrong too: whoever forges it right is found by the digest of the import
    with store.read() as connection:
        from compliance_engine.store.sealed import events_of, seals_of, versions_of
        from compliance_engine.store.seals import as_signed
        from compliance_engine.store.words import all_words

        given = events_of(connection, 2), versions_of(connection, 2)
        seals = as_signed(seals_of(*given, all_words(connection))[0]).tolist()
        numbers = given[0].column("event_number").to_pylist()
    for number, seal in zip(numbers, seals, strict=True):
        change(store, events.update().where(events.c.event_number == number).values(seal=seal))
    assert faults(store, evaluate=False) == {("import", "import 2")}


def test_a_changed_import_breaks_the_chain(store: Store):
    change(store, imports.update().where(imports.c.import_id == 1).values(digest="0" * 64))
    assert ("import", "import 1") in faults(store, evaluate=False)


def test_a_link_changed_with_its_import_breaks_the_links_after_it(store: Store):
    change(store, chain.update().where(chain.c.link == 1).values(digest="0" * 64))
    found = faults(store, evaluate=False)
    assert {("import", "import 1"), ("chain", "import 1")} <= found


def test_a_sweep_that_was_taken_out_is_missed(store: Store):
    change(
        store,
        sweep_parts.delete().where(sweep_parts.c.sweep == 2),
        sweeps.delete().where(sweeps.c.sweep == 2),
    )
    assert ("sweep", "sweep 2") in faults(store, evaluate=False)


def test_a_sweep_said_to_be_of_another_day_is_named(store: Store):
    change(store, sweeps.update().where(sweeps.c.sweep == 1).values(as_of=20_000))
    assert ("sweep", "sweep 1") in faults(store, evaluate=False)


def test_a_changed_deadline_is_named_with_what_it_should_be(store: Store):
    late = of_known(deadlines) & (deadlines.c.status == int(Status.MET_LATE))
    change(store, deadlines.update().where(late).values(status=int(Status.MET), days_late=0))
    assert ("sweep", "sweep 2, tx.one") in faults(store, evaluate=False)
    with store.read() as connection:
        made = finished_sweeps(connection)
    (fault,) = verify(store, made)
    assert fault.kind == "deadline"
    assert fault.thing == "sweep 2, tx.one: known tx.idea_b.initial_evaluation of 2025-09-02"
    assert fault.found.startswith("status is met and should be met_late; days_late is 0 and should be ")


@pytest.mark.sqlite_only
@pytest.mark.parametrize("written", ["due_on + 4294967296", "due_on + 0.5", "'soon'", "x'00'"])
def test_a_day_that_is_no_day_is_not_read_as_one(store: Store, written: str):
    """SQLite takes anything into any column; cut to 32 bits or to a whole number, a day may be as it was."""
    with store.write() as connection:
        connection.exec_driver_sql(f"UPDATE deadlines SET due_on = {written} WHERE due_on IS NOT NULL")
    with store.read() as connection:
        made = finished_sweeps(connection)
    found = [fault.found for fault in verify(store, made)]
    assert len(found) == 2
    assert all("CE602" in text and "due_on of a row is not of the type int32" in text for text in found)


def test_a_finding_taken_away_is_named(store: Store):
    change(store, findings.delete().where(of_known(findings)))
    found = {thing for kind, thing in faults(store) if kind == "finding"}
    assert found
    assert all(thing.startswith("sweep 2, tx.one: known tx.") for thing in found)


@pytest.mark.parametrize(
    ("kind", "name"), [("rules", "tx/idea_b/initial_evaluation.yaml"), ("calendars", "us/example_county")]
)
def test_a_changed_rule_or_calendar_is_named(store: Store, kind: str, name: str):
    query = sa.select(snapshot_files.c.content, snapshot_files.c.name)
    with store.read() as connection:
        content, full = connection.execute(query.where(snapshot_files.c.name.like(f"%{name}%"))).first()
        text = connection.execute(sa.select(contents.c.bytes).where(contents.c.hash == content)).scalar()
    change(store, contents.update().where(contents.c.hash == content).values(bytes=text + b"# more\n"))
    assert (kind, full) in faults(store, evaluate=False)

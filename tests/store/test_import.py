"""Imports: what is known is not added twice, what changed is added, and what was known when."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from compliance_engine.cases.batch import build_batch
from compliance_engine.store.events import Counts
from store_samples import (
    NOW,
    case,
    consent,
    event,
    facts,
    imported,
    moment,
    new_store,
    put,
    synthetic,
)


def days(store, known_at=None, as_of=date(2026, 12, 31)):
    """Return the days of all events that are believed."""
    found = facts(store, known_at=known_at)
    batch = build_batch(found.cases, found.events, as_of=as_of, known_at=known_at)
    return sorted(day for column in batch.events.values() for day in column.day.tolist())


def day(text):
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def test_what_was_imported_is_read_back(tmp_path: Path):
    given = synthetic("tx.one", "tx.two")
    found = facts(new_store(tmp_path, given))
    order = [("case_id", "ascending")]
    assert found.cases.sort_by(order) == given.cases.sort_by(order)
    order = [(name, "ascending") for name in ("case_id", "occurred_on", "event", "attributes", "recorded_at")]
    assert found.events.sort_by(order) == given.events.sort_by(order)


def test_importing_again_adds_nothing(tmp_path: Path):
    given = synthetic("tx.one")
    store = new_store(tmp_path, given)
    again = put(store, given)
    assert again.cases == Counts(known=40)
    assert again.events == Counts(known=len(given.events))
    assert len(facts(store).events) == len(given.events)


def test_only_the_new_events_of_a_second_file_are_added(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a")], [consent("a", "2026-01-05")]))
    more = [consent("a", "2026-01-05"), event("a", "evaluation_completed", "2026-01-20", purpose="initial")]
    assert put(store, imported([case("a")], more)).events == Counts(new=1, known=1)


def test_a_few_cases_of_a_large_store_are_known_whatever_their_ids(tmp_path: Path):
    odd = ["o'neil", "50%", 'a"b', "a\\b", "a,b", "ä 1", "%(x)s", ":x"]
    store = new_store(tmp_path, synthetic("tx.many", cases=60))
    few = imported([case(one) for one in odd], [consent(one, "2026-01-05") for one in odd])
    assert put(store, few).cases == Counts(new=8)
    again = put(store, few)
    assert (again.cases, again.events) == (Counts(known=8), Counts(known=8))
    more = imported([case(one) for one in odd[:3]], [consent(one, "2026-01-06") for one in odd[:3]])
    later = put(store, more)
    assert (later.cases, later.events) == (Counts(known=3), Counts(new=3))


def test_events_that_differ_in_their_attributes_alone_are_two(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a")], [event("a", "removal", "2026-01-05", school_days=1)]))
    report = put(store, imported([case("a")], [event("a", "removal", "2026-01-05", school_days=2)]))
    assert report.events == Counts(new=1)


def test_events_that_differ_in_their_id_alone_are_two(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a")], [consent("a", "2026-01-05", event_id="e1")]))
    report = put(store, imported([case("a")], [consent("a", "2026-01-05", event_id="e2")]))
    assert report.events == Counts(new=1)


def test_the_moment_at_which_an_event_was_recorded_does_not_make_it_another(tmp_path: Path):
    first = [consent("a", "2026-01-05", recorded_at="2026-01-06")]
    store = new_store(tmp_path, imported([case("a")], first))
    again = [consent("a", "2026-01-05", recorded_at="2026-01-09")]
    assert put(store, imported([case("a")], again)).events == Counts(known=1)


def test_a_changed_case_is_a_new_version_and_the_old_one_is_still_known(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a", grade=3)], []))
    report = put(store, imported([case("a", grade=4)], []), received_at=moment("2026-03-01"))
    assert report.cases == Counts(changed=1)
    grades = [
        facts(store, known_at=at).cases.column("grade").to_pylist() for at in (NOW, moment("2026-03-01"))
    ]
    assert grades == [[3], [4]]


def test_a_case_that_loses_a_fact_has_changed(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a", birth_date=date(2015, 5, 1))], []))
    assert put(store, imported([case("a")], [])).cases == Counts(changed=1)
    assert facts(store).cases.column("birth_date").to_pylist() == [None]


def test_a_correction_counts_from_when_it_was_recorded(tmp_path: Path):
    store = new_store(
        tmp_path, imported([case("a")], [consent("a", "2026-01-05", event_id="e1", recorded_at="2026-01-06")])
    )
    corrected = consent("a", "2026-01-07", event_id="e2", corrects="e1", recorded_at="2026-01-20")
    put(store, imported([case("a")], [corrected]))
    assert days(store, moment("2026-01-19")) == [day("2026-01-05")]
    assert days(store, moment("2026-01-20")) == [day("2026-01-07")]


def test_a_retraction_counts_from_when_it_was_recorded(tmp_path: Path):
    store = new_store(
        tmp_path, imported([case("a")], [consent("a", "2026-01-05", event_id="e1", recorded_at="2026-01-06")])
    )
    put(store, imported([case("a")], [consent("a", "2026-01-05", retracts="e1", recorded_at="2026-01-20")]))
    assert days(store, moment("2026-01-19")) == [day("2026-01-05")]
    assert days(store, moment("2026-01-20")) == []


def test_a_corrected_record_that_is_imported_again_stays_corrected(tmp_path: Path):
    first = imported([case("a")], [consent("a", "2026-01-05", event_id="e1")])
    store = new_store(tmp_path, first)
    put(store, imported([case("a")], [consent("a", "2026-01-07", event_id="e2", corrects="e1")]))
    put(store, first)
    assert days(store) == [day("2026-01-07")]


def test_records_without_a_moment_take_that_of_the_import(tmp_path: Path):
    store = new_store(tmp_path)
    put(store, imported([case("a")], [consent("a", "2026-01-05")]), recorded_at=moment("2026-01-10"))
    assert len(facts(store, known_at=moment("2026-01-09")).cases) == 0
    assert days(store, moment("2026-01-10")) == [day("2026-01-05")]


def test_events_of_a_case_that_is_not_known_yet_are_left_out(tmp_path: Path):
    store = new_store(tmp_path)
    early = consent("a", "2026-01-05", recorded_at="2026-01-05")
    put(store, imported([case("a")], [early]), recorded_at=moment("2026-01-10"))
    assert len(facts(store, known_at=moment("2026-01-09")).events) == 0


def test_a_later_import_does_not_exist_for_an_earlier_question(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a", grade=3)], [consent("a", "2026-01-05")]))
    put(store, imported([case("a", grade=4), case("b")], [consent("b", "2026-01-06")]))
    before = facts(store, until_import=1)
    assert before.cases.column("grade").to_pylist() == [3]
    assert before.events.column("case_id").to_pylist() == ["a"]


def test_a_known_id_with_another_district_is_refused_with_its_events(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a")], []))
    report = put(store, imported([case("a", district="tx.two"), case("b")], [consent("a", "2026-01-05")]))
    assert (report.cases, report.events) == (Counts(new=1, conflicting=1), Counts(conflicting=1))
    assert [row.code for row in report.conflicts] == ["CE605", "CE605"]


def test_an_event_id_that_is_taken_is_refused(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a")], [consent("a", "2026-01-05", event_id="e1")]))
    report = put(store, imported([case("a")], [consent("a", "2026-01-06", event_id="e1")]))
    assert report.events == Counts(conflicting=1)
    assert [row.code for row in report.conflicts] == ["CE606"]


def test_the_same_event_id_in_another_case_is_another_event(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a")], [consent("a", "2026-01-05", event_id="e1")]))
    report = put(store, imported([case("b")], [consent("b", "2026-01-06", event_id="e1")]))
    assert report.events == Counts(new=1)


def test_a_dry_run_counts_and_keeps_nothing(tmp_path: Path):
    store = new_store(tmp_path)
    report = put(store, imported([case("a")], [consent("a", "2026-01-05")]), dry_run=True)
    assert (report.number, report.cases, report.events) == (None, Counts(new=1), Counts(new=1))
    assert len(facts(store).cases) == 0

"""Synthetic districts: the same every time, plausible, nobody's."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pytest

from compliance_engine.cases.catalogue import catalogue
from compliance_engine.cases.generator import District, Generated, generate, generate_partitions, write_folder
from compliance_engine.cases.importers import read_folder
from compliance_engine.cases.tables import CASES, EVENTS

UNTIL = date(2026, 3, 2)
DISTRICTS = [District("md", "md.x", "us.example_county", 300), District("tx", "tx.y", "us.example_town", 200)]


@pytest.fixture(scope="module")
def generated() -> Generated:
    return generate(DISTRICTS, seed=7, until=UNTIL)


def test_the_same_seed_gives_the_same_histories(generated: Generated) -> None:
    again = generate(DISTRICTS, seed=7, until=UNTIL)
    assert again.cases.equals(generated.cases)
    assert again.events.equals(generated.events)


def test_another_seed_gives_other_histories(generated: Generated) -> None:
    assert not generate(DISTRICTS, seed=8, until=UNTIL).events.equals(generated.events)


def test_tables_are_canonical(generated: Generated) -> None:
    assert (generated.cases.schema, generated.events.schema) == (CASES, EVENTS)
    assert len(generated.cases) == 500


def test_ids_name_nobody(generated: Generated) -> None:
    ids = generated.cases["case_id"].to_pylist()
    assert all(re.fullmatch(r"c[0-9]{6}", one) for one in ids)
    assert len(set(ids)) == 500


def test_cases_belong_to_their_districts(generated: Generated) -> None:
    rows = zip(
        *(generated.cases[name].to_pylist() for name in ("state", "district", "calendar")), strict=True
    )
    assert Counter(rows) == {
        ("md", "md.x", "us.example_county"): 300,
        ("tx", "tx.y", "us.example_town"): 200,
    }


def test_nothing_happens_after_the_last_day(generated: Generated) -> None:
    assert pc.max(generated.events["occurred_on"]).as_py() <= UNTIL


def test_evaluations_happen_on_weekdays(generated: Generated) -> None:
    days = generated.events.filter(pc.equal(generated.events["event"], "evaluation_completed"))["occurred_on"]
    assert pc.max(pc.day_of_week(days)).as_py() <= 4


def test_histories_hold_every_kind_of_story(generated: Generated) -> None:
    more = generate([District("md", "md.x", "c", 5000)], seed=1, until=UNTIL)
    assert set(more.events["event"].to_pylist()) >= {
        "child_not_produced",
        "consent_to_evaluate_refused",
        "consent_to_services_revoked",
        "evaluation_delayed",
        "exited",
        "extension_agreed",
        "manifestation_determined",
        "part_c_notification_received",
        "reevaluation_waived",
        "section_504_plan_made",
        "student_absent",
        "transferred_in",
        "transferred_out",
    }


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_written_folder_reads_back_whole(generated: Generated, tmp_path: Path, form: str) -> None:
    write_folder(generated, tmp_path, form=form)  # type: ignore[arg-type]
    imported = read_folder(tmp_path, received_on=UNTIL)
    assert imported.quarantine == []
    assert imported.cases.equals(generated.cases)
    assert imported.events.equals(generated.events)


def test_no_cases_is_a_district_too() -> None:
    empty = generate([District("md", "md.x", "c", 0)], seed=1, until=UNTIL)
    assert (len(empty.cases), len(empty.events)) == (0, 0)


def test_events_fit_the_program_of_their_case(generated: Generated) -> None:
    programs = dict(zip(*(generated.cases[name].to_pylist() for name in ("case_id", "program")), strict=True))
    rows = zip(*(generated.events[name].to_pylist() for name in ("case_id", "event")), strict=True)
    assert all(programs[case] in catalogue().get(event).programs for case, event in rows)


def test_partitions_hold_whole_districts_one_after_the_other() -> None:
    parts = list(generate_partitions(DISTRICTS, seed=7, until=UNTIL, size=240))
    assert [len(part.cases) for part in parts] == [240, 240, 20]
    ids = [one for part in parts for one in part.cases["case_id"].to_pylist()]
    assert ids == sorted(set(ids))
    assert len(ids) == 500
    assert Counter(one for part in parts for one in part.cases["district"].to_pylist()) == {
        "md.x": 300,
        "tx.y": 200,
    }


def test_the_events_of_a_case_are_in_its_partition() -> None:
    for part in generate_partitions(DISTRICTS, seed=7, until=UNTIL, size=240):
        assert set(part.events["case_id"].to_pylist()) <= set(part.cases["case_id"].to_pylist())


def test_partitions_of_one_size_are_the_same_again() -> None:
    parts, again = (list(generate_partitions(DISTRICTS, seed=7, until=UNTIL, size=240)) for _ in range(2))
    assert all(one.events.equals(two.events) for one, two in zip(parts, again, strict=True))
    assert not parts[0].events.equals(parts[1].events)

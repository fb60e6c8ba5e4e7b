"""A clock that goes backwards: imports and sweeps are numbered, and what came last into the store holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from compliance_engine.store.connect import Store
from compliance_engine.store.sweeps import Process, Question, finished_sweeps
from compliance_engine.store.tables import imports
from compliance_engine.sweep.runner import Finished, run_sweep
from compliance_engine.sweep.verifying import verify
from store_samples import AS_OF, NOW, case, consent, facts, imported, judge_of, new_store, put, synthetic

BEFORE = NOW - timedelta(days=400)
COUNTY, SNOW = "us.example_county", "us.example_snow"


def grade(store: Store, **how) -> int | None:
    (found,) = facts(store, **how).cases.column("grade").to_pylist()
    return found


def sweep_at(store: Store, law, moment, as_of=AS_OF) -> Finished:
    process = Process(1, "here", moment)
    judge = judge_of(law)
    return run_sweep(store, Question(as_of), law, process, clock=lambda: moment, judge=judge)


def check(store: Store) -> None:
    with store.read() as connection:
        made = finished_sweeps(connection)
    assert list(verify(store, made)) == []


def test_a_case_that_changed_holds_although_the_clock_was_put_back(tmp_path: Path):
    """Grade 3 since ever, grade 4 recorded now, grade 5 by a clock 400 days behind: the child is in 5."""
    store = new_store(tmp_path, imported([case("a", grade=3)], []))
    put(store, imported([case("a", grade=4)], []), received_at=NOW)
    put(store, imported([case("a", grade=5)], []), received_at=BEFORE)
    assert grade(store) == 5
    assert [grade(store, until_import=number) for number in (1, 2, 3)] == [3, 4, 5]


def test_what_was_known_at_a_moment_stays_so_although_the_clock_was_put_back(tmp_path: Path):
    store = new_store(tmp_path, imported([case("a", grade=3)], []))
    put(store, imported([case("a", grade=4)], []), received_at=NOW)
    put(store, imported([case("a", grade=5)], []), received_at=BEFORE)
    assert grade(store, known_at=NOW - timedelta(seconds=1)) == 3
    assert grade(store, known_at=NOW) == 5


def test_news_that_is_said_to_be_older_still_gives_way(tmp_path: Path):
    """`--recorded-at` is no clock: it says when the source recorded the grade, and may be earlier."""
    store = new_store(tmp_path, imported([case("a", grade=3)], []))
    put(store, imported([case("a", grade=4)], []), received_at=NOW)
    put(store, imported([case("a", grade=5)], []), recorded_at=BEFORE)
    assert (grade(store), grade(store, known_at=BEFORE)) == (4, 5)


def test_imports_keep_their_order_although_the_clock_was_put_back(tmp_path: Path):
    store = new_store(tmp_path, synthetic("tx.one", cases=5))
    second = put(store, imported([case("a")], [consent("a", "2026-01-05")]), received_at=BEFORE)
    third = put(store, imported([case("a")], [consent("a", "2026-01-06")]), received_at=NOW)
    assert (second.number, third.number) == (2, 3)
    with store.read() as connection:
        rows = connection.execute(imports.select().order_by(imports.c.import_id)).all()
    assert [row.import_id for row in rows] == [1, 2, 3]
    assert len(facts(store, until_import=2).events) + 1 == len(facts(store).events)


@pytest.mark.parametrize("days", [0, 30])
def test_a_sweep_by_a_clock_that_was_put_back_is_the_last_one(tmp_path: Path, law, days: int):
    given, more = synthetic("tx.one", "tx.two", cases=8), [case("a", calendar=COUNTY)]
    calm, store = new_store(tmp_path, given, "calm.db"), new_store(tmp_path, given)
    later = imported(more, [consent("a", "2025-09-02")])
    changed = imported([case("a", calendar=SNOW)], [consent("a", "2025-09-02")])
    as_of = AS_OF + timedelta(days=days)
    results = []
    for one, moments in ((calm, (NOW, NOW, NOW)), (store, (NOW, NOW, BEFORE))):
        put(one, later, received_at=moments[0])
        sweep_at(one, law, moments[1])
        put(one, changed, received_at=moments[2])
        results.append(sweep_at(one, law, moments[2], as_of))
        check(one)
    assert results[0].sweep.digest == results[1].sweep.digest
    assert list(results[0].changes) == list(results[1].changes)
    assert [one.sweep.number for one in results] == [2, 2]
    assert results[1].before is not None
    assert results[1].before.number == 1

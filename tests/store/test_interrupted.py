"""Sweeps that are interrupted, resumed, refused, taken over; and readers meanwhile."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from compliance_engine.errors import StoreProblem
from compliance_engine.store import results, sweeps
from compliance_engine.store.tables import deadlines, sweep_lock
from compliance_engine.store.tables import sweeps as sweep_table
from compliance_engine.sweep import lots
from compliance_engine.sweep.runner import resume_sweep
from store_samples import AS_OF, NOW, address, judge_of, new_store, opened, process, put, sweep, synthetic

LATER = AS_OF + timedelta(days=60)
THREE = ("tx.one", "tx.three", "tx.two")
SOURCE = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _one_district_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "CHUNK", 1)


def stop_after(number):
    def stop(done, total, name):
        if done == number:
            raise KeyboardInterrupt

    return stop


def interrupt(store, law, as_of=AS_OF, after=1):
    with pytest.raises(KeyboardInterrupt):
        sweep(store, law, as_of, progress=stop_after(after))


def resume(store, law, **more):
    return resume_sweep(store, process(2), clock=lambda: NOW, judge=judge_of(law), **more)


def everything(store, finished):
    with store.read() as connection:
        tables = (
            results.read_deadlines(connection, finished.sweep),
            results.read_findings(connection, finished.sweep),
        )
        return [table.to_pylist() for table in tables]


def code_of(action):
    with pytest.raises(StoreProblem) as raised:
        action()
    (problem,) = raised.value.problems
    return problem.code


def test_an_interrupted_sweep_resumed_equals_one_that_was_not(tmp_path: Path, law):
    given = synthetic(*THREE, cases=15)
    whole, broken = new_store(tmp_path, given, "whole.db"), new_store(tmp_path, given, "broken.db")
    sweep(whole, law)
    sweep(broken, law)
    expected = sweep(whole, law, LATER)
    interrupt(broken, law, LATER)
    finished = resume(broken, law)
    assert (finished.sweep.digest, finished.sweep.counts) == (expected.sweep.digest, expected.sweep.counts)
    assert everything(broken, finished) == everything(whole, expected)
    assert list(finished.changes) == list(expected.changes) != []


def test_a_resumed_sweep_does_only_what_was_left(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic(*THREE, cases=5))
    interrupt(store, law)
    seen: list[str] = []
    resume(store, law, progress=lambda done, total, name: seen.append(name))
    assert seen == ["tx.three", "tx.two"]


def test_the_log_says_why_a_sweep_stopped_and_how_the_resumed_one_went_on(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic(*THREE, cases=5))
    steps: list[tuple[str, dict]] = []
    with pytest.raises(KeyboardInterrupt):
        sweep(store, law, progress=stop_after(2), log=lambda *told: steps.append(told))
    assert [step for step, _ in steps] == ["begun", "committed", "stopped"]
    assert steps[-1][1] == {"sweep": 1, "reason": "KeyboardInterrupt"}
    resume(store, law, log=lambda *told: steps.append(told))
    assert [step for step, _ in steps[3:]] == ["begun", "committed", "finished"]
    assert [steps[at][1]["districts"] for at in (0, 3)] == [3, 1]
    assert list(steps[4][1]["districts"]) == ["tx.two"]


def test_readers_never_see_a_half_sweep(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic(*THREE, cases=15))
    first = sweep(store, law)
    before = everything(store, first)

    def look(done, total, name):
        with store.read() as connection:
            seen = sweeps.last_finished(connection)
            assert seen == first.sweep
            assert results.read_deadlines(connection, seen).to_pylist() == before[0]
            assert results.read_findings(connection, seen).to_pylist() == before[1]

    second = sweep(store, law, LATER, progress=look)
    with store.read() as connection:
        assert sweeps.last_finished(connection) == second.sweep
    assert everything(store, second) != before


def test_a_new_sweep_takes_back_what_an_interrupted_one_wrote(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic(*THREE, cases=15))
    first = sweep(store, law)
    before = everything(store, first)
    interrupt(store, law, LATER, after=2)
    again = sweep(store, law)
    assert everything(store, again) == before
    assert not list(again.changes)
    with store.read() as connection:
        states = connection.execute(sa.select(sweep_table.c.state)).scalars().all()
        left = connection.execute(sa.select(deadlines.c.id).where(deadlines.c.valid_from == 2)).all()
    assert (states, left) == (["finished", "abandoned", "finished"], [])


def test_an_import_during_a_sweep_is_for_the_next_one(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic(*THREE, cases=5))
    quiet = sweep(store, law)
    more = synthetic("tx.two", cases=30, seed=8)

    def write(done, total, name):
        put(store, more)

    # the ids of the second file begin with those of the first district; only its events are new
    busy = sweep(store, law, progress=write)
    assert busy.sweep.digest == quiet.sweep.digest


def test_a_second_sweep_is_refused_while_one_runs(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic(*THREE, cases=5))
    codes: list[str] = []

    def try_another(done, total, name):
        codes.append(code_of(lambda: sweep(store, law, process=process(2))))
        codes.append(code_of(lambda: resume(store, law)))

    sweep(store, law, progress=try_another)
    assert codes == ["CE610"] * 6


def test_the_lock_says_who_holds_it(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one", cases=5))
    texts: list[str] = []

    def try_another(done, total, name):
        with pytest.raises(StoreProblem) as raised:
            sweep(store, law, process=process(2))
        texts.append(str(raised.value))

    sweep(store, law, progress=try_another)
    assert "sweep 1 is run by process 1 on here since 2026-02-02T12:00:00+00:00" in texts[0]


def test_a_sweep_that_is_taken_over_stops_and_keeps_nothing_more(tmp_path: Path, law):
    given = synthetic(*THREE, cases=5)
    expected = sweep(new_store(tmp_path, given, "calm.db"), law)
    store = new_store(tmp_path, given)
    finished = []

    def take_over(done, total, name):
        if done == 1:
            finished.append(resume(store, law, take_over=True))

    assert code_of(lambda: sweep(store, law, progress=take_over)) == "CE612"
    assert finished[0].sweep.digest == expected.sweep.digest


def test_a_sweep_that_was_taken_over_commits_no_further_district(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic(*THREE, cases=5))

    def take_over(done, total, name):
        sweeps.resume(store, process(2), take_over=True)

    assert code_of(lambda: sweep(store, law, progress=take_over)) == "CE612"
    with store.read() as connection:
        waiting = sweeps.waiting_districts(connection, 1)
    assert [one.district for one in waiting] == ["tx.three", "tx.two"]


def test_a_sweep_that_was_killed_is_locked_until_it_is_taken_over(tmp_path: Path, law, law_folders):
    given = synthetic(*THREE, cases=15)
    expected = sweep(new_store(tmp_path, given, "calm.db"), law)
    store = new_store(tmp_path, given)
    script = [
        str(SOURCE / "tests" / "killed_sweep.py"),
        address(tmp_path),
        *map(str, law_folders),
        str(AS_OF),
    ]
    paths = {"PYTHONPATH": f"{SOURCE / 'src'}:{SOURCE / 'tests'}"}
    killed = subprocess.run([sys.executable, *script], env=paths, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    store = opened(address(tmp_path))
    assert code_of(lambda: resume(store, law)) == "CE610"
    finished = resume(store, law, take_over=True)
    assert (finished.sweep.digest, finished.sweep.counts) == (expected.sweep.digest, expected.sweep.counts)


def test_a_sweep_that_stops_lets_the_lock_go(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic(*THREE, cases=5))
    interrupt(store, law)
    with store.read() as connection:
        assert connection.execute(sa.select(sweep_lock)).all() == []


def test_there_must_be_a_sweep_to_resume(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one", cases=5))
    sweep(store, law)
    assert code_of(lambda: resume(store, law)) == "CE611"


def test_a_store_without_cases_is_not_swept(tmp_path: Path, law):
    assert code_of(lambda: sweep(new_store(tmp_path), law)) == "CE613"


def test_a_district_of_which_nothing_is_known_yet_is_swept(tmp_path: Path, law):
    store = new_store(tmp_path)
    put(store, synthetic("tx.one", cases=5), recorded_at=NOW)
    finished = sweep(store, law, date(2026, 1, 1), known_at=NOW - timedelta(days=1))
    assert finished.sweep.counts["totals"] == {"cases": 0, "deadlines": 0, "findings": 0}

"""Cases evaluated by processes beside the one that writes: the same results, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from compliance_engine.errors import StoreProblem
from compliance_engine.sweep import lots, pool
from store_samples import AS_OF, address, copy_law, judge_of, new_store, opened, sweep, synthetic

GIVEN = ("tx.one", "tx.three", "tx.two")
SOURCE = Path(__file__).parents[2]


def children(process: int) -> list[int]:
    """Return the processes that another one started."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in listed.split()]


def command_of(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_processes_beside_find_the_same(tmp_path: Path, law, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lots, "CHUNK", 7)
    given = synthetic(*GIVEN, cases=20)
    alone, beside = new_store(tmp_path, given, "alone.db"), new_store(tmp_path, given, "beside.db")
    for as_of in (AS_OF, AS_OF + timedelta(days=60)):
        expected = sweep(alone, law, as_of, full=True, workers=1)
        found = sweep(beside, law, as_of, full=True, workers=2)
        assert (found.sweep.digest, found.sweep.counts) == (expected.sweep.digest, expected.sweep.counts)
        assert list(found.changes) == list(expected.changes)
        assert found.warnings == ()


def test_a_process_that_is_killed_stops_the_sweep_and_loses_nothing(
    tmp_path: Path, law, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lots, "CHUNK", 5)
    given = synthetic(*GIVEN, cases=20)
    expected = sweep(new_store(tmp_path, given, "calm.db"), law)
    store = new_store(tmp_path, given)

    def kill(done, total, name):
        for process in children(os.getpid()):
            if "spawn_main" in command_of(process):
                os.kill(process, signal.SIGKILL)

    with pytest.raises(StoreProblem) as raised:
        sweep(store, law, workers=2, progress=kill)
    assert [problem.code for problem in raised.value.problems] == ["CE618"]
    assert sweep(store, law).sweep.digest == expected.sweep.digest


def test_processes_end_with_the_one_that_started_them(tmp_path: Path):
    store = new_store(tmp_path, synthetic(*GIVEN, cases=20))
    store.close()
    rules, calendars = copy_law(tmp_path / "law")
    given = ["--store", address(tmp_path), "--as-of", str(AS_OF), "--rules", str(rules)]
    command = [sys.executable, "-m", "compliance_engine", "sweep", *given, "--calendars", str(calendars)]
    environment = os.environ | {"PYTHONPATH": str(SOURCE / "src")}
    with subprocess.Popen([*command, "--workers", "2"], env=environment, stderr=subprocess.PIPE) as parent:
        workers: list[int] = []
        while not workers and parent.poll() is None:
            workers = [one for one in children(parent.pid) if "spawn_main" in command_of(one)]
        parent.kill()
    assert workers
    for _ in range(600):
        if all(gone(process) for process in workers):
            return
        time.sleep(0.1)
    pytest.fail("processes are left over")


def test_few_cases_are_evaluated_in_this_process(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one", cases=5))
    finished = sweep(store, law)
    with pool.pool(opened(address(tmp_path)), finished.sweep, law, judge_of(law), 5, pool.Where()) as chosen:
        assert isinstance(chosen, pool.Here)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_all_cases_are_in_one_chunk_each(tmp_path: Path, size, monkeypatch: pytest.MonkeyPatch):
    from compliance_engine.store.facts import read_districts, read_facts

    monkeypatch.setattr(lots, "CHUNK", size)
    store = new_store(tmp_path, synthetic(*GIVEN, cases=9))
    with store.read() as connection:
        parts = lots.whole_parts(connection, read_districts(connection))
        todo = list(lots.lots(connection, parts))
        chunks = [chunk for lot in todo for chunk in lot.chunks]
        keys = [read_facts(connection, one, known_at=None, until_import=1).keys.tolist() for one in chunks]
    assert [one for lot in todo for one in lot.districts] == [part.district for part in parts]
    assert max(map(len, keys)) <= size
    assert sorted(key for some in keys for key in some) == list(range(1, 28))

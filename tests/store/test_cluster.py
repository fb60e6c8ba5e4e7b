"""A sweep on a Dask cluster: two workers on this machine, one of which may be killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters import killing_one, two_workers
from compliance_engine.errors import StoreProblem
from compliance_engine.sweep import lots
from store_samples import new_store, sweep, synthetic

distributed = pytest.importorskip("distributed", reason="Dask is not installed")

GIVEN = ("tx.one", "tx.three", "tx.two")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[distributed.LocalCluster]:
    with two_workers() as started:
        yield started


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "CHUNK", 20)


def test_a_cluster_finds_the_same(tmp_path: Path, law, scheduler):
    given = synthetic(*GIVEN, cases=20)
    expected = sweep(new_store(tmp_path, given, "alone.db"), law)
    found = sweep(new_store(tmp_path, given), law, scheduler=scheduler.scheduler_address)
    assert (found.sweep.digest, found.sweep.counts) == (expected.sweep.digest, expected.sweep.counts)


def test_a_killed_worker_loses_and_doubles_nothing(tmp_path: Path, law, scheduler):
    given = synthetic(*GIVEN, cases=20)
    expected = sweep(new_store(tmp_path, given, "alone.db"), law)
    killed: list[int] = []
    store = new_store(tmp_path, given)
    found = sweep(store, law, scheduler=scheduler.scheduler_address, progress=killing_one(scheduler, killed))
    assert killed
    assert (found.sweep.digest, found.sweep.counts) == (expected.sweep.digest, expected.sweep.counts)


def test_an_address_where_nothing_answers_is_named(tmp_path: Path, law, monkeypatch: pytest.MonkeyPatch):
    from compliance_engine.sweep import cluster

    monkeypatch.setattr(cluster, "_SECONDS", 1)
    store = new_store(tmp_path, synthetic("tx.one", cases=5))
    with pytest.raises(StoreProblem) as raised:
        sweep(store, law, scheduler="tcp://127.0.0.1:9")
    assert [problem.code for problem in raised.value.problems] == ["CE619"]
    assert "tcp://127.0.0.1:9" in str(raised.value)

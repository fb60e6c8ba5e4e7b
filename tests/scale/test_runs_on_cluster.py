"""Partitions on a Dask cluster of two processes on this machine: the same files, whoever is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters import killing_one, two_workers
from compliance_engine.errors import StoreProblem
from compliance_engine.scale import cluster
from scale_samples import evaluated, files_of, partitioned

distributed = pytest.importorskip("distributed", reason="Dask is not installed")


@pytest.fixture(scope="module")
def machines() -> Iterator[distributed.LocalCluster]:
    with two_workers() as started:
        yield started


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return partitioned(tmp_path_factory.mktemp("records"), size=10)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, source, law) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("calm")
    evaluated(source, out, law)
    return files_of(out)


def test_a_cluster_writes_the_same_files(tmp_path, law, source, machines, expected):
    run = evaluated(source, tmp_path / "results", law, scheduler=machines.scheduler_address)
    assert run.problems == ()
    assert files_of(tmp_path / "results") == expected


def test_a_killed_worker_loses_and_doubles_nothing(tmp_path, law, source, machines, expected):
    killed: list[int] = []
    address = machines.scheduler_address
    run = evaluated(
        source, tmp_path / "results", law, scheduler=address, progress=killing_one(machines, killed)
    )
    assert killed
    assert run.problems == ()
    assert files_of(tmp_path / "results") == expected


def test_a_damaged_partition_is_named(tmp_path, law, machines):
    source = partitioned(tmp_path / "records")
    path = source / "part-00001" / "events.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    run = evaluated(source, tmp_path / "results", law, scheduler=machines.scheduler_address)
    assert [problem.code for problem in run.problems] == ["CE403"]
    assert len(run.done) == 3


def test_a_worker_that_cannot_see_the_law_is_named(tmp_path, law, source, machines, monkeypatch):
    """As when the folder of results is no shared one."""
    monkeypatch.setattr("compliance_engine.scale.runs.law_archive", lambda law: b"no archive")
    run = evaluated(source, tmp_path / "results", law, scheduler=machines.scheduler_address)
    assert {problem.code for problem in run.problems} == {"CE622"}


def test_workers_of_another_version_are_named(tmp_path, law, source, machines, monkeypatch):
    monkeypatch.setattr("compliance_engine.scale.runs.program_version", lambda: "another")
    run = evaluated(source, tmp_path / "results", law, scheduler=machines.scheduler_address)
    assert {problem.code for problem in run.problems} == {"CE619"}


def test_an_address_where_nothing_answers_is_named(tmp_path, law, source, monkeypatch):
    monkeypatch.setattr(cluster, "_SECONDS", 1)
    with pytest.raises(StoreProblem) as raised:
        evaluated(source, tmp_path / "results", law, scheduler="tcp://127.0.0.1:9")
    assert [problem.code for problem in raised.value.problems] == ["CE619"]
    assert "tcp://127.0.0.1:9" in str(raised.value)

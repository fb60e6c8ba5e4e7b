"""Partitions evaluated by two processes of this machine and by a Dask cluster of two, in turn.

Prints JSON: seconds, cases a second, how fast Dask is beside the local run, and the peak memory of a worker.
Seconds of processors (of the workers, their judges and this process) say more where others use the machine too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple

from compliance_engine.cases.generator import District, generate_partitions, write_folder
from compliance_engine.data_files import calendars_folder, rules_folder
from compliance_engine.scale.runs import run_partitions
from compliance_engine.store.sweeps import Question
from compliance_engine.sweep.law import read_law
from watch import Watch

AS_OF = date(2026, 2, 2)
WORKERS = 2
STATES = ("tx", "ca", "md", "ny", "pa", "fl", "il", "in", "ga", "oh")


def districts(cases: int) -> list[District]:
    """Return districts of 5,000 cases in ten states."""
    number = -(-cases // 5000)
    sizes = [min(5000, cases - 5000 * index) for index in range(number)]
    states = [STATES[index % len(STATES)] for index in range(number)]
    return [
        District(state, f"{state}.d{index:04d}", "us.example_county", size)
        for index, (state, size) in enumerate(zip(states, sizes, strict=True))
    ]


def written(folder: Path, cases: int, size: int, years: int) -> tuple[int, int]:
    """Write partitions; return how many events and bytes they have."""
    events = 0
    parts = generate_partitions(districts(cases), seed=1, until=AS_OF, years=years, size=size)
    for number, part in enumerate(parts):
        write_folder(part, folder / f"part-{number:05d}", form="parquet")
        events += len(part.events)
    return events, sum(path.stat().st_size for path in folder.rglob("*.parquet"))


class Measured(NamedTuple):
    """What a run took; memory is that of the largest worker, in MiB."""

    seconds: float
    processor_seconds: float
    memory: float
    digest: str


def measured(source: Path, scheduler: str | None) -> Measured:
    """Return what a run takes."""
    law = read_law(rules_folder(), calendars_folder())
    with tempfile.TemporaryDirectory(dir=source.parent) as folder, Watch() as usage:
        begun = time.perf_counter()
        run = run_partitions(
            source,
            Path(folder) / "results",
            Question(AS_OF),
            law,
            received_on=AS_OF,
            workers=WORKERS,
            scheduler=scheduler,
        )
        seconds = time.perf_counter() - begun
    assert not run.problems, run.problems
    return Measured(seconds, usage.processor_seconds(), usage.largest, run.summary["digest"])


@contextmanager
def cluster() -> Iterator[tuple[str, float]]:
    """Give the address of a cluster of two workers, and the seconds it took to start."""
    from distributed import LocalCluster

    begun = time.perf_counter()
    with (
        warnings.catch_warnings(),
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as started,
    ):
        yield started.scheduler_address, time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--partition-cases", type=int, default=25_000)
    parser.add_argument("--years", type=int, default=1, help="how far back referrals reach")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--local-only", action="store_true", help="do not measure Dask")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="compliance-scale-"))
    try:
        print(json.dumps(figures(folder / "records", given), indent=1))
    finally:
        shutil.rmtree(folder)


def figures(source: Path, given: argparse.Namespace) -> dict[str, object]:
    """Return all figures; the two runs alternate, so that what else the machine does meets both."""
    events, size = written(source, given.cases, given.partition_cases, given.years)
    found: dict[str, list[Measured]] = {"local": [], "dask": []}
    starts = []
    for _ in range(given.rounds):
        found["local"].append(measured(source, None))
        if not given.local_only:
            with cluster() as (address, seconds):
                starts.append(seconds)
                found["dask"].append(measured(source, address))
    digests = {one.digest for rounds in found.values() for one in rounds}
    assert len(digests) == 1, digests
    result: dict[str, object] = {
        "cases": given.cases,
        "events": events,
        "partition_cases": given.partition_cases,
        "input_mib": round(size / 2**20, 1),
        "processors": os.cpu_count(),
        "digest": digests.pop(),
    }
    for name, rounds in found.items():
        if rounds:
            median = statistics.median(one.seconds for one in rounds)
            result[f"{name}_seconds"] = [round(one.seconds, 2) for one in rounds]
            result[f"{name}_processor_seconds"] = [round(one.processor_seconds, 2) for one in rounds]
            result[f"{name}_cases_per_second"] = round(given.cases / median)
            result[f"{name}_worker_peak_mib"] = round(max(one.memory for one in rounds))
    if starts:
        pairs = list(zip(found["local"], found["dask"], strict=True))
        result["dask_speed_of_local"] = round(statistics.median(a.seconds / b.seconds for a, b in pairs), 3)
        by_processor = (a.processor_seconds / b.processor_seconds for a, b in pairs)
        result["dask_speed_of_local_by_processor_seconds"] = round(statistics.median(by_processor), 3)
        result["dask_start_seconds"] = round(statistics.median(starts), 2)
    return result


if __name__ == "__main__":
    main()

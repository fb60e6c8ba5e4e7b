"""Partitions on the workers of a Dask cluster (the extra ``dask``).

The workers read and write the partitions themselves, in folders that all machines see; this process hands out
names and reads records. A worker that dies takes nothing with it: Dask gives its partition to another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from compliance_engine.errors import Place, Problem, StoreProblem
from compliance_engine.scale.job import Job
from compliance_engine.scale.work import Outcome
from compliance_engine.scale.workers import given_up, outcomes_of

_AHEAD = 4
_RETRIES = 3
_SECONDS = 10


def outcomes_on(job: Job, names: Sequence[str], address: str) -> Iterator[Outcome]:
    """Evaluate partitions on the cluster whose scheduler has an address.

    Raises: StoreProblem CE619 where Dask is not installed, or nothing answers at the address, or the
        scheduler is gone before all is done.
    """
    try:
        from distributed import Client, KilledWorker
    except ModuleNotFoundError as error:
        found, mend = f"{error.name} is not installed", "install compliance-engine[dask]"
        raise _problem(address, found, mend=mend) from error
    try:
        client: Any = Client(address, timeout=_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        expected = "an address such as tcp://host:8786"
        raise _problem(address, "no scheduler answers there", expected) from error
    lost: list[str] = []
    with client:
        executor = client.get_executor(pure=False, retries=_RETRIES)
        ahead = max(_AHEAD, _AHEAD * sum(client.nthreads().values()))
        try:
            yield from outcomes_of(executor, job, deque(names), ahead, (KilledWorker,), lost)
        except CancelledError as error:
            mend = "partitions that are done are kept: run the same command again"
            raise _problem(address, "the scheduler has gone", mend=mend) from error
    for name in lost:
        yield given_up(job, name)


def _problem(address: str, found: str, expected: str = "", mend: str = "") -> StoreProblem:
    return StoreProblem(Problem(Place("--scheduler"), "CE619", address, found, expected, mend))

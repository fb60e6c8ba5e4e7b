"""Evaluating the cases of a sweep on the workers of a Dask cluster (the extra ``dask``).

The workers read the store by themselves and answer with what changed; only the process that sweeps writes, so
a worker that dies takes nothing with it and leaves nothing behind: Dask gives its chunks to another.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from compliance_engine.store.connect import Store
from compliance_engine.store.contents import Snapshot
from compliance_engine.store.facts import Chosen
from compliance_engine.store.sweeps import Sweep
from compliance_engine.sweep.law import Law, law_of_snapshots
from compliance_engine.sweep.pool import Answer, Answering, Evaluator, evaluator_of

_CHUNKS_A_THREAD = 2
_DEATHS = 5
"""How many workers may die of a chunk before it is given up."""
_SECONDS = 10
_evaluators: dict[tuple[str, int, str], Evaluator] = {}
"""In a worker: how it evaluates for the sweep it last took part in."""
_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker needs to know to take part in a sweep.

    Attributes:
        url: The database, with its password.
    """

    url: str
    sweep: Sweep
    rules: Snapshot
    calendars: Snapshot


class Cluster:
    """Evaluates on the workers of a cluster."""

    def __init__(self, store: Store, client: Any, work: Work) -> None:
        self._store, self._client, self._work = store, client, work
        self.ahead = max(1, _CHUNKS_A_THREAD * sum(client.nthreads().values()))

    def submit(self, which: Chosen) -> Answering:
        """Hand a chunk to the cluster."""
        # the law goes along with every chunk: what lay with workers alone would be lost with them
        future = self._client.submit(_evaluate, self._work, which, pure=False, retries=_DEATHS)
        return _Asked(self._store, future)


class _Asked:
    def __init__(self, store: Store, future: Any) -> None:
        self._store, self._future = store, future

    def result(self) -> Answer:
        from distributed import KilledWorker

        try:
            answer: Answer = self._future.result()
        except KilledWorker as error:
            found = "the workers of the cluster end while they evaluate: killed, or for want of memory"
            mend = "give them more memory; --resume goes on with the districts that are left"
            raise self._store.problem("CE618", found, thing="sweep", mend=mend) from error
        except CancelledError as error:
            mend = "--resume goes on with the districts that are left"
            raise self._store.problem(
                "CE619", "the scheduler has gone", thing="--scheduler", mend=mend
            ) from error
        return answer


@contextmanager
def cluster(store: Store, sweep: Sweep, law: Law, address: str) -> Iterator[Cluster]:
    """Give the cluster whose scheduler has an address, to evaluate on.

    Raises: StoreProblem CE619 where Dask is not installed, or nothing answers at the address.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        found, mend = f"{error.name} is not installed", "install compliance-engine[dask]"
        raise store.problem("CE619", found, thing="--scheduler", mend=mend) from error
    try:
        client: Any = Client(address, timeout=_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
        client.wait_for_workers(1, timeout=_SECONDS)
    except (OSError, ValueError) as error:
        found = f"no scheduler with workers answers at {address}"
        expected = "an address such as tcp://host:8786"
        raise store.problem("CE619", found, thing="--scheduler", expected=expected) from error
    url = store.engine.url.render_as_string(hide_password=False)
    with client:
        yield Cluster(store, client, Work(url, sweep, law.rules, law.calendars))


def _evaluate(work: Work, which: Chosen) -> Answer:
    key = (work.url, work.sweep.number, work.sweep.started_at.isoformat())
    with _alone:  # an evaluator is for one thread
        if key not in _evaluators:
            _evaluators.clear()
            with law_of_snapshots(work.rules, work.calendars) as law:
                _evaluators[key] = evaluator_of(work.url, work.sweep, law)
        return _evaluators[key](which)

"""Dask clusters on this machine."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def two_workers() -> Iterator[Any]:
    """Give a cluster of two processes of one thread each."""
    import distributed

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own event loops and sockets
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as started:
            yield started


def killing_one(cluster: Any, killed: list[int]) -> Callable[[int, int, str], None]:
    """Return a progress that kills a worker the first time it is told of something."""

    def kill(done: int, total: int, name: str) -> None:
        if not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    return kill

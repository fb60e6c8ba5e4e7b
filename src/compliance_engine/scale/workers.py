"""Where partitions are evaluated: in this process, in others beside it, or on a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool

from compliance_engine.errors import Place, Problem
from compliance_engine.scale.job import Job
from compliance_engine.scale.work import Bench, Outcome, evaluate_partition, work
from compliance_engine.sweep.processes import processes

_CHANCES = 2
"""How often a partition may end the process that evaluates it alone."""


def outcomes_here(job: Job, names: Sequence[str], bench: Bench) -> Iterator[Outcome]:
    """Evaluate partitions in this process, one after the other."""
    for name in names:
        yield evaluate_partition(job, name, bench)


def outcomes_beside(job: Job, names: Sequence[str], workers: int) -> Iterator[Outcome]:
    """Evaluate partitions in processes beside this one.

    When a process is killed, the partitions that were at work are evaluated again, each by itself; one that
    ends its process then too is given up.
    """
    waiting = deque(names)
    while waiting:
        lost: list[str] = []
        with processes(workers) as executor:
            yield from outcomes_of(executor, job, waiting, workers + 1, (BrokenProcessPool,), lost)
        for name in lost:
            yield _alone(job, name)


def outcomes_of(
    executor: Executor,
    job: Job,
    waiting: deque[str],
    ahead: int,
    died: tuple[type[BaseException], ...],
    lost: list[str],
) -> Iterator[Outcome]:
    """Evaluate partitions by an executor of whatever kind, until none waits or the executor is broken.

    Args:
        waiting: The names; those handed over are taken away.
        ahead: How many may be at work at a time.
        died: What a future raises whose worker ended.
        lost: The names of partitions whose worker ended are added here.
    """
    at_work: dict[Future[Outcome], str] = {}
    while waiting or at_work:
        while waiting and len(at_work) < ahead:
            try:
                at_work[executor.submit(work, job, waiting[0])] = waiting[0]
            except BrokenProcessPool:
                break
            waiting.popleft()
        if not at_work:
            return
        for future in wait(at_work, return_when=FIRST_COMPLETED).done:
            name = at_work.pop(future)
            try:
                outcome = future.result()
            except died:
                lost.append(name)
                continue
            yield outcome


def given_up(job: Job, name: str) -> Outcome:
    """Return the outcome of a partition whose worker ended again and again."""
    found = "the process that evaluates it ends: killed, or for want of memory"
    mend = "divide the partition, or give more memory; then run the same command again"
    return Outcome(name, (Problem(Place(str(job.source / name)), "CE618", name, found, mend=mend),))


def _alone(job: Job, name: str) -> Outcome:
    for _ in range(_CHANCES):
        with processes(1) as executor:
            try:
                return executor.submit(work, job, name).result()
            except BrokenProcessPool:
                continue
    return given_up(job, name)

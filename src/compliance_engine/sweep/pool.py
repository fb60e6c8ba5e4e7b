"""Where the cases of a sweep are evaluated: in this process, or in others beside it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from compliance_engine.calendars.legal_holidays import keep_in
from compliance_engine.engine.evaluate import Engine
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import Problem
from compliance_engine.memory import settle_in
from compliance_engine.store.arrow import arrow_connection
from compliance_engine.store.bulk import Readable
from compliance_engine.store.connect import Store, open_store
from compliance_engine.store.facts import Chosen
from compliance_engine.store.sweeps import Sweep
from compliance_engine.sweep.found import Changed, Evaluated, Found, changed_of, evaluate_cases, found_of
from compliance_engine.sweep.law import Law
from compliance_engine.sweep.lots import CHUNK, Lot
from compliance_engine.sweep.processes import processes

_MOST_WORKERS = 4  # one process writes what they find, and is busy then

Answer = tuple[Changed, tuple[Problem, ...]]
"""What changed, and what the evaluator could not use."""


class Answering(Protocol):
    """Something that comes of a chunk some time."""

    def result(self) -> Answer:
        """Wait for it."""


class Pool(Protocol):
    """Evaluates chunks.

    Attributes:
        ahead: How many chunks may be at work, or done and not yet asked for.
    """

    ahead: int

    def submit(self, which: Chosen) -> Answering:
        """Begin to evaluate a chunk."""


def answers(lots: Sequence[Lot], pool: Pool) -> Iterator[tuple[Lot, Iterator[Answer]]]:
    """Yield each lot with what comes of its chunks, in their order, while the next ones are at work."""
    chunks = (chunk for lot in lots for chunk in lot.chunks)
    waiting: deque[Answering] = deque()

    def take() -> Answer:
        while len(waiting) < pool.ahead and (chunk := next(chunks, None)) is not None:
            waiting.append(pool.submit(chunk))
        return waiting.popleft().result()

    for lot in lots:
        yield lot, (take() for _ in lot.chunks)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates chunk after chunk with one law."""

    reading: Callable[[], AbstractContextManager[Readable]]
    sweep: Sweep
    engine: Engine
    judge: Judge

    def found(self, connection: Readable, which: Chosen) -> Found:
        """Return what is found for some cases."""
        return found_of(self._evaluated(connection, which))

    def __call__(self, which: Chosen) -> Answer:
        """Evaluate some cases and compare with what the store holds."""
        told = len(self.engine.warnings)
        with self.reading() as connection:
            evaluated = self._evaluated(connection, which)
            changed = changed_of(connection, evaluated, self.judge, self.sweep, which)
        return changed, tuple(self.engine.warnings[told:])

    def _evaluated(self, connection: Readable, which: Chosen) -> Evaluated:
        where = f"sweep {self.sweep.number}"
        return evaluate_cases(connection, self.sweep, self.engine, self.judge, which, where)


class Here:
    """Evaluates in this process, each chunk when it is asked for."""

    ahead = 1

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def submit(self, which: Chosen) -> Answering:
        """Evaluate a chunk."""
        done: Future[Answer] = Future()
        done.set_result(self._evaluator(which))
        return done


class Beside:
    """Evaluates in processes beside this one."""

    def __init__(self, store: Store, executor: Executor, workers: int) -> None:
        self._store, self._executor = store, executor
        self.ahead = 2 * workers

    def submit(self, which: Chosen) -> Answering:
        """Hand a chunk to one of the processes."""
        with _all_alive(self._store):
            return _Handed(self._store, self._executor.submit(_evaluate, which))


@dataclass(frozen=True, slots=True)
class _Handed:
    store: Store
    future: Future[Answer]

    def result(self) -> Answer:
        with _all_alive(self.store):
            return self.future.result()


@contextmanager
def _all_alive(store: Store) -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        found = "a process that evaluated cases has ended: killed, or for want of memory"
        mend = "--resume goes on with the districts that are left; --workers 1 needs less memory"
        raise store.problem("CE618", found, thing="sweep", mend=mend) from error


@dataclass(frozen=True, slots=True)
class Where:
    """Where cases are to be evaluated.

    Attributes:
        workers: How many processes; 1 is this one alone. None: as many as there are processors, where there
            is enough to do.
        scheduler: The address of a Dask cluster that evaluates instead.
    """

    workers: int | None = None
    scheduler: str | None = None


@contextmanager
def pool(store: Store, sweep: Sweep, law: Law, judge: Judge, cases: int, where: Where) -> Iterator[Pool]:
    """Give a place to evaluate so many cases."""
    if where.scheduler is not None and cases:
        from compliance_engine.sweep.cluster import cluster

        with cluster(store, sweep, law, where.scheduler) as found:
            yield found
        return
    number = where.workers or (min(os.cpu_count() or 1, _MOST_WORKERS) if cases > 2 * CHUNK else 1)
    if number == 1 or store.engine.url.database in (None, "", ":memory:"):
        yield Here(Evaluator(store.read, sweep, law.engine(sweep.question), judge))
        return
    url = store.engine.url.render_as_string(hide_password=False)
    with processes(number, _begin, url, sweep, law) as executor:
        yield Beside(store, executor, number)


_evaluator: Evaluator | None = None
"""In a process of a pool: how it evaluates."""


def evaluator_of(url: str, sweep: Sweep, law: Law) -> Evaluator:
    """Return a way to evaluate in a process that only reads the store.

    Args:
        url: The database, with its password.
    """
    settle_in()
    keep_in(law.kept_in)
    return Evaluator(_reading(url), sweep, law.engine(sweep.question), law.judge(workers=1))


def _reading(url: str) -> Callable[[], AbstractContextManager[Readable]]:
    made = sa.make_url(url)
    if made.get_backend_name() == "sqlite":
        path = Path(str(made.database))
        return lambda: arrow_connection(path)
    return open_store(url).read


def _begin(url: str, sweep: Sweep, law: Law) -> None:
    global _evaluator
    _evaluator = evaluator_of(url, sweep, law)


def _evaluate(which: Chosen) -> Answer:
    assert _evaluator is not None
    return _evaluator(which)

"""Runs a sweep: a lot of districts at a time is evaluated, judged and committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from compliance_engine import __version__
from compliance_engine.dates import IntArray
from compliance_engine.engine.changes import Change
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import Problem
from compliance_engine.store import sweeps
from compliance_engine.store.changes import read_changes
from compliance_engine.store.connect import Store
from compliance_engine.store.digests import can_be_added_to
from compliance_engine.store.states import stale_cases
from compliance_engine.store.sweeps import Process, Question, Sweep
from compliance_engine.sweep.law import Law, LawHashes, law_of
from compliance_engine.sweep.lots import Lot, lots, parts_to_do
from compliance_engine.sweep.pool import Where, answers, pool
from compliance_engine.sweep.writing import Writer

Progress = Callable[[int, int, str], None]
"""Called with the districts done, how many there are to do, and the name of the one just done."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished sweep.

    Attributes:
        before: The sweep that finished before it, None for the first.
        changes: What differs from that one; empty for the first.
        warnings: What the evaluator could not use (calendars that are named and do not exist).
    """

    sweep: Sweep
    before: Sweep | None
    changes: Sequence[Change]
    warnings: Sequence[Problem]


def _silent(done: int, total: int, name: str) -> None:
    """Say nothing."""


def run_sweep(
    store: Store,
    question: Question,
    law: Law,
    process: Process,
    *,
    clock: Callable[[], datetime],
    full: bool = False,
    take_over: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    judge: Judge | None = None,
    progress: Progress = _silent,
) -> Finished:
    """Evaluate and judge every case of a store of which the sweep before it does not answer for this one.

    Args:
        full: Evaluate all cases, and warn of those that the sweep before it should have answered for.
        process: Who sweeps; the lock bears its number.
        clock: Gives the moment at which the sweep ends.
        take_over: Take the lock from a process that is known to be gone.
        workers: Processes that evaluate; 1: this one does. None: as many as there is use for.
        scheduler: The address of a Dask cluster that evaluates instead.
        judge: Judges situations in this process; one that follows the law's findings rules by default.
        progress: Told of each district done.

    Raises: StoreProblem CE610 while another process sweeps, CE612 when another has taken over, CE613 for a
        store without cases.
    """
    sweep = sweeps.begin(
        store, question, law.rules, law.calendars, process, engine_version=__version__, take_over=take_over
    )
    where = Where(workers, scheduler)
    return _run(store, sweep, law, process, clock, judge, progress, where, full=full)


def resume_sweep(
    store: Store,
    process: Process,
    *,
    clock: Callable[[], datetime],
    take_over: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    judge: Judge | None = None,
    progress: Progress = _silent,
) -> Finished:
    """Finish the sweep that was interrupted, with the rules, calendars and facts it began with.

    Raises: StoreProblem CE610 while another process sweeps, CE611 when no sweep was interrupted.
    """
    sweep = sweeps.resume(store, process, take_over=take_over)
    with law_of(store, sweep) as law:
        return _run(store, sweep, law, process, clock, judge, progress, Where(workers, scheduler))


def _run(
    store: Store,
    sweep: Sweep,
    law: Law,
    process: Process,
    clock: Callable[[], datetime],
    judge: Judge | None,
    progress: Progress,
    where: Where,
    *,
    full: bool = False,
) -> Finished:
    hashes = LawHashes(law)
    judging = judge or Judge(law.findings)
    try:
        before, stale, todo, known = _to_do(store, sweep, hashes, full=full)
        writer = Writer(store, sweep, process, hashes, before, stale if full else None, known)
        number = sum(part.size for lot in todo for part in lot.parts)
        total, done = sum(len(lot.parts) for lot in todo), 0
        with pool(store, sweep, law, judging, number, where) as evaluating:
            for lot, found in answers(todo, evaluating):
                writer.write(lot, found)
                for district in lot.districts:
                    done += 1
                    progress(done, total, district.name)
        finished = sweeps.finish(store, sweep.number, process, clock())
    except BaseException:
        sweeps.let_go(store, sweep.number, process)
        raise
    with store.read() as connection:
        changes = [] if before is None else read_changes(connection, before, finished)
    return Finished(finished, before, changes, tuple(dict.fromkeys(writer.warnings)))


def _to_do(
    store: Store, sweep: Sweep, hashes: LawHashes, *, full: bool
) -> tuple[Sweep | None, Mapping[int, IntArray] | None, list[Lot], dict[int, tuple[sweeps.Tally, str]]]:
    """Return the sweep before, the cases it does not answer for, what is to be done, and its parts."""
    with store.read() as connection:
        waiting = sweeps.waiting_districts(connection, sweep.number)
        before = sweeps.last_finished(connection, before=sweep.number)
        stale = None
        if before is not None and answers_for(before, sweep):
            stale = stale_cases(connection, before, sweep, hashes.of)
        known = {} if before is None else sweeps.parts_of_sweep(connection, before.number)
        sums = {key for key, (_, digest) in known.items() if can_be_added_to(digest)}
        todo = list(lots(connection, parts_to_do(waiting, None if full else stale, sums)))
    return before, stale, todo, known


def answers_for(before: Sweep, sweep: Sweep) -> bool:
    """Return whether what a sweep found may still hold for a later one: both ask alike, of days in order."""
    old, new = before.question, sweep.question
    return (
        old.known_at is None
        and new.known_at is None
        and old.readings == new.readings
        and old.project_until == new.project_until
        and old.as_of <= new.as_of
        and before.engine_version == sweep.engine_version
    )

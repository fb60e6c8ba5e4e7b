"""Runs a sweep: a lot of districts at a time is evaluated, judged and committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance_engine import __version__
from compliance_engine.dates import IntArray
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import ComplianceError, Problem
from compliance_engine.store import sweeps
from compliance_engine.store.chain import head_at
from compliance_engine.store.changes import Changes, no_changes, read_changes
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
Log = Callable[[str, Mapping[str, Any]], None]
"""Called with what happened (begun, committed, finished, stopped) and what is to be known of it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished sweep.

    Attributes:
        data: The head of the chain at the last import it knows of: a hash of all facts.
        before: The sweep that finished before it, None for the first.
        changes: What differs from that one; empty for the first.
        warnings: What the evaluator could not use (calendars that are named and do not exist).
    """

    sweep: Sweep
    data: str | None
    before: Sweep | None
    changes: Changes
    warnings: Sequence[Problem]


def _silent(*_: object) -> None:
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
    log: Log = _silent,
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
        log: Told of each step of the sweep.

    Raises: StoreProblem CE610 while another process sweeps, CE612 when another has taken over, CE613 for a
        store without cases.
    """
    sweep = sweeps.begin(
        store, question, law.rules, law.calendars, process, engine_version=__version__, take_over=take_over
    )
    where, judging = Where(workers, scheduler), judge or law.judge()
    return _Run(store, sweep, law, process, clock, judging, where, progress, log).finish(full=full)


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
    log: Log = _silent,
) -> Finished:
    """Finish the sweep that was interrupted, with the rules, calendars and facts it began with.

    Raises: StoreProblem CE610 while another process sweeps, CE611 when no sweep was interrupted.
    """
    sweep = sweeps.resume(store, process, take_over=take_over)
    with law_of(store, sweep) as law:
        where, judging = Where(workers, scheduler), judge or law.judge()
        return _Run(store, sweep, law, process, clock, judging, where, progress, log, resumed=True).finish()


@dataclass(frozen=True, slots=True)
class _Run:
    """A sweep that has begun."""

    store: Store
    sweep: Sweep
    law: Law
    process: Process
    clock: Callable[[], datetime]
    judge: Judge
    where: Where
    progress: Progress
    log: Log
    resumed: bool = False

    def finish(self, *, full: bool = False) -> Finished:
        """Do what is to be done; whatever stops it, the lock is given up."""
        store, number = self.store, self.sweep.number
        hashes = LawHashes(self.law)
        try:
            with store.read() as connection:
                data = head_at(connection, "import", self.sweep.last_import)
            before, stale, todo, known = _to_do(store, self.sweep, hashes, full=full)
            writer = Writer(store, self.sweep, self.process, hashes, before, stale if full else None, known)
            self.log("begun", self._begun(todo) | {"data": data})
            self._evaluate(todo, writer)
            finished = sweeps.finish(store, number, self.process, self.clock())
        except BaseException as error:
            sweeps.let_go(store, number, self.process)
            self.log("stopped", {"sweep": number, "reason": _reason(error)})
            raise
        self.log("finished", {"sweep": number, "digest": finished.digest, "counts": finished.counts})
        with store.read() as connection:
            changed = None if self.resumed else writer.changed()
            changes = no_changes() if before is None else read_changes(connection, before, finished, changed)
        return Finished(finished, data, before, changes, tuple(dict.fromkeys(writer.warnings)))

    def _evaluate(self, todo: Sequence[Lot], writer: Writer) -> None:
        cases = sum(part.size for lot in todo for part in lot.parts)
        total, done = sum(len(lot.parts) for lot in todo), 0
        with pool(self.store, self.sweep, self.law, self.judge, cases, self.where) as evaluating:
            for lot, found in answers(todo, evaluating):
                written = writer.write(lot, found)
                for district in lot.districts:
                    done += 1
                    self.progress(done, total, district.name)
                self.log(
                    "committed",
                    {"sweep": self.sweep.number, "districts": written, "done": done, "total": total},
                )

    def _begun(self, todo: Sequence[Lot]) -> dict[str, Any]:
        sweep, asked = self.sweep, self.sweep.question
        return {
            "sweep": sweep.number,
            "as_of": asked.as_of,
            "known_at": asked.known_at,
            "readings": asked.readings,
            "project_until": asked.project_until,
            "engine_version": sweep.engine_version,
            "rules": sweep.rules,
            "calendars": sweep.calendars,
            "last_import": sweep.last_import,
            "districts": sum(len(lot.parts) for lot in todo),
            "cases": sum(part.size for lot in todo for part in lot.parts),
            "process": self.process.number,
            "host": self.process.host,
        }


def _reason(error: BaseException) -> str:
    """Return why a sweep stops; nothing of the text of errors that are not ours, which may quote a record."""
    if isinstance(error, ComplianceError):
        return ", ".join(dict.fromkeys(problem.code for problem in error.problems))
    return type(error).__name__


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
        sums = {
            key: counts["totals"]["cases"]
            for key, (counts, digest) in known.items()
            if can_be_added_to(digest)
        }
        todo = list(lots(connection, parts_to_do(connection, waiting, None if full else stale, sums)))
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

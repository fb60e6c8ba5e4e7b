"""Runs a sweep: each district is evaluated, judged and committed by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from compliance_engine import __version__
from compliance_engine.cases.batch import build_batch
from compliance_engine.engine.evaluate import Engine
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import Problem
from compliance_engine.store import sweeps
from compliance_engine.store.changes import Change, read_changes
from compliance_engine.store.connect import Store
from compliance_engine.store.facts import District, read_facts
from compliance_engine.store.results import write_changes
from compliance_engine.store.sweeps import Process, Question, Sweep
from compliance_engine.store.tables import deadlines, findings
from compliance_engine.sweep.judging import judge_evaluation
from compliance_engine.sweep.law import Law, law_of
from compliance_engine.sweep.rows import rows_of

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
    take_over: bool = False,
    judge: Judge | None = None,
    progress: Progress = _silent,
) -> Finished:
    """Evaluate and judge every case of a store.

    Args:
        process: Who sweeps; the lock bears its number.
        clock: Gives the moment at which the sweep ends.
        take_over: Take the lock from a process that is known to be gone.
        judge: Judges situations; one that follows the law's findings rules by default.
        progress: Told of each district done.

    Raises: StoreProblem CE610 while another process sweeps, CE612 when another has taken over, CE613 for a
        store without cases.
    """
    sweep = sweeps.begin(
        store, question, law.rules, law.calendars, process, engine_version=__version__, take_over=take_over
    )
    return _run(store, sweep, law, process, clock, judge, progress)


def resume_sweep(
    store: Store,
    process: Process,
    *,
    clock: Callable[[], datetime],
    take_over: bool = False,
    judge: Judge | None = None,
    progress: Progress = _silent,
) -> Finished:
    """Finish the sweep that was interrupted, with the rules, calendars and facts it began with.

    Raises: StoreProblem CE610 while another process sweeps, CE611 when no sweep was interrupted.
    """
    sweep = sweeps.resume(store, process, take_over=take_over)
    with law_of(store, sweep) as law:
        return _run(store, sweep, law, process, clock, judge, progress)


def _run(
    store: Store,
    sweep: Sweep,
    law: Law,
    process: Process,
    clock: Callable[[], datetime],
    judge: Judge | None,
    progress: Progress,
) -> Finished:
    engine = law.engine(sweep.question)
    judge = judge or Judge(law.findings)
    try:
        with store.read() as connection:
            waiting = sweeps.waiting_districts(connection, sweep.number)
        for done, district in enumerate(waiting, start=1):
            _sweep_district(store, sweep, district, engine, judge, process)
            progress(done, len(waiting), district.name)
        finished = sweeps.finish(store, sweep.number, process, clock())
    except BaseException:
        sweeps.let_go(store, sweep.number, process)
        raise
    with store.read() as connection:
        before = sweeps.last_finished(connection, before=sweep.number)
        changes = [] if before is None else read_changes(connection, before, finished)
    return Finished(finished, before, changes, tuple(dict.fromkeys(engine.warnings)))


def _sweep_district(
    store: Store, sweep: Sweep, district: District, engine: Engine, judge: Judge, process: Process
) -> None:
    question = sweep.question
    facts = read_facts(
        store, district=district.key, known_at=question.known_at, until_import=sweep.last_import
    )
    batch = build_batch(
        facts.cases, facts.events, as_of=question.as_of, known_at=question.known_at, where=district.name
    )
    evaluation = engine.evaluate(batch)
    judged = judge_evaluation(evaluation, judge)
    with store.write() as connection:
        rows = rows_of(evaluation, judged, facts.keys, connection)
        written: Counter[str] = Counter()
        for table, found in ((deadlines, rows.deadlines), (findings, rows.findings)):
            began, ended = write_changes(connection, table, district.key, sweep.number, found)
            written.update({f"{table.name}_began": began, f"{table.name}_ended": ended})
        rows = replace(rows, counts={**rows.counts, "written": written})
        sweeps.finish_district(
            store, connection, sweep.number, district.key, process, rows.counts, rows.digest
        )

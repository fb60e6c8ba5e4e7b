"""Runs a sweep: each district is committed by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine import __version__
from compliance_engine.cases.batch import build_batch
from compliance_engine.dates import IntArray
from compliance_engine.engine.changes import Change
from compliance_engine.engine.evaluate import Engine, Evaluation
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import Problem
from compliance_engine.store import sweeps
from compliance_engine.store.changes import read_changes
from compliance_engine.store.connect import Store
from compliance_engine.store.facts import District, Facts, read_facts
from compliance_engine.store.results import Verdicts, verdict_contents, write_changes
from compliance_engine.store.sweeps import Process, Question, Sweep
from compliance_engine.store.tables import deadlines, findings
from compliance_engine.store.words import Words, all_words
from compliance_engine.sweep.judging import Judged, judge_evaluation
from compliance_engine.sweep.law import Law, law_of
from compliance_engine.sweep.rows import Rows, Texts, count, digest, rows_of

LOT = 50_000
"""Cases evaluated and judged together: whole districts, at least one."""

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
    run = _Run(store, sweep, law.engine(sweep.question), judge or Judge(law.findings), process)
    try:
        with store.read() as connection:
            waiting = sweeps.waiting_districts(connection, sweep.number)
        done = 0
        for some in lots(waiting):
            for district in run.sweep(some):
                done += 1
                progress(done, len(waiting), district.name)
        finished = sweeps.finish(store, sweep.number, process, clock())
    except BaseException:
        sweeps.let_go(store, sweep.number, process)
        raise
    with store.read() as connection:
        before = sweeps.last_finished(connection, before=sweep.number)
        changes = [] if before is None else read_changes(connection, before, finished)
    return Finished(finished, before, changes, tuple(dict.fromkeys(run.engine.warnings)))


def lots(districts: Sequence[District]) -> Iterator[list[District]]:
    """Yield districts in lots of so many cases that evaluating and judging them is worth the start."""
    lot: list[District] = []
    for district in districts:
        if lot and sum(one.cases for one in lot) + district.cases > LOT:
            yield lot
            lot = []
        lot.append(district)
    if lot:
        yield lot


@dataclass(frozen=True, slots=True)
class _Run:
    """A sweep at work."""

    store: Store
    asked: Sweep
    engine: Engine
    judge: Judge
    process: Process

    def sweep(self, districts: Sequence[District]) -> Iterator[District]:
        """Evaluate and judge some districts together; yield each when it is committed."""
        facts, evaluation, judged = evaluate_districts(
            self.store, self.asked, self.engine, self.judge, districts
        )
        with self.store.write() as connection:
            keys = keys_of(facts, evaluation)
            rows = rows_of(evaluation, judged, keys, Words(connection), Verdicts(connection))
            ids = dict(zip(facts.keys.tolist(), facts.cases.column("case_id").to_pylist(), strict=True))
            texts = Texts(ids, all_words(connection), verdict_contents(connection))
        for district in districts:
            keys = facts.keys[facts.districts == district.key]
            self._write(district, rows.of_cases(keys) if len(districts) > 1 else rows, len(keys), texts)
            yield district

    def _write(self, district: District, rows: Rows, cases: int, texts: Texts) -> None:
        counts, found = count(rows, cases, texts), digest(rows, texts)
        written: Counter[str] = Counter()
        with self.store.write() as connection:
            for table, now in ((deadlines, rows.deadlines), (findings, rows.findings)):
                began, ended = write_changes(connection, table, district.key, self.asked.number, now)
                written.update({f"{table.name}_began": began, f"{table.name}_ended": ended})
            counts["written"] = written
            sweeps.finish_district(
                self.store, connection, self.asked.number, district.key, self.process, counts, found
            )


def evaluate_districts(
    store: Store, sweep: Sweep, engine: Engine, judge: Judge, districts: Sequence[District]
) -> tuple[Facts, Evaluation, list[Judged]]:
    """Read, evaluate and judge the cases of some districts, as a sweep asks."""
    question = sweep.question
    facts = read_facts(store, chosen=districts, known_at=question.known_at, until_import=sweep.last_import)
    name = districts[0].name if len(districts) == 1 else f"{districts[0].name} to {districts[-1].name}"
    batch = build_batch(
        facts.cases, facts.events, as_of=question.as_of, known_at=question.known_at, where=name
    )
    evaluation = engine.evaluate(batch)
    return facts, evaluation, judge_evaluation(evaluation, judge)


def keys_of(facts: Facts, evaluation: Evaluation) -> IntArray:
    """Return the number in the store of each case of an evaluation, int32[n]."""
    ids = facts.cases.column("case_id").combine_chunks()
    place = pc.index_in(pa.array(evaluation.batch.case_id, pa.string()), value_set=ids)
    return np.asarray(facts.keys[place.to_numpy()])

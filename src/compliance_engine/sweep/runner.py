"""Runs a sweep: each district is committed by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine import __version__
from compliance_engine.cases.batch import build_batch
from compliance_engine.dates import NEVER, IntArray, to_day
from compliance_engine.engine.changes import Change
from compliance_engine.engine.evaluate import Engine, Evaluation
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import Place, Problem
from compliance_engine.store import sweeps
from compliance_engine.store.changes import read_changes
from compliance_engine.store.connect import Store
from compliance_engine.store.facts import District, Facts, read_facts
from compliance_engine.store.results import Verdicts, stored_rows, verdict_contents, write_changes
from compliance_engine.store.states import (
    district_digests,
    known_cases,
    law_numbers,
    stale_cases,
    write_states,
)
from compliance_engine.store.sweeps import Process, Question, Sweep, Tally
from compliance_engine.store.tables import deadlines, findings
from compliance_engine.store.words import Words, all_words
from compliance_engine.sweep.judging import Judged, judge_evaluation
from compliance_engine.sweep.law import Law, LawHashes, law_of
from compliance_engine.sweep.rows import (
    Rows,
    Texts,
    band_changes,
    case_digests,
    change_counts,
    count,
    count_nothing,
    digest_of,
    rows_of,
)

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
    full: bool = False,
    take_over: bool = False,
    judge: Judge | None = None,
    progress: Progress = _silent,
) -> Finished:
    """Evaluate and judge every case of a store of which the sweep before it does not answer for this one.

    Args:
        full: Evaluate all cases, and warn of those that the sweep before it should have answered for.
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
    return _run(store, sweep, law, process, clock, judge, progress, full=full)


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
    *,
    full: bool = False,
) -> Finished:
    hashes = LawHashes(law)
    run = _Run(store, sweep, law.engine(sweep.question), judge or Judge(law.findings), process, hashes)
    try:
        with store.read() as connection:
            waiting = sweeps.waiting_districts(connection, sweep.number)
            before = sweeps.last_finished(connection, before=sweep.number)
            stale = None
            if before is not None and answers_for(before, sweep):
                stale = stale_cases(connection, before, sweep, hashes.of)
        done = 0
        run.expected = stale if full else None
        for some in lots(parts_to_do(waiting, None if full else stale)):
            for district in run.sweep(some, before):
                done += 1
                progress(done, len(waiting), district.name)
        finished = sweeps.finish(store, sweep.number, process, clock())
    except BaseException:
        sweeps.let_go(store, sweep.number, process)
        raise
    with store.read() as connection:
        changes = [] if before is None else read_changes(connection, before, finished)
    return Finished(finished, before, changes, tuple(dict.fromkeys([*run.engine.warnings, *run.warnings])))


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


@dataclass(frozen=True, slots=True)
class Part:
    """A district to be done.

    Attributes:
        keys: The cases to evaluate; None for all of them.
    """

    district: District
    keys: IntArray | None = None

    @property
    def size(self) -> int:
        """How many cases are evaluated."""
        return self.district.cases if self.keys is None else len(self.keys)


def parts_to_do(waiting: Sequence[District], stale: Mapping[int, IntArray] | None) -> list[Part]:
    """Return the districts with the cases to evaluate; where it is most of them, all are."""
    if stale is None:
        return [Part(one) for one in waiting]
    none = np.zeros(0, np.int32)
    parts = [Part(one, stale.get(one.key, none)) for one in waiting]
    return [Part(one.district) if one.size * 2 > one.district.cases else one for one in parts]


def lots(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Yield parts in lots of so many cases that evaluating and judging them is worth the start."""
    lot: list[Part] = []
    for part in parts:
        other = bool(lot) and (lot[0].keys is None) != (part.keys is None)
        if lot and (other or sum(one.size for one in lot) + part.size > LOT):
            yield lot
            lot = []
        lot.append(part)
    if lot:
        yield lot


@dataclass(slots=True)
class _Run:
    """A sweep at work."""

    store: Store
    asked: Sweep
    engine: Engine
    judge: Judge
    process: Process
    hashes: LawHashes
    expected: Mapping[int, IntArray] | None = None
    """In a full sweep, the cases that the one before does not answer for; None: nothing is checked."""
    warnings: list[Problem] = field(default_factory=list)

    def sweep(self, parts: Sequence[Part], before: Sweep | None) -> Iterator[District]:
        """Evaluate and judge some districts together; yield each when it is committed."""
        if not any(part.size for part in parts) and before is not None:
            for part in parts:
                self._as_before(part.district, before)
                yield part.district
            return
        evaluated = evaluate_parts(self.store, self.asked, self.engine, self.judge, parts)
        with self.store.write() as connection:
            words, verdicts = Words(connection), Verdicts(connection)
            rows = rows_of(evaluated.evaluation, evaluated.judged, evaluated.keys, words, verdicts)
            texts = Texts(evaluated.ids(), all_words(connection), verdict_contents(connection))
        states = self._states(evaluated, rows)
        for part in parts:
            if part.size:
                self._write(part, evaluated, rows, texts, states, before)
            elif before is not None:
                self._as_before(part.district, before)
            yield part.district

    def _as_before(self, district: District, before: Sweep) -> None:
        """Note that a district stands as in the sweep before."""
        with self.store.write() as connection:
            found = sweeps.part_of(connection, before.number, district.key)
            counts, digest = found if found is not None else count_nothing()
            counts["written"] = Counter()
            self._finish(connection, district, counts, digest)

    def _finish(self, connection: sa.Connection, district: District, counts: Tally, found: str) -> None:
        sweeps.finish_district(
            self.store, connection, self.asked.number, district.key, self.process, counts, found
        )

    def _states(self, evaluated: Evaluated, rows: Rows) -> IntArray:
        """Return the day on which each case of `evaluated.facts` may change by itself."""
        facts, as_of = evaluated.facts, to_day(self.asked.question.as_of)
        change = np.full(len(facts.keys), NEVER)
        place = np.searchsorted(facts.keys, evaluated.keys)
        change[place] = evaluated.evaluation.next_change
        by_band = band_changes(rows, self.judge.rules.late_bands, as_of)
        by_event = facts.first_events_after(as_of)
        for keys, days in (by_band, by_event):
            np.minimum.at(change, np.searchsorted(facts.keys, keys), days)
        return change

    def _write(
        self,
        part: Part,
        evaluated: Evaluated,
        rows: Rows,
        texts: Texts,
        change: IntArray,
        before: Sweep | None,
    ) -> None:
        facts, district = evaluated.facts, part.district
        mine = facts.districts == district.key
        keys = facts.keys[mine]
        own = rows.of_cases(keys)
        sweep = self.asked.number
        written: Counter[str] = Counter({"cases_evaluated": len(keys)})
        with self.store.write() as connection:
            old = [
                stored_rows(connection, table, district.key, keys=part.keys)
                for table in (deadlines, findings)
            ]
            changed: set[int] = set()
            for table, was, now in ((deadlines, old[0], own.deadlines), (findings, old[1], own.findings)):
                began, ended, cases = write_changes(connection, table, was, sweep, now)
                written.update({f"{table.name}_began": began, f"{table.name}_ended": ended})
                changed |= cases
            pairs = facts.pairs(mine)
            numbers = law_numbers(connection, pairs, self.hashes.of)
            law = np.array([numbers[pair] for pair in pairs], np.int32)
            digests = case_digests(own, texts)
            whole = part.keys is None
            write_states(connection, district.key, sweep, keys, law, change[mine], digests, whole=whole)
            counts, found = count(own, len(keys), texts), digest_of(digests[1])
            last = (
                None if whole or before is None else sweeps.part_of(connection, before.number, district.key)
            )
            if last is not None:
                assert before is not None
                known = known_cases(connection, keys, before)
                went = count(Rows(*(table.drop_columns("id") for table in old)), known, texts)
                counts = change_counts(last[0], went, counts)
                found = digest_of(district_digests(connection, district.key))
            counts["written"] = written
            self._finish(connection, district, counts, found)
        self._check(district, changed, evaluated)

    def _check(self, district: District, changed: set[int], evaluated: Evaluated) -> None:
        """Warn of cases that came out otherwise although the sweep before should have answered for them."""
        if self.expected is None:
            return
        stale = set(self.expected.get(district.key, np.zeros(0, np.int32)).tolist())
        wrong = changed - stale
        if wrong:
            ids = evaluated.ids()
            named = ", ".join(sorted(ids.get(key, str(key)) for key in wrong)[:5])
            found = f"{len(wrong)} cases an incremental sweep would have left as they were: {named}"
            mend = "please report this; sweep with --full until it is mended"
            place = Place(self.store.name)
            self.warnings.append(Problem(place, "CE617", district.name, found, mend=mend))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Cases evaluated and judged.

    Attributes:
        keys: int32[n], the number in the store of each case of the evaluation.
    """

    facts: Facts
    evaluation: Evaluation
    judged: list[Judged]
    keys: IntArray

    def ids(self) -> dict[int, str]:
        """Return the id of each case by its number in the store."""
        return dict(
            zip(self.facts.keys.tolist(), self.facts.cases.column("case_id").to_pylist(), strict=True)
        )


def evaluate_parts(
    store: Store, sweep: Sweep, engine: Engine, judge: Judge, parts: Sequence[Part]
) -> Evaluated:
    """Read, evaluate and judge the cases of some districts, as a sweep asks."""
    question, districts = sweep.question, [part.district for part in parts]
    picked = [part.keys for part in parts if part.keys is not None]
    facts = read_facts(
        store,
        chosen=districts,
        keys=np.concatenate(picked) if picked else None,
        known_at=question.known_at,
        until_import=sweep.last_import,
    )
    name = districts[0].name if len(districts) == 1 else f"{districts[0].name} to {districts[-1].name}"
    batch = build_batch(
        facts.cases, facts.events, as_of=question.as_of, known_at=question.known_at, where=name
    )
    evaluation = engine.evaluate(batch)
    ids = facts.cases.column("case_id").combine_chunks()
    place = pc.index_in(pa.array(batch.case_id, pa.string()), value_set=ids)
    keys = np.asarray(facts.keys[place.to_numpy()])
    return Evaluated(facts, evaluation, judge_evaluation(evaluation, judge), keys)

"""What comes of some cases: read, evaluated, judged and made rows, in whatever process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.batch import build_batch
from compliance_engine.dates import NEVER, IntArray, to_day
from compliance_engine.engine.evaluate import Engine, Evaluation
from compliance_engine.engine.judge import Judge
from compliance_engine.store.bulk import Readable
from compliance_engine.store.facts import Chosen, Facts, read_facts
from compliance_engine.store.seals import Seals
from compliance_engine.store.sweeps import Sweep, Tally
from compliance_engine.store.words import Fixed
from compliance_engine.sweep.judging import Judged, judge_evaluation
from compliance_engine.sweep.rows import Rows, Texts, band_changes, case_digests, count, rows_of


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


def evaluate_cases(
    connection: Readable, sweep: Sweep, engine: Engine, judge: Judge, which: Chosen, where: str
) -> Evaluated:
    """Read, evaluate and judge some cases, as a sweep asks."""
    question = sweep.question
    facts = read_facts(connection, which, known_at=question.known_at, until_import=sweep.last_import)
    batch = build_batch(
        facts.cases, facts.events, as_of=question.as_of, known_at=question.known_at, where=where
    )
    evaluation = engine.evaluate(batch)
    ids = facts.cases.column("case_id").combine_chunks()
    place = pc.index_in(pa.array(batch.case_id, pa.string()), value_set=ids)
    keys = np.asarray(facts.keys[place.to_numpy()])
    return Evaluated(facts, evaluation, judge_evaluation(evaluation, judge), keys)


@dataclass(frozen=True, slots=True)
class Found:
    """What a sweep finds for some cases, in numbers of its own, so that it can be made anywhere.

    Attributes:
        keys: int32[n], the numbers of the cases, ascending.
        districts: int32[n], the key of the district of each.
        laws: Distinct pairs of state and calendar.
        law: int32[n], which of them each case has.
        next_change: int32[n], the day on which each may change by itself.
        rows: Sorted by case; texts and verdicts as places in `words` and `verdicts`, counted from 1.
        counts: By district.
        digests: The cases that have any rows, and their digests.
    """

    keys: IntArray
    districts: IntArray
    laws: list[tuple[str, str | None]]
    law: IntArray
    next_change: IntArray
    rows: Rows
    words: list[str]
    verdicts: list[str]
    counts: Mapping[int, Tally]
    digests: tuple[IntArray, Seals]


def found_of(evaluated: Evaluated, judge: Judge, sweep: Sweep) -> Found:
    """Return what a sweep finds for some cases."""
    facts = evaluated.facts
    words, verdicts = Fixed({}), Fixed({})
    rows = rows_of(evaluated.evaluation, evaluated.judged, evaluated.keys, words, verdicts).by_case()
    texts = Texts(evaluated.ids(), words.texts, verdicts.texts)
    order = np.argsort(facts.keys, kind="stable")
    districts, keys = facts.districts[order], facts.keys[order]
    laws, law = facts.laws()
    counts = {}
    for district in np.unique(districts).tolist():
        mine = keys[districts == district]
        own = rows if len(mine) == len(keys) else rows.of_cases(mine)
        counts[district] = count(own, len(mine), texts)
    return Found(
        keys,
        districts,
        laws,
        law[order],
        _next_changes(evaluated, rows, judge, to_day(sweep.question.as_of))[order],
        rows,
        list(words.texts.values()),
        list(verdicts.texts.values()),
        counts,
        case_digests(rows, texts),
    )


def _next_changes(evaluated: Evaluated, rows: Rows, judge: Judge, as_of: int) -> IntArray:
    """Return the day on which each case of `evaluated.facts` may change by itself."""
    facts = evaluated.facts
    order = np.argsort(facts.keys, kind="stable")
    change = np.full(len(facts.keys), NEVER)
    change[np.searchsorted(facts.keys, evaluated.keys, sorter=order)] = evaluated.evaluation.next_change
    for keys, days in (band_changes(rows, judge.rules.late_bands, as_of), facts.first_events_after(as_of)):
        np.minimum.at(change, np.searchsorted(facts.keys, keys, sorter=order), days)
    result = np.empty(len(change), np.int32)
    result[order] = change
    return result

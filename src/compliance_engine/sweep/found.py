"""What comes of some cases: read, evaluated, judged and made rows, in whatever process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.batch import build_batch
from compliance_engine.dates import NEVER, NO_DAY, IntArray, to_day
from compliance_engine.engine.evaluate import Engine, Evaluation
from compliance_engine.engine.judge import Judge
from compliance_engine.store.bulk import Readable
from compliance_engine.store.digests import lanes_of
from compliance_engine.store.facts import Chosen, Facts, read_facts
from compliance_engine.store.results import changes_of, stored_rows, verdict_contents
from compliance_engine.store.seals import Seals
from compliance_engine.store.states import unlike_before
from compliance_engine.store.sweeps import Sweep, Tally
from compliance_engine.store.tables import deadlines, findings
from compliance_engine.store.words import Fixed, texts_of
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
        rows: Sorted by case; texts and verdicts by their numbers in `words` and `verdicts`.
        digests: The cases that have any rows, and their digests.
    """

    keys: IntArray
    districts: IntArray
    rows: Rows
    words: Fixed
    verdicts: Fixed
    digests: tuple[IntArray, Seals]


def found_of(evaluated: Evaluated) -> Found:
    """Return what a sweep finds for some cases."""
    facts = evaluated.facts
    words, verdicts = Fixed({}), Fixed({})
    rows = rows_of(evaluated.evaluation, evaluated.judged, evaluated.keys, words, verdicts).by_case()
    texts = Texts(evaluated.ids(), words.texts, verdicts.texts)
    order = np.argsort(facts.keys, kind="stable")
    digests = case_digests(rows, texts)
    return Found(facts.keys[order], facts.districts[order], rows, words, verdicts, digests)


@dataclass(frozen=True, slots=True)
class Totals:
    """What some cases of a district add to its counts and to its digest."""

    counts: Tally
    lanes: Seals


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be written of some cases.

    Attributes:
        keys, districts, digests: As of `Found`.
        fresh: Cases that have no state yet; where all cases of the districts are evaluated, none is named.
        laws: Distinct pairs of state and calendar.
        law: int32[n], which of them each case has.
        next_change: int32[n], the day on which each may change by itself.
        began: Rows that are new, sorted by case; texts and verdicts as places, from 1, in the two lists.
        ended: Rows that hold no longer: case_key and id.
        went, came: Of the rows that held before and of those that hold now, by district. Where only some
            cases of the districts are evaluated, of those that changed, which are not counted as cases.
    """

    keys: IntArray
    districts: IntArray
    digests: tuple[IntArray, Seals]
    fresh: IntArray
    laws: list[tuple[str, str | None]]
    law: IntArray
    next_change: IntArray
    began: Rows
    ended: Rows
    words: list[str]
    verdicts: list[str]
    went: Mapping[int, Totals]
    came: Mapping[int, Totals]


def changed_of(
    connection: Readable, evaluated: Evaluated, judge: Judge, sweep: Sweep, which: Chosen
) -> Changed:
    """Compare what a sweep finds for some cases with what the store holds.

    Where all cases of the districts are evaluated every row is compared; otherwise the rows of those cases of
    which the digest differs.
    """
    found = found_of(evaluated)
    ids, now, fresh = evaluated.ids(), found.rows, np.zeros(0, np.int32)
    if which.keys is not None:
        differ, fresh = unlike_before(connection, found.keys, found.digests)
        which, now = replace(which, keys=differ), now.of_cases(differ)
    stored = [stored_rows(connection, table, which) for table in (deadlines, findings)]
    old = _renumbered(connection, Rows(*(table.drop_columns("id") for table in stored)), found)
    changes = [
        changes_of(before.append_column("id", same.column("id")), after)
        for before, same, after in zip(old, stored, now, strict=True)
    ]
    texts = Texts(ids, found.words.texts, found.verdicts.texts)
    laws, law = evaluated.facts.laws()
    order = np.argsort(evaluated.facts.keys, kind="stable")
    whole = which.keys is None
    return Changed(
        found.keys,
        found.districts,
        found.digests,
        fresh,
        laws,
        law[order],
        _next_changes(evaluated, found.rows, judge, to_day(sweep.question.as_of))[order],
        Rows(*(began for began, _ in changes)),
        Rows(*(ended for _, ended in changes)),
        list(found.words.texts.values()),
        list(found.verdicts.texts.values()),
        {} if whole else _totals(found, old, texts, which.keys),
        _totals(found, now, texts, which.keys),
    )


def _renumbered(connection: Readable, rows: Rows, found: Found) -> Rows:
    """Return stored rows with the numbers of texts and verdicts that were found."""
    words = texts_of(connection, *rows.worded())
    verdicts = verdict_contents(connection, rows.findings.column("verdict").to_numpy())
    numbered = [
        _by_number(texts, numbering)
        for texts, numbering in ((words, found.words), (verdicts, found.verdicts))
    ]
    return rows.numbered(*numbered)


def _by_number(texts: Mapping[int, str], numbering: Fixed) -> IntArray:
    """Return the new number of each number from 1 on; `NO_DAY` where it stands for nothing."""
    new = np.full(max(texts, default=0), NO_DAY)
    if texts:
        new[np.array(list(texts)) - 1] = numbering.numbers(texts.values())
    return new


def _totals(found: Found, rows: Rows, texts: Texts, some: IntArray | None) -> dict[int, Totals]:
    """Return what rows add to their districts.

    Args:
        some: The cases they belong to; None for all that were found, which are counted then.
    """
    keys = found.keys if some is None else some
    districts = found.districts[np.searchsorted(found.keys, keys)]
    digests = found.digests if some is None else case_digests(rows, texts)
    of_digest = found.districts[np.searchsorted(found.keys, digests[0])]
    totals = {}
    for district in np.unique(districts).tolist():
        mine = keys[districts == district]
        own = rows if len(mine) == len(keys) else rows.of_cases(mine)
        lanes = lanes_of(digests[1][of_digest == district])
        totals[district] = Totals(count(own, len(mine) if some is None else 0, texts), lanes)
    return totals


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

"""One pure function from Arrow tables to Arrow tables, for whatever engine moves them about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.batch import build_batch
from compliance_engine.dates import to_day
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import Problem
from compliance_engine.store.digests import lanes_of, text_of
from compliance_engine.store.seals import Seals, as_signed
from compliance_engine.store.sweeps import Question, Tally, digest_of_parts
from compliance_engine.store.wording import ABOUT_CASE, without_marks, worded_deadlines, worded_findings
from compliance_engine.store.words import Fixed
from compliance_engine.sweep.judging import judge_evaluation
from compliance_engine.sweep.law import Law
from compliance_engine.sweep.rows import Rows, Texts, case_digests, count, rows_of

CASE_RESULTS = pa.schema([*((name, pa.string()) for name in ABOUT_CASE), ("digest", pa.int64())])
"""One row per case; `digest` stands for its deadlines and findings, null where it has none."""

DistrictSums = Mapping[tuple[str, str], Seals]
"""What some cases add to the digests of their districts, by state and district, uint64[4] each."""


@dataclass(frozen=True, slots=True)
class Results:
    """What is found for some cases.

    Attributes:
        cases: Columns of `CASE_RESULTS`, sorted by id.
        deadlines: Columns of `store.wording.DEADLINES`, sorted by case, rule and opening.
        findings: Columns of `store.wording.FINDINGS`, sorted likewise.
        counts: As a sweep counts.
        warnings: What the evaluator could not use (calendars that are named and do not exist).
    """

    cases: pa.Table
    deadlines: pa.Table
    findings: pa.Table
    counts: Tally
    warnings: tuple[Problem, ...]


def evaluate_tables(
    law: Law, judge: Judge, question: Question, cases: pa.Table, events: pa.Table, *, where: str = "cases"
) -> Results:
    """Evaluate and judge whole cases.

    Args:
        law: Rules and calendars.
        judge: Follows the law's findings rules; remembers what it has judged.
        cases: Columns of `cases.tables.CASES`.
        events: Columns of `cases.tables.EVENTS`: all events of these cases.
        where: What messages call the input.

    Raises: CaseProblem as `build_batch` does.
    """
    engine = law.engine(question)
    batch = build_batch(cases, events, as_of=question.as_of, known_at=question.known_at, where=where)
    evaluation = engine.evaluate(batch)
    about = cases.select(list(ABOUT_CASE)).sort_by("case_id")
    ids = about.column("case_id").combine_chunks()
    keys = pc.index_in(pa.array(batch.case_id, pa.string()), value_set=ids).to_numpy().astype(np.int32)
    words, verdicts = Fixed({}), Fixed({})
    rows = rows_of(evaluation, judge_evaluation(evaluation, judge), keys, words, verdicts)
    texts = Texts(dict(enumerate(ids.to_pylist())), words.texts, verdicts.texts)
    deadlines, findings = (_with_cases(table, about, words.texts) for table in rows)
    return Results(
        about.append_column("digest", _digests(rows, texts, len(about))).cast(CASE_RESULTS),
        worded_deadlines(deadlines, words.texts, to_day(question.as_of)),
        worded_findings(findings, words.texts, verdicts.texts),
        count(rows, len(about), texts),
        tuple(dict.fromkeys(engine.warnings)),
    )


def _digests(rows: Rows, texts: Texts, cases: int) -> pa.Array:
    keys, seals = case_digests(rows, texts)
    column, missing = np.zeros(cases, np.int64), np.ones(cases, np.bool_)
    column[keys], missing[keys] = as_signed(seals), False
    return pa.array(column, mask=missing)


def _with_cases(table: pa.Table, about: pa.Table, words: Mapping[int, str]) -> pa.Table:
    """Return rows in the order of case, rule and opening, with what is known of the case."""
    key, rule, opened, nth = (
        table.column(name).to_numpy() for name in ("case_key", "rule", "opened_on", "nth")
    )
    order = pa.array(np.lexsort((nth, opened, _ranks(words)[rule], key)))
    ordered = without_marks(table.take(order))
    named = about.take(ordered.column("case_key"))
    for name in ABOUT_CASE:
        ordered = ordered.append_column(name, named.column(name))
    return ordered


def _ranks(words: Mapping[int, str]) -> npt.NDArray[np.int32]:
    """Return the place of each text in the order of all, by its number."""
    ranks = np.zeros(max(words, default=0) + 1, np.int32)
    ranks[sorted(words, key=words.__getitem__)] = np.arange(len(words), dtype=np.int32)
    return ranks


def district_sums(cases: pa.Table) -> DistrictSums:
    """Return what cases (columns of `CASE_RESULTS`) add to the digests of their districts."""
    sums: dict[tuple[str, str], Seals] = {}
    pairs = cases.select(["state", "district"]).group_by(["state", "district"]).aggregate([])
    for state, district in zip(*(pairs.column(name).to_pylist() for name in pairs.column_names), strict=True):
        mine = pc.and_(pc.equal(cases.column("state"), state), pc.equal(cases.column("district"), district))
        digests = cases.column("digest").filter(mine).drop_null().to_numpy()
        sums[state, district] = lanes_of(digests.view(np.uint64))
    return sums


def digest_of_sums(parts: Iterable[DistrictSums]) -> str:
    """Return the digest of all results from those of parts: that of a sweep of the same cases."""
    totals: dict[tuple[str, str], Seals] = {}
    for part in parts:
        for district, lanes in part.items():
            totals[district] = totals.get(district, np.zeros(len(lanes), np.uint64)) + lanes
    return digest_of_parts((*district, text_of(lanes)) for district, lanes in totals.items())

"""A district's results as rows to store, their counts and their digest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa

from compliance_engine.dates import NO_DAY, IntArray, to_day
from compliance_engine.engine.columns import Status
from compliance_engine.engine.evaluate import DeadlineBlock, Evaluation
from compliance_engine.store.results import DEADLINE_ROWS, FINDING_ROWS, KEY, keep_verdicts, verdict_contents
from compliance_engine.store.sweeps import Tally
from compliance_engine.store.words import Words, all_words
from compliance_engine.sweep.judging import NOT_JUDGED, Judged, findings_of, verdict_text

_LATE = (Status.MET_LATE, Status.OVERDUE)
_WORDS = ("rule", "variant", "excuse", "reason", "about")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a sweep found in a district.

    Attributes:
        deadlines: Columns of `DEADLINE_ROWS`.
        findings: Columns of `FINDING_ROWS`.
        counts: Statuses, findings, reasons, late rules.
        digest: Of everything found, by texts rather than by numbers of this store.
    """

    deadlines: pa.Table
    findings: pa.Table
    counts: Tally
    digest: str


def rows_of(
    evaluation: Evaluation, judged: Sequence[Judged], keys: Mapping[str, int], connection: sa.Connection
) -> Rows:
    """Turn an evaluation and its verdicts into rows; new words and verdicts are kept.

    Args:
        keys: The number of each case in the store, by case id.
    """
    case_keys = np.array([keys[case_id] for case_id in evaluation.batch.case_id.tolist()], np.int32)
    words = Words(connection)
    deadlines, findings = [], []
    counts: Tally = {name: Counter() for name in ("statuses", "findings", "undetermined", "late_rules")}
    for block, verdicts in zip(evaluation.blocks, judged, strict=True):
        if len(block):
            columns = _columns(evaluation, block, case_keys, words)
            deadlines.append(columns)
            findings.append(_findings(columns, verdicts, words, connection))
            _count(counts, evaluation, block, verdicts)
    found = _table(deadlines, DEADLINE_ROWS), _table(findings, FINDING_ROWS)
    counts["totals"] = Counter(cases=len(evaluation.batch), deadlines=len(found[0]), findings=len(found[1]))
    ids = {key: case_id for case_id, key in keys.items()}
    return Rows(*found, counts, _digest(*found, ids, connection))


Columns = dict[str, npt.NDArray[np.int32]]


def _columns(evaluation: Evaluation, block: DeadlineBlock, case_keys: IntArray, words: Words) -> Columns:
    outcome, rule = block.outcome, block.rule.rule
    running = (outcome.status == Status.OVERDUE) & (
        outcome.days_late == np.int32(to_day(evaluation.engine.as_of)) - outcome.due
    )
    undetermined = outcome.status == Status.UNDETERMINED
    listed = [evaluation.reasons.listed[index] for index in range(len(evaluation.reasons.listed))]
    reason = np.where(undetermined, outcome.reason, 0)
    variants = [[one.id for one in version.variants] for version in rule.versions]
    excuses = [[one.id for one in version.exceptions] for version in rule.versions]
    opened = outcome.openings.day
    columns = {
        "case_key": case_keys[block.cases()],
        "rule": np.full(len(block), words.numbers([rule.id])[0]),
        "opened_on": opened,
        "nth": _nth(outcome.openings.case, opened),
        "due_on": outcome.due,
        "met_on": outcome.met,
        "closed_on": outcome.closed,
        "status": outcome.status,
        "days_late": np.where(running, NO_DAY, outcome.days_late),
        "version": np.where(outcome.version < 0, NO_DAY, outcome.version),
        "variant": _named(outcome.version, outcome.variant, variants, words),
        "excuse": _named(outcome.version, outcome.excuse, excuses, words),
        "reason": _worded(reason, [one.code for one in listed], words),
        "about": _worded(reason, [one.about for one in listed], words),
        "flags": outcome.flags,
    }
    return {name: np.asarray(column, np.int32) for name, column in columns.items()}


def _nth(case: IntArray, opened: IntArray) -> IntArray:
    """Number the openings of one case on one day, from 0, in their order."""
    key = case.astype(np.int64) << 32 | (opened.astype(np.int64) + 2**31)
    order = np.argsort(key, kind="stable")
    new = np.ones(len(key), np.bool_)
    new[1:] = key[order][1:] != key[order][:-1]
    starts = np.flatnonzero(new)
    nth = np.empty(len(key), np.int32)
    nth[order] = np.arange(len(key)) - starts[np.cumsum(new) - 1]
    return nth


def _named(
    version: npt.NDArray[np.int8], index: npt.NDArray[np.int8], names: Sequence[Sequence[str]], words: Words
) -> IntArray:
    """Return the word of the index-th name of each row's version, `NO_DAY` for none."""
    result = np.full(len(index), NO_DAY)
    for number, own in enumerate(names):
        rows = (version == number) & (index >= 0)
        if own and rows.any():
            result[rows] = np.array(words.numbers(own), np.int32)[index[rows]]
    return result


def _worded(codes: IntArray, texts: Sequence[str], words: Words) -> IntArray:
    table = np.full(len(texts), NO_DAY)
    used = [code for code in np.unique(codes).tolist() if texts[code]]
    table[used] = words.numbers([texts[code] for code in used])
    return table[codes]


def _findings(columns: Columns, judged: Judged, words: Words, connection: sa.Connection) -> Columns:
    pairs = [(index, name) for index, one in enumerate(judged.verdicts) for name in findings_of(one)]
    texts = [verdict_text(judged.verdicts[index]) for index, _ in pairs]
    numbers = zip(
        pairs, words.numbers(name for _, name in pairs), keep_verdicts(connection, texts), strict=True
    )
    parts: list[Columns] = []
    by_verdict = np.argsort(judged.of_row, kind="stable")
    bounds = np.searchsorted(judged.of_row[by_verdict], np.arange(len(judged.verdicts) + 1))
    for (index, _), finding, verdict in numbers:
        rows = by_verdict[bounds[index] : bounds[index + 1]]
        part = {name: columns[name][rows] for name in KEY}
        part |= {
            "finding": np.full(len(rows), finding, np.int32),
            "verdict": np.full(len(rows), verdict, np.int32),
        }
        parts.append(part)
    return {
        name: np.concatenate([np.zeros(0, np.int32), *(part[name] for part in parts)])
        for name in FINDING_ROWS.names
    }


def _table(parts: Sequence[Columns], schema: pa.Schema) -> pa.Table:
    empty = np.zeros(0, np.int32)
    return pa.table({name: np.concatenate([empty, *(part[name] for part in parts)]) for name in schema.names})


def _count(counts: Tally, evaluation: Evaluation, block: DeadlineBlock, judged: Judged) -> None:
    status = block.outcome.status
    by_status = np.bincount(status, minlength=len(Status))
    counts["statuses"].update({one.word: int(by_status[one]) for one in Status if by_status[one]})
    late = int(by_status[list(_LATE)].sum())
    if late:
        counts["late_rules"][block.rule.id] += late
    reasons = np.bincount(block.outcome.reason[status == Status.UNDETERMINED])
    for number in np.flatnonzero(reasons).tolist():
        counts["undetermined"][evaluation.reasons.listed[number].code or "unknown"] += int(reasons[number])
    of_verdict = np.bincount(judged.of_row, minlength=len(judged.verdicts))
    for verdict, number in zip(judged.verdicts, of_verdict.tolist(), strict=True):
        for finding in findings_of(verdict):
            counts["findings"][finding] += number
        if verdict.error is not None:
            counts.setdefault(NOT_JUDGED, Counter())[verdict.error] += number


def _digest(
    deadlines: pa.Table, findings: pa.Table, ids: Mapping[int, str], connection: sa.Connection
) -> str:
    """Return a digest of all rows, the numbers of this store replaced by the ranks of their texts."""
    texts = all_words(connection)
    verdicts = verdict_contents(connection)
    digest = hashlib.sha256()
    for table, wordy in ((deadlines, _WORDS), (findings, ("rule", "finding"))):
        named: dict[str, Mapping[int, str]] = {
            "case_key": ids,
            **dict.fromkeys(wordy, texts),
            "verdict": verdicts,
        }
        columns = {}
        for name in table.column_names:
            values = table.column(name).to_numpy()
            if name in named:
                values, distinct = _ranked(values, named[name])
                digest.update(json.dumps([name, distinct]).encode())
            columns[name] = values.astype("<i4")
        order = np.lexsort([columns[name] for name in reversed(table.column_names)])
        for name in table.column_names:
            digest.update(f"{name}:{len(order)}:".encode())
            digest.update(columns[name][order].tobytes())
    return digest.hexdigest()


def _ranked(
    numbers: npt.NDArray[np.int32], texts: Mapping[int, str]
) -> tuple[npt.NDArray[np.int32], list[str]]:
    used, inverse = np.unique(numbers, return_inverse=True)
    words = ["" if number == NO_DAY else texts[number] for number in used.tolist()]
    order = sorted(range(len(words)), key=words.__getitem__)
    rank = np.empty(len(words), np.int32)
    rank[order] = np.arange(len(words), dtype=np.int32)
    return rank[inverse], [words[index] for index in order]

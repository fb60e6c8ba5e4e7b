"""What a sweep found as rows to store, their counts and their digest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.dates import NEVER, NO_DAY, IntArray, to_day
from compliance_engine.engine.columns import Status
from compliance_engine.engine.evaluate import DeadlineBlock, Evaluation
from compliance_engine.engine.findings_rules import LateBands
from compliance_engine.engine.judge import Verdict
from compliance_engine.store.results import DEADLINE_ROWS, FINDING_ROWS, KEY
from compliance_engine.store.seals import Seals, mixed, number_seals, text_seals, word_seals
from compliance_engine.store.sweeps import Tally
from compliance_engine.store.wording import WORDED
from compliance_engine.store.words import Numbering
from compliance_engine.sweep.judging import NOT_JUDGED, Judged, findings_of, verdict_text

_LATE = (Status.MET_LATE, Status.OVERDUE)


Columns = dict[str, npt.NDArray[np.int32]]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a sweep found for some cases.

    Attributes:
        deadlines: Columns of `DEADLINE_ROWS`.
        findings: Columns of `FINDING_ROWS`.
    """

    deadlines: pa.Table
    findings: pa.Table

    def __iter__(self) -> Iterator[pa.Table]:
        return iter((self.deadlines, self.findings))

    def of_cases(self, keys: IntArray) -> Rows:
        """Return the rows of some cases."""
        wanted = pa.array(keys)
        picked = [table.filter(pc.is_in(table.column("case_key"), value_set=wanted)) for table in self]
        return Rows(*picked)

    def by_case(self) -> Rows:
        """Return the rows in the order of their cases."""
        orders = [np.argsort(table.column("case_key").to_numpy(), kind="stable") for table in self]
        return Rows(*(table.take(pa.array(order)) for table, order in zip(self, orders, strict=True)))

    def worded(self) -> list[pa.ChunkedArray]:
        """Return the columns that hold numbers of texts."""
        named = [(self.deadlines, name) for name in WORDED]
        named += [(self.findings, name) for name in ("rule", "finding")]
        return [table.column(name) for table, name in named]

    def numbered(self, words: Sequence[int] | IntArray, verdicts: Sequence[int] | IntArray) -> Rows:
        """Return the rows with other numbers for texts and verdicts.

        Args:
            words, verdicts: The new number of each place, counted from 1.
        """
        return Rows(
            _renumbered(self.deadlines, dict.fromkeys(WORDED, words)),
            _renumbered(self.findings, {"rule": words, "finding": words, "verdict": verdicts}),
        )


def _renumbered(table: pa.Table, numbers: Mapping[str, Sequence[int] | IntArray]) -> pa.Table:
    for name, new in numbers.items():
        known = np.array([NO_DAY, *new], np.int32)
        column = table.column(name).to_numpy()
        place = np.where((column == NO_DAY) | (column >= len(known)), 0, column)
        table = table.set_column(table.column_names.index(name), name, pa.array(known[place]))
    return table


@dataclass(frozen=True, slots=True)
class Texts:
    """What the numbers of a store stand for."""

    cases: Mapping[int, str]
    words: Mapping[int, str]
    verdicts: Mapping[int, str]


def rows_of(
    evaluation: Evaluation,
    judged: Sequence[Judged],
    case_keys: IntArray,
    words: Numbering,
    verdicts: Numbering,
) -> Rows:
    """Turn an evaluation and its verdicts into rows.

    Args:
        case_keys: The number of each case of the batch in the store.
        words, verdicts: Give the texts of rows and of verdicts their numbers.
    """
    words.numbers(_all_texts(evaluation, judged))
    numbered = _Verdicts(verdicts, judged)
    deadlines, findings = [], []
    for block, verdict in zip(evaluation.blocks, judged, strict=True):
        if len(block):
            deadlines.append(_columns(evaluation, block, case_keys, words))
            findings.append(_findings(deadlines[-1], verdict, words, numbered))
    return Rows(_table(deadlines, DEADLINE_ROWS), _table(findings, FINDING_ROWS))


def _all_texts(evaluation: Evaluation, judged: Sequence[Judged]) -> Iterator[str]:
    for reason in evaluation.reasons.listed:
        yield from filter(None, (reason.code, reason.about))
    for rule in {block.rule.id: block.rule.rule for block in evaluation.blocks}.values():
        yield rule.id
        for version in rule.versions:
            yield from (one.id for one in version.variants)
            yield from (one.id for one in version.exceptions)
    for one in judged:
        for verdict in one.verdicts:
            yield from findings_of(verdict)


class _Verdicts:
    """The number of each verdict in the store."""

    def __init__(self, verdicts: Numbering, judged: Sequence[Judged]) -> None:
        distinct = {
            id(one): verdict_text(one) for block in judged for one in block.verdicts if findings_of(one)
        }
        self._numbers = dict(zip(distinct, verdicts.numbers(distinct.values()), strict=True))

    def number(self, verdict: Verdict) -> int:
        return self._numbers[id(verdict)]


def _columns(evaluation: Evaluation, block: DeadlineBlock, case_keys: IntArray, words: Numbering) -> Columns:
    outcome, rule = block.outcome, block.rule.rule
    # what is looked for backwards, and what an event closed, is as late as it was then
    running = (outcome.status == Status.OVERDUE) & (outcome.closed == NO_DAY)
    running &= rule.met_looking != "backward"
    running &= outcome.days_late == np.int32(to_day(evaluation.engine.as_of)) - outcome.due
    undetermined = outcome.status == Status.UNDETERMINED
    listed = evaluation.reasons.listed
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
    version: npt.NDArray[np.int8],
    index: npt.NDArray[np.int8],
    names: Sequence[Sequence[str]],
    words: Numbering,
) -> IntArray:
    """Return the word of the index-th name of each row's version, `NO_DAY` for none."""
    result = np.full(len(index), NO_DAY)
    for number, own in enumerate(names):
        rows = (version == number) & (index >= 0)
        if own and rows.any():
            result[rows] = np.array(words.numbers(own), np.int32)[index[rows]]
    return result


def _worded(codes: IntArray, texts: Sequence[str], words: Numbering) -> IntArray:
    table = np.full(len(texts), NO_DAY)
    used = [code for code in np.unique(codes).tolist() if texts[code]]
    table[used] = words.numbers([texts[code] for code in used])
    return table[codes]


def _findings(columns: Columns, judged: Judged, words: Numbering, verdicts: _Verdicts) -> Columns:
    parts: list[Columns] = []
    by_verdict = np.argsort(judged.of_row, kind="stable")
    bounds = np.searchsorted(judged.of_row[by_verdict], np.arange(len(judged.verdicts) + 1))
    for index, verdict in enumerate(judged.verdicts):
        names = findings_of(verdict)
        rows = by_verdict[bounds[index] : bounds[index + 1]]
        for finding in words.numbers(names) if len(rows) else ():
            part = {name: columns[name][rows] for name in KEY}
            part["finding"] = np.full(len(rows), finding, np.int32)
            part["verdict"] = np.full(len(rows), verdicts.number(verdict), np.int32)
            parts.append(part)
    return _joined(parts, FINDING_ROWS)


def _joined(parts: Sequence[Columns], schema: pa.Schema) -> Columns:
    empty = np.zeros(0, np.int32)
    return {name: np.concatenate([empty, *(part[name] for part in parts)]) for name in schema.names}


def _table(parts: Sequence[Columns], schema: pa.Schema) -> pa.Table:
    return pa.table(_joined(parts, schema))


def count(rows: Rows, cases: int, texts: Texts) -> Tally:
    """Return the counts of some rows: statuses, findings, reasons, rules that were late, totals.

    Args:
        cases: How many cases were evaluated.
    """
    status = rows.deadlines.column("status").to_numpy()
    late = np.isin(status, _LATE)
    undetermined = status == Status.UNDETERMINED
    by_status = np.bincount(status, minlength=len(Status))
    totals = {"cases": cases, "deadlines": len(rows.deadlines), "findings": len(rows.findings)}
    counts: Tally = {
        "statuses": Counter({one.word: int(by_status[one]) for one in Status if by_status[one]}),
        "late_rules": _named_counts(rows.deadlines, "rule", texts.words, late),
        "undetermined": _named_counts(rows.deadlines, "reason", texts.words, undetermined),
        "findings": _named_counts(rows.findings, "finding", texts.words),
        "totals": Counter(totals),
    }
    if counts["findings"][NOT_JUDGED]:
        unjudged = [number for number, text in texts.words.items() if text == NOT_JUDGED]
        mask = np.isin(rows.findings.column("finding").to_numpy(), unjudged)
        errors = {number: str(json.loads(text)["error"]) for number, text in texts.verdicts.items()}
        counts[NOT_JUDGED] = _named_counts(rows.findings, "verdict", errors, mask)
    return counts


def count_nothing() -> Tally:
    """Return the counts of a district without cases."""
    nothing = Rows(_table([], DEADLINE_ROWS), _table([], FINDING_ROWS))
    return count(nothing, 0, Texts({}, {}, {}))


def band_changes(rows: Rows, bands: LateBands, as_of: int) -> tuple[IntArray, IntArray]:
    """Return the cases whose overdue deadlines come into another band of lateness, and on which day."""
    status, late = (rows.deadlines.column(name).to_numpy() for name in ("status", "days_late"))
    running = (status == Status.OVERDUE) & (late == NO_DAY)
    due = rows.deadlines.column("due_on").to_numpy()[running]
    edges = np.array([*bands.through, NEVER], np.int64)
    edge = edges[np.searchsorted(edges, as_of - due, side="left")]
    day = np.minimum(due + edge + 1, NEVER).astype(np.int32)
    return rows.deadlines.column("case_key").to_numpy()[running], day


def change_counts(counts: Tally, less: Tally, more: Tally) -> Tally:
    """Return counts after some rows went and others came."""
    found: Tally = {}
    for kind in dict.fromkeys([*counts, *more]):
        total = Counter(counts.get(kind, Counter()))
        total.subtract(less.get(kind, Counter()))
        total.update(more.get(kind, Counter()))
        found[kind] = total if kind == "totals" else Counter({name: n for name, n in total.items() if n})
    if not found.get(NOT_JUDGED):
        found.pop(NOT_JUDGED, None)
    return found


def _named_counts(
    table: pa.Table, column: str, names: Mapping[int, str], mask: npt.NDArray[np.bool_] | None = None
) -> Counter[str]:
    values = table.column(column).to_numpy()
    numbers, counted = np.unique(values if mask is None else values[mask], return_counts=True)
    found: Counter[str] = Counter()
    for number, times in zip(numbers.tolist(), counted.tolist(), strict=True):
        found[names.get(number, "unknown")] += times
    return found


def case_digests(rows: Rows, texts: Texts) -> tuple[IntArray, Seals]:
    """Return the cases that have rows, ascending, and a digest of the rows of each, in whatever order.

    Texts count for themselves and not for the numbers they have in this store.
    """
    keys, seals = [], []
    for kind, table, wordy in ((1, rows.deadlines, WORDED), (2, rows.findings, ("rule", "finding"))):
        columns = [np.full(len(table), kind, np.uint64)]
        for name in table.column_names[1:]:
            column = table.column(name)
            if name in wordy:
                columns.append(word_seals(column, texts.words))
            elif name == "verdict":
                columns.append(word_seals(column, texts.verdicts))
            else:
                columns.append(number_seals(column))
        keys.append(table.column("case_key").to_numpy())
        seals.append(mixed(columns))
    found, place = np.unique(np.concatenate(keys), return_inverse=True)
    totals = np.zeros(len(found), np.uint64)
    np.add.at(totals, place, np.concatenate(seals))
    ids = pa.array([texts.cases[key] for key in found.tolist()], pa.string())
    return found.astype(np.int32), mixed([text_seals(ids), totals])

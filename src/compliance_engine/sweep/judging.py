"""From evaluated deadlines to findings: situations by small codes, each distinct one judged once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compliance_engine.cases.attributes import ValueArray
from compliance_engine.cases.catalogue import catalogue
from compliance_engine.cases.columns import CaseBatch
from compliance_engine.dates import BoolArray, IntArray
from compliance_engine.engine.columns import Flag, Reasons, Status
from compliance_engine.engine.delay_reasons import COMPLIANT, compliance
from compliance_engine.engine.evaluate import DeadlineBlock, Evaluation
from compliance_engine.engine.judge import Judge, Verdict
from compliance_engine.engine.situations import Column, Grouped, Value, group
from compliance_engine.rules.models import Rule

NONCOMPLIANCE = "noncompliance"
NOT_JUDGED = "not_judged"
_MOST_REPEATS = 9
_DELAYS = {"evaluation_delayed": "evaluation", "iep_delayed": "iep"}
"""Events that record a delay, and the area of the catalogue whose duties they speak of."""
_VERIFIED = ("regulation_text", "official_guidance", "secondary", "unverified")


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts on a block's deadlines.

    Attributes:
        verdicts: The distinct ones.
        of_row: int32[k], which verdict each deadline has.
    """

    verdicts: Sequence[Verdict]
    of_row: IntArray


def judge_evaluation(evaluation: Evaluation, judge: Judge) -> list[Judged]:
    """Judge every deadline of a batch; one result per block, in their order.

    Earlier noncompliance with the same duty in the same case is itself a property of situations: all
    deadlines are judged once without it, and those that come after a noncompliant one again with it.
    """
    grouped = [_situations(evaluation, block, judge) for block in evaluation.blocks]
    first = _judged(grouped, judge)
    again = []
    for block, one, judged in zip(evaluation.blocks, grouped, first, strict=True):
        repeats = _repeats(block, judged)
        again.append(one if repeats is None else _with_repeats(one, repeats))
    return [
        old if before is after else new
        for old, new, before, after in zip(first, _judged(again, judge), grouped, again, strict=True)
    ]


def _judged(blocks: Sequence[Grouped], judge: Judge) -> list[Judged]:
    verdicts = judge.judge([situation for block in blocks for situation in block.situations])
    found, at = [], 0
    for block in blocks:
        number = len(block.situations)
        found.append(Judged(verdicts[at : at + number], block.inverse))
        at += number
    return found


def _situations(evaluation: Evaluation, block: DeadlineBlock, judge: Judge) -> Grouped:
    rule, outcome = block.rule.rule, block.outcome
    codes, texts = delay_codes(evaluation.batch, block)
    late = judge.rules.late_bands
    columns = {
        "status": Column(outcome.status, [status.word for status in Status]),
        "late_band": Column(late.codes(outcome.days_late), late.names),
        "excuse": _exceptions(rule, outcome.version, outcome.excuse),
        "delay_code": Column(codes, ["absent", *texts]),
        "delay_compliant": Column(compliance(evaluation.engine.corpus, block, codes, texts), COMPLIANT),
        "too_early": Column(_flag(outcome.flags, Flag.TOO_EARLY), [False, True]),
        "extension_capped": Column(_flag(outcome.flags, Flag.CAPPED), [False, True]),
        "calendar": Column(_calendar(outcome.flags), ["complete", "incomplete", "projected"]),
        "verified": _verified(rule, outcome.version),
        "reason": _reason(outcome.status, outcome.reason, evaluation.reasons),
    }
    constants: dict[str, Value] = {
        "jurisdiction": block.rulebook.state,
        "program": block.rulebook.program,
        "rule": rule.id,
        "topic": rule.topic,
        "kind": rule.kind,
        "authority": rule.authority,
    }
    return group(columns, constants, len(block))


def _flag(flags: npt.NDArray[np.uint8], flag: Flag) -> npt.NDArray[np.int8]:
    return np.asarray((flags & np.uint8(flag)) != 0, np.int8)


def _calendar(flags: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    incomplete, projected = _flag(flags, Flag.INCOMPLETE_CALENDAR), _flag(flags, Flag.PROJECTED)
    return np.where(projected > 0, np.int8(2), incomplete).astype(np.int8)


def _exceptions(rule: Rule, version: npt.NDArray[np.int8], excuse: npt.NDArray[np.int8]) -> Column:
    names = ["absent"]
    codes = np.zeros(len(excuse), np.int32)
    for index, one in enumerate(rule.versions):
        rows = (version == index) & (excuse >= 0)
        codes[rows] = excuse[rows] + np.int32(len(names))
        names += [exception.id for exception in one.exceptions]
    return Column(codes, names)


def _verified(rule: Rule, version: npt.NDArray[np.int8]) -> Column:
    """Return how well the source is verified; where no version is chosen, that of the least verified one."""
    by_version = [_VERIFIED.index(one.verified) for one in rule.versions]
    table = np.array([*by_version, max(by_version)], np.int8)
    return Column(table[version], _VERIFIED)


def _reason(status: npt.NDArray[np.uint8], reason: IntArray, reasons: Reasons) -> Column:
    words = list(dict.fromkeys(["none", *(one.code for one in reasons.listed if one.code)]))
    table = np.array([words.index(one.code) if one.code else 0 for one in reasons.listed], np.int32)
    return Column(np.where(status == Status.UNDETERMINED, table[reason], np.int32(0)), words)


def delay_codes(batch: CaseBatch, block: DeadlineBlock) -> tuple[IntArray, list[str]]:
    """Return the delay code recorded last between each opening and the next, 0 for none, with the texts."""
    codes, texts = np.zeros(len(block), np.int32), list(batch.vocab.get("reason_code", ()))
    if not len(block) or not texts:
        return codes, texts
    latest = np.full(len(block), np.iinfo(np.int32).min)
    for name, area in _DELAYS.items():
        column = batch.events.get(name)
        if column is None or not _speaks_of(block.rule.rule, area):
            continue
        given, missing = column.values("reason_code")
        use = np.flatnonzero(~missing & _same_duty(batch, column.values("duty"), block.rule.rule))
        case = np.repeat(np.arange(len(batch), dtype=np.int32), np.diff(column.offsets))[use]
        row = _opening_before(block, case, column.day[use])
        hit = np.flatnonzero(row >= 0)
        # later events come later in the column: of several for one opening, the last is kept
        rows, days = row[hit], column.day[use][hit]
        newer = days >= latest[rows]
        codes[rows[newer]] = given[use][hit][newer] + np.int32(1)
        latest[rows[newer]] = days[newer]
    return codes, texts


def _speaks_of(rule: Rule, area: str) -> bool:
    known = (catalogue().find(pattern.name) for pattern in rule.met_by.patterns)
    return any(event is not None and event.area == area for event in known)


def _same_duty(batch: CaseBatch, duty: tuple[ValueArray, BoolArray], rule: Rule) -> BoolArray:
    """Return which delays speak of this rule's duty: those that name none, or one it is met by."""
    codes, missing = duty
    names = (rule.topic, *(pattern.name for pattern in rule.met_by.patterns))
    fits = [any(text and text in name for name in names) for text in batch.vocab.get("duty", ())]
    return np.asarray(missing | np.array([*fits, False])[codes])


def _opening_before(block: DeadlineBlock, case: IntArray, day: IntArray) -> IntArray:
    """Return the last opening of each case on or before each day, int32[m]; -1 for none."""
    opened = block.cases().astype(np.int64) << 32 | (block.outcome.openings.day.astype(np.int64) + 2**31)
    asked = case.astype(np.int64) << 32 | (day.astype(np.int64) + 2**31)
    order = np.argsort(opened, kind="stable")
    at = np.searchsorted(opened[order], asked, side="right") - 1
    row = order[np.maximum(at, 0)]
    same = (at >= 0) & (opened[row] >> 32 == asked >> 32)
    return np.where(same, row, -1).astype(np.int32)


def _repeats(block: DeadlineBlock, judged: Judged) -> IntArray | None:
    """Return how many earlier deadlines of the same case are noncompliant; None when none has any."""
    bad = np.array([NONCOMPLIANCE in verdict.findings for verdict in judged.verdicts], np.int32)
    if not bad.any():
        return None
    row = bad[judged.of_row]
    case = block.outcome.openings.case
    before = np.cumsum(row) - row
    first = np.searchsorted(case, case, side="left")
    repeats = np.minimum(before - before[first], _MOST_REPEATS).astype(np.int32)
    return repeats if repeats.any() else None


def _with_repeats(grouped: Grouped, repeats: IntArray) -> Grouped:
    columns = {"situation": Column(grouped.inverse, range(len(grouped.situations)))}
    columns["repeats"] = Column(repeats, range(_MOST_REPEATS + 1))
    split = group(columns, {}, len(repeats))
    situations = [
        grouped.situations[int(one["situation"])] | {"repeats": int(one["repeats"])}
        for one in split.situations
    ]
    return Grouped(situations, split.inverse, split.counts)


def verdict_text(verdict: Verdict) -> str:
    """Return what the store keeps of a verdict, beside its findings."""
    content = {
        "conclusions": dict(verdict.conclusions),
        "error": verdict.error,
        "rules": list(verdict.rules),
    }
    return json.dumps(content, sort_keys=True)


def findings_of(verdict: Verdict) -> tuple[str, ...]:
    """Return the findings of a verdict; that there is no verdict is one too."""
    return (NOT_JUDGED,) if verdict.error is not None else verdict.findings

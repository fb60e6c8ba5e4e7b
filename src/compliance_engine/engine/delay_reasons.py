"""Reasons for lateness: what the state says of a recorded code, and which codes the facts fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from compliance_engine.dates import NO_DAY, IntArray, to_date, to_day
from compliance_engine.engine.columns import TRUE, Status
from compliance_engine.engine.conditions import answers_of
from compliance_engine.engine.evaluate import DeadlineBlock, Evaluation
from compliance_engine.engine.selection import end_of_day
from compliance_engine.rules.coverage import duty_of
from compliance_engine.rules.delay_codes import Accepted, DelayCode, DelayTable, accepted, holds_on
from compliance_engine.rules.loader import Corpus

COMPLIANT = ("absent", "unknown", "no", "yes")
"""What the state says of the code on record; the numbers of `compliance` are indices into this."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A code of the state that the facts fit.

    Attributes:
        accepted: Whether the state counts lateness for it as compliant.
        evidence: What must be on file for it to hold.
        seen: Whether the list was seen for the time in question; if not, it may have changed.
    """

    table: str
    code: str
    title: str
    accepted: Accepted
    evidence: tuple[str, ...]
    seen: bool
    source: str

    def as_json(self) -> dict[str, Any]:
        """Return the proposal as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def compliance(
    corpus: Corpus, block: DeadlineBlock, codes: IntArray, texts: Sequence[str]
) -> npt.NDArray[np.int8]:
    """Return what the state says of each deadline's code, int8[k] indices into `COMPLIANT`.

    Args:
        codes: 0 for none, else 1 + index into `texts`.
    """
    found = (codes > 0).astype(np.int8)
    if not found.any():
        return found
    for table, code in _codes(corpus, block):
        if code.compliant is None or code.code not in texts:
            continue
        low, high = table.window(code)
        due = block.outcome.due
        mine = (codes == texts.index(code.code) + 1) & (due != NO_DAY)
        if low is not None:
            mine &= due >= to_day(low)
        if high is not None:
            mine &= due <= to_day(high)
        found[mine] = COMPLIANT.index(accepted(code))
    return found


def proposals(evaluation: Evaluation, block: DeadlineBlock, row: int) -> tuple[Proposal, ...]:
    """Return the codes whose facts fit a deadline that is late (or of which the state asks all the same)."""
    codes = list(_codes(evaluation.engine.corpus, block))
    if not codes:
        return ()
    frame, outcome = evaluation.alone(block, row)
    frame = replace(frame, due=outcome.due, met_moment=end_of_day(outcome.met), trace=None)
    late = outcome.status[0] in (Status.MET_LATE, Status.OVERDUE)
    due = None if outcome.due[0] == NO_DAY else to_date(int(outcome.due[0]))
    found = []
    for table, code in codes:
        asked = late or (table.asked_when is not None and _true(answers_of(table.asked_when, frame)))
        if asked and code.proposed_when is not None and _true(answers_of(code.proposed_when, frame)):
            seen = holds_on(table, code, due)
            found.append(
                Proposal(
                    table.title,
                    code.code,
                    code.title,
                    accepted(code),
                    code.evidence,
                    seen,
                    table.citations[0].ref,
                )
            )
    return tuple(found)


def _true(answers: Any) -> bool:
    return bool(answers.answer[0] == TRUE)


def _codes(corpus: Corpus, block: DeadlineBlock) -> list[tuple[DelayTable, DelayCode]]:
    tables = corpus.delay_tables.get(block.rulebook.state)
    loaded = corpus.rules.get(block.rule.id)
    if tables is None or loaded is None:
        return []
    return list(tables.codes_for(block.rulebook.program, duty_of(corpus, loaded)))

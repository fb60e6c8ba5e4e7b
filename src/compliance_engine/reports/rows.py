"""What a report is built from: deadlines with their verdicts, and what the deadlines do not say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.expressions import text_day
from compliance_engine.reports.context import ReportContext
from compliance_engine.reports.model import Provenance, Severity
from compliance_engine.reports.working import Derivation

if TYPE_CHECKING:
    from compliance_engine.engine.delay_reasons import Proposal
    from compliance_engine.engine.evaluate import DeadlineBlock, Evaluation
    from compliance_engine.engine.judge import Verdict


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A deadline with what the findings rules said of it.

    Attributes:
        finding_codes: What was found; empty for nothing.
        conclusions: The other conclusions, by name.
        delay_code: The delay code on record.
        proposals: Finds the codes that the facts fit when called; None for none.
        working: Makes the steps of the working when called; None takes the deadline's own.
        error: Why there is no verdict; None when there is one.
        birth_date: Not shown, but looked for in the working, to be withheld there.
    """

    deadline: Deadline
    district: str
    finding_codes: tuple[str, ...] = ()
    severity: Severity | None = None
    conclusions: Mapping[str, str] = field(default_factory=dict)
    delay_code: str | None = None
    proposals: Callable[[], Sequence[Proposal]] | None = None
    working: Callable[[], Derivation] | None = None
    error: str | None = None
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class ReportHeader:
    """What the rows do not say.

    Attributes:
        cases: How many cases were looked at, those without any deadline included; None counts those seen.
        with_working: Whether findings carry their working.
    """

    title: str
    made_from: Provenance
    context: ReportContext = field(default_factory=ReportContext)
    cases: int | None = None
    with_working: bool = True


def rows_of_evaluation(evaluation: Evaluation, verdicts: Iterable[Verdict]) -> Iterator[ReportRow]:
    """Yield the rows of an evaluation.

    Args:
        evaluation: Deadlines.
        verdicts: One for each, in the order of `Evaluation.deadlines`.
    """
    remaining = iter(verdicts)
    for block in evaluation.blocks:
        for row, case in enumerate(block.cases().tolist()):
            yield judged_row(
                evaluation.describe(block, row, working=False),
                evaluation.batch.text("district", case),
                next(remaining),
                working=_working_of(evaluation, block, row),
                birth_date=text_day(evaluation.batch.birth_day[case]),
            )


def judged_row(
    deadline: Deadline,
    district: str,
    verdict: Verdict,
    *,
    delay_code: str | None = None,
    working: Callable[[], Derivation] | None = None,
    birth_date: date | None = None,
) -> ReportRow:
    """Return a deadline with its verdict as a row."""
    conclusions = dict(verdict.conclusions)
    severity: Any = conclusions.pop("severity", None)
    return ReportRow(
        deadline,
        district,
        finding_codes=verdict.findings,
        severity=severity,
        conclusions=conclusions,
        delay_code=delay_code,
        working=working,
        error=verdict.error,
        birth_date=birth_date,
    )


def _working_of(evaluation: Evaluation, block: DeadlineBlock, row: int) -> Callable[[], Derivation]:
    return lambda: [step.as_json() for step in evaluation.working(block, row)]

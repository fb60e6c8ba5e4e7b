"""The violations report as data: versioned, typed, and the same bytes for the same facts.

HTML, CSV and JSON are made from this model alone. Every total carries the cases behind it. Names and birth
dates are not in it; a due day that rests on an age is the one trace of a birthday it cannot avoid.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from compliance_engine.engine.deadline import Word

SCHEMA_VERSION: Literal[1] = 1
WINDOWS = (7, 30, 60)
"""Days ahead for which the report lists what falls due."""
STATUSES: tuple[Word, ...] = (
    "met",
    "met_late",
    "overdue",
    "pending",
    "paused",
    "not_applicable",
    "undetermined",
)
"""In the order in which tables and bars show them."""
Severity = Literal["high", "medium", "low"]


class ReportModel(BaseModel):
    """Base of the report's parts: frozen, and nothing but the fields named."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tally(ReportModel):
    """A number with the cases behind it.

    Attributes:
        count: Deadlines.
        cases: The case of each deadline, sorted; a case stands there as often as it has such a deadline.
    """

    count: Annotated[int, Field(ge=0)] = 0
    cases: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.count != len(self.cases):
            raise ValueError(f"a total of {self.count} lists {len(self.cases)} cases")
        return self


class Provenance(ReportModel):
    """What the report rests on, so that it can be made again.

    Attributes:
        store: Name of the database; None for a report made without one.
        sweep: Number of the sweep in it.
        as_of: The day whose truth is told.
        known_at: Only what was recorded by this moment is believed; None: all of it.
        rules_hash, calendars_hash: SHA-256 of the files used.
    """

    store: str | None = None
    sweep: int | None = None
    as_of: date
    known_at: datetime | None = None
    engine_version: str
    rules_hash: str
    calendars_hash: str


class Source(ReportModel):
    """Where the law says so."""

    ref: str
    url: str | None = None


class Counts(ReportModel):
    """How the deadlines read divide.

    Attributes:
        deadlines: All that were read.
        in_duties: Counted in the duties of this report.
        information: Windows that are nobody's duty, for information; never a violation and not counted.
    """

    cases: int
    deadlines: int
    in_duties: int
    information: int

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.deadlines != self.in_duties + self.information:
            raise ValueError(
                f"{self.deadlines} deadlines, but {self.in_duties} + {self.information} accounted for"
            )
        return self


class DistrictLine(ReportModel):
    """One district of the report."""

    district: str
    cases: int
    deadlines: int
    findings: Tally


class DaysLate(ReportModel):
    """The range of days late among late deadlines."""

    least: int
    most: int
    median: int


class ReasonLine(ReportModel):
    """A reason for lateness (an exception of the rule or a delay code) or that none is on record."""

    reason: str
    kind: Literal["exception", "delay_code", "none"]
    late: Tally


class DutySummary(ReportModel):
    """One rule over all cases.

    Attributes:
        per_thousand_on_time: Of 1,000 deadlines decided (met, met late, overdue), how many were met on time,
            rounded down; None when none is decided.
    """

    rule: str
    title: str
    jurisdiction: str
    program: str
    kind: Literal["deadline", "not_before"]
    authority: Literal["law", "policy"]
    sources: tuple[Source, ...]
    verified: str | None
    total: Tally
    by_status: dict[Word, Tally]
    per_thousand_on_time: int | None
    days_late: DaysLate | None
    reasons: tuple[ReasonLine, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.total.count != sum(tally.count for tally in self.by_status.values()):
            raise ValueError(f"{self.rule}: the statuses do not add up to {self.total.count}")
        return self

    def count(self, *statuses: Word) -> int:
        """Return how many deadlines have one of the statuses."""
        return sum(self.by_status[status].count for status in statuses if status in self.by_status)


class SkippedDays(ReportModel):
    """A run of days that were not counted, and why."""

    first: date
    last: date
    days: int
    reason: str
    name: str = ""


class WorkingStep(ReportModel):
    """One step by which a date was reached.

    Attributes:
        step: Kind of step: counted, moved, extended, ...
        text: The step in words.
        start, end: The days between which it leads, where it has both.
        unit: What was counted.
    """

    step: str
    text: str
    start: date | None = None
    end: date | None = None
    unit: str | None = None
    skipped: tuple[SkippedDays, ...] = ()


class ProposedReason(ReportModel):
    """A code of the state's list that the facts fit.

    Attributes:
        accepted: Whether the state counts lateness for it as compliant.
        evidence: What must be on file for it to hold.
        seen: Whether the list was seen for the time in question; if not, it may have changed.
    """

    table: str
    code: str
    title: str
    accepted: Literal["yes", "no", "unknown"]
    evidence: tuple[str, ...]
    seen: bool
    source: str


class Finding(ReportModel):
    """A deadline of which the findings rules conclude something.

    Attributes:
        id: Stable within and between reports: case, rule and number of the opening.
        codes: What was found, the gravest first.
        conclusions: The other conclusions, by name.
        opened_on: None also where the duty opened at birth.
        working: How the due day was reached; empty when the report was made without it.
    """

    id: str
    case_id: str
    district: str
    rule: str
    title: str
    jurisdiction: str
    program: str
    authority: Literal["law", "policy"]
    codes: Annotated[tuple[str, ...], Field(min_length=1)]
    severity: Severity | None
    status: Word
    opened_on: date | None
    due_on: date | None
    met_on: date | None
    closed_on: date | None
    days_late: int
    excuse: str | None
    delay_code: str | None
    proposed_reasons: tuple[ProposedReason, ...] = ()
    variant: str | None
    conclusions: dict[str, str]
    sources: tuple[Source, ...]
    verified: str | None
    readings: dict[str, str]
    too_early: bool
    capped: bool
    projected: bool
    incomplete_calendar: bool
    working: tuple[WorkingStep, ...]


class FindingCount(ReportModel):
    """How often something was found."""

    code: str
    meaning: str
    tally: Tally


class DataProblem(ReportModel):
    """Deadlines of one rule that cannot be determined for the same reason."""

    rule: str
    title: str
    code: str
    reason: str
    tally: Tally


class DueSoon(ReportModel):
    """A pending deadline that falls due within the longest window."""

    case_id: str
    district: str
    rule: str
    title: str
    due_on: date
    days_left: int
    projected: bool


class Window(ReportModel):
    """What falls due within so many days of the report's day, that day included."""

    days: int
    tally: Tally


class UnverifiedLaw(ReportModel):
    """A rule whose text of law was not read."""

    rule: str
    title: str
    verified: str
    deadlines: int


class ReadingUsed(ReportModel):
    """An open question of law and the answer this report rests on."""

    rule: str
    reading: str
    question: str
    option: str
    note: str
    is_default: bool
    deadlines: int


class Cautions(ReportModel):
    """What a reader must know before relying on the numbers.

    Attributes:
        unjudged: Deadlines for which the findings rules gave no verdict.
    """

    unverified: tuple[UnverifiedLaw, ...]
    readings: tuple[ReadingUsed, ...]
    projected: Tally
    incomplete_calendar: Tally
    unjudged: Tally = Tally()


class ViolationReport(ReportModel):
    """What is late, for what reason and by which arithmetic, as of a day."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["violations"] = "violations"
    title: str
    made_from: Provenance
    counts: Counts
    districts: tuple[DistrictLine, ...]
    duties: tuple[DutySummary, ...]
    finding_counts: tuple[FindingCount, ...]
    findings: tuple[Finding, ...]
    data_problems: tuple[DataProblem, ...]
    windows: tuple[Window, ...]
    due_soon: tuple[DueSoon, ...]
    cautions: Cautions

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.counts.in_duties != sum(duty.total.count for duty in self.duties):
            raise ValueError("the duties do not add up to the deadlines counted")
        undetermined = sum(duty.count("undetermined") for duty in self.duties)
        if undetermined != sum(problem.tally.count for problem in self.data_problems):
            raise ValueError("the data problems do not add up to the undetermined deadlines")
        for one in self.finding_counts:
            if one.tally.count != sum(one.code in finding.codes for finding in self.findings):
                raise ValueError(f"findings of {one.code} do not add up to {one.tally.count}")
        return self

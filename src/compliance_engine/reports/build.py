"""Builds the violations report from rows, in one pass over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from compliance_engine.engine.deadline import Deadline, Word
from compliance_engine.reports.context import OpenQuestion
from compliance_engine.reports.model import (
    STATUSES,
    WINDOWS,
    Cautions,
    Counts,
    DataProblem,
    DaysLate,
    DistrictLine,
    DueSoon,
    DutySummary,
    Finding,
    FindingCount,
    ProposedReason,
    ReadingUsed,
    ReasonLine,
    Severity,
    Source,
    Tally,
    UnverifiedLaw,
    ViolationReport,
    Window,
)
from compliance_engine.reports.rows import ReportHeader, ReportRow
from compliance_engine.reports.working import Derivation, births, steps_of

DATA_PROBLEM = "data_problem"
_LATE: tuple[Word, ...] = ("met_late", "overdue")
_SEVERITIES: tuple[Severity | None, ...] = ("high", "medium", "low", None)


def build_violation_report(rows: Iterable[ReportRow], header: ReportHeader) -> ViolationReport:
    """Return the report; the order of the rows does not matter."""
    return report_of_ordered(sorted(rows, key=_row_order), header)


def report_of_ordered(rows: Iterable[ReportRow], header: ReportHeader) -> ViolationReport:
    """Return the report of rows that come by case, rule, opening and due day, none before a day.

    The working is made for findings only: it costs about a millisecond each.
    """
    builder = _Builder(header)
    for row in rows:
        builder.add(row)
    return builder.build()


def _row_order(row: ReportRow) -> tuple[str, str, date, date]:
    one = row.deadline
    return one.case_id, one.rule, one.opened_on or date.min, one.due_on or date.min


@dataclass(slots=True)
class _Duty:
    """What is gathered for one rule."""

    sample: Deadline
    by_status: dict[Word, list[str]] = field(default_factory=lambda: defaultdict(list))
    lateness: list[int] = field(default_factory=list)
    reasons: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    problems: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    sources: dict[Source, None] = field(default_factory=dict)
    verified: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class _District:
    cases: set[str] = field(default_factory=set)
    deadlines: int = 0
    findings: list[str] = field(default_factory=list)


class _Builder:
    def __init__(self, header: ReportHeader) -> None:
        self.header = header
        self.as_of = header.made_from.as_of
        self.duties: dict[str, _Duty] = {}
        self.districts: dict[str, _District] = defaultdict(_District)
        self.findings: list[Finding] = []
        self.found: dict[str, list[str]] = defaultdict(list)
        self.due: list[DueSoon] = []
        self.readings: dict[tuple[str, str, str], int] = defaultdict(int)
        self.projected: list[str] = []
        self.incomplete: list[str] = []
        self.unjudged: list[str] = []
        self.information = self.deadlines = 0
        self.openings: dict[tuple[str, str], int] = defaultdict(int)

    def add(self, row: ReportRow) -> None:
        one = row.deadline
        self.deadlines += 1
        district = self.districts[row.district]
        district.cases.add(one.case_id)
        if one.kind == "information":
            self.information += 1
            return
        district.deadlines += 1
        self._add_duty(row)
        self._add_cautions(row)
        self._add_due(row)
        codes = self._codes(row)
        number = self.openings[one.case_id, one.rule] = self.openings[one.case_id, one.rule] + 1
        if codes:
            district.findings.append(one.case_id)
            self.findings.append(self._finding(row, codes, number))
            for code in codes:
                self.found[code].append(one.case_id)

    def _codes(self, row: ReportRow) -> tuple[str, ...]:
        """Return what was found beside a lack of data, which the report lists by its reasons."""
        rank = {code: index for index, code in enumerate(self.header.context.meanings)}
        codes = [code for code in row.finding_codes if code != DATA_PROBLEM]
        return tuple(sorted(codes, key=lambda code: (rank.get(code, len(rank)), code)))

    def _add_duty(self, row: ReportRow) -> None:
        one = row.deadline
        duty = self.duties.setdefault(one.rule, _Duty(one))
        duty.by_status[one.status].append(one.case_id)
        duty.sources.update(dict.fromkeys(_sources(one)))
        if one.verified:
            duty.verified[one.verified] += 1
        if one.status in _LATE:
            duty.lateness.append(one.days_late)
            duty.reasons[_reason(row)].append(one.case_id)
        if one.status == "undetermined":
            code = one.undetermined_reason or "unknown"
            duty.problems[code, one.reason or code.replace("_", " ")].append(one.case_id)

    def _add_cautions(self, row: ReportRow) -> None:
        one = row.deadline
        for reading, option in one.readings.items():
            self.readings[one.rule, reading, option] += 1
        if one.projected:
            self.projected.append(one.case_id)
        if one.incomplete_calendar:
            self.incomplete.append(one.case_id)
        if row.error is not None:
            self.unjudged.append(one.case_id)

    def _add_due(self, row: ReportRow) -> None:
        one = row.deadline
        if one.status != "pending" or one.kind != "deadline" or one.due_on is None:
            return
        left = (one.due_on - self.as_of).days
        if 0 <= left <= WINDOWS[-1]:
            self.due.append(
                DueSoon(
                    case_id=one.case_id,
                    district=row.district,
                    rule=one.rule,
                    title=one.title,
                    due_on=one.due_on,
                    days_left=left,
                    projected=one.projected,
                )
            )

    def _finding(self, row: ReportRow, codes: tuple[str, ...], number: int) -> Finding:
        one = row.deadline
        derivation: Derivation = ()
        if self.header.with_working:
            derivation = one.derivation if row.working is None else row.working()
        born = births(derivation, row.birth_date)
        hidden = one.rule in self.header.context.opens_at_birth or one.opened_on in born
        return Finding(
            id=f"{one.case_id}/{one.rule}/{number}",
            case_id=one.case_id,
            district=row.district,
            rule=one.rule,
            title=one.title,
            jurisdiction=one.jurisdiction,
            program=one.program,
            authority=one.authority,
            codes=codes,
            severity=row.severity,
            status=one.status,
            opened_on=None if hidden else one.opened_on,
            due_on=one.due_on,
            met_on=one.met_on,
            closed_on=one.closed_on,
            days_late=one.days_late,
            excuse=one.excuse,
            delay_code=row.delay_code,
            proposed_reasons=self._proposals(row),
            variant=one.variant,
            conclusions=dict(sorted(row.conclusions.items())),
            sources=_sources(one),
            verified=one.verified,
            readings=one.readings,
            too_early=one.too_early,
            capped=one.capped,
            projected=one.projected,
            incomplete_calendar=one.incomplete_calendar,
            working=steps_of(derivation, row.birth_date),
        )

    def _proposals(self, row: ReportRow) -> tuple[ProposedReason, ...]:
        if not self.header.with_working or row.proposals is None:
            return ()
        return tuple(ProposedReason.model_validate(one.as_json()) for one in row.proposals())

    def build(self) -> ViolationReport:
        """Return the report of all rows added."""
        duties = sorted((_duty_summary(duty) for duty in self.duties.values()), key=_duty_order)
        cases = len({case for one in self.districts.values() for case in one.cases})
        return ViolationReport(
            title=self.header.title,
            made_from=self.header.made_from,
            counts=Counts(
                cases=cases if self.header.cases is None else self.header.cases,
                deadlines=self.deadlines,
                in_duties=self.deadlines - self.information,
                information=self.information,
            ),
            districts=tuple(_district_line(name, one) for name, one in sorted(self.districts.items())),
            duties=tuple(duties),
            finding_counts=self._finding_counts(),
            findings=tuple(sorted(self.findings, key=self._finding_order)),
            data_problems=self._data_problems(),
            windows=tuple(self._window(days) for days in WINDOWS),
            due_soon=tuple(sorted(self.due, key=lambda one: (one.due_on, one.case_id, one.rule))),
            cautions=self._cautions(),
        )

    def _ranked_codes(self) -> list[str]:
        known = [code for code in self.header.context.meanings if code in self.found]
        return known + sorted(self.found.keys() - set(known))

    def _finding_counts(self) -> tuple[FindingCount, ...]:
        meanings = self.header.context.meanings
        return tuple(
            FindingCount(code=code, meaning=meanings.get(code, ""), tally=_tally(self.found[code]))
            for code in self._ranked_codes()
        )

    def _finding_order(self, one: Finding) -> tuple[int, int, int, str, str, str]:
        rank = self._ranked_codes().index(one.codes[0])
        return rank, _SEVERITIES.index(one.severity), -one.days_late, one.case_id, one.rule, one.id

    def _data_problems(self) -> tuple[DataProblem, ...]:
        found = [
            DataProblem(rule=rule, title=duty.sample.title, code=code, reason=reason, tally=_tally(cases))
            for rule, duty in self.duties.items()
            for (code, reason), cases in duty.problems.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.tally.count, one.rule, one.reason)))

    def _window(self, days: int) -> Window:
        last = self.as_of + timedelta(days=days)
        return Window(days=days, tally=_tally([one.case_id for one in self.due if one.due_on <= last]))

    def _cautions(self) -> Cautions:
        unverified = [
            UnverifiedLaw(rule=rule, title=duty.sample.title, verified=verified, deadlines=number)
            for rule, duty in sorted(self.duties.items())
            for verified, number in sorted(duty.verified.items())
            if verified != "regulation_text"
        ]
        return Cautions(
            unverified=tuple(unverified),
            readings=tuple(self._reading(*key, number) for key, number in sorted(self.readings.items())),
            projected=_tally(self.projected),
            incomplete_calendar=_tally(self.incomplete),
            unjudged=_tally(self.unjudged),
        )

    def _reading(self, rule: str, reading: str, option: str, number: int) -> ReadingUsed:
        asked = self.header.context.questions.get((rule, reading), OpenQuestion(reading.replace("_", " ")))
        return ReadingUsed(
            rule=rule,
            reading=reading,
            question=asked.question,
            option=option,
            note=asked.options.get(option, ""),
            is_default=option == asked.default,
            deadlines=number,
        )


def _tally(cases: Iterable[str]) -> Tally:
    listed = tuple(sorted(cases))
    return Tally(count=len(listed), cases=listed)


def _sources(one: Deadline) -> tuple[Source, ...]:
    return tuple(Source(ref=citation.ref, url=citation.url) for citation in one.citations)


def _reason(row: ReportRow) -> tuple[str, str]:
    if row.deadline.excuse:
        return "exception", row.deadline.excuse
    return ("delay_code", row.delay_code) if row.delay_code else ("none", "")


def _district_line(name: str, one: _District) -> DistrictLine:
    return DistrictLine(
        district=name, cases=len(one.cases), deadlines=one.deadlines, findings=_tally(one.findings)
    )


def _duty_order(duty: DutySummary) -> tuple[int, str]:
    return -duty.count(*_LATE), duty.rule


def _duty_summary(duty: _Duty) -> DutySummary:
    one = duty.sample
    late, met = len(duty.lateness), len(duty.by_status.get("met", ()))
    decided = met + late
    said = sorted(duty.reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    reasons = [ReasonLine(reason=reason, kind=kind, late=_tally(cases)) for (kind, reason), cases in said]
    ordered = sorted(duty.lateness)
    return DutySummary(
        rule=one.rule,
        title=one.title,
        jurisdiction=one.jurisdiction,
        program=one.program,
        kind="not_before" if one.kind == "not_before" else "deadline",
        authority=one.authority,
        sources=tuple(duty.sources),
        verified=_weakest(duty.verified),
        total=_tally(case for cases in duty.by_status.values() for case in cases),
        by_status={status: _tally(duty.by_status[status]) for status in STATUSES if duty.by_status[status]},
        per_thousand_on_time=1000 * met // decided if decided else None,
        days_late=DaysLate(least=ordered[0], most=ordered[-1], median=ordered[(late - 1) // 2])
        if late
        else None,
        reasons=tuple(reasons),
    )


_STRENGTH = ("unverified", "secondary", "official_guidance", "regulation_text")


def _weakest(verified: Mapping[str, int]) -> str | None:
    """Return the weakest verification among the versions used."""
    return next((word for word in _STRENGTH if word in verified), None)

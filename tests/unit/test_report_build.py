"""The report's numbers: they add up, they list their cases, and the order of the rows does not matter."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from compliance_engine.engine.derivation import Moved, Opened
from compliance_engine.reports.build import build_violation_report
from compliance_engine.reports.model import Tally, ViolationReport
from compliance_engine.reports.rows import ReportRow
from compliance_engine.reports.working import in_words
from report_samples import deadline, header, overdue, rows, sample, working


def test_a_total_that_does_not_list_its_cases_is_refused() -> None:
    with pytest.raises(ValidationError, match="a total of 2 lists 1 cases"):
        Tally(count=2, cases=("c1",))


def test_every_deadline_is_accounted_for() -> None:
    """Ten rows, one of them a window of the parent's."""
    counts = sample().counts
    assert (counts.deadlines, counts.in_duties, counts.information, counts.cases) == (10, 9, 1, 8)


def test_a_duty_counts_each_status_once() -> None:
    """Of eight initial evaluations two are pending, and one each has one of the other statuses."""
    duty = next(one for one in sample().duties if one.rule == "us.idea_b.initial_evaluation")
    counted = {status: tally.count for status, tally in duty.by_status.items()}
    expected = {"met": 1, "met_late": 1, "overdue": 1, "pending": 2, "paused": 1, "not_applicable": 1}
    assert counted == expected | {"undetermined": 1}


def test_the_share_on_time_is_of_those_decided_and_rounded_down() -> None:
    """One of three: 333 of a thousand."""
    duty = next(one for one in sample().duties if one.rule == "us.idea_b.initial_evaluation")
    assert duty.per_thousand_on_time == 333


def test_a_duty_without_a_decision_has_no_share() -> None:
    duty = build_violation_report([ReportRow(deadline(), "us.north")], header()).duties[0]
    assert duty.per_thousand_on_time is None


def test_days_late_range_from_least_to_most() -> None:
    """2 and 59 days; of an even number the lower middle one."""
    duty = next(one for one in sample().duties if one.rule == "us.idea_b.initial_evaluation")
    assert duty.days_late is not None
    assert (duty.days_late.least, duty.days_late.most, duty.days_late.median) == (2, 59, 2)


def test_reasons_name_the_exception_the_code_or_none() -> None:
    reasons = {
        (duty.rule.rsplit(".", 1)[1], one.kind, one.reason, one.late.cases)
        for duty in sample().duties
        for one in duty.reasons
    }
    assert reasons == {
        ("initial_evaluation", "exception", "child_not_produced", ("c5",)),
        ("initial_evaluation", "none", "", ("c2",)),
        ("annual_review", "delay_code", "staff_shortage", ("c3",)),
    }


def test_what_cannot_be_determined_is_listed_by_its_reason_and_is_no_finding() -> None:
    report = sample()
    assert [(one.code, one.tally.cases) for one in report.data_problems] == [("calendar_ends", ("c4",))]
    assert "c4" not in {one.case_id for one in report.findings}


def test_windows_include_the_shorter_ones() -> None:
    """Due 9 March: in 7 days. Due 3 April: in 32 days."""
    assert [(one.days, one.tally.cases) for one in sample().windows] == [
        (7, ("c7",)),
        (30, ("c7",)),
        (60, ("c6", "c7")),
    ]


def test_the_gravest_finding_comes_first() -> None:
    assert [(one.case_id, one.severity) for one in sample().findings] == [
        ("c2", "medium"),
        ("c3", "low"),
        ("c5", None),
    ]


def test_findings_are_counted_by_district() -> None:
    lines = {one.district: (one.cases, one.deadlines, one.findings.cases) for one in sample().districts}
    assert lines == {"us.north": (4, 4, ("c2", "c5")), "us.south": (4, 5, ("c3",))}


def test_law_that_was_not_read_is_a_caution() -> None:
    assert [(one.verified, one.deadlines) for one in sample().cautions.unverified] == [("secondary", 1)]


def test_a_reading_comes_with_its_question_and_says_that_it_is_the_default() -> None:
    (reading,) = sample().cautions.readings
    assert (reading.question, reading.option, reading.is_default, reading.deadlines) == (
        "When is a year over?",
        "same_date",
        True,
        1,
    )


def test_a_deadline_without_a_verdict_is_a_caution() -> None:
    report = build_violation_report([ReportRow(deadline(), "us.north", error="no answer")], header())
    assert report.cautions.unjudged.cases == ("c1",)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    mixed = rows()
    random.Random(seed).shuffle(mixed)
    assert build_violation_report(mixed, header()).model_dump_json() == sample().model_dump_json()


def test_the_working_is_made_for_findings_only() -> None:
    asked: list[str] = []

    def maker(case_id: str) -> Any:
        def make() -> Sequence[dict[str, Any]]:
            asked.append(case_id)
            return ()

        return make

    judged = [replace(row, working=maker(row.deadline.case_id)) for row in rows()]
    build_violation_report(judged, header())
    assert sorted(asked) == ["c2", "c3", "c5"]


def test_a_report_without_working_asks_for_none() -> None:
    report = build_violation_report(rows(), header(with_working=False))
    assert {one.working for one in report.findings} == {()}


def test_the_model_reads_back_what_it_wrote() -> None:
    report = sample()
    assert ViolationReport.model_validate_json(report.model_dump_json()) == report


def test_a_report_whose_duties_do_not_add_up_is_refused() -> None:
    content = sample().model_dump()
    content["duties"] = content["duties"][:1]
    with pytest.raises(ValidationError, match="do not add up"):
        ViolationReport.model_validate(content)


def test_the_birth_date_is_withheld_where_a_duty_opens_at_birth() -> None:
    born = date(2018, 3, 4)
    steps = working(Opened(born, "birth"), Moved(3, "years", born, date(2021, 3, 4), "after"))
    late = deadline(
        "c9", status="overdue", opened_on=born, due_on=date(2021, 3, 4), days_late=1824, derivation=steps
    )
    report = build_violation_report([ReportRow(late, "us.north", ("noncompliance",))], header())
    assert "2018-03-04" not in report.model_dump_json()


def test_the_birth_date_is_withheld_from_the_steps_of_any_duty() -> None:
    born = date(2018, 3, 4)
    row = overdue()
    steps = working(Moved(8, "years", born, date(2026, 3, 4), "after"))
    row = replace(row, birth_date=born, deadline=row.deadline.model_copy(update={"derivation": steps}))
    finding = build_violation_report([row], header()).findings[0]
    assert finding.working[0].text == "8 years after the birth date is Wed 2026-03-04"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("opened by iep_meeting_held(purpose=initial)", "opened by “IEP meeting held (purpose: initial)”"),
        (
            "referral_received or evaluation_request_received",
            "“referral received” or “request for an evaluation received”",
        ),
        (
            "tx.idea_b.initial_evaluation took the variant june_30: no",
            "tx.idea_b.initial_evaluation took the variant june_30: no",
        ),
        (
            "prior_iep_received(from_state!=tx) happened: no",
            "“earlier IEP received (from state: not tx)” happened: no",
        ),
        ("removal(school_days=3)", "“disciplinary removal (school days: 3)”"),
    ],
)
def test_events_of_the_working_are_called_by_their_titles(written: str, said: str) -> None:
    assert in_words(written) == said


def test_a_rule_that_opens_at_birth_hides_its_opening_without_working_too() -> None:
    late = deadline("c9", rule="us.idea_b.at_birth", status="overdue", days_late=1)
    built = build_violation_report(
        [ReportRow(late, "us.north", ("noncompliance",))], header(with_working=False)
    )
    assert built.findings[0].opened_on is None

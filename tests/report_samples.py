"""A small report made by hand: one deadline of every status, dates counted in the comments.

``python tests/report_samples.py`` writes the golden files anew; look at the difference before keeping it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from compliance_engine.engine.deadline import CitationOut, Deadline
from compliance_engine.engine.derivation import Counted, Ended, Opened, SkippedRun, Step
from compliance_engine.reports.build import build_violation_report
from compliance_engine.reports.context import OpenQuestion, ReportContext
from compliance_engine.reports.model import Provenance, ViolationReport
from compliance_engine.reports.render import render
from compliance_engine.reports.rows import ReportHeader, ReportRow

AS_OF = date(2026, 3, 2)
GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"
LAW = CitationOut(ref="34 CFR 300.301(c)(1)(i)", url="https://www.ecfr.gov/current/title-34/section-300.301")
CONTEXT = ReportContext(
    meanings={
        "noncompliance": "A duty under the law was not met in time and nothing excuses it",
        "excused": "Late for a reason the law accepts",
    },
    questions={
        ("us.idea_b.annual_review", "year"): OpenQuestion(
            "When is a year over?", "same_date", {"same_date": "Counted by the anniversary."}
        )
    },
    opens_at_birth=frozenset({"us.idea_b.at_birth"}),
)


def deadline(case_id: str = "c1", **changed: Any) -> Deadline:
    """Return a pending initial evaluation: consent on 2026-02-02, day 60 on 2026-04-03."""
    content: dict[str, Any] = {
        "case_id": case_id,
        "rule": "us.idea_b.initial_evaluation",
        "title": "Initial evaluation within 60 days of the parent's consent",
        "program": "idea_b",
        "jurisdiction": "us",
        "kind": "deadline",
        "authority": "law",
        "status": "pending",
        "opened_on": date(2026, 2, 2),
        "due_on": date(2026, 4, 3),
        "met_on": None,
        "closed_on": None,
        "days_late": 0,
        "variant": None,
        "excuse": None,
        "undetermined_reason": None,
        "reason": None,
        "too_early": False,
        "capped": False,
        "projected": False,
        "incomplete_calendar": False,
        "citation": LAW,
        "citations": (LAW,),
        "verified": "regulation_text",
        "readings": {},
        "notes": (),
    }
    return Deadline(**(content | changed))


def working(*steps: Step) -> tuple[dict[str, Any], ...]:
    """Return steps as a deadline carries them."""
    return tuple(step.as_json() for step in steps)


def overdue() -> ReportRow:
    """Consent on Tuesday 2025-12-02; ten school days later, 16 to 31 December and weekends passed over.

    3, 4, 5, 8, 9, 10, 11, 12, 15 December are days 1 to 9; 1 January is a holiday, so 2 January is day 10.
    From 2 January to 2 March are 59 days.
    """
    skipped = (
        SkippedRun(date(2025, 12, 6), date(2025, 12, 7), 2, "weekend"),
        SkippedRun(date(2025, 12, 13), date(2025, 12, 14), 2, "weekend"),
        SkippedRun(date(2025, 12, 16), date(2025, 12, 31), 16, "break", "Winter break"),
        SkippedRun(date(2026, 1, 1), date(2026, 1, 1), 1, "holiday", "New Year's Day"),
    )
    start, due = date(2025, 12, 2), date(2026, 1, 2)
    steps = working(
        Opened(start, "consent_to_evaluate_received"),
        Counted(10, "school_days", start, due, "after", date(2025, 12, 3), skipped),
    )
    one = deadline("c2", status="overdue", opened_on=start, due_on=due, days_late=59, derivation=steps)
    return ReportRow(one, "us.north", ("noncompliance",), "medium", {"child_level": "still_owed"})


def met_late() -> ReportRow:
    """A review due 2025-09-10 and held five days later, with a delay code and an open question of law."""
    steps = working(
        Opened(date(2024, 9, 10), "iep_meeting_held"), Ended("met", date(2025, 9, 15), "iep_meeting_held")
    )
    one = deadline(
        "c3",
        rule="us.idea_b.annual_review",
        title="Review of the IEP at least once a year",
        status="met_late",
        opened_on=date(2024, 9, 10),
        due_on=date(2025, 9, 10),
        met_on=date(2025, 9, 15),
        days_late=5,
        readings={"year": "same_date"},
        derivation=steps,
    )
    return ReportRow(
        one, "us.south", ("noncompliance",), "low", {"child_level": "done_late"}, "staff_shortage"
    )


def rows() -> list[ReportRow]:
    """Return the rows of the sample report."""
    met = deadline("c1", status="met", met_on=date(2026, 3, 1))
    unknown = deadline(
        "c4",
        status="undetermined",
        due_on=None,
        undetermined_reason="calendar_ends",
        reason="the school calendar does not reach that far",
    )
    excused = deadline(
        "c5", status="met_late", met_on=date(2026, 4, 5), days_late=2, excuse="child_not_produced"
    )
    window = deadline("c1", kind="information", rule="us.idea_b.window", title="A window of the parent's")
    return [
        overdue(),
        met_late(),
        ReportRow(met, "us.north"),
        ReportRow(deadline("c6"), "us.south"),
        ReportRow(deadline("c7", due_on=date(2026, 3, 9)), "us.south"),
        ReportRow(deadline("c8", status="paused", verified="secondary"), "us.south"),
        ReportRow(deadline("c8", status="not_applicable", opened_on=date(2025, 1, 2)), "us.south"),
        ReportRow(unknown, "us.north", ("data_problem",)),
        ReportRow(excused, "us.north", ("excused",), None, {"basis": "documented_exception"}),
        ReportRow(window, "us.north"),
    ]


def header(**changed: Any) -> ReportHeader:
    """Return the header of the sample report."""
    made = Provenance(
        store="sample.db",
        sweep=3,
        as_of=AS_OF,
        engine_version="0.1.0",
        rules_hash="a" * 64,
        calendars_hash="b" * 64,
    )
    return ReportHeader(**({"title": "Violations report", "made_from": made, "context": CONTEXT} | changed))


def sample() -> ViolationReport:
    """Return the sample report."""
    return build_violation_report(rows(), header())


def golden(form: str) -> Path:
    """Return the golden file of a format."""
    return GOLDEN / f"violations.{form}"


if __name__ == "__main__":
    for each in ("json", "html", "csv"):
        golden(each).write_text(render(sample(), each), encoding="utf-8", newline="")

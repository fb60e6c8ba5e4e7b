"""The small district of the fixtures: what its README counts by hand is what the engine finds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from compliance_engine.calendars.loader import load_calendars
from compliance_engine.cases.batch import build_batch
from compliance_engine.cases.importers import read_folder
from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.evaluate import Engine

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 3, 2)


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str], list[Deadline]]:
    imported = read_folder(ROOT / "fixtures" / "small_district", received_on=datetime(2026, 3, 2, tzinfo=UTC))
    batch = build_batch(imported.cases, imported.events, as_of=AS_OF)
    corpus = load_corpus(ROOT / "rules", jurisdictions={"us"})
    engine = Engine(corpus, load_calendars(ROOT / "calendars" / "us"), AS_OF)
    result: dict[tuple[str, str], list[Deadline]] = {}
    for one in engine.evaluate(batch).deadlines(working=False):
        result.setdefault((one.case_id, one.rule.rsplit(".", 1)[1]), []).append(one)
    return result


COUNTED = [
    ("c01", "initial_evaluation", "met", "2025-11-01", 0),
    ("c01", "iep_development", "met", "2025-12-03", 0),
    ("c02", "initial_evaluation", "met_late", "2025-11-07", 3),
    ("c03", "initial_evaluation", "pending", "2026-03-21", 0),
    ("c04", "initial_evaluation", "overdue", "2026-01-30", 31),
    ("c06", "initial_evaluation", "met_late", "2025-11-30", 15),
    ("c07", "annual_review", "met_late", "2025-10-15", 20),
    ("c08", "reevaluation", "overdue", "2025-11-30", 92),
    ("c10", "iep_in_effect_at_three", "met_late", "2026-02-10", 7),
    ("c12", "manifestation_determination", "met_late", "2025-11-18", 2),
]


@pytest.mark.parametrize(("case", "topic", "status", "due", "late"), COUNTED)
def test_a_case_comes_out_as_counted(
    found: dict[tuple[str, str], list[Deadline]], case: str, topic: str, status: str, due: str, late: int
) -> None:
    """Counted in the fixture's README."""
    assert (status, date.fromisoformat(due), late) in {
        (one.status, one.due_on, one.days_late) for one in found[case, topic]
    }


def test_a_child_not_produced_is_outside_the_time_limit(found: dict[tuple[str, str], list[Deadline]]) -> None:
    """34 CFR 300.301(d)(1)."""
    (one,) = found["c05", "initial_evaluation"]
    assert (one.status, one.excuse) == ("not_applicable", "child_not_produced")


def test_sixteen_without_a_transition_plan_is_overdue(found: dict[tuple[str, str], list[Deadline]]) -> None:
    """16 on September 15, 2025, and the IEP in effect has no plan."""
    (one,) = found["c09", "transition_plan"]
    assert (one.status, one.due_on) == ("overdue", date(2025, 9, 15))

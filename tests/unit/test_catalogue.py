"""The event catalogue: core names, order, types, suggestions."""

from __future__ import annotations

from pathlib import Path

import pytest

from compliance_engine.cases.catalogue import AttributeType, canonical_json, catalogue
from compliance_engine.cases.catalogue_file import load_catalogue, written_catalogue
from compliance_engine.errors import CaseProblem

CORE = frozenset(
    """
    referral_received evaluation_request_received consent_to_evaluate_requested
    consent_to_evaluate_received consent_to_evaluate_refused prior_written_notice_sent
    evaluation_completed evaluation_report_completed evaluation_report_provided eligibility_determined
    reevaluation_waived independent_evaluation_requested iep_meeting_noticed iep_meeting_held
    iep_provided_to_parent consent_to_services_received consent_to_services_refused
    consent_to_services_revoked services_started progress_report_sent parent_meeting_request_received
    part_c_referral_received transition_conference_held age_of_majority_notice_given
    summary_of_performance_provided section_504_referral_received section_504_consent_received
    section_504_eligibility_determined section_504_plan_made section_504_plan_reviewed
    section_504_reevaluated removal placement_change_decided manifestation_determined
    functional_behavioral_assessment_completed behavior_plan_implemented restraint_used
    due_process_complaint_received resolution_meeting_held resolution_period_ended
    hearing_decision_mailed state_complaint_received state_decision_issued records_requested
    records_provided extension_agreed pause_started pause_ended student_absent evaluation_delayed
    child_not_produced noncompliance_notified correction_made correction_verified transferred_in
    transferred_out exited
    """.split()  # noqa: SIM905
)

HEAD = """
schema_version: 1
areas: {x: {title: X, programs: [idea_b]}}
case_attributes: []
events:
"""


@pytest.mark.parametrize("name", sorted(CORE))
def test_core_events_are_there(name: str) -> None:
    assert catalogue().get(name).name == name


def test_a_day_runs_from_referral_to_exit() -> None:
    day = [
        "referral_received",
        "consent_to_evaluate_received",
        "evaluation_completed",
        "eligibility_determined",
    ]
    day += ["iep_meeting_held", "consent_to_services_received", "services_started", "exited"]
    assert sorted(day, key=catalogue().rank) == day


def test_ranks_fit_the_moments_of_a_day() -> None:
    assert len(catalogue()) <= 512


def test_every_event_may_carry_a_time() -> None:
    assert all(event.attribute("at") is not None for event in catalogue())


def test_an_unknown_name_gets_its_neighbour() -> None:
    with pytest.raises(
        CaseProblem, match="CE404 iep_meting_held: unknown event; did you mean iep_meeting_held"
    ):
        catalogue().get("iep_meting_held")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("bool", [True, False], [1, "true", None]),
        ("int", [0, -3, 12], [True, "1", 1.0, 2**40]),
        ("date", ["2025-01-02"], ["2025-02-30", "1/2/2025", 20250102]),
        ("time", ["00:00", "23:59"], ["24:00", "9:00", 9]),
        ("code", ["x"], ["", 1, True]),
    ],
)
def test_types_accept_nothing_else(kind: str, good: list, bad: list) -> None:
    attribute = AttributeType("x", kind)  # type: ignore[arg-type]
    assert [attribute.accepts(value) for value in good] == [True] * len(good)
    assert [attribute.accepts(value) for value in bad] == [False] * len(bad)


def test_choices_close_a_code() -> None:
    attribute = AttributeType("x", "code", ("a", "b"))
    assert (attribute.accepts("a"), attribute.accepts("c")) == (True, False)


def test_texts_are_read_by_type() -> None:
    assert AttributeType("x", "bool").read("false") is False
    assert AttributeType("x", "int").read("-12") == -12
    with pytest.raises(ValueError, match="x must be a whole number"):
        AttributeType("x", "int").read("1.5")


def test_canonical_json_sorts_keys() -> None:
    assert canonical_json({"b": True, "a": "é"}) == '{"a":"é","b":true}'
    assert canonical_json({}) is None


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (
            ["{name: a, area: x, title: A, about: A}", "{name: a, area: x, title: A, about: A}"],
            "stands here again",
        ),
        (["{name: a, area: y, title: A, about: A}"], "unknown area 'y'"),
        (
            [
                "{name: a, area: x, title: A, about: A, attributes: {k: int}}",
                "{name: b, area: x, title: A, about: A, attributes: {k: bool}}",
            ],
            "attribute k has another type",
        ),
        (["{name: a, area: x, title: A, about: A, attributes: {k: float}}"], "float"),
    ],
)
def test_a_wrong_catalogue_is_refused(tmp_path: Path, events: list[str], words: str) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(HEAD + "".join(f"  - {event}\n" for event in events), encoding="utf-8")
    with pytest.raises(CaseProblem, match=f"CE405.*{words}"):
        load_catalogue(path)


def test_the_compiled_catalogue_is_the_written_one():
    """``python -m compliance_engine.cases.catalogue_docs docs/cases.md`` compiles it."""
    assert catalogue() == load_catalogue(written_catalogue())

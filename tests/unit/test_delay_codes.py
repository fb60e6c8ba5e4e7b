"""Reasons for lateness: what a state says of a code, and which codes the facts fit."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from compliance_engine.engine.delay_reasons import COMPLIANT, Proposal, compliance, proposals
from compliance_engine.engine.evaluate import DeadlineBlock, Engine, Evaluation
from compliance_engine.engine.findings_rules import load_findings_rules
from compliance_engine.engine.judge import Judge
from compliance_engine.rules.checks import check_corpus
from compliance_engine.rules.delay_codes import DelayCodesFile, DelayTables
from compliance_engine.rules.loader import Corpus
from compliance_engine.strict_models import validate
from compliance_engine.sweep.judging import judge_evaluation
from corpus_data import RULES, corpus, library
from oracle_history import Fact
from small_rules import SmallCase, batch_of, document

CONSENT = Fact("consent_to_evaluate_received", date(2025, 9, 2), {"purpose": "initial"})
AS_OF = date(2025, 12, 1)


def event(name: str, month: int, day: int, **attributes: Any) -> Fact:
    return Fact(name, date(2025, month, day), attributes)


def evaluated(case: SmallCase, as_of: date = AS_OF) -> Evaluation:
    return Engine(corpus(), library(), as_of).evaluate(batch_of([case], as_of))


def block_of(evaluation: Evaluation, rule: str) -> DeadlineBlock:
    (found,) = (block for block in evaluation.blocks if block.rule.id == rule and len(block))
    return found


def proposed(
    state: str, *events: Fact, rule: str = "initial_evaluation", as_of: date = AS_OF
) -> list[Proposal]:
    evaluation = evaluated(SmallCase([CONSENT, *events], state=state), as_of)
    return list(proposals(evaluation, block_of(evaluation, f"{state}.idea_b.{rule}"), 0))


def judged(state: str, code: str) -> set[str]:
    """The findings on a late initial evaluation with a delay code on record."""
    late = event("evaluation_delayed", 11, 3, reason_code=code)
    evaluation = evaluated(SmallCase([CONSENT, late], state=state))
    block = block_of(evaluation, f"{state}.idea_b.initial_evaluation")
    verdicts = judge_evaluation(evaluation, Judge(load_findings_rules(RULES)))
    one = verdicts[evaluation.blocks.index(block)]
    verdict = one.verdicts[int(one.of_row[0])]
    return {*verdict.findings, str(dict(verdict.conclusions).get("basis"))}


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        ("tx", "05", {"excused", "accepted_delay_code"}),
        ("tx", "04", {"noncompliance", "refused_delay_code"}),
        ("tx", "09", {"noncompliance", "unjudged_delay_code"}),
        ("tx", "77", {"noncompliance", "unjudged_delay_code"}),
        ("in", "08", {"noncompliance", "unjudged_delay_code"}),
        ("ny", "cser06", {"noncompliance", "unjudged_delay_code"}),
    ],
    ids=[
        "accepted",
        "refused",
        "the list does not say",
        "not in the list",
        "no marks",
        "list of another year",
    ],
)
def test_a_code_counts_as_the_state_says_and_where_it_was_seen(
    state: str, code: str, expected: set[str]
) -> None:
    assert judged(state, code) == expected


def test_a_record_of_the_child_not_produced_after_the_due_day_fits_texas_code_05() -> None:
    """45 school days from Sep 2, 2025 end on Nov 5; the record of Nov 10 comes too late to lift the duty."""
    (one,) = proposed("tx", event("child_not_produced", 11, 10))
    assert (one.code, one.accepted, one.seen) == ("05", "yes", True)
    assert "Detailed records" in one.evidence[0]


def test_a_missed_appointment_alone_fits_code_04_which_is_refused() -> None:
    (one,) = proposed("tx", event("parent_did_not_attend", 10, 10))
    assert (one.code, one.accepted) == ("04", "no")


def test_nothing_fits_where_no_fact_speaks() -> None:
    assert proposed("tx") == []


def test_what_is_not_late_is_not_asked_about() -> None:
    done = Fact("evaluation_report_completed", date(2025, 10, 20), {"purpose": "initial"})
    assert proposed("tx", done, event("parent_did_not_attend", 10, 10)) == []


def test_california_asks_for_a_code_though_the_statute_was_kept() -> None:
    """Consent Nov 20: the winter break (10 school days) is left out, so the IEP of Jan 27 is in time by law.

    Nov 21-30 10, Dec 1-21 31, Jan 3-31 60: due Jan 31. By raw days, Jan 27 is day 68 (10 + 31 + 27).
    """
    events = [
        Fact("consent_to_evaluate_received", date(2025, 11, 20), {"purpose": "initial"}),
        Fact("eligibility_determined", date(2026, 1, 27), {"eligible": True, "purpose": "initial"}),
        Fact("iep_meeting_held", date(2026, 1, 27), {"purpose": "initial"}),
    ]
    evaluation = evaluated(SmallCase(events, state="ca"), date(2026, 2, 10))
    block = block_of(evaluation, "ca.idea_b.initial_evaluation")
    found = evaluation.describe(block, 0, working=False)

    assert (found.status, found.due_on) == ("met", date(2026, 1, 31))
    assert [one.code for one in proposals(evaluation, block, 0)] == ["40"]


def test_a_proposal_from_a_list_of_another_year_says_so() -> None:
    (one,) = proposed("ny", event("child_not_produced", 11, 20))
    assert (one.code, one.seen) == ("cser06", False)


def test_new_mexico_names_the_weekend_on_which_the_last_day_fell() -> None:
    """60 days from Sep 2, 2025 end on Saturday Nov 1."""
    assert [one.code for one in proposed("nm")] == ["32"]


def test_a_state_without_a_list_proposes_nothing() -> None:
    assert proposed("md", event("parent_did_not_attend", 10, 10)) == []


TABLE: dict[str, Any] = {
    "id": "reasons",
    "title": "Reasons",
    "programs": ["idea_b"],
    "duties": ["initial_evaluation"],
    "citations": [{"ref": "none", "checked_on": "2026-11-23"}],
    "verified": "unverified",
}


def tables(*codes: dict[str, Any], **more: Any) -> DelayTables:
    source = document(
        {"schema_version": 1, "jurisdiction": "tx", "tables": [TABLE | {"codes": list(codes)} | more]}
    )
    return DelayTables(validate(source, DelayCodesFile, code="CE210"), source)


def with_tables(made: DelayTables) -> Corpus:
    whole = corpus()
    return Corpus(
        whole.folder,
        whole.rules,
        whole.counts,
        whole.programs,
        whole.jurisdictions,
        inventories=whole.inventories,
        duties=whole.duties,
        delay_tables={"tx": made},
    )


def test_a_code_that_changed_its_meaning_counts_by_the_due_day() -> None:
    """A state accepted code 01 until June 2025 and refuses it since; due days of Oct 2024 and Nov 2025."""
    changed = [
        {"code": "01", "title": "before", "compliant": True, "valid_through": "2025-06-30"},
        {"code": "01", "title": "since", "compliant": False, "valid_from": "2025-07-01"},
    ]
    first = Fact("consent_to_evaluate_received", date(2024, 9, 3), {"purpose": "initial"})
    case = SmallCase([first, CONSENT], state="tx")
    block = block_of(evaluated(case), "tx.idea_b.initial_evaluation")
    said = compliance(with_tables(tables(*changed)), block, np.array([1, 1], np.int32), ["01"])

    assert [COMPLIANT[code] for code in said] == ["yes", "no"]


def test_two_meanings_on_one_day_are_refused() -> None:
    with pytest.raises(Exception, match="code 01 has two meanings on one day"):
        tables({"code": "01", "title": "one"}, {"code": "01", "title": "other", "valid_from": "2025-07-01"})


@pytest.mark.parametrize(
    ("code", "more", "said"),
    [
        ({}, {"duties": ["evaluatoin"]}, "CE218 tx reasons: unknown duty 'evaluatoin'"),
        ({"duties": ["reevaluation"]}, {}, "CE218 tx reasons: code 01 is for 'reevaluation'"),
        (
            {
                "proposed_when": {
                    "days_between": {"from": "start", "to": "due", "unit": "schol_days", "above": 1}
                }
            },
            {},
            "CE203 tx reasons: unknown unit 'schol_days'",
        ),
    ],
)
def test_what_a_table_speaks_of_must_exist(code: dict[str, Any], more: dict[str, Any], said: str) -> None:
    made = with_tables(tables({"code": "01", "title": "one"} | code, **more))
    assert any(said in str(problem) for problem in check_corpus(made))

"""What a rule may not say: refused when it is read, with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from compliance_engine.errors import RuleProblem
from small_rules import filled, small_corpus

BESIDES: dict[str, Any] = {"starts_on": "referral_received", "met_by": "evaluation_completed"}
PAUSED = {"extended_by": {"pauses": [{"from": "pause_started", "until": "pause_ended"}]}}
ENDED = {"happened": {"event": "evaluation_completed", "through": "met"}}


def refused(**rule: Any) -> str:
    with pytest.raises(RuleProblem) as caught:
        small_corpus(filled(BESIDES | rule))
    return str(caught.value)


@pytest.mark.parametrize(
    "due", ["age 3 years", "10 calendar_days before age 3 years", "june 30 on_or_after start"]
)
def test_a_pause_of_what_is_no_count_needs_a_unit(due: str) -> None:
    assert "extended_by needs a unit" in refused(versions=[{"due": due} | PAUSED])


def test_a_variant_inherits_the_pause_and_the_need_of_a_unit() -> None:
    variant = {"id": "young", "when": {"age": {"below": "6 years"}}, "due": "age 6 years"}
    said = refused(versions=[{"due": "10 calendar_days after start", "variants": [variant]} | PAUSED])
    assert "extended_by needs a unit" in said


def test_with_a_unit_it_is_accepted() -> None:
    paused = {"extended_by": PAUSED["extended_by"] | {"unit": "calendar_days"}}
    assert small_corpus(filled(BESIDES | {"versions": [{"due": "age 3 years"} | paused]})).rules


@pytest.mark.parametrize(
    "rule",
    [
        {"applies_when": ENDED},
        {"versions": [{"due": "start", "variants": [{"id": "late", "when": ENDED, "due": "start"}]}]},
        {
            "versions": [
                {
                    "due": "start",
                    "exceptions": [
                        {"id": "x", "when": ENDED, "effect": "due", "due": "start", "citation": "none"}
                    ],
                }
            ]
        },
        {
            "versions": [
                {
                    "due": "start",
                    "extended_by": {"agreement": {"event": "extension_agreed", "when": ENDED}},
                }
            ]
        },
    ],
    ids=["applies_when", "variant", "exception with a due day", "agreement"],
)
def test_a_due_day_cannot_hang_on_how_the_duty_ended(rule: dict[str, Any]) -> None:
    assert "through: met is not known while the due day is worked out" in refused(**rule)


def test_an_event_cannot_meet_on_the_same_day_what_it_opens() -> None:
    said = refused(met_looking="forward_same_day", met_by="referral_received")
    assert "referral_received would meet the duty it opens" in said


def test_two_answers_that_replace_the_same_key_cannot_go_together() -> None:
    def question(name: str, days: int) -> dict[str, Any]:
        other = {"note": "other", "version": {"due": f"{days} calendar_days after start"}}
        return {
            "id": name,
            "question": "Which?",
            "default": "plain",
            "options": {"plain": {"note": "plain"}, "other": other},
        }

    rule = filled(
        BESIDES | {"readings": [question("one", 20), question("two", 30)], "versions": [{"due": "start"}]}
    )
    loaded = small_corpus(rule).rules["us.idea_b.small"]

    assert loaded.with_readings({"one": "other"}).versions[0].due.count == 20  # type: ignore[attr-defined]
    with pytest.raises(RuleProblem, match=r"CE214.*both replace due"):
        loaded.with_readings({"one": "other", "two": "other"})

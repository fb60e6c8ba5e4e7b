"""What the rule language must express, point by point, on small rules with dates counted by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.rule_cases import RuleCase, differences_from, written_events
from compliance_engine.strict_models import validate
from compliance_engine.strict_yaml import Document, read_yaml
from corpus_data import calendar, library
from oracle import Oracle
from oracle_compare import differences
from oracle_days import NaiveDays
from oracle_history import Fact
from small_rules import SmallCase, evaluated, filled, small_corpus

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
BESIDES = {"starts_on": "referral_received", "met_by": "evaluation_completed"}


@dataclass(frozen=True)
class Claim:
    point: int
    about: str
    rules: list[dict[str, Any]]
    case: RuleCase

    @property
    def rule(self) -> str:
        return self.case.rule or self.rules[0]["id"]

    def small_case(self) -> SmallCase:
        case = self.case
        return SmallCase(
            [Fact(event.event, event.occurred_on, event.attributes) for event in written_events(case)],
            state=self.rule.partition(".")[0],
            birth=case.birth_date,
            facts=case.case,
            district=case.district,
        )

    @property
    def readings(self) -> dict[str, dict[str, str]]:
        return {self.rule: case.readings} if (case := self.case).readings else {}


@cache
def claims() -> list[Claim]:
    return [
        Claim(group["point"], group["about"], [filled(BESIDES | rule) for rule in group["rules"]], case)
        for file in FILES
        for group in read_yaml(file).data
        for case in (_case(written, file) for written in group["cases"])
    ]


def _case(written: dict[str, Any], file: Path) -> RuleCase:
    return validate(Document(written, file.name, {}, {}), RuleCase, code="CE215", thing=written["name"])


@cache
def found(index: int) -> list[Deadline]:
    claim = claims()[index]
    made = small_corpus(*claim.rules, district="us.town")
    results = evaluated(made, library(), [claim.small_case()], claim.case.as_of, claim.readings)
    return results[0].get(claim.rule, [])


each_claim = pytest.mark.parametrize(
    "index", range(len(claims())), ids=[f"{one.point}-{one.about}-{one.case.name}" for one in claims()]
)


@each_claim
def test_it_comes_out_as_counted_by_hand(index: int) -> None:
    case = claims()[index].case
    assert list(differences_from(case.expect, found(index))) == [], case.why


@each_claim
def test_the_oracle_agrees(index: int) -> None:
    claim = claims()[index]
    case = claim.small_case()
    made = small_corpus(*claim.rules, district="us.town")
    oracle = Oracle(
        made,
        case.history(calendar(case.calendar)),
        claim.case.as_of,
        claim.readings,
        NaiveDays(calendar(case.calendar), case.state, made.counts),
    )
    expected = oracle.evaluate().get(claim.rule, [])
    assert list(differences(expected, found(index))) == []


@pytest.mark.parametrize("point", [*range(1, 19)])
def test_every_point_is_claimed(point: int) -> None:
    assert [one for one in claims() if one.point == point]


def test_how_well_the_source_is_verified_is_carried_to_the_deadline() -> None:
    """Point 19, per version."""
    rule = filled(
        BESIDES
        | {
            "versions": [
                {"due": "start", "verified": "secondary", "ends": "2025-06-30"},
                {"due": "start", "effective_from": "2025-07-01", "verified": "regulation_text"},
            ]
        }
    )
    events = [Fact("referral_received", date(2025, month, day), {}) for month, day in ((6, 30), (7, 1))]
    results = evaluated(small_corpus(rule), library(), [SmallCase(events)], date(2025, 8, 1))

    assert [one.verified for one in results[0][rule["id"]]] == ["secondary", "regulation_text"]


def test_a_reading_that_was_used_is_named() -> None:
    claim = next(one for one in claims() if one.point == 17)
    assert [one.readings for one in found(claims().index(claim))] == [{"days": "school"}]

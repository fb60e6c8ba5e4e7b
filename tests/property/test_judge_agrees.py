"""durable-rules and a naive reading of the same findings rules say the same."""

from __future__ import annotations

import itertools
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_engine.engine.judge import judge
from compliance_engine.engine.situations import PROPERTIES
from findings_samples import LATE, shipped, small, some_rules, some_situation
from naive_findings import naive_verdict


@pytest.mark.parametrize("seed", range(6))
def test_fifty_random_rulesets_are_judged_as_the_naive_reading_judges_them(seed):
    choose = random.Random(seed)
    names = ["".join(pair) for pair in itertools.product(string.ascii_lowercase[:8], repeat=2)][:50]
    rules = small(*(rule for name in names for rule in some_rules(choose, name, choose.randint(5, 64))))
    situations = [some_situation(choose, name) for name in names for _ in range(12)]
    assert judge(situations, rules) == [naive_verdict(situation, rules) for situation in situations]


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 64))
def test_any_ruleset_is_judged_as_the_naive_reading_judges_it(choose, number):
    rules = small(*some_rules(choose, "us", number))
    situations = [some_situation(choose, "us") for _ in range(20)]
    assert judge(situations, rules) == [naive_verdict(situation, rules) for situation in situations]


def test_the_shipped_rules_are_judged_as_the_naive_reading_judges_them_everywhere():
    rules, choose = shipped(), random.Random(20261123)
    situations = [
        LATE
        | {name: choose.choice(prop.choices) for name, prop in PROPERTIES.items() if prop.choices}
        | {"late_band": choose.choice(rules.late_bands.names)}
        | {name: choose.random() < 0.3 for name in ("too_early", "extension_capped")}
        | {"excuse": choose.choice(["absent", "child_not_produced"]), "repeats": choose.choice([0, 0, 1, 4])}
        for _ in range(3000)
    ]
    verdicts = judge(situations, rules)
    assert verdicts == [naive_verdict(situation, rules) for situation in situations]
    assert not [verdict for verdict in verdicts if verdict.error]
    assert {finding for verdict in verdicts for finding in verdict.findings} == set(
        rules.conclusions["finding"]
    )

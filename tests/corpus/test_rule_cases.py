"""The hand-counted cases beside the rules, one test each."""

from __future__ import annotations

import pytest

from compliance_engine.engine.rule_cases import LocatedCase
from corpus_data import results, rule_cases


@pytest.mark.parametrize("located", rule_cases(), ids=lambda one: one.name)
def test_case_comes_out_as_counted_by_hand(located: LocatedCase) -> None:
    result = results()[str(located.place)]

    assert not result.differences, f"{located.place}: {located.case.why}"

"""Grouping rows into their distinct situations."""

from __future__ import annotations

import numpy as np
import pytest

from compliance_engine.engine.situations import PROPERTIES, Column, complete, group
from compliance_engine.errors import EngineProblem


def column(codes, *values):
    return Column(np.array(codes, np.int16), values)


def test_rows_with_equal_codes_share_a_situation():
    status = column([0, 1, 0, 1], "met", "overdue")
    early = column([0, 0, 0, 1], False, True)
    grouped = group({"status": status, "too_early": early}, {"jurisdiction": "tx"}, 4)
    assert grouped.situations == [
        {"jurisdiction": "tx", "status": "met", "too_early": False},
        {"jurisdiction": "tx", "status": "overdue", "too_early": False},
        {"jurisdiction": "tx", "status": "overdue", "too_early": True},
    ]
    assert grouped.inverse.tolist() == [0, 1, 0, 2]
    assert grouped.counts.tolist() == [2, 1, 1]


def test_a_value_per_situation_is_spread_over_its_rows():
    grouped = group({"status": column([1, 0, 1], "met", "overdue")}, {}, 3)
    assert grouped.spread(np.array([10, 20])).tolist() == [20, 10, 20]


def test_a_block_without_differing_columns_is_one_situation():
    grouped = group({"status": column([0, 0], "met")}, {"kind": "deadline"}, 2)
    assert grouped.situations == [{"kind": "deadline", "status": "met"}]
    assert grouped.inverse.tolist() == [0, 0]


def test_an_empty_block_has_no_situations():
    assert group({"status": column([], "met", "overdue")}, {}, 0).situations == []


@pytest.mark.parametrize("values", [3, 100_000, 2**40], ids=["table", "sorted", "packed anew"])
def test_every_row_finds_its_own_values_again(values):
    random = np.random.default_rng(20261123)
    choices = [range(values) for _ in range(5)]
    codes = [random.choice([0, 1, values // 2, values - 1], 500) for _ in choices]
    columns = {f"c{number}": Column(codes[number], choices[number]) for number in range(5)}
    grouped = group(columns, {}, 500)
    again = [tuple(grouped.situations[index].values()) for index in grouped.inverse]
    assert again == list(zip(*(each.tolist() for each in codes), strict=True))
    assert len({tuple(each.values()) for each in grouped.situations}) == len(grouped.situations)


def test_a_column_of_another_length_is_refused():
    with pytest.raises(EngineProblem, match=r"CE551 judge: status has \(1,\) codes for 2 rows"):
        group({"status": column([0], "met")}, {}, 2)


@pytest.mark.parametrize("code", [-1, 2])
def test_a_code_without_a_value_is_refused(code):
    with pytest.raises(EngineProblem, match="CE551 judge: status has a code outside its 2 values"):
        group({"status": column([0, code], "met", "overdue")}, {}, 2)


def test_a_situation_is_completed_with_the_defaults_in_one_order():
    given = {"verified": "secondary", "status": "met", "authority": "law", "kind": "deadline"}
    given |= {"topic": "t", "rule": "us.idea_b.t", "program": "idea_b", "jurisdiction": "us"}
    whole = complete(given)
    assert list(whole) == list(PROPERTIES)
    assert {name: value for name, value in whole.items() if name not in given} == {
        "late_band": "none",
        "excuse": "absent",
        "delay_code": "absent",
        "delay_compliant": "absent",
        "too_early": False,
        "extension_capped": False,
        "calendar": "complete",
        "reason": "none",
        "repeats": 0,
    }

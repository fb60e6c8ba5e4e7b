"""The evaluator against the oracle, which reads the rule language one case and one day at a time."""

from __future__ import annotations

from functools import cache

import pytest

from compliance_engine.engine.rule_cases import LocatedCase, WrittenEvent, written_events
from corpus_data import calendar, corpus, results, rule_cases
from oracle import Oracle
from oracle_compare import differences
from oracle_days import NaiveDays
from oracle_history import Fact, History

FILES = sorted({one.file for one in rule_cases()})


@cache
def days_of(reference: str | None, state: str) -> NaiveDays:
    return NaiveDays(calendar(reference), state, corpus().counts)


def fact(event: WrittenEvent) -> Fact:
    return Fact(event.event, event.occurred_on, event.attributes)


def oracle_of(one: LocatedCase) -> Oracle:
    case = one.case
    history = History(
        state=one.state,
        program=corpus().rules[one.rule].program,
        calendar=calendar(one.calendar),
        events=[fact(event) for event in written_events(case)],
        birth=case.birth_date,
        facts=case.case,
        district=case.district,
    )
    readings = {one.rule: case.readings} if case.readings else {}
    return Oracle(corpus(), history, case.as_of, readings, days_of(one.calendar, one.state))


@pytest.mark.parametrize("file", FILES)
def test_cases_of_a_file_come_out_alike(file: str) -> None:
    found = []
    for one in rule_cases():
        if one.file == file:
            expected = oracle_of(one).evaluate([one.rule])[one.rule]
            deadlines = results()[str(one.place)].found
            found += [f"{one.place} {one.name}: {text}" for text in differences(expected, deadlines)]

    assert found == []

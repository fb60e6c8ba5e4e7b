"""The evaluator against the oracle, which reads the rule language one case and one day at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calendar_strategies import DAY, library_of, random_calendars
from compliance_engine.calendars.models import Calendar
from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.rule_cases import LocatedCase, WrittenEvent, written_events
from compliance_engine.rules.loader import Corpus
from corpus_data import calendar, corpus, library, results, rule_cases
from corpus_histories import case_histories, rulebooks
from oracle import Oracle
from oracle_compare import differences
from oracle_days import NaiveDays
from oracle_history import Fact, History
from rule_strategies import UNITS, random_cases, random_rules
from small_rules import SmallCase, evaluated, small_corpus

# the many rulebooks share the examples
few = settings(max_examples=max(4, settings.default.max_examples // 25))
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


@st.composite
def situations(draw: st.DrawFn) -> tuple[Calendar, list[dict[str, Any]], list[SmallCase], date]:
    drawn = draw(random_calendars())
    state = draw(st.sampled_from(sorted(UNITS)))
    rules = draw(random_rules(state))
    span = (drawn.years[-1].covers.to - drawn.years[0].covers.from_).days
    as_of = drawn.years[0].covers.from_ + draw(st.integers(span // 3, span + 10)) * DAY
    return drawn, rules, draw(random_cases(drawn, state, rules)), as_of


@given(situations())
def test_random_rules_come_out_alike(situation: tuple[Any, ...]) -> None:
    drawn, rules, cases, as_of = situation
    made = small_corpus(*rules)
    found = evaluated(made, library_of(drawn), cases, as_of)

    assert list(disagreements(made, drawn, cases, as_of, found)) == []


def disagreements(
    made: Corpus, drawn: Calendar, cases: list[SmallCase], as_of: date, found: list[dict[str, list[Deadline]]]
) -> Iterator[str]:
    for index, case in enumerate(cases):
        history = case.history(drawn if case.calendar else None)
        for rule_id, expected in Oracle(made, history, as_of).evaluate().items():
            for text in differences(expected, found[index].get(rule_id, [])):
                yield f"case {index}, {rule_id}: {text}"


@pytest.mark.parametrize(("state", "program"), rulebooks())
@given(data=st.data())
@few
def test_random_histories_under_the_shipped_rules_come_out_alike(
    state: str, program: str, data: st.DataObject
) -> None:
    cases = [data.draw(case_histories(state, program)) for _ in range(3)]
    as_of = data.draw(st.sampled_from([date(2025, 3, 14), date(2026, 1, 20), date(2027, 4, 1)]))
    found = evaluated(corpus(), library(), cases, as_of)
    wrong = []
    for index, case in enumerate(cases):
        history = case.history(calendar(case.calendar))
        oracle = Oracle(corpus(), history, as_of, days=days_of(case.calendar, state))
        for rule_id, expected in oracle.evaluate().items():
            texts = differences(expected, found[index].get(rule_id, []))
            wrong += [f"case {index}, {rule_id}: {text}" for text in texts]

    assert wrong == []

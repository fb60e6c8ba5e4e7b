"""Random case histories for the shipped rulebooks: the events and facts that their rules ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from compliance_engine.cases.catalogue import AttributeType, catalogue
from compliance_engine.rules.conditions import CaseFact, NumberTest, ValueTest
from compliance_engine.rules.patterns import AttributeTest, EventPattern
from compliance_engine.rules.rulebook import Rulebook, rulebook
from corpus_data import corpus
from oracle_history import Fact
from small_rules import SmallCase

DAY = timedelta(days=1)
FIRST, LAST = date(2023, 7, 1), date(2027, 6, 30)
"""The cover of the example county's calendar."""


@cache
def rulebook_of(state: str, program: str) -> Rulebook:
    return rulebook(corpus(), state, program)


def rulebooks() -> list[tuple[str, str]]:
    """Every state and program, and the federal rules alone."""
    states = ["us", *corpus().states()]
    programs = sorted(corpus().programs)
    return [(state, program) for state in states for program in programs if rulebook_of(state, program).rules]


@cache
def events_asked_for(state: str, program: str) -> tuple[str, ...]:
    book = rulebook_of(state, program)
    names = {node.name for rule in book.rules for node in rule.rule.nodes if isinstance(node, EventPattern)}
    return tuple(sorted(names | {pattern.name for pattern in book.closed_by} | {"student_absent"}))


@cache
def values_asked_for(state: str, program: str) -> dict[str, list[Any]]:
    """The values that patterns and conditions compare attributes and facts with, by attribute."""
    found: dict[str, set[Any]] = {}
    for rule in rulebook_of(state, program).rules:
        for node in rule.rule.nodes:
            if isinstance(node, AttributeTest):
                found.setdefault(node.attribute, set()).update(node.values)
            elif isinstance(node, CaseFact):
                wanted = node.test.values if isinstance(node.test, ValueTest) else _near(node.test)
                found.setdefault(node.name, set()).update(wanted)
    return {name: sorted(values, key=str) for name, values in found.items()}


def _near(test: NumberTest) -> set[int]:
    bounds = [bound for bound in (test.at_least, test.at_most) if bound is not None]
    return {bound + step for bound in bounds for step in (-1, 0, 1)}


def _value(draw: st.DrawFn, kind: AttributeType, asked: Sequence[Any], days: st.SearchStrategy[date]) -> Any:
    if kind.kind == "bool":
        return draw(st.booleans())
    if kind.kind == "int":
        return draw(st.integers(1, 14))
    if kind.kind == "date":
        return str(draw(days))
    if kind.kind == "time":
        return draw(st.sampled_from(["08:00", "10:30", "15:45"]))
    return draw(st.sampled_from([*asked, *kind.choices, "other"] if not kind.choices else kind.choices))


@st.composite
def case_histories(draw: st.DrawFn, state: str, program: str) -> SmallCase:
    """A history of up to sixteen events of those that the rulebook speaks of."""
    days = st.integers(0, (LAST - FIRST).days).map(lambda offset: FIRST + offset * DAY)
    asked = values_asked_for(state, program)
    rules = [one.id for one in rulebook_of(state, program).rules]
    said = st.integers(1, 15).map(lambda number: number < 15)
    events = []
    for name in draw(st.lists(st.sampled_from(events_asked_for(state, program)), min_size=3, max_size=16)):
        kinds = catalogue().get(name).attributes
        attributes = {
            key: _value(draw, kind, asked.get(key, ()), days) for key, kind in kinds.items() if draw(said)
        }
        if "rule" in attributes:
            named = draw(st.sampled_from(rules))
            attributes["rule"] = named if draw(st.booleans()) else named.rpartition(".")[2]
        events.append(Fact(name, draw(days), attributes))
    facts = {
        name: draw(st.sampled_from(values))
        for name, values in asked.items()
        if (name == "grade" or name in catalogue().case_attributes) and draw(said)
    }
    youngest = 4 if program == "part_c_transition" else 21
    age = draw(st.integers(0, youngest * 365))
    birth = draw(st.sampled_from([FIRST + 600 * DAY - age * DAY] * 9 + [None]))
    calendar = draw(st.sampled_from(["us.example_county"] * 9 + [None]))
    return SmallCase(events, calendar, state, birth, facts, program=program)

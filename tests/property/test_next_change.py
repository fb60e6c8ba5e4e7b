"""Until the day an evaluation names nothing about a case changes by itself: incremental sweeps rest on it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_oracle import few, situations

from calendar_strategies import DAY, library_of
from compliance_engine.calendars.loader import CalendarLibrary
from compliance_engine.dates import NO_DAY, to_date, to_day
from compliance_engine.engine.columns import Status
from compliance_engine.engine.evaluate import Engine, Evaluation
from compliance_engine.rules.loader import Corpus
from corpus_data import corpus, library
from corpus_histories import case_histories, rulebooks
from small_rules import SmallCase, batch_of, small_corpus

AHEAD = 500


def contents(evaluation: Evaluation) -> set[tuple[Any, ...]]:
    """Everything a store keeps of deadlines; how late an overdue one is grows by itself."""
    found = set()
    for block in evaluation.blocks:
        outcome = block.outcome
        for row in range(len(block)):
            values = [
                int(getattr(outcome, name)[row]) for name in ("due", "met", "closed", "status", "flags")
            ]
            kinds = [int(getattr(outcome, name)[row]) for name in ("version", "variant", "excuse")]
            opened, late = int(outcome.openings.day[row]), int(outcome.days_late[row])
            running = values[3] == Status.OVERDUE and late == to_day(evaluation.engine.as_of) - values[0]
            running &= values[2] == NO_DAY and block.rule.rule.met_looking != "backward"
            reason = evaluation.reasons.listed[int(outcome.reason[row])] if values[3] == 6 else None
            found.add((block.rule.id, row, opened, *values, *kinds, None if running else late, reason))
    return found


def changed_too_early(
    made: Corpus, calendars: CalendarLibrary, case: SmallCase, as_of: date, part: float
) -> set[tuple[Any, ...]]:
    """Return what is otherwise on the last day before the one that was named, or on one between."""
    now = Engine(made, calendars, as_of).evaluate(batch_of([case], as_of))
    later = [to_day(event.day) for event in case.events if event.day > as_of]
    first, last = to_day(as_of), min([int(now.next_change[0]), to_day(as_of) + AHEAD, *later]) - 1
    day = to_date(last if part > 1 else first + int((last - first) * part))
    then = Engine(made, calendars, day).evaluate(batch_of([case], day))
    return contents(now) ^ contents(then)


parts = st.floats(0, 2)


@given(situations(), parts)
def test_random_rules_stay_until_the_day_named(situation: tuple[Any, ...], part: float) -> None:
    drawn, rules, cases, as_of = situation
    made = small_corpus(*rules)
    assert changed_too_early(made, library_of(drawn), cases[0], as_of - 30 * DAY, part) == set()


@pytest.mark.parametrize(("state", "program"), rulebooks())
@given(data=st.data(), part=parts)
@few
def test_the_shipped_rules_stay_until_the_day_named(
    state: str, program: str, data: st.DataObject, part: float
) -> None:
    case = data.draw(case_histories(state, program))
    as_of = data.draw(st.sampled_from([date(2025, 3, 14), date(2026, 1, 20), date(2026, 8, 20)]))
    assert changed_too_early(corpus(), library(), case, as_of, part) == set()

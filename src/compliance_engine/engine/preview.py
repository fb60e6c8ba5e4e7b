"""What follows from the events of one child, and what would if each step were taken on its last day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from compliance_engine.cases.columns import CaseBatch
from compliance_engine.cases.event_text import WrittenEvent
from compliance_engine.cases.single import batch_of_one
from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.evaluate import Engine, Evaluation
from compliance_engine.rules.models import Rule
from compliance_engine.rules.patterns import EventPattern
from compliance_engine.rules.starts import OnEvent

_CASE = "preview"
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Child:
    """The facts of one case, as a coordinator has them on the desk."""

    state: str
    program: str
    calendar: str | None
    birth_date: date | None = None
    grade: int | None = None
    facts: Mapping[str, bool | int | str] = field(default_factory=dict)
    district: str | None = None


@dataclass(frozen=True, slots=True)
class Provisional:
    """A deadline that opens only if the steps before it are taken on their last day."""

    deadline: Deadline
    assuming: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """Deadlines that are open or decided now, with their evaluation, and those that would follow."""

    deadlines: tuple[Deadline, ...]
    provisional: tuple[Provisional, ...]
    evaluation: Evaluation


def preview(
    child: Child,
    events: Sequence[WrittenEvent],
    engine: Engine,
    *,
    follow: bool = True,
    working: bool = True,
    rules: frozenset[str] | None = None,
) -> Preview:
    """Evaluate one child.

    Args:
        child: The case.
        events: Its history; events after the engine's day do not exist.
        engine: Rules, calendars and the day.
        follow: Whether to look at what would follow.
        working: Whether to make the derivation of each deadline.
        rules: Only deadlines of these rules; None for all.
    """
    real = [event for event in events if event.occurred_on <= engine.as_of]
    evaluation = engine.evaluate(_batch(child, real))
    deadlines = list(evaluation.deadlines(working=working))
    later: list[Provisional] = []
    if follow:
        _follow(child, real, engine, deadlines, later)
    if rules is not None:
        deadlines = [one for one in deadlines if one.rule in rules]
        later = [one for one in later if one.deadline.rule in rules]
    return Preview(tuple(_by_due(deadlines)), tuple(sorted(later, key=_when)), evaluation)


def _when(one: Provisional) -> date:
    return one.deadline.due_on or date.max


def _by_due(deadlines: Sequence[Deadline]) -> list[Deadline]:
    return sorted(deadlines, key=lambda one: (one.due_on or date.max, one.rule))


def _evaluate(child: Child, events: Sequence[WrittenEvent], engine: Engine) -> list[Deadline]:
    return list(engine.evaluate(_batch(child, events)).deadlines())


def _batch(child: Child, events: Sequence[WrittenEvent]) -> CaseBatch:
    return batch_of_one(
        _CASE,
        state=child.state,
        program=child.program,
        district=child.district or f"{child.state}.preview",
        calendar=child.calendar,
        birth_date=child.birth_date,
        grade=child.grade,
        facts=child.facts,
        events=events,
        where="preview",
    )


def _follow(
    child: Child,
    events: list[WrittenEvent],
    engine: Engine,
    deadlines: list[Deadline],
    later: list[Provisional],
) -> None:
    rules = {
        rule.id: rule.rule for rule in engine.rulebook(child.state, child.program, child.district or "").rules
    }
    seen = {(one.rule, one.opened_on) for one in deadlines}
    assumed: list[WrittenEvent] = []
    fresh = deadlines
    for _ in range(_ROUNDS):
        steps = [step for one in fresh if (step := _step(rules[one.rule], one, engine.as_of)) is not None]
        steps = [step for step in dict.fromkeys(steps) if all(step[0].name != old.event for old in assumed)]
        if not steps:
            return
        assumed += [_assumption(pattern, day) for pattern, day in steps]
        found = _evaluate(child, [*events, *assumed], engine)
        fresh = [one for one in found if (one.rule, one.opened_on) not in seen and one.kind == "deadline"]
        seen |= {(one.rule, one.opened_on) for one in fresh}
        texts = tuple(f"{event.event.replace('_', ' ')} on {event.occurred_on}" for event in assumed)
        later += [Provisional(one, texts) for one in fresh]


def _step(rule: Rule, deadline: Deadline, as_of: date) -> tuple[EventPattern, date] | None:
    """Return the event that would meet a pending deadline on its last day."""
    if (
        deadline.status != "pending"
        or deadline.due_on is None
        or rule.kind != "deadline"
        or rule.met_looking != "forward"
    ):
        return None
    pattern = rule.met_by.patterns[0]
    start = rule.starts_on
    if isinstance(start, OnEvent) and pattern.name in {one.name for one in start.patterns}:
        return None  # a yearly duty would open for ever
    return pattern, max(deadline.due_on, as_of)


def _assumption(pattern: EventPattern, day: date) -> WrittenEvent:
    attributes = {test.attribute: test.values[0] for test in pattern.tests if not test.negated}
    if pattern.name == "eligibility_determined":
        attributes.setdefault("eligible", True)
    return WrittenEvent(pattern.name, day, attributes)

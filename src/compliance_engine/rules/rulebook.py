"""The rulebook: the rules in force for the cases of one jurisdiction, program and district."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compliance_engine.calendars.day_counts import DayCount
from compliance_engine.errors import Place, Problem, UsageProblem, did_you_mean
from compliance_engine.rules.conditions import VariantOf
from compliance_engine.rules.expressions import (
    DueOf,
    FirstSchoolDay,
    LastSchoolDay,
    NthSchoolDay,
    Offset,
    Snap,
)
from compliance_engine.rules.loader import FEDERAL, Corpus, LoadedRule
from compliance_engine.rules.models import Rule
from compliance_engine.rules.patterns import EventPattern
from compliance_engine.rules.starts import OnDue

Readings = Mapping[str, Mapping[str, str]]
"""Rule id to reading id to option."""


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A rule as one rulebook holds it, with its open questions answered."""

    rule: Rule
    jurisdiction: str
    chosen: Mapping[str, str]
    """Reading id to the option used."""
    units: Mapping[str, str]
    """Unit word to the key of the day count it means in this rule."""
    file: str

    @property
    def id(self) -> str:
        """The rule's id."""
        return self.rule.id

    def uses_calendar(self, counts: Mapping[str, DayCount]) -> bool:
        """Tell whether any of the rule's days rests on a school calendar."""
        for node in self.rule.nodes:
            if isinstance(node, LastSchoolDay | FirstSchoolDay | NthSchoolDay):
                return True
            if isinstance(node, Offset | Snap) and counts[self.units[node.unit]].needs_calendar:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rules in the order in which they can be evaluated.

    `resolve` maps the id of an overridden federal rule to that of the rule in its place.
    """

    state: str
    program: str
    district: str | None
    rules: tuple[RuleInForce, ...]
    closed_by: tuple[EventPattern, ...]
    counts: Mapping[str, DayCount]
    ages: Mapping[str, int]
    replaced: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, rule_id: str) -> str:
        """Return the id of the rule that stands for `rule_id` here."""
        return self.replaced.get(rule_id, rule_id)

    def needed(self, rule_ids: frozenset[str]) -> frozenset[str]:
        """Return the rules named and all they refer to, however far."""
        by_id = {rule.id: rule for rule in self.rules}
        found: set[str] = set()
        waiting = [self.resolve(rule_id) for rule_id in rule_ids]
        while waiting:
            rule_id = waiting.pop()
            if rule_id in by_id and rule_id not in found:
                found.add(rule_id)
                waiting += [self.resolve(other) for other in references(by_id[rule_id].rule)]
        return frozenset(found)


def references(rule: Rule) -> list[str]:
    """Return the rules that a rule looks at."""
    named = [node.rule for node in rule.nodes if isinstance(node, DueOf | OnDue | VariantOf)]
    return [*named, *([rule.tightens] if rule.tightens else [])]


def count_key(corpus: Corpus, jurisdiction: str, unit: str) -> str | None:
    """Return the key of the day count a unit means in a jurisdiction's rule; its own count wins."""
    for key in (f"{jurisdiction}.{unit}", f"{FEDERAL}.{unit}"):
        if key in corpus.counts:
            return key
    return None


def rulebook(
    corpus: Corpus, state: str, program: str, *, district: str | None = None, readings: Readings | None = None
) -> Rulebook:
    """Return the rules in force: federal, less those the state replaces, plus the state's and the district's.

    Raises:
        UsageProblem: CE701 for a reading of a rule that does not exist or has no such question.
        RuleProblem: CE214 for an unknown option.
    """
    chosen = readings or {}
    _check_readings(corpus, chosen)
    order, _ = order_of_evaluation(corpus, state, program, district)
    rules = tuple(_in_force(corpus, corpus.rules[rule_id], chosen.get(rule_id, {})) for rule_id in order)
    definition = corpus.programs.get(program)
    majority = corpus.jurisdictions[state].age_of_majority if state in corpus.jurisdictions else None
    return Rulebook(
        state=state,
        program=program,
        district=district,
        rules=rules,
        closed_by=definition.closed_by if definition else (),
        counts=corpus.counts,
        ages={} if majority is None else {"age_of_majority": majority},
        replaced=_replaced(corpus, state),
    )


def _check_readings(corpus: Corpus, readings: Readings) -> None:
    problems = []
    for rule_id, answers in readings.items():
        loaded = corpus.rules.get(rule_id)
        known = {reading.id for reading in loaded.rule.readings} if loaded else set()
        for name in set(answers) - known:
            found = f"{rule_id} has no open question {name!r}" if loaded else f"{rule_id!r} is no rule"
            mend = did_you_mean(name, known) if loaded else did_you_mean(rule_id, corpus.rules)
            problems.append(
                Problem(Place("reading"), "CE701", f"{rule_id}:{name}", found, ", ".join(sorted(known)), mend)
            )
    if problems:
        raise UsageProblem(problems)


def _in_force(corpus: Corpus, loaded: LoadedRule, answers: Mapping[str, str]) -> RuleInForce:
    rule = loaded.with_readings(answers)
    chosen = {reading.id: answers.get(reading.id, reading.default) for reading in rule.readings}
    return RuleInForce(
        rule, loaded.jurisdiction, chosen, _Units(corpus, loaded.jurisdiction), loaded.document.name
    )


class _Units(dict[str, str]):
    """Unit words to day-count keys, looked up on first use."""

    def __init__(self, corpus: Corpus, jurisdiction: str) -> None:
        super().__init__()
        self._corpus, self._jurisdiction = corpus, jurisdiction

    def __missing__(self, unit: str) -> str:
        key = count_key(self._corpus, self._jurisdiction, unit)
        if key is None:
            raise KeyError(unit)
        self[unit] = key
        return key


def _replaced(corpus: Corpus, state: str) -> dict[str, str]:
    return {
        other: loaded.rule.id
        for loaded in corpus.rules.values()
        if loaded.jurisdiction == state and loaded.district is None
        for other in loaded.rule.overrides
    }


def order_of_evaluation(
    corpus: Corpus, state: str, program: str, district: str | None = None
) -> tuple[list[str], list[str]]:
    """Return rule ids, each after those it refers to; and a cycle, if there is one (else empty)."""
    replaced = _replaced(corpus, state)
    members = {
        loaded.rule.id: loaded
        for loaded in corpus.rules.values()
        if loaded.program == program
        and loaded.jurisdiction in (FEDERAL, state)
        and loaded.district in (None, district)
        and loaded.rule.id not in replaced
    }
    done: dict[str, None] = {}
    for rule_id in members:
        cycle = _visit(rule_id, members, replaced, done, [])
        if cycle:
            return [], cycle
    return list(done), []


def _visit(
    rule_id: str,
    members: Mapping[str, LoadedRule],
    replaced: Mapping[str, str],
    done: dict[str, None],
    path: list[str],
) -> list[str]:
    if rule_id in done or rule_id not in members:
        return []
    if rule_id in path:
        return [*path[path.index(rule_id) :], rule_id]
    for other in references(members[rule_id].rule):
        cycle = _visit(replaced.get(other, other), members, replaced, done, [*path, rule_id])
        if cycle:
            return cycle
    done[rule_id] = None
    return []

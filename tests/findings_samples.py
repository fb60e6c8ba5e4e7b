"""Findings rules and situations for tests: the shipped ones, small ones, random ones."""

from __future__ import annotations

import random
from pathlib import Path

from compliance_engine.data_files import rules_folder
from compliance_engine.engine.findings_rules import (
    Condition,
    FindingRule,
    FindingsRules,
    LateBands,
    load_findings_rules,
)
from compliance_engine.engine.situations import PROPERTIES

LATE = {
    "jurisdiction": "us",
    "program": "idea_b",
    "rule": "us.idea_b.initial_evaluation",
    "topic": "initial_evaluation",
    "kind": "deadline",
    "authority": "law",
    "status": "met_late",
    "late_band": "1-5",
    "verified": "regulation_text",
}
"""Five days late at most, with nothing to excuse it."""

CONCLUSIONS = {
    "finding": {"alpha": "A", "beta": "B", "gamma": "C"},
    "severity": {"low": "L", "high": "H"},
    "basis": {"shown": "S", "assumed": "A"},
}
BANDS = LateBands(("none", "1-5", "6-15", "over_15"), (0, 5, 15))
TEXTS = ["absent", "x", "y", "long delay/7", 'ü"\\', "yes", "1", "a" * 150]


def shipped() -> FindingsRules:
    return load_findings_rules(rules_folder())


def small(*rules: FindingRule) -> FindingsRules:
    return FindingsRules(BANDS, CONCLUSIONS, rules)


def rule(name: str, then: dict[str, str], *tests: Condition, jurisdiction: str = "us") -> FindingRule:
    return FindingRule(f"{jurisdiction}.{name}", jurisdiction, name, tests, tuple(then.items()))


def some_value(name: str, choose: random.Random) -> str | int | bool:
    prop = PROPERTIES[name]
    if name == "late_band":
        return choose.choice(BANDS.names)
    if prop.kind == "flag":
        return choose.random() < 0.5
    if prop.kind == "number":
        return choose.randint(-3, 3)
    return choose.choice(prop.choices or TEXTS)


def some_condition(choose: random.Random) -> Condition:
    if choose.random() < 0.25:
        name = choose.choice(list(CONCLUSIONS))
        return Condition(name, "is", tuple(choose.sample(list(CONCLUSIONS[name]), choose.randint(1, 2))))
    name = choose.choice([name for name in PROPERTIES if name != "jurisdiction"])
    kind = PROPERTIES[name].kind
    if kind == "number" and choose.random() < 0.7:
        return Condition(name, choose.choice(("at_least", "below")), (choose.randint(-3, 3),))
    number = 1 if kind == "flag" else choose.randint(1, 3)
    values = tuple({some_value(name, choose) for _ in range(number)})
    return Condition(name, choose.choice(("is", "is", "is_not")), values)


def some_rules(choose: random.Random, jurisdiction: str, number: int) -> list[FindingRule]:
    made = []
    for index in range(number):
        tests = [some_condition(choose) for _ in range(choose.randint(1, 4))]
        name = choose.choice(list(CONCLUSIONS))
        then = {name: choose.choice(list(CONCLUSIONS[name]))}
        made.append(rule(f"r{index}", then, *tests, jurisdiction=jurisdiction))
    return made


def some_situation(choose: random.Random, jurisdiction: str) -> dict[str, str | int | bool]:
    return {name: some_value(name, choose) for name in PROPERTIES} | {"jurisdiction": jurisdiction}


def write_rules(folder: Path, jurisdiction: str, text: str) -> Path:
    path = folder / jurisdiction / "findings.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path

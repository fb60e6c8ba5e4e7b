"""A naive reading of the findings rules: no tables, no flags, no child process."""

from __future__ import annotations

from collections.abc import Mapping

from compliance_engine.engine.findings_rules import Condition, FindingsRules
from compliance_engine.engine.judge import Verdict
from compliance_engine.engine.situations import complete

Known = dict[str, set[object]]


def naive_verdict(situation: Mapping[str, str | int | bool], rules: FindingsRules) -> Verdict:
    """Apply every rule again and again until nothing new is concluded."""
    known: Known = {name: {value} for name, value in complete(situation).items()}
    applicable = rules.for_jurisdiction(str(situation["jurisdiction"]))
    fired: set[str] = set()
    while True:
        new = [
            rule
            for rule in applicable
            if rule.id not in fired and all(holds(t, known) for t in rule.conditions)
        ]
        if not new:
            break
        for rule in new:
            fired.add(rule.id)
            for name, word in rule.conclusions:
                known.setdefault(name, set()).add(word)
    names = tuple(rule.id for rule in applicable if rule.id in fired)
    conclusions: dict[str, str] = {}
    for name in rules.conclusions:
        words = [word for word in rules.conclusions[name] if word in known.get(name, ())]
        if name != "finding" and len(words) > 1:
            return Verdict(rules=names, error=f"contradiction: {name} is {words[0]} and {words[1]}")
        if name != "finding" and words:
            conclusions[name] = words[0]
    findings = tuple(word for word in rules.conclusions["finding"] if word in known.get("finding", ()))
    return Verdict(findings, conclusions, names)


def holds(test: Condition, known: Known) -> bool:
    """Tell whether a condition holds; nothing holds of what is not known."""
    values = known.get(test.property, set())
    if test.operator == "is":
        return any(value in values for value in test.values)
    if test.operator == "is_not":
        return bool(values) and not any(value in values for value in test.values)
    (limit,) = test.values
    return any(value >= limit if test.operator == "at_least" else value < limit for value in values)

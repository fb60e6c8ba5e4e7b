"""The law of one day, as if it had always held: for comparing two days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from compliance_engine.rules.loader import Corpus, LoadedRule
from compliance_engine.rules.models import Rule, Version


def version_on(rule: Rule, day: date) -> Version | None:
    """Return the version in force on a day; None where the rule is not in force."""
    found = None
    for version in rule.versions:
        if version.effective_from is None or version.effective_from <= day:
            found = version
    return found if found and (found.ends is None or day <= found.ends) else None


def law_of_day(corpus: Corpus, day: date) -> Corpus:
    """Return the rules in force on a day, each in the version of that day and without limits of time."""
    kept: dict[str, LoadedRule] = {}
    for rule_id, loaded in corpus.rules.items():
        version = version_on(loaded.rule, day)
        if version is not None:
            kept[rule_id] = _only(loaded, loaded.rule.versions.index(version))
    made = replace(corpus, rules=kept)
    return replace(made, rules={rule_id: _with_kept_references(one, kept) for rule_id, one in kept.items()})


def _only(loaded: LoadedRule, index: int) -> LoadedRule:
    data = loaded.document.data
    rule = dict(data["rules"][loaded.index])
    version = {key: value for key, value in rule["versions"][index].items() if key != "ends"}
    rule["versions"] = [version | {"effective_from": "unknown"}]
    return _from_data(loaded, rule)


def _with_kept_references(loaded: LoadedRule, kept: Mapping[str, LoadedRule]) -> LoadedRule:
    """Return a rule that replaces only what is there on that day."""
    if all(other in kept for other in loaded.rule.overrides):
        return loaded
    rule = dict(loaded.document.data["rules"][loaded.index])
    rule["overrides"] = [other for other in loaded.rule.overrides if other in kept]
    return _from_data(loaded, rule)


def _from_data(loaded: LoadedRule, rule: dict[str, Any]) -> LoadedRule:
    data = loaded.document.data
    rules = [rule if index == loaded.index else other for index, other in enumerate(data["rules"])]
    document = replace(loaded.document, data=data | {"rules": rules})
    return replace(loaded, rule=Rule.model_validate(rule), document=document)

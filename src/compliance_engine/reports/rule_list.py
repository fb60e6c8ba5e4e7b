"""Lists of rules: all that are loaded, or those in force in one state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from compliance_engine.reports.rule_text import titled_words
from compliance_engine.rules.loader import FEDERAL, Corpus, LoadedRule
from compliance_engine.rules.rulebook import rulebook


@dataclass(frozen=True, slots=True)
class ListedRule:
    """One rule of a list.

    Attributes:
        due: When the last version is due, in words.
        verified: How well the last version was verified.
        versions: How many versions there are.
    """

    id: str
    title: str
    jurisdiction: str
    program: str
    district: str | None
    authority: str
    kind: str
    due: str
    verified: str
    versions: int

    def as_json(self) -> dict[str, Any]:
        """Return the rule as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def list_rules(corpus: Corpus, state: str | None = None, program: str | None = None) -> list[ListedRule]:
    """Return rules in the order of their program and id.

    Args:
        state: The rules in force there, federal ones that it keeps included; None for every rule loaded.
        program: Only of this program.
    """
    found = corpus.rules.values() if state is None else _in_force(corpus, state)
    wanted = [loaded for loaded in found if program in (None, loaded.program)]
    return [_listed(loaded, corpus) for loaded in sorted(wanted, key=lambda one: (one.program, one.rule.id))]


def _in_force(corpus: Corpus, state: str) -> Iterator[LoadedRule]:
    for program in corpus.programs:
        for rule in rulebook(corpus, state, program).rules:
            yield corpus.rules[rule.id]
    yield from (
        one for one in corpus.rules.values() if one.jurisdiction == state and one.district is not None
    )


def _listed(loaded: LoadedRule, corpus: Corpus) -> ListedRule:
    rule = loaded.rule
    last = rule.versions[-1]
    return ListedRule(
        id=rule.id,
        title=rule.title,
        jurisdiction=loaded.jurisdiction,
        program=loaded.program,
        district=loaded.district,
        authority=rule.authority,
        kind=rule.kind,
        due=titled_words(corpus).day(last.due),
        verified=last.verified,
        versions=len(rule.versions),
    )


def rules_on(corpus: Corpus, state: str, topic: str) -> list[LoadedRule]:
    """Return the rules on a topic that are in force in a state.

    Args:
        topic: The last part of a rule's id, or of a replaced federal rule's id; else the name of a rule file.
    """
    rules = sorted(_in_force(corpus, state), key=lambda one: (one.jurisdiction == FEDERAL, one.rule.id))
    return [one for one in rules if topic in _topics(one)] or [one for one in rules if topic == _file(one)]


def topics(corpus: Corpus, state: str) -> list[str]:
    """Return every topic on which a state has rules in force, sorted."""
    return sorted({name for one in _in_force(corpus, state) for name in (*_topics(one), _file(one))})


def _topics(loaded: LoadedRule) -> set[str]:
    return {one.rsplit(".", 1)[1] for one in (loaded.rule.id, *loaded.rule.overrides)}


def _file(loaded: LoadedRule) -> str:
    return PurePath(loaded.document.name).stem

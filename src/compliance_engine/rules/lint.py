"""Checks of a whole corpus: what ``rules check`` finds beyond what loading refuses."""

from __future__ import annotations

from collections.abc import Iterator

from compliance_engine.errors import Problem
from compliance_engine.rules.coverage import accounting
from compliance_engine.rules.loader import FEDERAL, Corpus, LoadedRule
from compliance_engine.rules.models import Rule
from compliance_engine.rules.reachable import Fact, facts_of, implies, overlap


def lint(corpus: Corpus) -> list[Problem]:
    """Return every problem, sorted by place."""
    problems = [*accounting(corpus), *_two_clocks(corpus)]
    for loaded in corpus.rules.values():
        problems += _variants(loaded, loaded.rule)
        for reading in loaded.rule.readings:
            for option in reading.options:
                problems += _variants(loaded, loaded.with_readings({reading.id: option}))
    return sorted(set(problems))


def _two_clocks(corpus: Corpus) -> Iterator[Problem]:
    """CE222: a state rule of a federal rule's name runs beside it, unless it says that it replaces it."""
    for loaded in corpus.rules.values():
        rule = loaded.rule
        federal = corpus.rules.get(f"{FEDERAL}.{loaded.program}.{rule.topic}")
        if federal is None or loaded.jurisdiction == FEDERAL or loaded.district or rule.tightens:
            continue
        if federal.rule.id not in rule.overrides:
            yield Problem(
                loaded.place("id"),
                "CE222",
                rule.id,
                f"runs beside {federal.rule.id} at {federal.place('id')}",
                mend=f"say overrides: {federal.rule.id}, or give it a name of its own",
            )


def _variants(loaded: LoadedRule, rule: Rule) -> Iterator[Problem]:
    """CE220: a variant that is never reached; CE221: thresholds that overlap."""
    for number, version in enumerate(rule.versions):
        before: list[tuple[str, dict[object, Fact]]] = []
        for index, variant in enumerate(version.variants):
            place = loaded.place("versions", number, "variants", index)
            facts = facts_of(variant.when)
            if facts is None:
                found = f"variant {variant.id} is never reached: its conditions exclude one another"
                yield Problem(place, "CE220", rule.id, found)
                continue
            for name, earlier in before:
                shared = overlap(facts, earlier)
                if implies(facts, earlier):
                    found = f"variant {variant.id} is never reached: {name} before it takes all of it"
                    yield Problem(place, "CE220", rule.id, found, mend="put the narrower one first")
                    break
                if shared:
                    found = f"variants {name} and {variant.id} overlap {shared[1]}, where {name} wins"
                    mend = "let one end where the other begins"
                    yield Problem(place, "CE221", rule.id, found, mend=mend)
            before.append((variant.id, facts))

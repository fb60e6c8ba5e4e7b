"""Which parts of the rules the hand-counted cases exercise, and which none does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from compliance_engine.engine.deadline import Deadline
from compliance_engine.errors import Place, Problem
from compliance_engine.rules.loader import LoadedRule
from compliance_engine.rules.models import Rule, RuleException, Variant


class Part(NamedTuple):
    """A version, variant or exception of a rule, or an answer to one of its open questions.

    Attributes:
        version: Index of the version; -1 for an answer, which stands beside them.
        kind: ``version``, ``variant``, ``exception`` or ``reading``.
        name: Id of the variant or exception; ``question=answer`` of a reading; empty for a version.
    """

    rule: str
    version: int
    kind: str
    name: str = ""


def parts_of(loaded: LoadedRule) -> dict[Part, Place]:
    """Return every part of a rule, under each reading, with where it stands."""
    rule = loaded.rule
    found = dict(_written(loaded, rule))
    for number, reading in enumerate(rule.readings):
        place = loaded.place("readings", number)
        for option in reading.options:
            found[Part(rule.id, -1, "reading", f"{reading.id}={option}")] = place
            for part, _ in _written(loaded, loaded.with_readings({reading.id: option})):
                found.setdefault(part, place)
    return found


def _written(loaded: LoadedRule, rule: Rule) -> Iterator[tuple[Part, Place]]:
    for index, version in enumerate(rule.versions):
        yield Part(rule.id, index, "version"), loaded.place("versions", index)
        named: dict[str, tuple[Variant | RuleException, ...]] = {
            "variants": version.variants,
            "exceptions": version.exceptions,
        }
        for key, items in named.items():
            for number, item in enumerate(items):
                place = loaded.place("versions", index, key, number)
                yield Part(rule.id, index, key.removesuffix("s"), item.id), place


def parts_used(rule: Rule, version: int, deadline: Deadline) -> Iterator[Part]:
    """Yield the parts of a rule that one deadline, with its working, came to pass by.

    Args:
        version: Index of the version in force; negative where none is.
    """
    for reading, option in deadline.readings.items():
        yield Part(rule.id, -1, "reading", f"{reading}={option}")
    if version < 0:
        return
    yield Part(rule.id, version, "version")
    if deadline.variant:
        yield Part(rule.id, version, "variant", deadline.variant)
    for step in deadline.derivation:
        if step["step"] == "exception":
            yield Part(rule.id, version, "exception", step["id"])


def unexercised(rules: Iterable[LoadedRule], used: Iterable[Part]) -> list[Problem]:
    """Return a problem (CE216) for every part that no case exercises, one for a rule without any case."""
    seen = frozenset(used)
    problems = []
    for loaded in rules:
        parts = parts_of(loaded)
        missing = {_name(part, loaded): place for part, place in parts.items() if part not in seen}
        if len(missing) == len(parts):
            missing = {"the rule": loaded.place()}
        problems += [
            Problem(
                place,
                "CE216",
                loaded.rule.id,
                f"no case exercises {name}",
                mend="write a hand-counted case that does",
            )
            for name, place in missing.items()
        ]
    return problems


def _name(part: Part, loaded: LoadedRule) -> str:
    if part.kind == "reading":
        return f"the reading {part.name}"
    since = loaded.rule.versions[part.version].effective_from
    which = f"the version from {since or 'an unknown day'}"
    return which if part.kind == "version" else f"the {part.kind} {part.name} of {which}"

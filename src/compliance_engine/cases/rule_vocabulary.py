"""Checks that rules speak of events and attributes the catalogue knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from compliance_engine.cases.catalogue import catalogue, compiled_catalogue
from compliance_engine.errors import Problem, did_you_mean, error_for
from compliance_engine.kept import kept_or_made
from compliance_engine.rules.conditions import CaseFact
from compliance_engine.rules.expressions import EventDay
from compliance_engine.rules.loader import Corpus, LoadedRule, corpus_files, read_corpus, word_place
from compliance_engine.rules.patterns import EventPattern, scalar_text


def load_corpus(
    folder: Path, *, jurisdictions: Collection[str] | None = None, cache: Path | None = None
) -> Corpus:
    """Read a folder of rules and check all of it, the words of the catalogue included.

    Args:
        folder: Holds ``<jurisdiction>/...``.
        jurisdictions: Only these and the federal rules; None for all.
        cache: A folder in which checked rules are kept between runs; None keeps nothing.

    Raises: the exceptions of `compliance_engine.errors` with every problem of the folder.
    """
    files = [*corpus_files(folder, jurisdictions), compiled_catalogue()]
    return kept_or_made(cache, Corpus, files, lambda: _load(folder, jurisdictions))


def _load(folder: Path, jurisdictions: Collection[str] | None) -> Corpus:
    from compliance_engine.rules.checks import check_corpus

    corpus, problems = read_corpus(folder, jurisdictions=jurisdictions)
    problems += check_corpus(corpus)
    problems += check_vocabulary(corpus)
    if problems:
        raise error_for(problems)
    return corpus


def check_vocabulary(corpus: Corpus) -> list[Problem]:
    """Return a problem for each event (CE201) and attribute (CE202) that the catalogue does not know."""
    return [problem for loaded in corpus.rules.values() for problem in _of_rule(loaded)]


def _of_rule(loaded: LoadedRule) -> Iterator[Problem]:
    seen: set[object] = set()
    for node in loaded.rule.nodes:
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, EventPattern):
            yield from _of_pattern(loaded, node)
        elif (
            isinstance(node, CaseFact)
            and node.name != "grade"
            and node.name not in catalogue().case_attributes
        ):
            accepted = catalogue().case_attributes
            hint = did_you_mean(node.name, accepted)
            place = word_place(loaded, f"case.{node.name}")
            yield Problem(
                place,
                "CE202",
                loaded.rule.id,
                f"unknown fact of a case {node.name!r}",
                ", ".join(accepted),
                hint,
            )
        elif isinstance(node, EventDay) and node.attribute:
            yield from _attribute(loaded, node.pattern, node.attribute)


def _of_pattern(loaded: LoadedRule, pattern: EventPattern) -> Iterator[Problem]:
    if catalogue().find(pattern.name) is None:
        place = word_place(loaded, pattern.name)
        yield Problem(
            place,
            "CE201",
            loaded.rule.id,
            f"unknown event {pattern.name!r}",
            mend=catalogue().suggest(pattern.name),
        )
        return
    for test in pattern.tests:
        yield from _attribute(loaded, pattern, test.attribute)
        kind = catalogue().get(pattern.name).attribute(test.attribute)
        for value in test.values:
            if kind is not None and not kind.accepts(value):
                place = word_place(loaded, str(scalar_text(value)))
                yield Problem(
                    place,
                    "CE202",
                    loaded.rule.id,
                    f"{pattern}: {test.attribute} cannot be {scalar_text(value)!r}",
                    kind.expected,
                )


def _attribute(loaded: LoadedRule, pattern: EventPattern, name: str) -> Iterator[Problem]:
    kind = catalogue().find(pattern.name)
    if kind is not None and kind.attribute(name) is None:
        hint = did_you_mean(name, kind.attribute_names)
        place = word_place(loaded, name)
        yield Problem(
            place,
            "CE202",
            loaded.rule.id,
            f"{pattern.name} has no attribute {name!r}",
            ", ".join(kind.attribute_names),
            hint,
        )

"""Checks that rules speak of events and attributes the catalogue knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from compliance_engine.cases.catalogue import catalogue, compiled_catalogue
from compliance_engine.errors import Place, Problem, did_you_mean, error_for
from compliance_engine.kept import kept_or_made
from compliance_engine.rules.conditions import CaseFact
from compliance_engine.rules.expressions import EventDay, walk
from compliance_engine.rules.loader import (
    Corpus,
    corpus_files,
    place_of_word,
    policy_files,
    read_corpus,
    word_place,
)
from compliance_engine.rules.patterns import EventPattern, scalar_text


def load_corpus(
    folder: Path,
    *,
    jurisdictions: Collection[str] | None = None,
    policy: Path | None = None,
    cache: Path | None = None,
) -> Corpus:
    """Read a folder of rules and check all of it, the words of the catalogue included.

    Args:
        folder: Holds ``<jurisdiction>/...``.
        jurisdictions: Only these and the federal rules; None for all.
        policy: A folder of local policy, read beside the rules of law.
        cache: A folder in which checked rules are kept between runs; None keeps nothing.

    Raises: the exceptions of `compliance_engine.errors` with every problem of the folder.
    """
    files = [*corpus_files(folder, jurisdictions), *policy_files(policy), compiled_catalogue()]
    return kept_or_made(cache, Corpus, files, lambda: _load(folder, jurisdictions, policy))


def _load(folder: Path, jurisdictions: Collection[str] | None, policy: Path | None) -> Corpus:
    from compliance_engine.rules.checks import check_corpus

    corpus, problems = read_corpus(folder, jurisdictions=jurisdictions, policy=policy)
    problems += check_corpus(corpus)
    problems += check_vocabulary(corpus)
    if problems:
        raise error_for(problems)
    return corpus


def check_vocabulary(corpus: Corpus) -> list[Problem]:
    """Return a problem for each event (CE201) and attribute (CE202) that the catalogue does not know."""
    return [problem for speaker in _speakers(corpus) for problem in _of_speaker(speaker)]


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Something that speaks of events: what it is, what it says, and where a word of it stands."""

    thing: str
    nodes: Collection[object]
    place: Callable[[str], Place]


def _speakers(corpus: Corpus) -> Iterator[_Speaker]:
    for loaded in corpus.rules.values():
        yield _Speaker(loaded.rule.id, loaded.rule.nodes, partial(word_place, loaded))
    for jurisdiction, tables in corpus.delay_tables.items():
        for number, table in enumerate(tables.file.tables):
            conditions = [table.asked_when, *(code.proposed_when for code in table.codes)]
            nodes = [node for condition in conditions if condition for node in walk(condition)]
            place = partial(place_of_word, tables.document, ("tables", number))
            yield _Speaker(f"{jurisdiction} {table.id}", nodes, place)


def _of_speaker(speaker: _Speaker) -> Iterator[Problem]:
    seen: set[object] = set()
    for node in speaker.nodes:
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, EventPattern):
            yield from _of_pattern(speaker, node)
        elif (
            isinstance(node, CaseFact)
            and node.name != "grade"
            and node.name not in catalogue().case_attributes
        ):
            accepted = catalogue().case_attributes
            hint = did_you_mean(node.name, accepted)
            place = speaker.place(f"case.{node.name}")
            yield Problem(
                place,
                "CE202",
                speaker.thing,
                f"unknown fact of a case {node.name!r}",
                ", ".join(accepted),
                hint,
            )
        elif isinstance(node, EventDay) and node.attribute:
            yield from _attribute(speaker, node.pattern, node.attribute)


def _of_pattern(speaker: _Speaker, pattern: EventPattern) -> Iterator[Problem]:
    if catalogue().find(pattern.name) is None:
        place = speaker.place(pattern.name)
        yield Problem(
            place,
            "CE201",
            speaker.thing,
            f"unknown event {pattern.name!r}",
            mend=catalogue().suggest(pattern.name),
        )
        return
    for test in pattern.tests:
        yield from _attribute(speaker, pattern, test.attribute)
        kind = catalogue().get(pattern.name).attribute(test.attribute)
        for value in test.values:
            if kind is not None and not kind.accepts(value):
                place = speaker.place(str(scalar_text(value)))
                yield Problem(
                    place,
                    "CE202",
                    speaker.thing,
                    f"{pattern}: {test.attribute} cannot be {scalar_text(value)!r}",
                    kind.expected,
                )


def _attribute(speaker: _Speaker, pattern: EventPattern, name: str) -> Iterator[Problem]:
    kind = catalogue().find(pattern.name)
    if kind is not None and kind.attribute(name) is None:
        hint = did_you_mean(name, kind.attribute_names)
        place = speaker.place(name)
        yield Problem(
            place,
            "CE202",
            speaker.thing,
            f"{pattern.name} has no attribute {name!r}",
            ", ".join(kind.attribute_names),
            hint,
        )

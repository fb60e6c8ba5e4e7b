"""Reads a folder of rules into a `Corpus`, with every mistake located and all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from compliance_engine.calendars.day_counts import DayCount
from compliance_engine.errors import ComplianceError, Place, Problem, RuleProblem
from compliance_engine.rules.delay_codes import DelayCodesFile, DelayTables
from compliance_engine.rules.jurisdictions import (
    DutiesFile,
    Duty,
    JurisdictionFile,
    ProgramDefinition,
    ProgramsFile,
    ProvisionsFile,
)
from compliance_engine.rules.models import DayCountFile, Information, Reading, ReadingOption, Rule, RuleFile
from compliance_engine.strict_models import problems_of, validate
from compliance_engine.strict_yaml import Document, DocumentPath, read_yaml

FEDERAL = "us"
_SPECIAL = {
    f"{name}.yaml"
    for name in ("jurisdiction", "day_counts", "programs", "findings", "provisions", "duties", "delay_codes")
}
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """A rule with where it stands and what it was read from."""

    rule: Rule
    jurisdiction: str
    program: str
    district: str | None
    document: Document
    index: int

    def place(self, *path: str | int) -> Place:
        """Return the place of the rule, or of something within it."""
        return self.document.place(("rules", self.index, *path))

    def with_readings(self, chosen: Mapping[str, str]) -> Rule:
        """Return the rule with an answer to each of its open questions.

        Args:
            chosen: Reading id to option; the default is used for those not named.

        Raises: RuleProblem CE214 for an unknown reading or option, or an option that does not fit.
        """
        if not self.rule.readings:
            return self.rule
        data = dict(self.document.data["rules"][self.index])
        options = [self._option(reading, chosen) for reading in self.rule.readings]
        if not any(option.rule or option.version for option in options):
            return self.rule
        self._no_clash(options)
        for option in options:
            versions = [
                version | option.version if _applies(option.applies_to, version) else version
                for version in data["versions"]
            ]
            data = data | option.rule | {"versions": versions}
        try:
            return Rule.model_validate(data)
        except ValidationError as error:
            place = self.place("readings")
            raise RuleProblem(
                Problem(
                    place,
                    "CE214",
                    self.rule.id,
                    f"an option of a reading does not fit the rule: {_first(error)}",
                )
            ) from error

    def _no_clash(self, options: Sequence[ReadingOption]) -> None:
        """Refuse two answers that replace the same key: one of them would be lost."""
        for number, one in enumerate(options):
            for other in options[number + 1 :]:
                keys = (set(one.rule) & set(other.rule)) | (set(one.version) & set(other.version))
                if keys:
                    found = f"two of the answers cannot go together: both replace {', '.join(sorted(keys))}"
                    mend = "make one question of the two, with an option for each pair of answers"
                    raise RuleProblem(
                        Problem(self.place("readings"), "CE214", self.rule.id, found, mend=mend)
                    )

    def _option(self, reading: Reading, chosen: Mapping[str, str]) -> ReadingOption:
        name = chosen.get(reading.id, reading.default)
        if name not in reading.options:
            found = f"reading {reading.id} has no option {name!r}"
            raise RuleProblem(Problem(self.place(), "CE214", self.rule.id, found, ", ".join(reading.options)))
        return reading.options[name]


def _applies(days: Collection[Any], version: Mapping[str, Any]) -> bool:
    return not days or str(version["effective_from"]) in {
        "unknown" if day is None else day.isoformat() for day in days
    }


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """The provisions found in a jurisdiction's law, and where the list stands."""

    file: ProvisionsFile
    document: Document

    def place(self, index: int) -> Place:
        """Return the place of one of them."""
        return self.document.place(("provisions", index))


@dataclass(slots=True)
class Corpus:
    """Everything a folder of rules says."""

    folder: Path
    rules: dict[str, LoadedRule] = field(default_factory=dict)
    counts: dict[str, DayCount] = field(default_factory=dict)
    """Day counts by ``jurisdiction.name``."""
    programs: dict[str, ProgramDefinition] = field(default_factory=dict)
    jurisdictions: dict[str, JurisdictionFile] = field(default_factory=dict)
    information: list[tuple[str, str, Information]] = field(default_factory=list)
    """(jurisdiction, program, provision)"""
    inventories: dict[str, Inventory] = field(default_factory=dict)
    """What was found in each jurisdiction's law."""
    duties: tuple[Duty, ...] = ()
    delay_tables: dict[str, DelayTables] = field(default_factory=dict)
    """Reasons for lateness, by jurisdiction."""
    count_places: dict[str, Place] = field(default_factory=dict)

    def states(self) -> list[str]:
        """Return the jurisdictions below the federal one, sorted."""
        return sorted(
            {*self.jurisdictions, *(loaded.jurisdiction for loaded in self.rules.values())} - {FEDERAL}
        )


def corpus_files(folder: Path, jurisdictions: Collection[str] | None) -> list[Path]:
    """Return the files a corpus of some jurisdictions (None: all) is read from, sorted."""
    tops = [folder]
    if jurisdictions is not None:
        named = (folder / name for name in sorted({*jurisdictions, FEDERAL}))
        tops = [top for top in named if top.is_dir()]
    return sorted(
        path for top in tops for path in top.rglob("*.yaml") if not path.name.endswith(".cases.yaml")
    )


def rule_files(folder: Path, jurisdictions: Collection[str] | None = None) -> Iterator[Path]:
    """Yield the rule files of a folder (not the case files), sorted."""
    for path in sorted(folder.rglob("*.yaml")):
        part = path.relative_to(folder).parts[0]
        if path.name.endswith(".cases.yaml") or path.name in _SPECIAL:
            continue
        if jurisdictions is None or part in jurisdictions or part.endswith(".yaml"):
            yield path


def read_corpus(
    folder: Path, *, jurisdictions: Collection[str] | None = None, policy: Path | None = None
) -> tuple[Corpus, list[Problem]]:
    """Read a folder of rules; what cannot be read is in the list of problems, the rest in the corpus.

    Args:
        folder: Holds ``<jurisdiction>/...``.
        jurisdictions: Only these folders (the federal one is always read); None for all.
        policy: A folder of local policy, whose files must each be of a district.
    """
    wanted = None if jurisdictions is None else {*jurisdictions, FEDERAL}
    corpus, problems = Corpus(folder), []
    for path in sorted(folder.rglob("*.yaml")):
        if wanted is not None and path.relative_to(folder).parts[0] not in wanted:
            continue
        try:
            if path.name in _SPECIAL:
                problems += _read_special(corpus, path)
        except ComplianceError as error:
            problems += error.problems
    for path in [*rule_files(folder, wanted), *policy_files(policy)]:
        local = policy is not None and path.is_relative_to(policy)
        try:
            problems += _read_rules(corpus, path, local=local)
        except ComplianceError as error:
            problems += error.problems
    return corpus, problems


def policy_files(policy: Path | None) -> Iterator[Path]:
    """Yield the rule files of a folder of local policy, sorted."""
    for path in sorted(policy.rglob("*.yaml")) if policy else ():
        if not path.name.endswith(".cases.yaml"):
            yield path


def shown_name(path: Path, folder: Path) -> str:
    """Return how messages call a file: as given when relative, else from the folder's own name on."""
    return str(path.relative_to(folder.parent)) if folder.is_absolute() else str(path)


def _read_special(corpus: Corpus, path: Path) -> list[Problem]:
    document = read_yaml(path, name=shown_name(path, corpus.folder))
    if path.name == "jurisdiction.yaml":
        model = validate(document, JurisdictionFile, code="CE210")
        corpus.jurisdictions[model.jurisdiction] = model
    elif path.name == "programs.yaml":
        for program in validate(document, ProgramsFile, code="CE210").programs:
            corpus.programs[program.id] = program
    elif path.name == "provisions.yaml":
        found = validate(document, ProvisionsFile, code="CE210")
        corpus.inventories[found.jurisdiction] = Inventory(found, document)
    elif path.name == "delay_codes.yaml":
        tables = validate(document, DelayCodesFile, code="CE210")
        corpus.delay_tables[tables.jurisdiction] = DelayTables(tables, document)
    elif path.name == "duties.yaml":
        corpus.duties = validate(document, DutiesFile, code="CE210").duties
    elif path.name == "day_counts.yaml":
        return _add_counts(corpus, validate(document, DayCountFile, code="CE210"), document)
    return []


def _add_counts(corpus: Corpus, counts: DayCountFile, document: Document) -> list[Problem]:
    problems = []
    for index, count in enumerate(counts.day_counts):
        key, place = f"{counts.jurisdiction}.{count.id}", document.place(("day_counts", index, "id"))
        if key in corpus.counts:
            found = f"a day count of this name stands at {corpus.count_places[key]} already"
            problems.append(Problem(place, "CE211", key, found, mend="give it another name"))
        corpus.counts[key], corpus.count_places[key] = count, place
    return problems


def _read_rules(corpus: Corpus, path: Path, *, local: bool = False) -> list[Problem]:
    document = read_yaml(path, name=None if local else shown_name(path, corpus.folder))
    try:
        file = RuleFile.model_validate(document.data)
    except ValidationError as error:
        return problems_of(error, document, RuleFile, code="CE210", thing=_first_id(document))
    if local and file.district is None:
        found = "local policy cannot change the law: this file names no district"
        mend = "say district: <state>.<district>, and let its rules tighten those of law"
        return [Problem(document.place(), "CE224", _first_id(document), found, mend=mend)]
    problems = []
    for index, rule in enumerate(file.rules):
        loaded = LoadedRule(rule, file.jurisdiction, file.program, file.district, document, index)
        if rule.id in corpus.rules:
            other = corpus.rules[rule.id].place("id")
            problems.append(
                Problem(
                    loaded.place("id"),
                    "CE204",
                    rule.id,
                    f"this id stands at {other} already",
                    mend="give it another id",
                )
            )
            continue
        corpus.rules[rule.id] = loaded
    corpus.information += [(file.jurisdiction, file.program, one) for one in file.information]
    return problems


def _first_id(document: Document) -> str:
    rules = document.data.get("rules") if isinstance(document.data, dict) else None
    first = rules[0] if isinstance(rules, list) and rules else None
    return str(first["id"]) if isinstance(first, dict) and "id" in first and len(rules or ()) == 1 else ""


def word_place(loaded: LoadedRule, word: str) -> Place:
    """Return the place of the first text or key within the rule that holds a word."""
    return place_of_word(loaded.document, ("rules", loaded.index), word)


def place_of_word(document: Document, path: DocumentPath, word: str) -> Place:
    """Return the place of the first text or key below a path that holds a word, else that of the path."""
    data = document.data
    for step in path:
        data = data[step]
    return document.place((*path, *(_find(data, word) or ())))


def _find(data: Any, word: str) -> tuple[str | int, ...] | None:
    if isinstance(data, str):
        return () if word in data else None
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        if isinstance(key, str) and word in key:
            return (key,)
        inner = _find(value, word)
        if inner is not None:
            return (key, *inner)
    return None

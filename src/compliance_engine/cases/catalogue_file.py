"""Reads the event catalogue as people write it, ``event_catalogue.yaml``, and checks it.

``python -m compliance_engine.cases.catalogue_docs docs/cases.md`` compiles it for the commands and the docs.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field

from compliance_engine.cases.catalogue import (
    AT,
    PROGRAMS,
    Area,
    AttributeKind,
    AttributeType,
    Catalogue,
    EventType,
    Program,
)
from compliance_engine.errors import CaseProblem, Problem
from compliance_engine.strict_models import StrictModel, validate
from compliance_engine.strict_yaml import read_yaml

WRITTEN = "event_catalogue.yaml"


class _AttributeFile(StrictModel):
    type: AttributeKind
    choices: tuple[str, ...] = ()
    about: str = ""


class _EventFile(StrictModel):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    area: str
    title: str
    about: str
    programs: tuple[Program, ...] | None = None
    attributes: dict[str, AttributeKind | _AttributeFile] = Field(default_factory=dict)


class _CaseAttributeFile(StrictModel):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: AttributeKind
    about: str
    choices: tuple[str, ...] = ()


class _AreaFile(StrictModel):
    title: str
    programs: tuple[Program, ...]


class _CatalogueFile(StrictModel):
    schema_version: Literal[1]
    areas: dict[str, _AreaFile]
    events: tuple[_EventFile, ...]
    case_attributes: tuple[_CaseAttributeFile, ...]


def load_catalogue(path: Path) -> Catalogue:
    """Read a catalogue file.

    Raises: FileProblem, or CaseProblem CE405 for a wrong catalogue (a name twice, an unknown area, one
    attribute name with two types: a batch keeps one column vocabulary per name).
    """
    document = read_yaml(path, name=path.name)
    file = validate(document, _CatalogueFile, code="CE405", thing="event catalogue")
    areas = {name: Area(name, area.title, area.programs) for name, area in file.areas.items()}
    events: dict[str, EventType] = {}
    kinds: dict[str, AttributeKind] = {one.name: one.type for one in file.case_attributes}
    problems: list[Problem] = []
    for index, entry in enumerate(file.events):
        attributes = {name: _attribute(name, given) for name, given in entry.attributes.items()}
        clashes = [name for name, one in attributes.items() if kinds.setdefault(name, one.kind) != one.kind]
        wrong = [f"the attribute {name} has another type elsewhere" for name in clashes]
        if entry.name in events:
            wrong.append("the name stands here again")
        if entry.area not in areas:
            wrong.append(f"unknown area {entry.area!r}")
        place = document.place(("events", index))
        problems.extend(Problem(place, "CE405", entry.name, found) for found in wrong)
        programs = entry.programs or (areas[entry.area].programs if entry.area in areas else PROGRAMS)
        events[entry.name] = EventType(
            entry.name, index, entry.title, entry.about, entry.area, programs, attributes
        )
    if problems:
        raise CaseProblem(problems)
    facts = {
        one.name: AttributeType(one.name, one.type, one.choices, one.about) for one in file.case_attributes
    }
    return Catalogue(tuple(events.values()), areas, facts, events, {**kinds, AT.name: AT.kind})


def written_catalogue() -> Path:
    """Return where the shipped catalogue is written."""
    return Path(str(resources.files("compliance_engine.cases") / WRITTEN))


def _attribute(name: str, given: AttributeKind | _AttributeFile) -> AttributeType:
    if isinstance(given, str):
        return AttributeType(name, given)
    return AttributeType(name, given.type, given.choices, given.about)

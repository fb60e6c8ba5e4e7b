"""The event catalogue: which dated facts exist, their typed attributes, and their order within a day."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

from compliance_engine.dates import parse_date
from compliance_engine.errors import CaseProblem, Place, Problem, did_you_mean

AttributeKind = Literal["bool", "int", "date", "time", "code"]
Program = Literal["idea_b", "section_504", "part_c_transition"]
PROGRAMS: tuple[Program, ...] = ("idea_b", "section_504", "part_c_transition")

COMPILED = "event_catalogue.json"
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_INT_LIMIT = 2**31
EXPECTED: Mapping[AttributeKind, str] = {
    "bool": "true or false",
    "int": "a whole number",
    "date": "a date written YYYY-MM-DD",
    "time": "a time written HH:MM",
    "code": "a text",
}


@dataclass(frozen=True, slots=True)
class AttributeType:
    """One typed attribute of an event or a case.

    Attributes:
        name: Lower-case words joined by underscores.
        kind: `code` is a text compared for equality; `time` is HH:MM of the local clock.
        choices: The only values a code may take; empty when open.
        about: One line; may be empty for an event's attribute.
    """

    name: str
    kind: AttributeKind
    choices: tuple[str, ...] = ()
    about: str = ""

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return f"one of {', '.join(self.choices)}" if self.choices else EXPECTED[self.kind]

    def accepts(self, value: Any) -> bool:
        """Tell whether a value read from JSON fits this type."""
        if self.kind == "bool":
            return isinstance(value, bool)
        if self.kind == "int":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT_LIMIT
        if not isinstance(value, str) or not value:
            return False
        if self.kind == "date":
            return _is_date(value)
        if self.kind == "time":
            return _TIME.fullmatch(value) is not None
        return not self.choices or value in self.choices

    def read(self, text: str) -> bool | int | str:
        """Return the value a text stands for, as a CSV cell or a command line gives it.

        Raises: ValueError when the text does not fit.
        """
        value: bool | int | str = text
        if self.kind == "bool":
            value = {"true": True, "false": False}.get(text, text)
        elif self.kind == "int" and re.fullmatch(r"-?[0-9]{1,10}", text):
            value = int(text)
        if not self.accepts(value):
            raise ValueError(f"{self.name} must be {self.expected}")
        return value


AT = AttributeType("at", "time", about="Time of day, where the clock counts hours.")


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of dated fact.

    Attributes:
        position: Place in the order of a day, from 0.
        programs: The programs in whose cases it may stand.
        attributes: By name, without `at`, which every event may carry.
    """

    name: str
    position: int
    title: str
    about: str
    area: str
    programs: tuple[Program, ...]
    attributes: Mapping[str, AttributeType]

    def attribute(self, name: str) -> AttributeType | None:
        """Return the attribute of that name (`at` included), or None."""
        return AT if name == AT.name else self.attributes.get(name)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """All attribute names, `at` last."""
        return (*self.attributes, AT.name)


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the catalogue, for its readers."""

    name: str
    title: str
    programs: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All event types in process order, and the attributes a case may have.

    Attributes:
        kinds: Type of every attribute name; one name means one type, of events and of cases.
    """

    events: tuple[EventType, ...]
    areas: Mapping[str, Area]
    case_attributes: Mapping[str, AttributeType]
    by_name: Mapping[str, EventType]
    kinds: Mapping[str, AttributeKind]

    def __iter__(self) -> Iterator[EventType]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    @property
    def names(self) -> tuple[str, ...]:
        """All event names in process order."""
        return tuple(self.by_name)

    def rank(self, name: str) -> int:
        """Return the place of an event type in the order of a day, from 0."""
        return self.get(name).position

    def kind_of(self, attribute: str) -> AttributeKind:
        """Return the type of an attribute name; a case's own further attributes are codes."""
        return self.kinds.get(attribute, "code")

    def find(self, name: str) -> EventType | None:
        """Return the event type of that name, or None."""
        return self.by_name.get(name)

    def get(self, name: str, place: Place | None = None) -> EventType:
        """Return the event type of that name.

        Args:
            place: Where the name was written, for the message.

        Raises: CaseProblem CE404 with the nearest name.
        """
        found = self.by_name.get(name)
        if found is None:
            where = place or Place("events")
            raise CaseProblem(Problem(where, "CE404", name, "unknown event", mend=self.suggest(name)))
        return found

    def suggest(self, name: str) -> str:
        """Return ``did you mean X?`` for the event name most like `name`, or an empty text."""
        return did_you_mean(name.lower().replace(" ", "_").replace("-", "_"), self.by_name)

    def check_attributes(self, event: EventType, given: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return (code, reason) for each attribute that does not fit; reasons quote no values."""
        problems = []
        for name, value in given.items():
            attribute = event.attribute(name)
            if attribute is None:
                mend = did_you_mean(name, event.attribute_names)
                accepted = f"expected {', '.join(event.attribute_names)}"
                shown = f" {name!r}" if mend else ""
                parts = (f"{event.name} has no such attribute{shown}", accepted, mend)
                problems.append(("CE424", "; ".join(part for part in parts if part)))
            elif not attribute.accepts(value):
                reason = f"the attribute {name} of {event.name} must be {attribute.expected}"
                problems.append(("CE425", reason))
        return problems


@cache
def catalogue() -> Catalogue:
    """Return the shipped catalogue, read once.

    It is read from the compiled form of ``event_catalogue.yaml``, which a test keeps current: reading and
    checking the YAML would be a tenth of the time of a preview.
    """
    return from_compiled(json.loads(compiled_catalogue().read_text(encoding="utf-8")))


def compiled_catalogue() -> Path:
    """Return where the compiled catalogue is."""
    return Path(__file__).with_name(COMPILED)


def compiled(known: Catalogue) -> str:
    """Return a catalogue in its compiled form, JSON."""
    content = {
        "areas": [[one.name, one.title, one.programs] for one in known.areas.values()],
        "events": [
            [one.name, one.title, one.about, one.area, one.programs, _plain(one.attributes)] for one in known
        ],
        "case_attributes": _plain(known.case_attributes),
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


def _plain(attributes: Mapping[str, AttributeType]) -> list[list[Any]]:
    return [[one.name, one.kind, one.choices, one.about] for one in attributes.values()]


def from_compiled(content: Mapping[str, Any]) -> Catalogue:
    """Return the catalogue of a compiled form."""
    areas = {name: Area(name, title, tuple(programs)) for name, title, programs in content["areas"]}
    events = {
        name: EventType(name, position, title, about, area, tuple(programs), _typed(attributes))
        for position, (name, title, about, area, programs, attributes) in enumerate(content["events"])
    }
    facts = _typed(content["case_attributes"])
    kinds = {
        one.name: one.kind
        for part in (facts, *(e.attributes for e in events.values()))
        for one in part.values()
    }
    return Catalogue(tuple(events.values()), areas, facts, events, {**kinds, AT.name: AT.kind})


def _typed(attributes: list[list[Any]]) -> dict[str, AttributeType]:
    return {
        name: AttributeType(name, kind, tuple(choices), about) for name, kind, choices, about in attributes
    }


def canonical_json(attributes: Mapping[str, Any]) -> str | None:
    """Return attributes as JSON with sorted keys and no spaces; None when there are none."""
    if not attributes:
        return None
    return json.dumps(attributes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _is_date(text: str) -> bool:
    try:
        parsed: date = parse_date(text)
    except ValueError:
        return False
    return 1900 <= parsed.year <= 2200

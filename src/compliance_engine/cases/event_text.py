"""Events written as one line, ``2025-09-02,purpose=initial``, in case files and on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from compliance_engine.cases.catalogue import catalogue
from compliance_engine.dates import parse_date


@dataclass(frozen=True, slots=True)
class WrittenEvent:
    """A dated fact as someone wrote it down."""

    event: str
    occurred_on: date
    attributes: dict[str, bool | int | str]


def read_event(name: str, text: str) -> WrittenEvent:
    """Read the date and attributes of an event.

    Args:
        name: The event type.
        text: ``DATE`` or ``DATE,attribute=value,...``.

    Raises: ValueError naming what is wrong and what is accepted.
    """
    kind = catalogue().find(name)
    if kind is None:
        hint = catalogue().suggest(name)
        raise ValueError(f"unknown event {name!r}" + (f"; {hint}" if hint else ""))
    day, *parts = (part.strip() for part in text.split(","))
    attributes: dict[str, bool | int | str] = {}
    for part in parts:
        key, sign, value = part.partition("=")
        attribute = kind.attribute(key.strip())
        if not sign or attribute is None:
            raise ValueError(f"{name} has no attribute {part!r}; expected {', '.join(kind.attribute_names)}")
        attributes[attribute.name] = attribute.read(value.strip())
    return WrittenEvent(name, parse_date(day), attributes)

"""Event patterns: which events open, meet, pause or close a duty.

The text form is ``name`` or ``name(attribute=value, attribute=a|b, attribute!=c)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"[a-z][a-z0-9_]*"
_PATTERN = re.compile(rf"^\s*(?P<name>{_NAME})\s*(?:\((?P<tests>[^()]*)\))?\s*$")
_TEST = re.compile(rf"^\s*(?P<attribute>{_NAME})\s*(?P<sign>!?=)\s*(?P<values>[^=!]+?)\s*$")

Scalar = str | int | bool


@dataclass(frozen=True, slots=True)
class AttributeTest:
    """One test of an event attribute: its value is (or, negated, is not) among `values`."""

    attribute: str
    values: tuple[Scalar, ...]
    negated: bool = False

    def __str__(self) -> str:
        sign = "!=" if self.negated else "="
        return f"{self.attribute}{sign}{'|'.join(scalar_text(value) for value in self.values)}"


@dataclass(frozen=True, slots=True)
class EventPattern:
    """Events of one type whose attributes pass every test."""

    name: str
    tests: tuple[AttributeTest, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.tests))})" if self.tests else self.name


def scalar_text(value: Scalar) -> str:
    """Return a scalar as rule files write it: ``true``, ``3``, ``initial``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_scalar(text: str) -> Scalar:
    """Read ``true``/``false``, a plain integer, or a word."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def parse_pattern(text: object) -> EventPattern:
    """Read an event pattern.

    Raises:
        ValueError: If the text is not a pattern; the message says what form is expected.
    """
    if isinstance(text, EventPattern):
        return text
    if not isinstance(text, str) or not (match := _PATTERN.match(text)):
        raise ValueError(f"{text!r} is not an event pattern; expected name or name(attribute=value, ...)")
    tests = match["tests"]
    if tests is None:
        return EventPattern(match["name"])
    return EventPattern(match["name"], tuple(_parse_test(part, text) for part in tests.split(",")))


def _parse_test(text: str, whole: str) -> AttributeTest:
    match = _TEST.match(text)
    if not match:
        raise ValueError(
            f"{text.strip()!r} in {whole!r} is not a test; expected attribute=value or attribute=a|b"
        )
    values = tuple(parse_scalar(value.strip()) for value in match["values"].split("|"))
    return AttributeTest(match["attribute"], values, negated=match["sign"] == "!=")

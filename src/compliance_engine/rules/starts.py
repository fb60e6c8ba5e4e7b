"""What opens a duty and what meets it: patterns and the mappings built on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from compliance_engine.rules.expressions import Expr, parse_expression
from compliance_engine.rules.patterns import EventPattern, parse_pattern


class Start:
    """What opens a duty."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class OnEvent(Start):
    """Each event that matches one of the patterns."""

    patterns: tuple[EventPattern, ...]


@dataclass(frozen=True, slots=True)
class OnAllOf(Start):
    """The day on which the first match of every pattern has happened."""

    patterns: tuple[EventPattern, ...]


@dataclass(frozen=True, slots=True)
class OnBirth(Start):
    """The birth date."""


@dataclass(frozen=True, slots=True)
class OnSilence(Start):
    """The end of a time after an event in which nothing of `unless` happened."""

    after: EventPattern
    lasting: Expr
    unless: tuple[EventPattern, ...]


@dataclass(frozen=True, slots=True)
class OnCount(Start):
    """The event that takes a running count or sum to a threshold."""

    of: EventPattern
    sum: str | None
    reaches: int
    within: Literal["school_year", "ever"]
    every: int | None = None
    spread: str | None = None
    """A day count: each event lasts as many of its days; the one at the threshold opens the duty."""


@dataclass(frozen=True, slots=True)
class OnSchoolYear(Start):
    """The first or last student day of each school year in which the case is active."""

    which: Literal["first_day", "last_day"]
    after: EventPattern


@dataclass(frozen=True, slots=True)
class OnDue(Start):
    """The due day of another duty."""

    rule: str


@dataclass(frozen=True, slots=True)
class MetBy:
    """Events that meet a duty: any of the patterns, or all of them."""

    patterns: tuple[EventPattern, ...]
    needs_all: bool = False


def _patterns(value: object) -> tuple[EventPattern, ...]:
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("expected at least one event pattern")
    return tuple(parse_pattern(item) for item in items)


def parse_met_by(value: object) -> MetBy:
    """Read ``met_by``: a pattern, ``{any_of: [...]}`` or ``{all_of: [...]}``.

    Raises: ValueError naming what is expected.
    """
    if isinstance(value, MetBy):
        return value
    if isinstance(value, dict):
        if set(value) not in ({"any_of"}, {"all_of"}):
            raise ValueError(f"met_by: expected any_of or all_of, found {', '.join(map(str, value))}")
        (kind, members), *_ = value.items()
        return MetBy(_patterns(members), kind == "all_of")
    return MetBy((parse_pattern(value),))


def parse_start(value: object) -> Start:
    """Read ``starts_on``.

    Raises: ValueError naming what is expected.
    """
    if isinstance(value, Start):
        return value
    if value == "birth":
        return OnBirth()
    if not isinstance(value, dict):
        return OnEvent((parse_pattern(value),))
    for key, reader in _FORMS.items():
        if key in value:
            return reader(value)
    raise ValueError(
        f"starts_on: expected a pattern, birth, or {', '.join(_FORMS)}; found {', '.join(map(str, value))}"
    )


def _content(value: dict[str, Any], key: str, needed: set[str], optional: set[str]) -> dict[str, Any]:
    content = value[key]
    if (
        set(value) != {key}
        or not isinstance(content, dict)
        or not needed <= set(content) <= needed | optional
    ):
        raise ValueError(
            f"{key}: expected a mapping with {', '.join(sorted(needed | optional))}, found {content!r}"
        )
    return content


def _silence(value: dict[str, Any]) -> Start:
    content = _content(value, "silence", {"after", "lasting", "unless"}, set())
    lasting = parse_expression(f"{content['lasting']} after start")
    return OnSilence(parse_pattern(content["after"]), lasting, _patterns(content["unless"]))


def _count(value: dict[str, Any]) -> Start:
    content = _content(
        value, "count_reached", {"of", "within"}, {"sum", "at_least", "above", "every", "spread"}
    )
    if ("at_least" in content) == ("above" in content):
        raise ValueError("count_reached: expected either at_least or above")
    reaches = content["at_least"] if "at_least" in content else content["above"] + 1
    if content["within"] not in ("school_year", "ever") or not isinstance(reaches, int):
        raise ValueError("count_reached: expected within: school_year | ever and a whole number")
    return OnCount(
        parse_pattern(content["of"]),
        content.get("sum"),
        reaches,
        content["within"],
        content.get("every"),
        content.get("spread"),
    )


def _school_year(value: dict[str, Any]) -> Start:
    which = value["each_school_year"]
    if set(value) != {"each_school_year", "after"} or which not in ("first_day", "last_day"):
        raise ValueError("expected {each_school_year: first_day | last_day, after: PATTERN}")
    return OnSchoolYear(which, parse_pattern(value["after"]))


_FORMS: dict[str, Callable[[dict[str, Any]], Start]] = {
    "any_of": lambda value: OnEvent(_patterns(value["any_of"])),
    "all_of": lambda value: OnAllOf(_patterns(value["all_of"])),
    "silence": _silence,
    "count_reached": _count,
    "each_school_year": _school_year,
    "due_of": lambda value: OnDue(str(value["due_of"])),
}

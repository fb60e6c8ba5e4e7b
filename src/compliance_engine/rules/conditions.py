"""Conditions: the tree of tests behind ``when``, ``applies_when`` and the like, and how YAML writes it.

Every test has three answers: true, false, and not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from compliance_engine.dates import parse_date
from compliance_engine.errors import did_you_mean
from compliance_engine.rules.expressions import Due, Expr, Start, parse_expression
from compliance_engine.rules.patterns import EventPattern, Scalar, parse_pattern


class Condition:
    """A test of one opening of a duty."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NumberTest:
    """A whole number between two bounds, both included; None leaves a side open."""

    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class ValueTest:
    """A value among (or, negated, not among) those listed."""

    values: tuple[Scalar, ...]
    negated: bool = False


FactTest = NumberTest | ValueTest


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    """Every condition holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one condition holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """The condition does not hold."""

    of: Condition


@dataclass(frozen=True, slots=True)
class DaysLeft(Condition):
    """Counted days from the day after the start through the last student day."""

    unit: str
    test: NumberTest


@dataclass(frozen=True, slots=True)
class InSummer(Condition):
    """A day lies between school years."""

    of: Expr


@dataclass(frozen=True, slots=True)
class Absences(Condition):
    """School days absent after the start, through a day."""

    test: NumberTest
    until: Expr


@dataclass(frozen=True, slots=True)
class AgeTest(Condition):
    """Age on a day; bounds in months, the lower included and the upper not."""

    at: Expr
    at_least: int | None
    below: int | None


@dataclass(frozen=True, slots=True)
class BirthMonth(Condition):
    """The month of birth, 1 to 12."""

    months: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CaseFact(Condition):
    """A fact of the case; `if_missing` says what to assume, None to refuse."""

    name: str
    test: FactTest
    if_missing: bool | None = None


@dataclass(frozen=True, slots=True)
class StartFact(Condition):
    """An attribute of the opening event; `if_missing` as for a fact of the case."""

    name: str
    test: FactTest
    if_missing: bool | None = None


@dataclass(frozen=True, slots=True)
class Happened(Condition):
    """An event of the case within a window."""

    pattern: EventPattern
    after: Literal["start", "ever"] = "start"
    through: Literal["due", "start", "met", "as_of"] = "due"


@dataclass(frozen=True, slots=True)
class DaysBetween(Condition):
    """Counted days after one day through another."""

    start: Expr
    end: Expr
    unit: str
    test: NumberTest


@dataclass(frozen=True, slots=True)
class DateTest(Condition):
    """A day on or after one date and before another."""

    of: Expr
    on_or_after: date | None
    before: date | None


@dataclass(frozen=True, slots=True)
class VariantOf(Condition):
    """The variant another duty took."""

    rule: str
    variants: tuple[str, ...]


def parse_condition(value: object) -> Condition:
    """Read a condition from YAML data.

    Raises:
        ValueError: If it cannot be read; the message names the key and what is accepted.
    """
    if isinstance(value, Condition):
        return value
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{value!r} is not a condition; expected a mapping such as {{happened: EVENT}}")
    members = tuple(_parse_entry(key, content) for key, content in value.items())
    return members[0] if len(members) == 1 else AllOf(members)


def _parse_entry(key: str, value: Any) -> Condition:
    if key.startswith("case."):
        return CaseFact(key.removeprefix("case."), *_fact_test(key, value))
    if key.startswith("start."):
        return StartFact(key.removeprefix("start."), *_fact_test(key, value))
    reader = _ENTRIES.get(key)
    if reader is None:
        hint = did_you_mean(key, [*_ENTRIES])
        raise ValueError(
            f"unknown condition {key!r}; expected case.X, start.X, {', '.join(_ENTRIES)}"
            + (f"; {hint}" if hint else "")
        )
    return reader(value)


def number_test(value: object, what: str) -> NumberTest:
    """Read ``{at_least, at_most, above, below, equals}``."""
    accepted = ("at_least", "at_most", "above", "below", "equals")
    if not isinstance(value, dict) or not value or not set(value) <= set(accepted):
        raise ValueError(f"{what}: expected a mapping with some of {', '.join(accepted)}, found {value!r}")
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in value.values()):
        raise ValueError(f"{what}: expected whole numbers, found {value!r}")
    lows = [value[k] + shift for k, shift in (("at_least", 0), ("above", 1), ("equals", 0)) if k in value]
    highs = [value[k] + shift for k, shift in (("at_most", 0), ("below", -1), ("equals", 0)) if k in value]
    test = NumberTest(max(lows, default=None), min(highs, default=None))
    if test.at_least is not None and test.at_most is not None and test.at_least > test.at_most:
        raise ValueError(f"{what}: no number is both at least {test.at_least} and at most {test.at_most}")
    return test


def _fact_test(what: str, value: Any) -> tuple[FactTest, bool | None]:
    if_missing: bool | None = None
    if isinstance(value, dict) and "if_missing" in value:
        value = dict(value)
        if_missing = value.pop("if_missing")
        if not isinstance(if_missing, bool):
            raise ValueError(f"{what}: if_missing must be true or false, found {if_missing!r}")
        value = value["is"] if set(value) == {"is"} else value
    if isinstance(value, dict) and set(value) == {"not"}:
        return ValueTest(_values(what, value["not"]), negated=True), if_missing
    if isinstance(value, dict):
        return number_test(value, what), if_missing
    return ValueTest(_values(what, value)), if_missing


def _values(what: str, value: Any) -> tuple[Scalar, ...]:
    values = tuple(value) if isinstance(value, list) else (value,)
    if not values or not all(isinstance(v, str | int | bool) for v in values):
        raise ValueError(f"{what}: expected a value or a list of values, found {value!r}")
    return values


def _many(value: object) -> tuple[Condition, ...]:
    if not isinstance(value, list) or len(value) < 1:
        raise ValueError(f"expected a list of conditions, found {value!r}")
    return tuple(parse_condition(member) for member in value)


def _keys(
    value: object, what: str, *, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not set(needed) <= set(value) <= {*needed, *optional}:
        wanted = ", ".join([*needed, *(f"{name}?" for name in optional)])
        raise ValueError(f"{what}: expected a mapping with {wanted}, found {value!r}")
    return value


def _absences(value: Any) -> Condition:
    content = dict(
        _keys(
            value,
            "absences",
            needed=(),
            optional=("at_least", "at_most", "above", "below", "equals", "until"),
        )
    )
    until = parse_expression(content.pop("until")) if "until" in content else Due()
    return Absences(number_test(content, "absences"), until)


_AGE = re.compile(r"^(\d+) years(?: (\d+) months)?$")


def _months(value: object) -> int:
    match = _AGE.match(value) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"{value!r} is not an age; expected '3 years' or '14 years 6 months'")
    return int(match[1]) * 12 + int(match[2] or 0)


def _age(value: Any) -> Condition:
    content = _keys(value, "age", needed=(), optional=("at", "at_least", "below"))
    at = parse_expression(content["at"]) if "at" in content else Start()
    low, high = (_months(content[k]) if k in content else None for k in ("at_least", "below"))
    if low is None and high is None:
        raise ValueError("age: expected at_least or below")
    return AgeTest(at, low, high)


def _birth_month(value: Any) -> Condition:
    if not isinstance(value, list) or not all(isinstance(m, int) and 1 <= m <= 12 for m in value):
        raise ValueError(f"birth_month: expected a list of months 1 to 12, found {value!r}")
    return BirthMonth(tuple(value))


def _happened(value: Any) -> Condition:
    if isinstance(value, str):
        return Happened(parse_pattern(value))
    content = _keys(value, "happened", needed=("event",), optional=("after", "through"))
    after, through = content.get("after", "start"), content.get("through", "due")
    if after not in ("start", "ever") or through not in ("due", "start", "met", "as_of"):
        raise ValueError("happened: expected after: start | ever and through: due | start | met | as_of")
    return Happened(parse_pattern(content["event"]), after, through)


def _days_between(value: Any) -> Condition:
    tests = ("at_least", "at_most", "above", "below", "equals")
    content = _keys(value, "days_between", needed=("from", "to", "unit"), optional=tests)
    test = number_test({k: content[k] for k in tests if k in content}, "days_between")
    return DaysBetween(
        parse_expression(content["from"]), parse_expression(content["to"]), str(content["unit"]), test
    )


def _date(value: Any) -> Condition:
    content = _keys(value, "date", needed=(), optional=("of", "from", "before"))
    low, high = (parse_date(content[k]) if k in content else None for k in ("from", "before"))
    return DateTest(parse_expression(content.get("of", "start")), low, high)


def _variant_of(value: Any) -> Condition:
    content = _keys(value, "variant_of", needed=("rule", "is"))
    names = content["is"] if isinstance(content["is"], list) else [content["is"]]
    return VariantOf(content["rule"], tuple(names))


def _between_years(value: Any) -> Condition:
    if not isinstance(value, bool):
        raise ValueError(f"between_school_years: expected true or false, found {value!r}")
    return InSummer(Start()) if value else Not(InSummer(Start()))


_ENTRIES: dict[str, Callable[[Any], Condition]] = {
    "all": lambda value: AllOf(_many(value)),
    "any": lambda value: AnyOf(_many(value)),
    "not": lambda value: Not(parse_condition(value)),
    "school_days_left_in_year": lambda value: DaysLeft(
        "school_days", number_test(value, "school_days_left_in_year")
    ),
    "calendar_days_left_in_year": lambda value: DaysLeft(
        "calendar_days", number_test(value, "calendar_days_left_in_year")
    ),
    "between_school_years": _between_years,
    "in_summer": lambda value: InSummer(parse_expression(value)),
    "absences": _absences,
    "age": _age,
    "birth_month": _birth_month,
    "happened": _happened,
    "not_happened": lambda value: Not(_happened(value)),
    "days_between": _days_between,
    "date": _date,
    "variant_of": _variant_of,
}

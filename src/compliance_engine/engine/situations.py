"""Situations: the dateless summaries of deadlines that the findings rules judge.

A situation is a flat mapping of property to text, whole number or truth value. Millions of deadlines share a
few thousand situations, so a block of rows is grouped into its distinct ones first: `group` packs small
integer codes into one key per row, and the verdicts are spread back over the rows by array indexing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from compliance_engine.dates import IntArray
from compliance_engine.errors import EngineProblem, Place, Problem, did_you_mean

Value = str | int | bool
Situation = Mapping[str, Value]
Kind = Literal["text", "flag", "number"]

MAX_TEXT = 200
MAX_NUMBER = 2**31
_TABLE_LIMIT = 1 << 20  # keys up to here go through a table of 4 MB, larger ones are sorted
_KEY_LIMIT = 1 << 62
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a situation.

    Attributes:
        kind: What its values are; a property never mixes kinds.
        meaning: One line for the documentation.
        choices: The accepted texts; empty for any text.
        default: What a situation that does not name it has; None when it must be named.
        ordered: Whether the choices ascend.
    """

    kind: Kind
    meaning: str
    choices: tuple[str, ...] = ()
    default: Value | None = None
    ordered: bool = False


_STATUSES = ("met", "met_late", "pending", "overdue", "paused", "not_applicable", "undetermined")
_VERIFIED = ("regulation_text", "official_guidance", "secondary", "unverified")

PROPERTIES: dict[str, Property] = {
    "jurisdiction": Property("text", "whose law binds the agency: a lower-case postal code, or us"),
    "program": Property("text", "idea_b, section_504 or part_c_transition"),
    "rule": Property("text", "id of the rule whose deadline it is"),
    "topic": Property("text", "last part of the rule's id"),
    "kind": Property("text", "what sort of duty", ("deadline", "not_before", "information")),
    "authority": Property("text", "who set the deadline", ("law", "policy")),
    "status": Property("text", "status of the deadline", _STATUSES),
    "late_band": Property("text", "how many days late, in the bands of the findings rules", default=_NONE),
    "excuse": Property("text", "id of the exception that excuses lateness, or absent", default="absent"),
    "delay_code": Property("text", "the delay code recorded, or absent", default="absent"),
    "delay_compliant": Property(
        "text", "what the state says of the delay code", ("yes", "no", "unknown", "absent"), "absent"
    ),
    "too_early": Property("flag", "met before it was allowed", default=False),
    "extension_capped": Property("flag", "an extension went beyond what the law allows", default=False),
    "calendar": Property(
        "text", "what the days rest on", ("complete", "incomplete", "projected"), "complete"
    ),
    "verified": Property("text", "how well the source of the rule was verified", _VERIFIED),
    "reason": Property("text", "why the deadline is undetermined, or none", default=_NONE),
    "repeats": Property("number", "earlier noncompliance with the same duty in this case", default=0),
}
"""Every property a situation has; those without a default must be given."""


def complete(situation: Situation) -> dict[str, Value]:
    """Return the situation with all its properties, in the order of `PROPERTIES`.

    Raises: EngineProblem CE551 naming every unknown, missing or ill-typed property.
    """
    problems = [_unknown(name) for name in situation if name not in PROPERTIES]
    whole: dict[str, Value] = {}
    for name, prop in PROPERTIES.items():
        value = situation.get(name, prop.default)
        fault = "is missing" if value is None else _fault(prop, value)
        if fault:
            problems.append(_problem(f"{name} {fault}", ", ".join(prop.choices)))
        elif value is not None:
            whole[name] = value
    if problems:
        raise EngineProblem(problems)
    return whole


def _fault(prop: Property, value: Value) -> str:
    wanted = {"text": str, "flag": bool, "number": int}[prop.kind]
    if type(value) is not wanted:
        return f"is {value!r}, a {type(value).__name__}; it takes a {prop.kind}"
    if isinstance(value, str):
        if prop.choices and value not in prop.choices:
            return f"is {value!r}"
        if len(value) > MAX_TEXT:
            return f"is longer than {MAX_TEXT} characters"
    elif not -MAX_NUMBER <= value < MAX_NUMBER:
        return "is a number beyond 32 bits"
    return ""


def _unknown(name: str) -> Problem:
    return _problem(f"unknown property {name!r}", ", ".join(PROPERTIES), did_you_mean(name, PROPERTIES))


def _problem(found: str, expected: str = "", mend: str = "") -> Problem:
    return Problem(Place("situation"), "CE551", "judge", found, expected, mend)


@dataclass(frozen=True, slots=True)
class Column:
    """One property over a block of rows.

    Attributes:
        codes: int[n], indices into `values`.
        values: What the codes mean.
    """

    codes: npt.NDArray[np.integer[Any]]
    values: Sequence[Value]


@dataclass(frozen=True, slots=True)
class Grouped:
    """The distinct situations of a block of rows.

    Attributes:
        situations: The distinct ones, k of them.
        inverse: int32[n], which situation each row is in.
        counts: int64[k], how many rows each situation has.
    """

    situations: list[dict[str, Value]]
    inverse: IntArray
    counts: npt.NDArray[np.int64]

    def spread(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a value per row from a value per situation."""
        return values[self.inverse]


def group(columns: Mapping[str, Column], constants: Mapping[str, Value], rows: int) -> Grouped:
    """Find the distinct situations of a block.

    Args:
        columns: Properties that differ between rows.
        constants: Properties that are the same on all rows.
        rows: How many rows the block has.

    Raises: EngineProblem CE551 if a column has another length, or a code without a value.
    """
    for name, column in columns.items():
        _check_column(name, column, rows)
    varying = {name: column for name, column in columns.items() if len(column.values) > 1}
    if rows == 0:
        return Grouped([], np.zeros(0, np.int32), np.zeros(0, np.int64))
    inverse, representatives = _pack(list(varying.values()), rows)
    constant = dict(constants) | {
        name: column.values[0] for name, column in columns.items() if name not in varying
    }
    picked = {name: column.codes[representatives].tolist() for name, column in varying.items()}
    situations = [
        constant | {name: varying[name].values[codes[index]] for name, codes in picked.items()}
        for index in range(len(representatives))
    ]
    return Grouped(situations, inverse, np.bincount(inverse, minlength=len(situations)))


def _check_column(name: str, column: Column, rows: int) -> None:
    if column.codes.shape != (rows,):
        raise EngineProblem(_problem(f"{name} has {column.codes.shape} codes for {rows} rows"))
    if rows and not 0 <= int(column.codes.min()) <= int(column.codes.max()) < len(column.values):
        raise EngineProblem(_problem(f"{name} has a code outside its {len(column.values)} values"))


def _pack(columns: Sequence[Column], rows: int) -> tuple[IntArray, IntArray]:
    """Return the group of each row, and one row of each group, by mixed-radix packing of the codes."""
    key = np.zeros(rows, np.int64)
    size = 1
    for column in columns:
        radix = len(column.values)
        if size > _KEY_LIMIT // radix:
            dense, _ = _dense(key, size)
            key, size = dense.astype(np.int64), int(dense.max()) + 1
        key *= radix
        key += column.codes
        size *= radix
    return _dense(key, size)


def _dense(key: npt.NDArray[np.int64], size: int) -> tuple[IntArray, IntArray]:
    """Renumber keys below `size` as 0, 1, 2, ... in ascending order, with one row of each."""
    if size > _TABLE_LIMIT:
        _, rows, inverse = np.unique(key, return_index=True, return_inverse=True)
        return inverse.astype(np.int32), rows.astype(np.int32)
    row_of = np.full(size, -1, np.int32)
    row_of[key] = np.arange(len(key), dtype=np.int32)
    present = np.flatnonzero(row_of >= 0)
    number = np.zeros(size, np.int32)
    number[present] = np.arange(len(present), dtype=np.int32)
    return number[key], row_of[present]

"""Attributes as columns: JSON objects, each distinct text read once, become typed arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from compliance_engine.cases.catalogue import EXPECTED, AttributeKind, Catalogue, catalogue
from compliance_engine.dates import NO_DAY, BoolArray, IntArray, parse_date, to_day
from compliance_engine.errors import CaseProblem, Place, Problem

ValueArray = npt.NDArray[np.int8] | npt.NDArray[np.int32]
MISSING_INT = np.int32(-(2**31))
MISSING_CODE = np.int32(-1)
UNKNOWN_CODE = np.int32(-2)

_MISSING: Mapping[AttributeKind, np.int32 | np.int8] = {
    "bool": np.int8(-1),
    "int": MISSING_INT,
    "date": NO_DAY,
    "time": np.int32(-1),
    "code": MISSING_CODE,
}


def missing_value(kind: AttributeKind) -> np.int32 | np.int8:
    """Return the value that stands for "not given" in a column of that type."""
    return _MISSING[kind]


def scalar_of(kind: AttributeKind, value: Any, codes: Mapping[str, int]) -> int:
    """Return the number that stands for a value: a day, minutes since midnight, 0 or 1, a code.

    Args:
        value: As JSON gives it, or as text.
        codes: Number of each known text; `UNKNOWN_CODE` for others, which equals no row.

    Raises: ValueError when the value does not fit the type.
    """
    if kind == "code":
        return codes.get(value if isinstance(value, str) else json.dumps(value), int(UNKNOWN_CODE))
    if kind == "bool":
        if value in (True, "true"):
            return 1
        if value in (False, "false"):
            return 0
        raise ValueError(f"expected {EXPECTED[kind]}")
    if kind == "int":
        return int(value)
    if kind == "date":
        return to_day(parse_date(str(value)))
    hours, minutes = str(value).split(":")
    return int(hours) * 60 + int(minutes)


@dataclass(frozen=True, slots=True)
class AttributeColumn:
    """One attribute of every case.

    Attributes:
        kind: Its type.
        values: int8[n] for bool, else int32[n]; `missing_value(kind)` where not given.
    """

    kind: AttributeKind
    values: ValueArray

    def slice(self, lo: int, hi: int) -> AttributeColumn:
        """Return the rows lo to hi, without copying."""
        return AttributeColumn(self.kind, self.values[lo:hi])


class AttributeTexts:
    """The attribute texts of some rows: a code per row, and each distinct text read once.

    Args:
        texts: The distinct JSON objects, as text.
        codes: int32[n] into `texts`; their number stands for "none given".
        where: What messages call the rows.

    Raises: CaseProblem CE423 for a text that is not a JSON object.
    """

    def __init__(self, texts: Sequence[str], codes: IntArray, where: str) -> None:
        self.codes = codes
        parsed: list[dict[str, Any]] = []
        for text in texts:
            value = _read(text)
            if value is None:
                raise CaseProblem(Problem(Place(where), "CE423", "attributes", "not a JSON object"))
            parsed.append(value)
        self.rank = _ranks(texts)
        self._by_name: dict[str, tuple[list[int], list[Any]]] = {}
        for index, attributes in enumerate(parsed):
            for name, value in attributes.items():
                if value is not None:
                    indices, values = self._by_name.setdefault(name, ([], []))
                    indices.append(index)
                    values.append(value)
        self._size = len(texts) + 1  # the last one stands for null

    @property
    def names(self) -> list[str]:
        """Attribute names that occur, sorted."""
        return sorted(self._by_name)

    def texts_of(self, name: str) -> set[str]:
        """Return the distinct texts a code attribute takes."""
        return {_text(value) for value in self._by_name[name][1]}

    def lookup(self, name: str, kind: AttributeKind, codes: Mapping[str, int], where: str) -> ValueArray:
        """Return the value of an attribute by text code, one more than there are texts.

        Raises: CaseProblem CE425 for a value of another type.
        """
        dtype = np.int8 if kind == "bool" else np.int32
        table = np.full(self._size, missing_value(kind), dtype=dtype)
        indices, values = self._by_name[name]
        try:
            if kind == "code":
                numbers = [codes[_text(value)] for value in values]
            else:
                numbers = [scalar_of(kind, value, codes) for value in values]
            table[np.asarray(indices, dtype=np.intp)] = np.asarray(numbers, dtype=dtype)
        except (ValueError, TypeError, OverflowError) as error:
            found = f"a value is not of type {kind}"
            raise CaseProblem(Problem(Place(where), "CE425", f"attribute {name}", found)) from error
        return cast(ValueArray, table)


def vocabularies(tables: Sequence[AttributeTexts], known: Catalogue | None = None) -> dict[str, list[str]]:
    """Return the sorted texts of every code attribute that occurs in any of the tables."""
    kinds = known or catalogue()
    found: dict[str, set[str]] = {}
    for table in tables:
        for name in table.names:
            if kinds.kind_of(name) == "code":
                found.setdefault(name, set()).update(table.texts_of(name))
    return {name: sorted(texts) for name, texts in found.items()}


def absent(kind: AttributeKind, rows: int) -> ValueArray:
    """Return a column in which no row is given."""
    return cast(ValueArray, np.full(rows, missing_value(kind)))


def missing_rows(values: ValueArray, kind: AttributeKind) -> BoolArray:
    """Return which rows of a column are not given."""
    missing: BoolArray = values == missing_value(kind)
    return missing


def _read(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _ranks(texts: Sequence[str]) -> IntArray:
    """Return the place of each text in sorted order; null sorts last."""
    ranks = np.empty(len(texts) + 1, dtype=np.int32)
    order = np.asarray(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.intp)
    ranks[order] = np.arange(len(texts), dtype=np.int32)
    ranks[-1] = len(texts)
    return ranks

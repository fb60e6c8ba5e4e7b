"""How a store is divided: chunks of cases are evaluated, lots of districts committed together."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from compliance_engine.dates import IntArray
from compliance_engine.store.facts import Chosen, District, numbers_of

CHUNK = 25_000
"""Cases evaluated and judged together: enough to be worth the start, few enough to need little memory."""


@dataclass(frozen=True, slots=True)
class Part:
    """A district to be done.

    Attributes:
        keys: The cases to evaluate; None for all of them.
    """

    district: District
    keys: IntArray | None = None

    @property
    def size(self) -> int:
        """How many cases are evaluated."""
        return self.district.cases if self.keys is None else len(self.keys)


def parts_to_do(
    waiting: Sequence[District], stale: Mapping[int, IntArray] | None, known: Container[int]
) -> list[Part]:
    """Return the districts with the cases to evaluate.

    All are where it is most of them, or where the results before cannot be added to.

    Args:
        stale: The cases that an earlier sweep does not answer for; None: it answers for none.
        known: Districts whose earlier counts and digest can be changed.
    """
    if stale is None:
        return [Part(one) for one in waiting]
    none = np.zeros(0, np.int32)
    parts = [Part(one, stale.get(one.key, none)) for one in waiting]
    return [
        Part(one.district)
        if one.size * 2 > one.district.cases or (one.size and one.district.key not in known)
        else one
        for one in parts
    ]


@dataclass(frozen=True, slots=True)
class Lot:
    """Whole districts that are committed together.

    Attributes:
        chunks: Their cases as they are evaluated; none when nothing is to be evaluated.
    """

    parts: Sequence[Part]
    chunks: Sequence[Chosen]

    @property
    def whole(self) -> bool:
        """Whether all cases of the districts are evaluated."""
        return self.parts[0].keys is None

    @property
    def districts(self) -> list[District]:
        """The districts."""
        return [part.district for part in self.parts]


def lots(connection: sa.Connection, parts: Sequence[Part]) -> Iterator[Lot]:
    """Yield parts in lots: small districts together up to the cases of a chunk, a large one alone."""
    some: list[Part] = []
    for part in parts:
        other = bool(some) and (some[0].keys is None) != (part.keys is None)
        if some and (other or sum(one.size for one in some) + part.size > CHUNK):
            yield _lot(connection, some)
            some = []
        some.append(part)
    if some:
        yield _lot(connection, some)


def _lot(connection: sa.Connection, parts: Sequence[Part]) -> Lot:
    districts = tuple(part.district.key for part in parts)
    picked = [part.keys for part in parts if part.keys is not None]
    if picked:
        keys = np.sort(np.concatenate(picked))
        chunks = [Chosen(districts, keys=keys[at : at + CHUNK]) for at in range(0, len(keys), CHUNK)]
        return Lot(list(parts), chunks)
    return Lot(list(parts), _stretches(connection, [part.district for part in parts]))


def _stretches(connection: sa.Connection, districts: Sequence[District]) -> list[Chosen]:
    """Return all cases of some districts by bounds of their numbers."""
    keys = tuple(one.key for one in districts)
    low, high = min(one.first for one in districts), max(one.last for one in districts)
    number = sum(one.cases for one in districts)
    dense = number * 2 > high - low + 1
    if number <= CHUNK:
        return [Chosen(keys, low, high, dense=dense)]
    if number == high - low + 1:
        edges = range(low, high + 1, CHUNK)
        return [Chosen(keys, at, min(at + CHUNK - 1, high), dense=True) for at in edges]
    numbers = numbers_of(connection, keys)
    pieces = [numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK)]
    return [Chosen(keys, int(piece[0]), int(piece[-1]), dense=dense) for piece in pieces]

"""How a store is divided: chunks of cases are evaluated, lots of districts committed together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from compliance_engine.dates import IntArray
from compliance_engine.store.facts import Chosen, District, Extent, extents, numbers_of

CHUNK = 25_000
"""Cases evaluated and judged together: enough to be worth the start, few enough to need little memory."""


@dataclass(frozen=True, slots=True)
class Part:
    """A district to be done.

    Attributes:
        chosen: The numbers of the cases to evaluate; the extent of the district for all of them.
    """

    district: District
    chosen: IntArray | Extent

    @property
    def whole(self) -> bool:
        """Whether all cases are evaluated."""
        return isinstance(self.chosen, Extent)

    @property
    def size(self) -> int:
        """How many cases are evaluated."""
        return self.chosen.cases if isinstance(self.chosen, Extent) else len(self.chosen)


def whole_parts(connection: sa.Connection, chosen: Sequence[District]) -> list[Part]:
    """Return districts of which all cases are to be evaluated."""
    found = extents(connection, [one.key for one in chosen])
    return [Part(one, found[one.key]) for one in chosen]


def parts_to_do(
    connection: sa.Connection,
    waiting: Sequence[District],
    stale: Mapping[int, IntArray] | None,
    known: Mapping[int, int],
) -> list[Part]:
    """Return the districts with the cases to evaluate.

    All are where it is most of them, or where the results before cannot be added to.

    Args:
        stale: The cases that an earlier sweep does not answer for; None: it answers for none.
        known: How many cases there were in districts whose earlier counts and digest can be changed.
    """
    if stale is None:
        return whole_parts(connection, waiting)
    none = np.zeros(0, np.int32)
    keys = {one.key: stale.get(one.key, none) for one in waiting}
    most = [one for one in waiting if len(keys[one.key]) * 2 > known.get(one.key, 0)]
    whole = {part.district.key: part for part in whole_parts(connection, most)}
    return [whole.get(one.key) or Part(one, keys[one.key]) for one in waiting]


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
        return self.parts[0].whole

    @property
    def districts(self) -> list[District]:
        """The districts."""
        return [part.district for part in self.parts]


def lots(connection: sa.Connection, parts: Sequence[Part]) -> Iterator[Lot]:
    """Yield parts in lots: small districts together up to the cases of a chunk, a large one alone."""
    some: list[Part] = []
    for part in parts:
        other = bool(some) and some[0].whole != part.whole
        if some and (other or sum(one.size for one in some) + part.size > CHUNK):
            yield _lot(connection, some)
            some = []
        some.append(part)
    if some:
        yield _lot(connection, some)


def _lot(connection: sa.Connection, parts: Sequence[Part]) -> Lot:
    districts = tuple(part.district.key for part in parts)
    bounds = [part.chosen for part in parts if isinstance(part.chosen, Extent)]
    if bounds:
        return Lot(list(parts), _stretches(connection, districts, bounds))
    keys = np.sort(np.concatenate([part.chosen for part in parts]))
    return Lot(
        list(parts), [Chosen(districts, keys=keys[at : at + CHUNK]) for at in range(0, len(keys), CHUNK)]
    )


def _stretches(
    connection: sa.Connection, districts: tuple[int, ...], bounds: Sequence[Extent]
) -> list[Chosen]:
    """Return all cases of some districts by bounds of their numbers."""
    low, high = min(one.first for one in bounds), max(one.last for one in bounds)
    number = sum(one.cases for one in bounds)
    dense = number * 2 > high - low + 1
    if number <= CHUNK:
        return [Chosen(districts, low, high, dense=dense)]
    if number == high - low + 1:
        edges = range(low, high + 1, CHUNK)
        return [Chosen(districts, at, min(at + CHUNK - 1, high), dense=True) for at in edges]
    numbers = numbers_of(connection, districts)
    pieces = [numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK)]
    return [Chosen(districts, int(piece[0]), int(piece[-1]), dense=dense) for piece in pieces]

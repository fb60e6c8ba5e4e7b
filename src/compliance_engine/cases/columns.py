"""Cases as columns: what the evaluator reads, one array per fact, for one case or millions.

`cases.batch` makes them from Arrow tables, `cases.single` from one case written by hand; both end here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from compliance_engine.cases.attributes import (
    AttributeColumn,
    AttributeTexts,
    ValueArray,
    absent,
    missing_rows,
    scalar_of,
)
from compliance_engine.cases.catalogue import catalogue
from compliance_engine.dates import BoolArray, IntArray
from compliance_engine.errors import CaseProblem, Place, Problem

_DAY_BITS, _DAY_SHIFT = 22, 2**21  # days of the years 1 to 7700 either side of 1970
_TYPE_BITS = 10


@dataclass(frozen=True, slots=True)
class EventColumn:
    """All events of one type, sorted by case, day and attributes.

    Attributes:
        name: The event type.
        offsets: int32[n_cases + 1]; the events of case i are the rows offsets[i] to offsets[i + 1].
        day: int32[m].
        attributes: By name; only those given at least once. Bool int8 (-1 not given), int int32
            (`MISSING_INT`), date int32 (`NO_DAY`), time int32 in minutes (-1), code int32 into the
            batch's vocabulary (-1).
    """

    name: str
    offsets: IntArray
    day: IntArray
    attributes: Mapping[str, ValueArray]

    def __len__(self) -> int:
        return len(self.day)

    def values(self, attribute: str) -> tuple[ValueArray, BoolArray]:
        """Return an attribute of every row, and which rows lack it."""
        kind = catalogue().kind_of(attribute)
        found = self.attributes.get(attribute)
        if found is None:
            return absent(kind, len(self)), np.ones(len(self), dtype=np.bool_)
        return found, missing_rows(found, kind)

    def slice(self, lo: int, hi: int) -> EventColumn:
        """Return the events of the cases lo to hi; only the offsets are copied."""
        first, last = int(self.offsets[lo]), int(self.offsets[hi])
        attributes = {name: values[first:last] for name, values in self.attributes.items()}
        return EventColumn(self.name, self.offsets[lo : hi + 1] - first, self.day[first:last], attributes)


@dataclass(frozen=True, slots=True)
class CaseBatch:
    """Cases sorted by state, program, district and id, with their events.

    Attributes:
        case_id: object[n], texts.
        state, program, district: int32[n], codes into `vocab` of that name.
        calendar: int32[n], index into `calendar_refs`; -1 where the case names none.
        calendar_refs: The calendars that the cases name, sorted.
        birth_day: int32[n]; `NO_DAY` where unknown.
        grade: int32[n]; kindergarten 0, pre-kindergarten -1, `MISSING_INT` where unknown.
        attributes: Further facts of the cases, by name; only those given at least once.
        events: By type; only types that occur.
        vocab: Texts behind the codes, by attribute name, and of `state`, `program` and `district`.
    """

    case_id: npt.NDArray[np.object_]
    state: IntArray
    program: IntArray
    district: IntArray
    calendar: IntArray
    calendar_refs: Sequence[str]
    birth_day: IntArray
    grade: IntArray
    attributes: Mapping[str, AttributeColumn]
    events: Mapping[str, EventColumn]
    vocab: Mapping[str, Sequence[str]]
    _codes: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.case_id)

    def slice(self, lo: int, hi: int) -> CaseBatch:
        """Return the cases lo to hi as views; event offsets begin at 0 again."""
        events = {name: column.slice(lo, hi) for name, column in self.events.items()}
        return replace(
            self,
            case_id=self.case_id[lo:hi],
            state=self.state[lo:hi],
            program=self.program[lo:hi],
            district=self.district[lo:hi],
            calendar=self.calendar[lo:hi],
            birth_day=self.birth_day[lo:hi],
            grade=self.grade[lo:hi],
            attributes={name: column.slice(lo, hi) for name, column in self.attributes.items()},
            events={name: column for name, column in events.items() if len(column)},
        )

    def groups(self) -> Iterator[tuple[str, str, str, int, int]]:
        """Yield (state, program, district, lo, hi) for each run of cases that share a rulebook."""
        if not len(self):
            return
        change = (np.diff(self.state) != 0) | (np.diff(self.program) != 0) | (np.diff(self.district) != 0)
        bounds = [0, *(np.flatnonzero(change) + 1).tolist(), len(self)]
        for lo, hi in pairwise(bounds):
            names = (self.text("state", lo), self.text("program", lo), self.text("district", lo))
            yield (*names, lo, hi)

    def text(self, column: str, row: int) -> str:
        """Return the state, program or district of a case."""
        codes: IntArray = getattr(self, column)
        return self.vocab[column][int(codes[row])]

    def codes_for(self, attribute: str, values: Sequence[object]) -> IntArray:
        """Return the numbers that stand for attribute values in the columns of this batch, int32.

        Args:
            values: Texts, or what JSON would give. A text no case has becomes a code no row has.

        Raises: ValueError for a value that does not fit the attribute's type.
        """
        kind = catalogue().kind_of(attribute)
        if attribute not in self._codes:
            self._codes[attribute] = {text: code for code, text in enumerate(self.vocab.get(attribute, ()))}
        codes = self._codes[attribute]
        return np.asarray([scalar_of(kind, value, codes) for value in values], dtype=np.int32)

    def case_values(self, attribute: str) -> tuple[ValueArray, BoolArray]:
        """Return a fact of every case, and which cases lack it; `grade` is one of them."""
        if attribute == "grade":
            return self.grade, missing_rows(self.grade, "int")
        column = self.attributes.get(attribute)
        if column is None:
            kind = catalogue().kind_of(attribute)
            return absent(kind, len(self)), np.ones(len(self), dtype=np.bool_)
        return column.values, missing_rows(column.values, column.kind)


def case_attributes(
    facts: AttributeTexts, codes: Mapping[str, Mapping[str, int]], where: str
) -> dict[str, AttributeColumn]:
    """Return the further facts of the cases as columns."""
    columns = {}
    for name in facts.names:
        kind = catalogue().kind_of(name)
        columns[name] = AttributeColumn(
            kind, facts.lookup(name, kind, codes.get(name, {}), where)[facts.codes]
        )
    return columns


def event_columns(
    rows: IntArray,
    types: IntArray,
    words: Sequence[str],
    days: IntArray,
    texts: AttributeTexts,
    codes: Mapping[str, Mapping[str, int]],
    n_cases: int,
    where: str,
) -> dict[str, EventColumn]:
    """Return the events of a batch by type.

    Args:
        rows: The case of each event, int32[m].
        types: Code of each event's type into `words`, int32[m].
        days: int32[m].
        codes: Code of each text, by attribute name.

    Raises: CaseProblem CE422 for an unknown event.
    """
    unknown = [word for word in words if word not in catalogue()]
    if unknown:
        raise CaseProblem(
            Problem(Place(where), "CE422", word, "unknown event", mend=catalogue().suggest(word))
            for word in unknown
        )
    ranks = np.asarray([catalogue().rank(word) for word in words], dtype=np.int64)
    order, bounds = _sorted_events(ranks[types] if len(types) else np.zeros(0, np.int64), rows, days, texts)
    lookups = {
        name: texts.lookup(name, catalogue().kind_of(name), codes.get(name, {}), f"{where}: events")
        for name in texts.names
    }
    columns = {}
    for rank, lo, hi in bounds:
        event, picked = catalogue().events[rank], order[lo:hi]
        text = texts.codes[picked]
        offsets = np.zeros(n_cases + 1, dtype=np.int32)
        np.cumsum(np.bincount(rows[picked], minlength=n_cases), out=offsets[1:])
        used = np.flatnonzero(np.bincount(text))  # np.unique would import numpy.ma
        attributes = {}
        for name in event.attribute_names:
            if name in lookups and not missing_rows(lookups[name][used], catalogue().kind_of(name)).all():
                attributes[name] = lookups[name][text]
        columns[event.name] = EventColumn(event.name, offsets, days[picked], attributes)
    return columns


def _sorted_events(
    ranks: npt.NDArray[np.int64], rows: IntArray, days: IntArray, texts: AttributeTexts
) -> tuple[npt.NDArray[np.intp], list[tuple[int, int, int]]]:
    """Sort events by type, case, day and attribute text; return the order and (type, lo, hi) of each type."""
    key = (ranks << (63 - _TYPE_BITS)) | (rows.astype(np.int64) << _DAY_BITS) | (days + np.int64(_DAY_SHIFT))
    order = np.argsort(key)
    key = key[order]
    tied = np.zeros(len(key), dtype=np.bool_)
    same = key[1:] == key[:-1]
    tied[1:] |= same
    tied[:-1] |= same
    if tied.any():
        # tied events lie together: sorting them among themselves leaves every run in its place
        among = order[tied]
        order[tied] = among[np.lexsort((texts.rank[texts.codes[among]], key[tied]))]
    types = key >> (63 - _TYPE_BITS)
    starts = np.flatnonzero(np.diff(types, prepend=-1))
    bounds = [*starts.tolist(), len(key)]
    return order, [(int(types[lo]), lo, hi) for lo, hi in pairwise(bounds)]

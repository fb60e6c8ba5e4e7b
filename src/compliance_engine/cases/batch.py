"""Cases as columns: what the evaluator reads, one array per fact, for one case or millions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.attributes import (
    MISSING_INT,
    AttributeColumn,
    AttributeTexts,
    ValueArray,
    absent,
    missing_rows,
    scalar_of,
    vocabularies,
)
from compliance_engine.cases.believed import believed
from compliance_engine.cases.catalogue import catalogue
from compliance_engine.cases.tables import CASES, EVENTS, conform
from compliance_engine.dates import NO_DAY, BoolArray, IntArray
from compliance_engine.errors import CaseProblem, Place, Problem

MAX_CASES = 2**27
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


def build_batch(
    cases: pa.Table, events: pa.Table, *, as_of: date, known_at: datetime | None = None, where: str = "cases"
) -> CaseBatch:
    """Turn the canonical tables into columns, as believed at one moment.

    Events after `as_of` and records not yet known at `known_at` are left out; corrections and retractions are
    honoured. The order of the input rows never matters.

    Args:
        cases: Columns of `tables.CASES`.
        events: Columns of `tables.EVENTS`.
        as_of: The last day whose events exist.
        known_at: The moment up to which records are believed, with a time zone; None believes all.
        where: What messages call the input.

    Raises: CaseProblem for tables that do not fit, a case id twice, an event of an unknown case or type.
    """
    cases = conform(cases, CASES, f"{where}: cases")
    events = conform(events, EVENTS, f"{where}: events")
    cases = _sorted_cases(cases, where)
    facts = AttributeTexts(cases.column("attributes"), f"{where}: cases")
    rows = _case_rows(cases, events, where)
    rows, events = believed(rows, events, as_of=as_of, known_at=known_at)
    texts = AttributeTexts(events.column("attributes"), f"{where}: events")
    vocab = vocabularies([facts, texts])
    codes = {name: {text: code for code, text in enumerate(words)} for name, words in vocab.items()}
    columns = {name: _encode(cases.column(name)) for name in ("state", "program", "district")}
    calendar, calendar_refs = _encode(cases.column("calendar"))
    return CaseBatch(
        case_id=cases.column("case_id").to_numpy(),
        state=columns["state"][0],
        program=columns["program"][0],
        district=columns["district"][0],
        calendar=calendar,
        calendar_refs=calendar_refs,
        birth_day=_days(cases.column("birth_date")),
        grade=_filled(cases.column("grade"), int(MISSING_INT)),
        attributes=_case_attributes(facts, codes, f"{where}: cases"),
        events=_event_columns(rows, events, texts, codes, len(cases), where),
        vocab=vocab | {name: words for name, (_, words) in columns.items()},
    )


def _sorted_cases(cases: pa.Table, where: str) -> pa.Table:
    if len(cases) > MAX_CASES:
        found = f"{len(cases)} cases are more than a batch of {MAX_CASES} holds"
        raise CaseProblem(Problem(Place(where), "CE450", "cases", found, mend="evaluate by partition"))
    group = np.zeros(len(cases), dtype=np.int64)
    for name in ("state", "program", "district"):
        codes, words = _encode(cases.column(name))
        group = group * (len(words) + 1) + codes
    ids = cases.column("case_id").combine_chunks()
    order = pc.sort_indices(ids).to_numpy()
    order = order[np.argsort(group[order], kind="stable")]
    if pc.count_distinct(ids).as_py() != len(cases):
        counted = pc.value_counts(ids)
        twice = counted.filter(pc.greater(counted.field("counts"), 1)).field("values").sort()[0].as_py()
        raise CaseProblem(Problem(Place(where), "CE420", twice, "the case id stands here twice"))
    return cases.take(pa.array(order))


def _case_rows(cases: pa.Table, events: pa.Table, where: str) -> IntArray:
    rows = pc.index_in(events.column("case_id"), value_set=cases.column("case_id").combine_chunks())
    if rows.null_count:
        unknown = events.column("case_id").filter(pc.is_null(rows))
        found = f"{rows.null_count} events belong to no case, among them of case {min(unknown.to_pylist())!r}"
        raise CaseProblem(Problem(Place(where), "CE421", "events", found))
    return _filled(rows, -1)


def _encode(column: pa.ChunkedArray) -> tuple[IntArray, list[str]]:
    """Return int32 codes into the sorted distinct texts, -1 for null."""
    encoded = column.dictionary_encode().unify_dictionaries()
    if not encoded.num_chunks:
        return np.zeros(0, dtype=np.int32), []
    words: list[str] = encoded.chunk(0).dictionary.to_pylist()
    order = sorted(range(len(words)), key=words.__getitem__)
    place = np.full(len(words) + 1, -1, dtype=np.int32)
    place[order] = np.arange(len(words), dtype=np.int32)
    chunks = [chunk.indices.fill_null(len(words)).to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    return place[np.concatenate(chunks)], [words[index] for index in order]


def _filled(column: pa.ChunkedArray, missing: int) -> IntArray:
    values: IntArray = column.cast(pa.int32()).fill_null(missing).to_numpy()
    return values


def _days(column: pa.ChunkedArray) -> IntArray:
    return _filled(column.cast(pa.int32()), int(NO_DAY))


def _case_attributes(
    facts: AttributeTexts, codes: Mapping[str, Mapping[str, int]], where: str
) -> dict[str, AttributeColumn]:
    columns = {}
    for name in facts.names:
        kind = catalogue().kind_of(name)
        columns[name] = AttributeColumn(
            kind, facts.lookup(name, kind, codes.get(name, {}), where)[facts.codes]
        )
    return columns


def _event_columns(
    rows: IntArray,
    events: pa.Table,
    texts: AttributeTexts,
    codes: Mapping[str, Mapping[str, int]],
    n_cases: int,
    where: str,
) -> dict[str, EventColumn]:
    types, words = _encode(events.column("event"))
    unknown = [word for word in words if word not in catalogue()]
    if unknown:
        raise CaseProblem(
            Problem(Place(where), "CE422", word, "unknown event", mend=catalogue().suggest(word))
            for word in unknown
        )
    ranks = np.asarray([catalogue().rank(word) for word in words], dtype=np.int64)
    days = _days(events.column("occurred_on"))
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
        used = np.unique(text)
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

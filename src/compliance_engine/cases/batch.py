"""Batches of cases made from the canonical Arrow tables."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.attributes import MISSING_INT, AttributeTexts, vocabularies
from compliance_engine.cases.believed import believed
from compliance_engine.cases.columns import CaseBatch, EventColumn, case_attributes, event_columns
from compliance_engine.cases.tables import CASES, EVENTS, conform
from compliance_engine.dates import NO_DAY, IntArray
from compliance_engine.errors import CaseProblem, Place, Problem

__all__ = ["CaseBatch", "EventColumn", "build_batch"]

MAX_CASES = 2**27


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
    facts = texts_of_column(cases.column("attributes"), f"{where}: cases")
    rows = _case_rows(cases, events, where)
    rows, events = believed(rows, events, as_of=as_of, known_at=known_at)
    texts = texts_of_column(events.column("attributes"), f"{where}: events")
    types, words = _encode(events.column("event"))
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
        attributes=case_attributes(facts, codes, f"{where}: cases"),
        events=event_columns(
            rows, types, words, _days(events.column("occurred_on")), texts, codes, len(cases), where
        ),
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


def texts_of_column(column: pa.ChunkedArray, where: str) -> AttributeTexts:
    """Return the attribute texts of a table: JSON objects or null, as text.

    Raises: CaseProblem CE423 for a text that is not a JSON object.
    """
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):  # an empty table has no chunk to combine
        encoded = pa.array([], pa.string()).dictionary_encode()
    texts: list[str] = encoded.dictionary.to_pylist()
    codes: IntArray = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    return AttributeTexts(texts, codes, where)

"""The canonical folder: cases and events as CSV, JSON Lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.catalogue import PROGRAMS, catalogue
from compliance_engine.cases.importers.columns import NOT_RECORDED
from compliance_engine.cases.importers.duplicates import repeated
from compliance_engine.cases.importers.lines import BLOCK, Refused
from compliance_engine.cases.importers.outcome import Imported, QuarantinedRow
from compliance_engine.cases.importers.rows import (
    CASE_LAYOUT,
    EVENT_LAYOUT,
    AttributeCache,
    EventRows,
    TextTable,
    read_case_rows,
    read_event_rows,
)
from compliance_engine.cases.importers.sources import SUFFIXES, Source
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.dates import BoolArray, IntArray
from compliance_engine.errors import CaseProblem, Place, Problem


@dataclass(frozen=True, slots=True)
class _Part:
    """One file read: its accepted rows and its refusals."""

    source: Source
    table: pa.Table
    refused: list[Refused]
    read: int


def read_folder(folder: Path, *, received_on: date, block: int = BLOCK) -> Imported:
    """Read ``cases`` and ``events`` of a folder, each as ``.csv``, ``.jsonl`` or ``.parquet``.

    A row that cannot be used is quarantined with its line and reason; the others are taken. Of two cases with
    one id, and of identical events, the first stays.

    Args:
        folder: Holds one file of cases and one of events.
        received_on: Birth dates after this day are refused.
        block: Bytes read at a time.

    Raises: CaseProblem when a file is missing, empty, lacks a column or cannot be read at all.
    """
    sources, problems = [], []
    for name, layout in (("cases", CASE_LAYOUT), ("events", EVENT_LAYOUT)):
        found = [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").is_file()]
        if len(found) == 1:
            sources.append(Source(found[0], layout, block))
            continue
        accepted = " or ".join(f"{name}{suffix}" for suffix in SUFFIXES)
        what = "more than one file" if found else "no file"
        problems.append(Problem(Place(str(folder)), "CE403", name, f"{what} of {name}", accepted))
    if problems:
        raise CaseProblem(problems)
    cases = _read_cases(sources[0], received_on)
    events = _read_events(sources[1], cases.table)
    quarantine = [row for part in (cases, events) for row in _quarantine(part)]
    return Imported(
        cases=cases.table,
        events=events.table,
        quarantine=quarantine,
        read=cases.read + events.read,
        accepted=len(cases.table) + len(events.table),
        notes=tuple(note for source in sources for note in source.notes()),
    )


def _read_cases(source: Source, received_on: date) -> _Part:
    tables, lines, refused, ids = [], [np.zeros(0, dtype=np.int64)], [], []
    for chunk in source.chunks():
        rows = read_case_rows(chunk, received_on)
        tables.append(pa.table({"case_id": rows.case_id, **rows.columns}).select(CASES.names))
        lines.append(rows.lines)
        ids.append(rows.case_id)
        refused.extend(rows.refused)
    table = pa.concat_tables([CASES.empty_table(), *(one.cast(CASES) for one in tables)])
    line = np.concatenate(lines)
    read = len(line) + len(refused)
    first = _first_rows(pa.chunked_array(ids, pa.string()))
    again = np.flatnonzero(first != np.arange(len(first)))
    for row in again.tolist():
        reason = f"the case id stands already on line {line[first[row]]}"
        refused.append(Refused(int(line[row]), "CE420", reason))
    if len(again):
        table = table.filter(pa.array(first == np.arange(len(first))))
    return _Part(source, table, refused, read)


def _first_rows(ids: pa.ChunkedArray) -> IntArray:
    """Return for each row the first row with the same text."""
    encoded = ids.combine_chunks().dictionary_encode() if ids.num_chunks else None
    if encoded is None or not len(encoded):
        return np.zeros(0, dtype=np.int32)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    first = np.zeros(len(encoded.dictionary), dtype=np.int32)
    # written backwards: of rows with one code, the first is written last
    first[codes[::-1]] = np.arange(len(codes), dtype=np.int32)[::-1]
    result: IntArray = first[codes]
    return result


def _read_events(source: Source, cases: pa.Table) -> _Part:
    texts, known, parts, refused = TextTable(), AttributeCache(), [], []
    for chunk in source.chunks():
        rows = read_event_rows(chunk, texts, known)
        parts.append(rows)
        refused.extend(rows.refused)
    rows = _joined(parts)
    read = len(rows.lines) + len(refused)
    case = _case_rows(rows, cases)
    good = _with_case(rows, case, cases, refused)
    for row, code, reason in repeated(rows, case, good):
        refused.append(Refused(int(rows.lines[row]), code, reason))
        good[row] = False
    table = _event_table(rows, good, texts)
    return _Part(source, table, refused, read)


def _joined(parts: list[EventRows]) -> EventRows:
    empty = pa.array([], pa.string())
    ids = [pa.chunked_array([empty, *(part.pointers[k] for part in parts)]) for k in range(3)]
    return EventRows(
        lines=np.concatenate([np.zeros(0, np.int64), *(part.lines for part in parts)]),
        case_id=pa.chunked_array([empty, *(part.case_id for part in parts)]),
        rank=np.concatenate([np.zeros(0, np.int32), *(part.rank for part in parts)]),
        day=np.concatenate([np.zeros(0, np.int32), *(part.day for part in parts)]),
        recorded=np.concatenate([np.zeros(0, np.int64), *(part.recorded for part in parts)]),
        attributes=np.concatenate([np.zeros(0, np.int32), *(part.attributes for part in parts)]),
        pointers=(ids[0], ids[1], ids[2]),
        refused=[],
    )


def _case_rows(rows: EventRows, cases: pa.Table) -> IntArray:
    found = pc.index_in(rows.case_id, value_set=cases.column("case_id").combine_chunks())
    result: IntArray = found.fill_null(-1).to_numpy()
    return result


def _with_case(rows: EventRows, case: IntArray, cases: pa.Table, refused: list[Refused]) -> BoolArray:
    """Return the rows whose case exists and whose program has such events."""
    good: BoolArray = case >= 0
    reason = "no accepted case has this case_id"
    refused.extend(Refused(line, "CE421", reason) for line in rows.lines[~good].tolist())
    allowed = np.zeros((len(catalogue()), len(PROGRAMS)), dtype=np.bool_)
    for event in catalogue():
        for program in event.programs:
            allowed[event.position, PROGRAMS.index(program)] = True
    program = pc.index_in(cases.column("program"), value_set=pa.array(PROGRAMS)).to_numpy()
    if len(cases):
        wrong = good & ~allowed[rows.rank, program[case]]
        for row in np.flatnonzero(wrong).tolist():
            event = catalogue().events[rows.rank[row]]
            reason = f"{event.name} is no event of {PROGRAMS[program[case[row]]]}"
            expected = f"expected in {', '.join(event.programs)}"
            refused.append(Refused(int(rows.lines[row]), "CE427", f"{reason}; {expected}"))
        good &= ~wrong
    return good


def _event_table(rows: EventRows, good: BoolArray, texts: TextTable) -> pa.Table:
    mask = pa.array(good)
    names = pa.array(catalogue().names, pa.string())
    recorded = rows.recorded[good]
    columns = [
        rows.case_id.filter(mask),
        names.take(pa.array(rows.rank[good])),
        pa.array(rows.day[good]).cast(pa.date32()),
        pa.array(recorded, mask=recorded == NOT_RECORDED).cast(EVENTS.field("recorded_at").type),
        pa.array(texts.texts, pa.string()).take(pa.array(rows.attributes[good])),
        *(column.filter(mask) for column in rows.pointers),
    ]
    return pa.table(columns, schema=EVENTS)


def _quarantine(part: _Part) -> Iterable[QuarantinedRow]:
    raw = part.source.raw({one.line for one in part.refused})
    name = str(part.source.path)
    rows = (
        QuarantinedRow(name, one.line, one.code, one.reason, raw.get(one.line, "")) for one in part.refused
    )
    return sorted(rows)

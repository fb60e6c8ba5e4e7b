"""Rows of cases.csv and events.csv as typed columns, and what speaks against each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compliance_engine.cases.catalogue import PROGRAMS, AttributeType, EventType, canonical_json, catalogue
from compliance_engine.cases.importers.columns import (
    FINE,
    Verdict,
    Verdicts,
    Words,
    read_days,
    read_ids,
    read_moments,
)
from compliance_engine.cases.importers.json_objects import read_object
from compliance_engine.cases.importers.lines import LineNumbers, Refused
from compliance_engine.cases.importers.sources import Chunk, Layout
from compliance_engine.dates import NO_DAY, IntArray, to_day
from compliance_engine.errors import did_you_mean

CASE_LAYOUT = Layout(
    needed=("case_id", "state", "district", "program"),
    optional=("calendar", "birth_date", "grade", "attributes"),
    synonyms={
        "caseid": "case_id",
        "case": "case_id",
        "birthdate": "birth_date",
        "date_of_birth": "birth_date",
        "dob": "birth_date",
        "grade_level": "grade",
        "lea": "district",
    },
    open=True,
)
EVENT_LAYOUT = Layout(
    needed=("case_id", "event", "occurred_on"),
    optional=("recorded_at", "attributes", "event_id", "corrects", "retracts"),
    synonyms={
        "caseid": "case_id",
        "case": "case_id",
        "event_type": "event",
        "date": "occurred_on",
        "event_date": "occurred_on",
        "recorded": "recorded_at",
    },
    open=False,
)
_GRADES = {"PK": -1, "KG": 0, "K": 0} | {str(grade): grade for grade in range(-1, 14)}
_GRADES |= {f"0{grade}": grade for grade in range(10)}
_STATE = re.compile(r"[a-z]{2}")


@dataclass(slots=True)
class TextTable:
    """Texts with numbers that never change; number 0 is null."""

    texts: list[str | None] = field(default_factory=lambda: [None])
    _numbers: dict[str | None, int] = field(default_factory=lambda: {None: 0})

    def number(self, text: str | None) -> int:
        """Return the number of a text, a new one if need be."""
        found = self._numbers.setdefault(text, len(self.texts))
        if found == len(self.texts):
            self.texts.append(text)
        return found


@dataclass(frozen=True, slots=True)
class CaseRows:
    """Accepted rows of a chunk of cases; parallel columns."""

    lines: LineNumbers
    case_id: pa.Array
    columns: Mapping[str, pa.Array]
    refused: list[Refused]


@dataclass(frozen=True, slots=True)
class EventRows:
    """Accepted rows of a chunk of events; parallel columns.

    Attributes:
        rank: int32, place of the event type in the catalogue.
        attributes: int32, number of the attribute text.
    """

    lines: LineNumbers
    case_id: pa.Array
    rank: IntArray
    day: IntArray
    recorded: npt.NDArray[np.int64]
    attributes: IntArray
    pointers: tuple[pa.Array, pa.Array, pa.Array]
    refused: list[Refused]


def read_case_rows(chunk: Chunk, received_on: date) -> CaseRows:
    """Judge a chunk of cases.

    Args:
        received_on: A birth date after this day is refused.
    """
    verdicts = Verdicts(chunk.lines)
    case_id = read_ids(chunk.column("case_id"), verdicts, "case_id", needed=True)
    columns = {
        "state": _lower_words(chunk.column("state"), verdicts, "state", _judge_state),
        "district": read_ids(chunk.column("district"), verdicts, "district", needed=True),
        "calendar": read_ids(chunk.column("calendar"), verdicts, "calendar", needed=False),
        "program": _lower_words(chunk.column("program"), verdicts, "program", _judge_program),
    }
    birth = read_days(chunk.column("birth_date"), verdicts, "birth_date", needed=False)
    reason = "birth_date lies after the day the file was received"
    verdicts.mark(birth > to_day(received_on), "CE417", reason)
    columns["birth_date"] = pa.array(birth, mask=birth == NO_DAY).cast(pa.date32())
    columns["grade"] = _grades(chunk.column("grade"), verdicts)
    columns["attributes"] = _facts(chunk, verdicts)
    good = pa.array(verdicts.good)
    kept = {name: column.filter(good) for name, column in columns.items()}
    refused = [*chunk.refused, *verdicts.refused()]
    return CaseRows(chunk.lines[verdicts.good], case_id.filter(good), kept, refused)


def read_event_rows(chunk: Chunk, texts: TextTable, known: AttributeCache) -> EventRows:
    """Judge a chunk of events, apart from what needs the other rows.

    Args:
        texts: Attribute texts of the file; grows.
        known: Attribute texts judged so far; grows.
    """
    verdicts = Verdicts(chunk.lines)
    case_id = read_ids(chunk.column("case_id"), verdicts, "case_id", needed=True)
    names = Words.of(chunk.column("event"))
    verdicts.mark_words(names, names.judge(_judge_event), ("CE414", "event is missing"))
    ranks = np.asarray([_rank(word) for word in names.words] + [-1], dtype=np.int32)
    rank = ranks[names.codes]
    day = read_days(chunk.column("occurred_on"), verdicts, "occurred_on", needed=True)
    recorded = read_moments(chunk.column("recorded_at"), verdicts, "recorded_at")
    attributes = _event_attributes(chunk.column("attributes"), rank, verdicts, texts, known)
    pointers = [
        read_ids(chunk.column(name), verdicts, name, needed=False)
        for name in ("event_id", "corrects", "retracts")
    ]
    both = pointers[1].is_valid().to_numpy(zero_copy_only=False)
    both &= pointers[2].is_valid().to_numpy(zero_copy_only=False)
    if both.any():
        verdicts.mark(both, "CE430", "a record either corrects or retracts, not both")
    good = verdicts.good
    mask = pa.array(good)
    first, second, third = (column.filter(mask) for column in pointers)
    return EventRows(
        chunk.lines[good],
        case_id.filter(mask),
        rank[good],
        day[good],
        recorded[good],
        attributes[good],
        (first, second, third),
        [*chunk.refused, *verdicts.refused()],
    )


class AttributeCache:
    """Attribute texts judged for an event type, each once."""

    def __init__(self) -> None:
        self._judged: dict[tuple[int, str], tuple[str | None, Verdict]] = {}

    def judge(self, event: EventType, text: str) -> tuple[str | None, Verdict]:
        """Return the canonical text of attributes, and the verdict on them."""
        key = (event.position, text)
        if key not in self._judged:
            self._judged[key] = _judge_attributes(event, text)
        return self._judged[key]


def _judge_attributes(event: EventType, text: str) -> tuple[str | None, Verdict]:
    given = read_object(text)
    if isinstance(given, str):
        return None, ("CE423", f"attributes are not a JSON object: {given}")
    given = {name: value for name, value in given.items() if value is not None}
    wrong = catalogue().check_attributes(event, given)
    if wrong:
        code = wrong[0][0]
        return None, (code, "; ".join(reason for _, reason in wrong))
    return canonical_json(given), FINE


def _event_attributes(
    column: pa.Array, rank: IntArray, verdicts: Verdicts, texts: TextTable, known: AttributeCache
) -> IntArray:
    """Return the number of each row's canonical attribute text."""
    words = Words.of(column)
    size = len(words.words) + 1
    pairs, inverse = np.unique(rank.astype(np.int64) * size + words.codes, return_inverse=True)
    numbers = np.zeros(len(pairs), dtype=np.int32)
    found: list[Verdict] = []
    for index, pair in enumerate(pairs.tolist()):
        place, code = divmod(pair, size)
        verdict = FINE
        if place >= 0 and code < size - 1:
            text, verdict = known.judge(catalogue().events[place], words.words[code])
            numbers[index] = texts.number(text)
        found.append(verdict)
    verdicts.mark_words(Words(inverse.astype(np.int32), [""] * len(pairs)), found)
    result: IntArray = numbers[inverse]
    return result


def _judge_event(word: str) -> Verdict:
    if word in catalogue():
        return FINE
    mend = catalogue().suggest(word)
    # a shifted column may put anything here: only words that look like event names are repeated
    shown = f" {word!r}" if mend or re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", word) else ""
    return "CE422", "; ".join(part for part in (f"unknown event{shown}", mend) if part)


def _rank(word: str) -> int:
    event = catalogue().find(word)
    return -1 if event is None else event.position


def _judge_state(word: str) -> Verdict:
    return FINE if _STATE.fullmatch(word) else ("CE419", "state is not a two-letter postal code")


def _judge_program(word: str) -> Verdict:
    if word in PROGRAMS:
        return FINE
    mend = did_you_mean(word, PROGRAMS)
    parts = ("unknown program", f"expected {', '.join(PROGRAMS)}", mend)
    return "CE419", "; ".join(part for part in parts if part)


def _lower_words(column: pa.Array, verdicts: Verdicts, name: str, judge: Any) -> pa.Array:
    words = Words.of(column)
    lower = [word.lower() for word in words.words]
    judged = Words(words.codes, lower)
    verdicts.mark_words(judged, judged.judge(judge), ("CE414", f"{name} is missing"))
    return pa.array([*lower, None], pa.string()).take(pa.array(words.codes))


def _grades(column: pa.Array, verdicts: Verdicts) -> pa.Array:
    words = Words.of(column)
    values = [_GRADES.get(word.upper()) for word in words.words]
    reason = "grade is not PK, KG or a number from -1 to 13"
    found = [
        ("CE418", reason) if value is None and word else FINE
        for word, value in zip(words.words, values, strict=True)
    ]
    verdicts.mark_words(words, found)
    return pa.array([*values, None], pa.int32()).take(pa.array(words.codes))


def _facts(chunk: Chunk, verdicts: Verdicts) -> pa.Array:
    """Return further columns and the attributes column as one JSON text per row."""
    names = [name for name in chunk.columns if name not in CASE_LAYOUT.known]
    key = np.zeros(len(chunk.lines), dtype=np.int64)
    columns = []
    for name in (*names, "attributes"):
        words = Words.of(chunk.column(name))
        columns.append(words)
        key = np.unique(key * (len(words.words) + 1) + words.codes, return_inverse=True)[1].astype(np.int64)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    texts: list[str | None] = []
    found: list[Verdict] = []
    for row in first.tolist():
        picked = [
            words.words[code] if (code := int(words.codes[row])) < len(words.words) else ""
            for words in columns
        ]
        text, verdict = _fact_text(dict(zip(names, picked[:-1], strict=True)), picked[-1])
        texts.append(text)
        found.append(verdict)
    verdicts.mark_words(Words(inverse.astype(np.int32), [""] * len(texts)), found)
    return pa.array(texts, pa.string()).take(pa.array(inverse))


def _fact_text(cells: Mapping[str, str], attributes: str) -> tuple[str | None, Verdict]:
    facts: dict[str, Any] = {}
    if attributes:
        given = read_object(attributes)
        if isinstance(given, str):
            return None, ("CE423", f"attributes are not a JSON object: {given}")
        for name, value in given.items():
            if value is None:
                continue
            kind = _fact_type(name)
            if not kind.accepts(value):
                return None, ("CE425", f"the attribute {kind.name} must be {kind.expected}")
            facts[name] = value
    for name, cell in cells.items():
        if cell:
            try:
                facts[name] = _fact_type(name).read(cell)
            except ValueError as error:
                return None, ("CE425", f"the column {error}")
    return canonical_json(facts), FINE


def _fact_type(name: str) -> AttributeType:
    return catalogue().case_attributes.get(name) or AttributeType(name, catalogue().kind_of(name))

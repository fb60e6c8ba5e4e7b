"""Ed-Fi 5.2 XML: students' program associations become cases and events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError

import pyarrow as pa
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from compliance_engine.cases.catalogue import Program, canonical_json
from compliance_engine.cases.importers import ed_fi_map as words
from compliance_engine.cases.importers.columns import FIRST_YEAR, LAST_YEAR
from compliance_engine.cases.importers.lines import open_file
from compliance_engine.cases.importers.outcome import Imported, QuarantinedRow
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.dates import parse_date
from compliance_engine.errors import CaseProblem, Place, Problem

_ABSENCES = 366
_ASSUMED = "Ed-Fi does not say when a record was entered: events are taken as known since they occurred"


@dataclass(frozen=True, slots=True)
class EdFiOptions:
    """What the standard does not carry and the user must say.

    Attributes:
        state: Two-letter postal code (lower case) or `us`.
        district: District id of every case.
        calendar: Calendar reference of every case.
        received_on: Birth dates after this day are refused.
        end_dates: Whether an exit date is the last day in the program (`inclusive`) or the first day out.
    """

    state: str
    district: str
    calendar: str
    received_on: date
    end_dates: Literal["inclusive", "exclusive"] = "inclusive"


class _RefusedError(Exception):
    """A record cannot be used: code and reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(slots=True)
class _Case:
    """One case under construction; a second record of the same student adds to it."""

    student: str
    program: Program
    facts: dict[str, str] = field(default_factory=dict)
    events: set[tuple[str, date, str | None]] = field(default_factory=set)


@dataclass(slots=True)
class _State:
    options: EdFiOptions
    cases: dict[tuple[str, Program], _Case] = field(default_factory=dict)
    births: dict[str, date] = field(default_factory=dict)
    students: set[str] = field(default_factory=set)
    quarantine: list[QuarantinedRow] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    notes: set[str] = field(default_factory=set)
    accepted: int = 0

    def case(self, student: str, program: Program) -> _Case:
        """Return the case of a student in a program, a new one if need be."""
        return self.cases.setdefault((student, program), _Case(student, program))


def read_ed_fi(path: Path, options: EdFiOptions) -> Imported:
    """Read Ed-Fi interchange XML: one file, or all ``.xml`` files of a folder.

    Each Student and each program association is one record; a record that cannot be used is quarantined with
    its line, without names. A student's records in one program make one case; equal events of several
    records are one event. Other elements are passed over.

    Raises: CaseProblem CE403 when there is no such file or no XML in the folder, CE440 when XML is not
        well-formed or declares a DTD or entities, CE442 when no record of interest is found.
    """
    files = sorted(path.glob("*.xml")) if path.is_dir() else [path]
    if not files:
        found = "no .xml file in the folder"
        raise CaseProblem(Problem(Place(str(path)), "CE403", path.name, found))
    state = _State(options)
    for file in files:
        _read_file(file, state)
    if not any(state.counts[kind] for kind in words.RECORDS if kind != words.STUDENT):
        accepted = ", ".join(words.RECORDS[1:])
        raise CaseProblem(
            Problem(Place(str(path)), "CE442", path.name, "no program association found", accepted)
        )
    return _imported(state)


def _read_file(file: Path, state: _State) -> None:
    refused: list[tuple[str, int, str, str, str]] = []
    numbers: Counter[str] = Counter()
    for element in _elements(file):
        kind = _tag(element)
        numbers[kind] += 1
        state.counts[kind] += 1
        student = (element.findtext(".//{*}StudentUniqueId") or "").strip()
        try:
            _take(kind, element, student, state)
            state.accepted += 1
        except _RefusedError as error:
            refused.append((kind, numbers[kind], error.code, error.reason, student))
    if refused:
        lines = _lines_of(file, {(kind, number) for kind, number, *_ in refused})
        for kind, number, code, reason, student in refused:
            raw = f"<{kind}> number {number}, StudentUniqueId {student}"
            line = lines.get((kind, number), 0)
            state.quarantine.append(QuarantinedRow(str(file), line, code, f"{kind}: {reason}", raw))


def _elements(file: Path) -> Iterator[Element]:
    """Yield the records of a file, each freed after use."""
    depth, root = 0, None
    with open_file(file) as stream:
        try:
            for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    depth += 1
                    root = element if root is None else root
                    continue
                depth -= 1
                if depth == 1:
                    if _tag(element) in words.RECORDS:
                        yield element
                    if root is not None:
                        root.clear()
        except ParseError as error:
            line, column = error.position
            place = Place(str(file), line, column + 1)
            raise CaseProblem(Problem(place, "CE440", file.name, "the XML is not well-formed")) from error
        except DefusedXmlException as error:
            found = "the XML declares a document type or entities"
            raise CaseProblem(Problem(Place(str(file)), "CE440", file.name, found)) from error


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _take(kind: str, element: Element, student: str, state: _State) -> None:
    if not student:
        raise _RefusedError("CE441", "StudentUniqueId is missing")
    if kind == words.STUDENT:
        _take_student(element, student, state)
        return
    for name in words.NEEDED[kind]:
        if not _text(element, name):
            raise _RefusedError("CE441", f"{name} is missing")
    found = _events(kind, element, state)
    program = words.PROGRAM[kind]
    case = state.case(student, program)
    case.events.update(one for one in found if one[0] not in words.PART_C_EVENTS)
    for name, tag in words.CASE_FACTS:
        descriptor = _descriptor(element, tag)
        if descriptor:
            case.facts[name] = words.code_of(descriptor)
    if any(one[0] in words.PART_C_EVENTS for one in found):
        state.case(student, "part_c_transition").events.update(found)


def _take_student(element: Element, student: str, state: _State) -> None:
    if student in state.students:
        raise _RefusedError("CE420", "the StudentUniqueId stands already in an earlier record")
    state.students.add(student)
    birth = _date(element, "BirthData/BirthDate", "BirthDate")
    if birth is None:
        return
    if birth > state.options.received_on:
        raise _RefusedError("CE417", "BirthDate lies after the day the file was received")
    state.births[student] = birth


def _events(kind: str, element: Element, state: _State) -> list[tuple[str, date, str | None]]:
    found = []
    for mapped in words.EVENTS[kind]:
        day = _date(element, mapped.element, mapped.element)
        if day is None or (mapped.unless and _text(element, mapped.unless)):
            continue
        if mapped.event == "exited" and state.options.end_dates == "exclusive":
            day -= timedelta(days=1)
        attributes = dict(mapped.fixed or {}) | _attributes(element, mapped)
        found.append((mapped.event, day, canonical_json(attributes)))
        if mapped.note:
            state.notes.add(f"{kind}.{mapped.element} -> {mapped.event}: {mapped.note}")
    if kind == words.ELIGIBILITY:
        found.extend(_delays(element, state))
    return found


def _attributes(element: Element, mapped: words.Mapped) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, tag, how in mapped.from_elements:
        text = _text(element, tag)
        if not text:
            continue
        value: Any = words.code_of(text)
        if how == "bool":
            value = words.bool_of(text)
            if value is None:
                raise _RefusedError("CE441", f"{tag} is not true or false")
        elif how == "purpose":
            value = words.purpose_of(text)
        if value is not None:
            found[name] = value
    return found


def _delays(element: Element, state: _State) -> Iterator[tuple[str, date, str | None]]:
    received = _date(element, "ConsentToEvaluationReceivedDate", "ConsentToEvaluationReceivedDate")
    if received is None:  # NEEDED asks for it
        return
    for tag, dated_by, duty in words.DELAYS:
        reason = _descriptor(element, tag)
        if reason:
            day = _date(element, dated_by, dated_by) or received
            attributes = {"reason_code": words.code_of(reason), "duty": duty}
            yield "evaluation_delayed", day, canonical_json(attributes)
    days = _text(element, "EvaluationDelayDays")
    if days:
        if not re.fullmatch(r"[0-9]{1,3}", days) or int(days) > _ABSENCES:
            raise _RefusedError("CE441", f"EvaluationDelayDays is not a number from 0 to {_ABSENCES}")
        if int(days):
            note = "the absences have no dates; they are put on the day after the consent was received"
            state.notes.add(f"{words.ELIGIBILITY}.EvaluationDelayDays -> student_absent: {note}")
            absent = canonical_json({"school_days": int(days)})
            yield "student_absent", received + timedelta(days=1), absent


def _text(element: Element, name: str) -> str:
    path = "/".join(f"{{*}}{part}" for part in name.split("/"))
    return (element.findtext(path) or "").strip()


def _descriptor(element: Element, name: str) -> str:
    """Return a descriptor, which may stand in an element of its own name."""
    return _text(element, f"{name}/{name}") or _text(element, name)


def _date(element: Element, path: str, name: str) -> date | None:
    text = _text(element, path)
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError as error:
        raise _RefusedError("CE415", f"{name} is not a date written YYYY-MM-DD") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _RefusedError("CE416", f"{name} is not in the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _lines_of(file: Path, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Return the line on which some records of a file begin."""
    pattern = re.compile(rb"<(?:\w+:)?(" + "|".join(words.RECORDS).encode() + rb")[\s>/]")
    numbers: Counter[str] = Counter()
    found = {}
    with open_file(file) as stream:
        for line, text in enumerate(stream, start=1):
            for match in pattern.finditer(text):
                kind = match[1].decode()
                numbers[kind] += 1
                if (kind, numbers[kind]) in wanted:
                    found[kind, numbers[kind]] = line
    return found


def _imported(state: _State) -> Imported:
    options = state.options
    case_rows, event_rows = [], []
    for (student, program), case in sorted(state.cases.items()):
        case_id = f"{student}-{program}"
        case_rows.append(
            {
                "case_id": case_id,
                "state": options.state,
                "district": options.district,
                "calendar": options.calendar,
                "program": program,
                "birth_date": state.births.get(student),
                "attributes": canonical_json(case.facts),
            }
        )
        for event, day, attributes in sorted(case.events, key=str):
            row = {"case_id": case_id, "event": event, "occurred_on": day, "attributes": attributes}
            event_rows.append(row)
    unborn = sum(student not in state.births for student, _ in state.cases)
    notes = {_ASSUMED, *state.notes}
    if unborn:
        notes.add(f"{unborn} cases have no birth date: what depends on age is undetermined")
    return Imported(
        cases=pa.Table.from_pylist(case_rows, schema=CASES),
        events=pa.Table.from_pylist(event_rows, schema=EVENTS),
        quarantine=sorted(state.quarantine),
        read=sum(state.counts[kind] for kind in words.RECORDS),
        accepted=state.accepted,
        notes=tuple(sorted(notes)),
    )

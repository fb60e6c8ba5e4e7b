"""The calendar side of Ed-Fi 5.2: sessions and calendar dates of one school year as a calendar file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from compliance_engine.cases.importers.ed_fi_map import code_of
from compliance_engine.cases.importers.lines import open_file
from compliance_engine.dates import parse_date
from compliance_engine.errors import CaseProblem, Place, Problem

_CLOSED = {
    "holiday": "holiday",
    "weather_day": "weather",
    "emergency_day": "other",
    "strike": "other",
    "teacher_only_day": "staff_day",
    "non_instructional_day": "other",
}


@dataclass(frozen=True, slots=True)
class EdFiCalendar:
    """What Ed-Fi says about one school year of one school.

    Attributes:
        sessions: First and last day of each session, sorted.
        stated_days: Sum of the sessions' TotalInstructionalDays; None where one lacks it.
        closed: Single days that are closed, with kind and name, sorted.
        partial: Days with late arrival or early dismissal, sorted.
        made_up: Make-up days, sorted.
    """

    sessions: tuple[tuple[date, date], ...]
    stated_days: int | None
    closed: tuple[tuple[date, str, str], ...]
    partial: tuple[date, ...]
    made_up: tuple[date, ...]

    @property
    def breaks(self) -> tuple[tuple[date, date], ...]:
        """First and last day of each gap between sessions."""
        one = timedelta(days=1)
        pairs = zip(self.sessions, self.sessions[1:], strict=False)
        return tuple((end + one, start - one) for (_, end), (start, _) in pairs if start - end > one)

    def weekdays(self) -> int:
        """Return the weekdays of the sessions that are not closed."""
        closed = {day for day, _, _ in self.closed}
        days = (
            start + timedelta(days=n) for start, end in self.sessions for n in range((end - start).days + 1)
        )
        return sum(day.weekday() < 5 and day not in closed for day in days)


@dataclass(frozen=True, slots=True)
class CalendarHeading:
    """What the standard does not carry: the heading of a calendar file.

    Attributes:
        identifier: As in ``us.grand_bend.2021-22``; the district is its first two parts.
        source: Where the XML is published.
        retrieved: The day it was fetched.
    """

    identifier: str
    name: str
    source: str
    retrieved: date


def read_ed_fi_calendar(path: Path, school: str) -> EdFiCalendar:
    """Read the sessions and calendar dates of one school from an EducationOrgCalendar interchange.

    Raises: CaseProblem CE403, CE440 for unreadable XML; CE443 for a school without sessions or a wrong date.
    """
    try:
        with open_file(path) as stream:
            root = cast(Element, parse(stream, forbid_dtd=True).getroot())
    except (ParseError, DefusedXmlException) as error:
        found = "the XML is not well-formed, or declares a document type"
        raise CaseProblem(Problem(Place(str(path)), "CE440", path.name, found)) from error
    try:
        sessions, stated = _sessions(root, school)
        events = sorted((day, event) for day, event in _calendar_events(root))
    except ValueError as error:
        raise CaseProblem(Problem(Place(str(path)), "CE443", path.name, str(error))) from error
    if not sessions:
        found = f"no session of school {school}"
        accepted = ", ".join(sorted({_school(one) for one in root.iterfind("{*}Session")}))
        raise CaseProblem(Problem(Place(str(path)), "CE443", path.name, found, accepted))
    return EdFiCalendar(
        sessions=tuple(sessions),
        stated_days=stated,
        closed=tuple(
            (day, _CLOSED[event], event.replace("_", " ")) for day, event in events if event in _CLOSED
        ),
        partial=tuple(day for day, event in events if event == "student_late_arrival_early_dismissal"),
        made_up=tuple(day for day, event in events if event == "make_up_day"),
    )


def calendar_text(found: EdFiCalendar, heading: CalendarHeading) -> str:
    """Return a calendar file in our format: key dates as the XML gives them, nothing added.

    The file says that it is incomplete unless the weekdays within the sessions are as many as the XML states.
    """
    first, last = found.sessions[0][0], found.sessions[-1][1]
    year = first.year if first.month >= 7 else first.year - 1
    jurisdiction, district, _ = heading.identifier.split(".")
    closures = [(start, end, "break", "between sessions") for start, end in found.breaks]
    closures += [(day, day, kind, name) for day, kind, name in found.closed]
    complete = found.stated_days == found.weekdays()
    lines = [
        "schema_version: 1",
        f"id: {heading.identifier}",
        f"jurisdiction: {jurisdiction}",
        f"district: {jurisdiction}.{district}",
        f"name: {json.dumps(heading.name)}",
        f"covers: {{from: {year}-07-01, to: {year + 1}-06-30}}",
        f"school_year: {{from: {first}, to: {last}}}",
    ]
    if closures:
        lines.append("closures:")
        rows = sorted(closures)
        lines += [f'  - {{from: {a}, to: {b}, kind: {kind}, name: "{name}"}}' for a, b, kind, name in rows]
    if found.partial:
        lines.append("partial_days:")
        lines += [f'  - {{date: {day}, name: "late arrival or early dismissal"}}' for day in found.partial]
    if found.made_up:
        lines.append("make_up_days:")
        lines += [f"  - {{date: {day}}}" for day in found.made_up]
    if found.stated_days is not None:
        lines.append(f"stated_instructional_days: {found.stated_days}")
        if not complete:
            note = (
                f"the sessions state {found.stated_days} instructional days; "
                f"they hold {found.weekdays()} weekdays, and the XML does not name the closed ones"
            )
            lines.append(f"instructional_days_note: {json.dumps(note)}")
    lines += [
        f"complete: {'true' if complete else 'false'}",
        "sources:",
        f"  - {{url: {json.dumps(heading.source)}, retrieved: {heading.retrieved}}}",
    ]
    return "\n".join(lines) + "\n"


def _sessions(root: Element, school: str) -> tuple[list[tuple[date, date]], int | None]:
    sessions, stated = [], []
    for one in root.iterfind("{*}Session"):
        if _school(one) == school:
            begin, end = (parse_date(one.findtext(f"{{*}}{name}") or "") for name in ("BeginDate", "EndDate"))
            if end < begin:
                raise ValueError(f"a session ends on {end}, before it begins on {begin}")
            sessions.append((begin, end))
            days = one.findtext("{*}TotalInstructionalDays")
            stated.append(int(days) if days else None)
    total = None if None in stated else sum(days for days in stated if days is not None)
    return sorted(sessions), total


def _calendar_events(root: Element) -> Iterator[tuple[date, str]]:
    for one in root.iterfind("{*}CalendarDate"):
        day = parse_date(one.findtext("{*}Date") or "")
        for event in one.iterfind(".//{*}CalendarEvent"):
            text = (event.text or "").strip()
            if text:
                yield day, code_of(text)


def _school(element: Element) -> str:
    return (element.findtext(".//{*}SchoolId") or "").strip()

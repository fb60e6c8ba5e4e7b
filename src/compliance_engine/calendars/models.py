"""A school calendar: one file per school year, joined to one calendar per district (and track).

The file model is `SchoolYear`; `Calendar` is what the rest of the engine uses. Days without school are
`closures` (planned) and `unplanned` (weather and the like, known from the day they were announced); a day is
a school day when it is a school weekday within the school year and not closed, or a make-up day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from compliance_engine.calendars.day_counts import ClosureKind
from compliance_engine.dates import Day
from compliance_engine.strict_models import CalendarDayRange, StrictModel

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SCHOOL_WEEK: tuple[Weekday, ...] = WEEKDAYS[:5]
ID_PATTERN = r"^[a-z]{2}\.[a-z0-9_]+(\.[a-z0-9_]+)?\.[0-9]{4}-[0-9]{2}$"

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Closure(CalendarDayRange):
    """Planned days without school; weekends in the range are part of it but close nothing."""

    kind: ClosureKind
    name: Name


class PartialDay(StrictModel):
    """A shortened school day; it counts in full."""

    date: Day
    name: Name


class UnplannedClosure(StrictModel):
    """A school day that was called off; known from `announced` on (the day itself, if not given)."""

    date: Day
    kind: ClosureKind
    announced: Day | None = None
    name: str = ""

    @property
    def known_from(self) -> Day:
        """First day on which the closure was known."""
        return self.announced or self.date


class MakeUpDay(StrictModel):
    """A day on which school was held instead; known from `announced` on (the day itself, if not given)."""

    date: Day
    for_: Annotated[Day | None, Field(alias="for")] = None
    announced: Day | None = None

    @property
    def known_from(self) -> Day:
        """First day on which the make-up day was known."""
        return self.announced or self.date


class PossibleMakeUpDay(StrictModel):
    """A day kept for making up lost days: no school until it is used and moved to `make_up_days`."""

    date: Day
    name: str = ""


class AgencyClosure(CalendarDayRange):
    """Days on which the agency's offices are closed."""

    name: Name


class Source(StrictModel):
    """Where the dates were read."""

    url: str
    retrieved: Day
    note: str = ""


class SchoolYear(StrictModel):
    """One calendar file: one school year of a district, or of one track of it.

    Attributes:
        covers: The days this file speaks for; outside, nothing is known.
        school_year: First and last student day as planned.
        teacher_days: First and last day of the teachers' contract, for states whose summer is theirs.
        complete: False if the sources give key dates only; every date derived from the file then says so.
        stated_instructional_days: The number the source states, checked against the dates.
        instructional_days_note: Why the stated number differs from the dates, if it does.
    """

    schema_version: Literal[1]
    id: Annotated[str, Field(pattern=ID_PATTERN)]
    jurisdiction: Annotated[str, Field(pattern=r"^[a-z]{2}$")]
    district: Annotated[str, Field(pattern=r"^[a-z]{2}\.[a-z0-9_]+$")]
    name: Name
    track: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] | None = None
    covers: CalendarDayRange
    school_year: CalendarDayRange
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)] = SCHOOL_WEEK
    closures: tuple[Closure, ...] = ()
    partial_days: tuple[PartialDay, ...] = ()
    unplanned: tuple[UnplannedClosure, ...] = ()
    make_up_days: tuple[MakeUpDay, ...] = ()
    possible_make_up_days: tuple[PossibleMakeUpDay, ...] = ()
    teacher_days: CalendarDayRange | None = None
    agency_closed: tuple[AgencyClosure, ...] | None = None
    stated_instructional_days: Annotated[int, Field(ge=1, le=366)] | None = None
    instructional_days_note: str | None = None
    complete: bool
    sources: tuple[Source, ...]
    notes: str | tuple[str, ...] = ()

    @property
    def projected(self) -> bool:
        """Whether the year is a projection, not a published calendar."""
        return False

    @property
    def school_weekdays(self) -> frozenset[int]:
        """Weekdays with school, Monday is 0."""
        return frozenset(WEEKDAYS.index(day) for day in self.weekdays)

    def planned_days(self) -> list[date]:
        """Return the instructional days as planned, without unplanned closures and make-up days."""
        closed = {day for closure in self.closures for day in days_of(closure)}
        weekdays = self.school_weekdays
        return [day for day in days_of(self.school_year) if day.weekday() in weekdays and day not in closed]

    def instructional_days(self, known_on: date | None = None) -> list[date]:
        """Return the instructional days in order, as they were known on a day (None: all that is known)."""

        def known(item: UnplannedClosure | MakeUpDay) -> bool:
            return known_on is None or item.known_from <= known_on

        lost = {item.date for item in self.unplanned if known(item)}
        gained = {item.date for item in self.make_up_days if known(item)}
        return sorted({day for day in self.planned_days() if day not in lost} | gained)


class ProjectedYear(SchoolYear):
    """A school year that is not published yet: the pattern of the last one, moved."""

    @property
    def projected(self) -> bool:
        """Always true."""
        return True


@dataclass(frozen=True)
class Calendar:
    """All school years of one district (and track), in order.

    Attributes:
        id: The reference it was resolved by: a district, ``district/track``, or one file's id.
        jurisdiction: ``us`` or a postal code; its legal holidays apply unless the case says otherwise.
        years: Sorted by cover; covers that touch make one stretch, between others nothing is known.
    """

    id: str
    jurisdiction: str
    name: str
    years: tuple[SchoolYear, ...]

    @property
    def complete(self) -> bool:
        """Whether every school year gives all of its dates."""
        return all(year.complete for year in self.years)

    @property
    def stretches(self) -> tuple[tuple[date, date], ...]:
        """First and last day of each unbroken stretch of cover."""
        found: list[tuple[date, date]] = []
        for year in self.years:
            if found and found[-1][1] + timedelta(days=1) == year.covers.from_:
                found[-1] = (found[-1][0], year.covers.to)
            else:
                found.append((year.covers.from_, year.covers.to))
        return tuple(found)

    def year_of(self, day: date) -> SchoolYear | None:
        """Return the school year whose cover holds a day."""
        return next((year for year in self.years if year.covers.from_ <= day <= year.covers.to), None)

    def instructional_days(self, known_on: date | None = None) -> list[date]:
        """Return all instructional days in order, as they were known on a day (None: all that is known)."""
        return [day for year in self.years for day in year.instructional_days(known_on)]


def days_of(span: CalendarDayRange) -> Iterator[date]:
    """Yield every day from the first through the last of a range."""
    return (span.from_ + timedelta(days=offset) for offset in range((span.to - span.from_).days + 1))


def join_years(identifier: str, years: Iterable[SchoolYear]) -> Calendar:
    """Return one calendar of the school years given, sorted; there must be at least one."""
    ordered = tuple(sorted(years, key=lambda year: year.covers.from_))
    latest = ordered[-1]
    return Calendar(identifier, latest.jurisdiction, latest.name, ordered)

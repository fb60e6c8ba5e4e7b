"""What is known of each day of one calendar, as arrays; the ground that day counts are built on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np

from compliance_engine.calendars.day_counts import CLOSURE_KINDS, ClosureKind, Closures, Summer
from compliance_engine.calendars.models import Calendar, SchoolYear
from compliance_engine.dates import BoolArray, IntArray, to_day

OPEN = -1  # in `DayFacts.closed`: no closure names this day


@dataclass(frozen=True)
class Term:
    """One school year as day numbers: cover, first and last student day, teachers' days; all inclusive."""

    index: int
    cover_from: int
    cover_to: int
    first: int
    last: int
    teachers_first: int
    teachers_last: int


@dataclass(frozen=True)
class Run:
    """Consecutive closed school weekdays: `first` to `last`, and the weekends that touch them."""

    first: int
    last: int
    weekdays: int
    before: int  # first day of the weekend directly before, `first` if there is none
    after: int  # last day of the weekend directly after, `last` if there is none

    def length(self, measured_in: str) -> int:
        """Return how long the run is, as `Closures.measured_in` says."""
        if measured_in == "weekdays":
            return self.weekdays
        if measured_in == "days":
            return self.after - self.before + 1
        return self.last - self.first + 1


@dataclass(frozen=True)
class DayFacts:
    """Arrays over the days `low` to `high` of one calendar; index 0 is `low`.

    Attributes:
        covered: Something is known of the day.
        year: Index of the school year whose cover holds the day, -1 for none.
        school: Students attend.
        scheduled: Students were to attend; unplanned closures do not matter.
        school_weekday: The weekday is one with school.
        closed: Index into `names` of the closure, or `OPEN`.
        kind: Index into `CLOSURE_KINDS` of the closure, or `OPEN`.
        agency_closed: Index into `names` of the agency closure, or `OPEN`.
        lists_agency: The school year of the day lists its agency closures.
    """

    low: int
    high: int
    terms: tuple[Term, ...]
    names: tuple[str, ...]
    covered: BoolArray
    year: IntArray
    school: BoolArray
    scheduled: BoolArray
    school_weekday: BoolArray
    closed: IntArray
    kind: IntArray
    agency_closed: IntArray
    lists_agency: BoolArray

    @property
    def days(self) -> IntArray:
        """The day numbers, int32."""
        return np.arange(self.low, self.high + 1, dtype=np.int32)

    def summer(self, period: Summer) -> BoolArray:
        """Return which covered days lie between school years."""
        inside = np.zeros(len(self.covered), dtype=np.bool_)
        for term in self.terms:
            teachers = period.by == "teacher_days"
            first = (term.teachers_first if teachers else term.first) + (period.until == "first_day")
            last = (term.teachers_last if teachers else term.last) - (period.from_ == "last_day")
            inside[max(first - self.low, 0) : max(last - self.low + 1, 0)] = True
        return self.covered & ~inside

    def in_runs(self, period: Closures) -> BoolArray:
        """Return which days lie in a run of closed days that is long enough."""
        inside = np.zeros(len(self.covered), dtype=np.bool_)
        for run in self.runs(period):
            first = run.before if period.touching_weekends in ("excluded", "excluded_before") else run.first
            last = run.after if period.touching_weekends in ("excluded", "excluded_after") else run.last
            inside[first - self.low : last - self.low + 1] = True
        return inside

    def runs(self, period: Closures) -> Iterator[Run]:
        """Yield the runs of closed weekdays that are long enough, in order."""
        kinds = [CLOSURE_KINDS.index(kind) for kind in period.kinds]
        for term in self.terms:
            span = slice(term.first - self.low, term.last - self.low + 1)
            days = np.flatnonzero(self.school_weekday[span] | self.school[span]) + term.first
            at = days - self.low
            closed = ~self.school[at] & np.isin(self.kind[at], kinds)
            edges = np.flatnonzero(np.diff(np.concatenate(([False], closed, [False])).astype(np.int8)))
            for begin, end in edges.reshape(-1, 2).tolist():
                before = days[begin - 1] + 1 if begin else days[begin]
                after = days[end] - 1 if end < len(days) else days[end - 1]
                run = Run(int(days[begin]), int(days[end - 1]), end - begin, int(before), int(after))
                if run.length(period.measured_in) >= period.shortest:
                    yield run

    def closure_at(self, day: int) -> tuple[ClosureKind, str] | None:
        """Return kind and name of the closure that names a day."""
        index = int(self.closed[day - self.low])
        if index == OPEN:
            return None
        return CLOSURE_KINDS[int(self.kind[day - self.low])], self.names[index]


def weekday_of(days: IntArray) -> IntArray:
    """Return the weekday of each day number, Monday is 0."""
    return cast(IntArray, (days + np.int32(3)) % np.int32(7))  # 1970-01-01 was a Thursday


def gather_facts(calendar: Calendar, known_on: date | None) -> DayFacts:
    """Lay out a calendar as arrays.

    Args:
        known_on: Unplanned closures and make-up days announced later are left out; None keeps all.
    """
    return _Gathering(calendar, known_on).facts()


class _Gathering:
    def __init__(self, calendar: Calendar, known_on: date | None) -> None:
        self.years = calendar.years
        self.known_on = known_on
        self.low = to_day(calendar.years[0].covers.from_)
        self.high = to_day(calendar.years[-1].covers.to)
        size = self.high - self.low + 1
        self.names: list[str] = []
        self.year = np.full(size, -1, dtype=np.int32)
        self.school = np.zeros(size, dtype=np.bool_)
        self.scheduled = np.zeros(size, dtype=np.bool_)
        self.school_weekday = np.zeros(size, dtype=np.bool_)
        self.closed = np.full(size, OPEN, dtype=np.int32)
        self.kind = np.full(size, OPEN, dtype=np.int32)
        self.agency_closed = np.full(size, OPEN, dtype=np.int32)
        self.lists_agency = np.zeros(size, dtype=np.bool_)

    def facts(self) -> DayFacts:
        terms = tuple(self.add(index, year) for index, year in enumerate(self.years))
        return DayFacts(
            low=self.low,
            high=self.high,
            terms=terms,
            names=tuple(self.names),
            covered=self.year >= 0,
            year=self.year,
            school=self.school,
            scheduled=self.scheduled,
            school_weekday=self.school_weekday,
            closed=self.closed,
            kind=self.kind,
            agency_closed=self.agency_closed,
            lists_agency=self.lists_agency,
        )

    def add(self, index: int, year: SchoolYear) -> Term:
        cover = self.span(year.covers.from_, year.covers.to)
        days = np.arange(cover.start, cover.stop, dtype=np.int32) + np.int32(self.low)
        self.year[cover] = index
        self.school_weekday[cover] = np.isin(weekday_of(days), sorted(year.school_weekdays))
        for closure in year.closures:
            self.close(self.span(closure.from_, closure.to), closure.kind, closure.name)
        term = self.span(year.school_year.from_, year.school_year.to)
        planned = self.school_weekday[term] & (self.closed[term] == OPEN)
        self.school[term] = planned
        self.scheduled[term] = planned
        for lost in year.unplanned:
            if self.is_known(lost.known_from):
                at = self.span(lost.date, lost.date)
                self.school[at] = False
                self.close(at, lost.kind, lost.name)
        for made in year.make_up_days:
            if self.is_known(made.known_from):
                at = self.span(made.date, made.date)
                self.school[at] = self.scheduled[at] = True
                self.closed[at] = self.kind[at] = OPEN
        self.add_agency(year, cover)
        return self.term(index, year, cover)

    def add_agency(self, year: SchoolYear, cover: slice) -> None:
        if year.agency_closed is None:
            return
        self.lists_agency[cover] = True
        for closure in year.agency_closed:
            self.agency_closed[self.span(closure.from_, closure.to)] = len(self.names)
            self.names.append(closure.name)

    def term(self, index: int, year: SchoolYear, cover: slice) -> Term:
        attended = np.flatnonzero(self.school[cover]) + cover.start + self.low
        planned = (to_day(year.school_year.from_), to_day(year.school_year.to))
        first, last = (int(attended[0]), int(attended[-1])) if len(attended) else planned
        teachers = year.teacher_days
        return Term(
            index=index,
            cover_from=to_day(year.covers.from_),
            cover_to=to_day(year.covers.to),
            first=first,
            last=last,
            teachers_first=min(to_day(teachers.from_), first) if teachers else first,
            teachers_last=max(to_day(teachers.to), last) if teachers else last,
        )

    def close(self, at: slice, kind: ClosureKind, name: str) -> None:
        self.closed[at] = len(self.names)
        self.kind[at] = CLOSURE_KINDS.index(kind)
        self.names.append(name)

    def is_known(self, announced: date) -> bool:
        return self.known_on is None or announced <= self.known_on

    def span(self, first: date, last: date) -> slice:
        return slice(to_day(first) - self.low, to_day(last) - self.low + 1)

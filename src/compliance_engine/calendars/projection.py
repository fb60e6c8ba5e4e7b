"""Next year's calendar before it is published: last year's pattern, moved, with legal holidays by date.

Projected years are flagged, and every date that rests on one says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from compliance_engine.calendars.day_counts import ClosureKind
from compliance_engine.calendars.legal_holidays import FEDERAL, legal_holidays
from compliance_engine.calendars.models import (
    Calendar,
    Closure,
    PartialDay,
    ProjectedYear,
    SchoolYear,
    days_of,
    join_years,
)
from compliance_engine.strict_models import CalendarDayRange

_WEEK = timedelta(days=7)


def project(calendar: Calendar, until: date) -> Calendar:
    """Return the calendar with projected school years appended until its cover holds a day.

    Each projected year is moved by whole weeks from the last published one, so that it begins as near as may
    be to the same date. A closure that holds a legal holiday on a fixed weekday (Thanksgiving) moves with it.
    A legal holiday is closed if the last published year was closed on it; a federal one also if it fell on
    no school weekday then. Unplanned closures and make-up days are not projected.

    Raises: CalendarProblem CE313 when a year lies outside the years of which legal holidays are known.
    """
    pattern = calendar.years[-1]
    years = list(calendar.years)
    while years[-1].covers.to < until:
        years.append(_projected(pattern, years[-1]))
    return replace(calendar, years=join_years(calendar.id, years).years)


def _projected(pattern: SchoolYear, previous: SchoolYear) -> ProjectedYear:
    first_cover = previous.covers.to + timedelta(days=1)
    number = first_cover.year - pattern.covers.from_.year
    return _Projection.of(pattern, number).year(first_cover)


@dataclass(frozen=True)
class _Projection:
    pattern: SchoolYear
    number: int  # years after the pattern
    shift: timedelta
    old_holidays: dict[str, date]
    new_holidays: dict[str, date]

    @classmethod
    def of(cls, pattern: SchoolYear, number: int) -> _Projection:
        term = pattern.school_year
        # whole weeks in so many years of 365.2425 days
        weeks = round(number * 3652425 / 70000)
        old = _named(pattern.jurisdiction, (term.from_.year, term.to.year), term)
        shift = weeks * _WEEK
        moved = CalendarDayRange(from_=term.from_ + shift, to=term.to + shift)
        new = _named(pattern.jurisdiction, (moved.from_.year, moved.to.year), moved)
        return cls(pattern, number, shift, old, new)

    def year(self, first_cover: date) -> ProjectedYear:
        """Return the projected year, its cover beginning on a day and lasting a year."""
        old = self.pattern
        last_cover = _same_date(old.covers.to, old.covers.to.year + self.number)
        term = self._moved(old.school_year)
        closures = self._closures(term)
        label = f"{first_cover.year}-{last_cover.year % 100:02d}"
        closed = {day for closure in closures for day in days_of(closure)}
        partial = [PartialDay(date=item.date + self.shift, name=item.name) for item in old.partial_days]
        fields = {key: getattr(old, key) for key in ("schema_version", "jurisdiction", "district", "track")}
        return ProjectedYear(
            **fields,
            id=f"{old.id.rsplit('.', 1)[0]}.{label}",
            name=f"{old.name}, projected to {label}",
            covers=CalendarDayRange(from_=first_cover, to=max(last_cover, term.to)),
            school_year=term,
            weekdays=old.weekdays,
            closures=tuple(closures),
            partial_days=tuple(item for item in partial if item.date not in closed),
            teacher_days=self._moved(old.teacher_days) if old.teacher_days else None,
            complete=old.complete,
            sources=(),
            notes=f"Projected from {old.id} and the legal holidays; not published.",
        )

    def _moved(self, span: CalendarDayRange) -> CalendarDayRange:
        return CalendarDayRange(from_=span.from_ + self.shift, to=span.to + self.shift)

    def _closures(self, term: CalendarDayRange) -> list[Closure]:
        planned: dict[date, tuple[ClosureKind, str]] = {}
        on_holidays = set(self.old_holidays.values())
        for closure in self.pattern.closures:
            if closure.from_ == closure.to and closure.from_ in on_holidays:
                continue  # placed by the date of the holiday, below
            shift = self._shift_of(closure)
            for day in days_of(closure):
                planned[day + shift] = (closure.kind, closure.name)
        weekdays = self.pattern.school_weekdays
        for name, day in self.new_holidays.items():
            if day.weekday() in weekdays and self._closes(name, day):
                planned.setdefault(day, ("holiday", name))
        return _joined(
            (day, kind, name) for day, (kind, name) in sorted(planned.items()) if term.from_ < day < term.to
        )

    def _closes(self, name: str, day: date) -> bool:
        """Tell whether a legal holiday is without school: as last time, else when it is federal."""
        old, pattern = self.old_holidays.get(name), self.pattern
        if old is not None and old.weekday() in pattern.school_weekdays:
            return old not in set(pattern.planned_days())
        return day in legal_holidays(FEDERAL, [day.year])

    def _shift_of(self, closure: Closure) -> timedelta:
        """Return how far a closure moves: with a legal holiday of fixed weekday in it, else as the year."""
        for name, old in self.old_holidays.items():
            new = self.new_holidays.get(name)
            if new is not None and closure.from_ <= old <= closure.to and old.weekday() == new.weekday():
                moved = new - old
                if abs(moved - self.shift) <= _WEEK:
                    return moved
        return self.shift


def _named(jurisdiction: str, years: Iterable[int], term: CalendarDayRange) -> dict[str, date]:
    found: dict[str, date] = {}
    for day, names in legal_holidays(jurisdiction, years).items():
        if term.from_ <= day <= term.to:
            for name in names.split("; "):
                found.setdefault(name, day)
    return found


def _same_date(day: date, year: int) -> date:
    last_of_february = (day.month, day.day) == (2, 29)
    return date(year, 2, 28) if last_of_february else day.replace(year=year)


def _joined(days: Iterable[tuple[date, ClosureKind, str]]) -> list[Closure]:
    """Return neighbouring days of one kind and name as one closure."""
    closures: list[Closure] = []
    for day, kind, name in days:
        last = closures[-1] if closures else None
        if last and (last.kind, last.name) == (kind, name) and (day - last.to).days == 1:
            closures[-1] = Closure(from_=last.from_, to=day, kind=kind, name=name)
        else:
            closures.append(Closure(from_=day, to=day, kind=kind, name=name))
    return closures

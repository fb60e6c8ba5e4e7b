"""What must hold within one calendar file, beyond its form; every violation is located."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from compliance_engine.calendars.models import WEEKDAYS, AgencyClosure, Closure, SchoolYear, days_of
from compliance_engine.errors import Problem
from compliance_engine.strict_models import CalendarDayRange
from compliance_engine.strict_yaml import Document, DocumentPath


def check_year(year: SchoolYear, document: Document) -> list[Problem]:
    """Return every problem of one calendar file, sorted by place."""
    return sorted(set(_Checks(year, document).all()))


class _Checks:
    def __init__(self, year: SchoolYear, document: Document) -> None:
        self.year = year
        self.document = document
        self.term = year.school_year
        self.weekdays = year.school_weekdays
        self.closed = {day: item.name for item in year.closures for day in days_of(item)}

    def all(self) -> Iterator[Problem]:
        yield from self.names()
        yield from self.ranges()
        yield from self.ends()
        yield from self.overlaps()
        yield from self.repeats()
        yield from self.partial()
        yield from self.unplanned()
        yield from self.make_up()
        yield from self.number()

    def problem(
        self, path: DocumentPath, code: str, found: str, expected: str = "", mend: str = ""
    ) -> Problem:
        return Problem(self.document.place(path), code, self.year.id, found, expected, mend)

    def named(self, key: str) -> tuple[Closure | AgencyClosure, ...]:
        return getattr(self.year, key) or ()

    def names(self) -> Iterator[Problem]:
        year = self.year
        if not year.district.startswith(f"{year.jurisdiction}."):
            found = f"district {year.district} does not lie in jurisdiction {year.jurisdiction}"
            yield self.problem(("district",), "CE309", found, f"{year.jurisdiction}.<name>")
        whole = f"{year.district}.{year.track}." if year.track else f"{year.district}."
        if not year.id.startswith(whole) or "." in year.id[len(whole) :]:
            yield self.problem(("id",), "CE309", f"id {year.id}", f"{whole}<school year>")

    def ranges(self) -> Iterator[Problem]:
        year, covers, term = self.year, self.year.covers, self.term
        if not _inside(term, covers):
            yield self.problem(
                ("school_year",), "CE302", f"school_year {_say(term)} is not inside covers {_say(covers)}"
            )
        if year.teacher_days and not _inside(term, year.teacher_days):
            found = f"teacher_days {_say(year.teacher_days)} do not hold the school year {_say(term)}"
            yield self.problem(("teacher_days",), "CE302", found)
        for key, items, outer in (
            ("closures", self.named("closures"), term),
            ("agency_closed", self.named("agency_closed"), covers),
        ):
            for index, span in enumerate(items):
                if not _inside(span, outer):
                    whole = "school year" if outer is term else "cover"
                    found = f"{span.name!r}, {_say(span)}, is not inside the {whole} {_say(outer)}"
                    yield self.problem((key, index), "CE302", found)
        for key, days, outer in (
            ("partial_days", [item.date for item in year.partial_days], term),
            ("unplanned", [item.date for item in year.unplanned], term),
            ("make_up_days", [item.date for item in year.make_up_days], covers),
            ("possible_make_up_days", [item.date for item in year.possible_make_up_days], covers),
        ):
            for index, day in enumerate(days):
                if not outer.from_ <= day <= outer.to and not self._is_made_up(day):
                    whole = "school year" if outer is term else "cover"
                    found = f"{day} is not inside the {whole} {_say(outer)}"
                    yield self.problem((key, index, "date"), "CE302", found)

    def _is_made_up(self, day: date) -> bool:
        covers = self.year.covers
        return covers.from_ <= day <= covers.to and day in {item.date for item in self.year.make_up_days}

    def ends(self) -> Iterator[Problem]:
        for key, day in (("from", self.term.from_), ("to", self.term.to)):
            which = "first" if key == "from" else "last"
            if day.weekday() not in self.weekdays:
                weekday = WEEKDAYS[day.weekday()]
                found = f"the {which} student day {day} is a {weekday}, no school weekday"
                yield self.problem(("school_year", key), "CE307", found)
            elif day in self.closed:
                found = f"the {which} student day {day} is closed ({self.closed[day]})"
                yield self.problem(("school_year", key), "CE307", found)

    def overlaps(self) -> Iterator[Problem]:
        for key in ("closures", "agency_closed"):
            items = self.named(key)
            for index, item in enumerate(items):
                for other in items[:index]:
                    if item.from_ <= other.to and other.from_ <= item.to:
                        found = f"{item.name!r}, {_say(item)}, overlaps {other.name!r}, {_say(other)}"
                        yield self.problem((key, index), "CE303", found, mend="let each day stand once")

    def repeats(self) -> Iterator[Problem]:
        for key in ("partial_days", "unplanned", "make_up_days", "possible_make_up_days"):
            seen: set[date] = set()
            for index, item in enumerate(getattr(self.year, key)):
                if item.date in seen:
                    found = f"{item.date} stands twice in {key}"
                    yield self.problem((key, index, "date"), "CE303", found, mend="let each day stand once")
                seen.add(item.date)

    def partial(self) -> Iterator[Problem]:
        lost = {item.date for item in self.year.unplanned}
        for index, item in enumerate(self.year.partial_days):
            reason = "called off" if item.date in lost else self._why_closed(item.date)
            if reason:
                found = f"partial day {item.date} is {reason}"
                yield self.problem(("partial_days", index, "date"), "CE304", found, mend="remove one of them")

    def unplanned(self) -> Iterator[Problem]:
        for index, item in enumerate(self.year.unplanned):
            if reason := self._why_closed(item.date):
                found = f"{item.date} cannot be called off: it is {reason}"
                yield self.problem(("unplanned", index, "date"), "CE305", found)

    def make_up(self) -> Iterator[Problem]:
        lost = {item.date for item in self.year.unplanned}
        for key in ("make_up_days", "possible_make_up_days"):
            for index, item in enumerate(getattr(self.year, key)):
                in_term = self.term.from_ <= item.date <= self.term.to
                if in_term and item.date.weekday() in self.weekdays and item.date not in self.closed:
                    found = f"{item.date} cannot be made a school day: it is one already"
                    yield self.problem((key, index, "date"), "CE306", found)
        for index, made in enumerate(self.year.make_up_days):
            if made.for_ is not None and made.for_ not in lost:
                found = f"{made.date} makes up for {made.for_}, which was not called off"
                mend = "add it to unplanned, or leave `for` out"
                yield self.problem(("make_up_days", index, "for"), "CE306", found, mend=mend)

    def number(self) -> Iterator[Problem]:
        stated = self.year.stated_instructional_days
        if stated is None or self.year.instructional_days_note:
            return
        planned, held = len(self.year.planned_days()), len(self.year.instructional_days())
        if stated not in (planned, held):
            computed = str(planned) if planned == held else f"{planned} as planned and {held} as held"
            found = f"{stated} instructional days are stated, the dates make {computed}"
            mend = "mend the dates, or explain the difference in instructional_days_note"
            yield self.problem(("stated_instructional_days",), "CE308", found, mend=mend)

    def _why_closed(self, day: date) -> str:
        if self._is_made_up(day):
            return ""
        if day in self.closed:
            return f"closed ({self.closed[day]})"
        if day.weekday() not in self.weekdays:
            return f"a {WEEKDAYS[day.weekday()]}, no school weekday"
        return ""


def _inside(inner: CalendarDayRange, outer: CalendarDayRange) -> bool:
    return outer.from_ <= inner.from_ and inner.to <= outer.to


def _say(span: CalendarDayRange) -> str:
    return str(span.from_) if span.from_ == span.to else f"{span.from_} to {span.to}"

"""Counting days on many calendars at once, for any day count: `DayTables`.

Everything takes and gives int32 arrays of day numbers; `calendars` are indices into the calendars the tables
were made for, -1 for none. What a calendar does not know is `NO_DAY`, never a guess.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from compliance_engine.calendars.counting import (
    WIDE_FIRST,
    WIDE_LAST,
    Explainer,
    Skipped,
    counted_days,
    counted_days_anywhere,
)
from compliance_engine.calendars.day_counts import DayCount, Period
from compliance_engine.calendars.day_facts import DayFacts, gather_facts
from compliance_engine.calendars.layout import MOST_DAYS, Layout, Stretch, Table
from compliance_engine.calendars.models import Calendar
from compliance_engine.calendars.year_tables import YearTables
from compliance_engine.dates import NO_DAY, BoolArray, IntArray, to_date, to_day
from compliance_engine.errors import CalendarProblem, Place, Problem, did_you_mean

__all__ = ["MOST_DAYS", "DayTables", "Skipped"]

_HOLIDAYS = DayCount(
    id="legal_holidays",
    title="Legal holidays",
    counts="every_day",
    only=(Period(legal_holidays="federal_and_state"),),
)
_STUDENTS = DayCount(id="school_days", title="Days with students", counts="school_days")


class DayTables:
    """Look-up tables of days for some calendars; each day count is laid out when it is first used.

    Args:
        calendars: In the order of the indices; None for cases without a calendar of which only the state is
            known (counts that need no school calendar still work).
        counts: The day counts by the names rules use.
        known_on: Unplanned closures and make-up days announced later are left out; None keeps all.
        states: Whose legal holidays apply to each calendar; the calendar's own jurisdiction by default.
    """

    def __init__(
        self,
        calendars: Sequence[Calendar | None],
        counts: Mapping[str, DayCount],
        known_on: date | None = None,
        *,
        states: Sequence[str] | None = None,
    ) -> None:
        self.calendars = tuple(calendars)
        self.counts = dict(counts)
        self.known_on = known_on
        if states is None:
            states = [calendar.jurisdiction if calendar else "us" for calendar in self.calendars]
        if len(states) != len(self.calendars):
            raise ValueError(f"{len(states)} states for {len(self.calendars)} calendars")
        self.states = tuple(states)
        self.facts: tuple[DayFacts | None, ...] = tuple(
            gather_facts(calendar, known_on) if calendar else None for calendar in self.calendars
        )
        known = [facts for facts in self.facts if facts is not None]
        low = min((facts.low for facts in known), default=0)
        high = max((facts.high for facts in known), default=0)
        self._layout = Layout.of(low, high, len(self.calendars))
        self._lock = threading.RLock()
        self._tables: dict[str, Table] = {}
        self._students: Table | None = None
        self._holidays: Table | None = None
        self._years: YearTables | None = None

    # counting

    def after(
        self,
        count_id: str,
        calendars: IntArray,
        days: IntArray,
        number: int | IntArray,
        *,
        include_start: bool = False,
    ) -> IntArray:
        """Return the N-th counted day strictly after each day.

        Args:
            number: N, at least 0, one for all or one per row; 0 gives the day itself.
            include_start: The day itself is number 1 if it counts.

        Returns: int32[n]; `NO_DAY` where the day or the answer is outside the cover, or beyond a gap.
        """
        count = self.count(count_id)
        if count.is_every_day:
            return _shifted(days, _steps(number, include_start))
        result = self._table(count_id).after(calendars, days, number, include_start=include_start)
        return _zero_is_the_day(result, days, number)

    def before(
        self,
        count_id: str,
        calendars: IntArray,
        days: IntArray,
        number: int | IntArray,
        *,
        include_start: bool = False,
    ) -> IntArray:
        """Return the N-th counted day strictly before each day; otherwise as `after`."""
        count = self.count(count_id)
        if count.is_every_day:
            return _shifted(days, -_steps(number, include_start))
        result = self._table(count_id).before(calendars, days, number, include_start=include_start)
        return _zero_is_the_day(result, days, number)

    def between(self, count_id: str, calendars: IntArray, first: IntArray, last: IntArray) -> IntArray:
        """Return how many counted days d have ``first < d <= last``, negative where `last` is earlier.

        Returns: int32[n]; `NO_DAY` (not known) where an end is outside the cover or a gap lies between.
        """
        if self.count(count_id).is_every_day:
            number = np.subtract(last, first, dtype=np.int32)
            number[(first == NO_DAY) | (last == NO_DAY)] = NO_DAY
            return number
        return self._table(count_id).between(calendars, first, last)

    def counts_day(self, count_id: str, calendars: IntArray, days: IntArray) -> BoolArray:
        """Return which days count; false where nothing is known."""
        if self.count(count_id).is_every_day:
            return np.asarray(days != NO_DAY)
        return self._table(count_id).counts(calendars, days)

    def legal_holidays(self, calendars: IntArray, days: IntArray) -> tuple[BoolArray, BoolArray]:
        """Return which days are federal or state holidays, and of which days that is not known."""
        with self._lock:
            if self._holidays is None:
                self._holidays = self._build(_HOLIDAYS)
        unknown = (days < WIDE_FIRST) | (days > WIDE_LAST)
        return self._holidays.counts(calendars, days), np.asarray(unknown)

    # school years

    @property
    def years(self) -> YearTables:
        """First and last student days; laid out at first use."""
        with self._lock:
            if self._years is None:
                self._years = YearTables(self._layout, self.facts)
            return self._years

    def covers(self, calendars: IntArray, days: IntArray) -> BoolArray:
        """Return which days the calendars cover."""
        return self.years.index(calendars, days) >= 0

    def first_school_day_after(self, calendars: IntArray, days: IntArray) -> IntArray:
        """Return the first student day of the next school year to begin strictly after each day."""
        return self.years.next_first(calendars, days)

    def last_school_day_from(self, calendars: IntArray, days: IntArray) -> IntArray:
        """Return the last student day of the school year that holds each day, of the next between years."""
        return self.years.last_from(calendars, days)

    def in_school_year(self, calendars: IntArray, days: IntArray) -> BoolArray:
        """Return which days lie from the first through the last student day of a school year."""
        return self.years.inside(calendars, days)

    def year_index(self, calendars: IntArray, days: IntArray) -> IntArray:
        """Return the index into ``calendar.years`` of the year whose cover holds each day; -1 for none."""
        return self.years.index(calendars, days)

    def nth_school_day(self, calendars: IntArray, first: IntArray, number: int | IntArray) -> IntArray:
        """Return the N-th student day from `first` on within its school year; `first` itself is number 1.

        Returns: int32[n]; `NO_DAY` where the school year has fewer.
        """
        with self._lock:
            if self._students is None:
                self._students = self._build(_STUDENTS)
        found = self._students.after(calendars, first, number, include_start=True)
        last = self.years.last_from(calendars, first)
        return np.where(found <= last, found, NO_DAY).astype(np.int32, copy=False)

    # saying why

    def why_missing(self, count_id: str, calendar: int, day: int) -> str:
        """Say why a count from or to a day is not known: which days are covered, and which is not."""
        asked = "an unknown day" if day == NO_DAY else str(to_date(int(day)))
        if not self.count(count_id).needs_calendar:
            reach = f"{to_date(WIDE_FIRST)} to {to_date(WIDE_LAST)}"
            return f"{count_id} are known from {reach}, not to or from {asked}"
        found = self.calendars[calendar] if calendar >= 0 else None
        if found is None:
            return f"{count_id} need a school calendar, and the case has none"
        covers = " and ".join(f"{first} to {last}" for first, last in found.stretches)
        if any(first <= to_date(int(day)) <= last for first, last in found.stretches if day != NO_DAY):
            return f"calendar {found.id} covers {covers}, too little to count {count_id} from {asked}"
        return f"calendar {found.id} covers {covers}, not {asked}"

    def skipped(self, count_id: str, calendar: int, first: int, last: int) -> list[Skipped]:
        """Return the runs of days d, ``first < d <= last``, that were not counted, with the reason.

        Both ends must be covered; days outside the cover are left out.
        """
        count = self.count(count_id)
        if count.is_every_day:
            return []
        days = np.arange(first + 1, last + 1, dtype=np.int32)
        calendars = np.full(len(days), calendar, dtype=np.int32)
        uncounted = days[~self.counts_day(count_id, calendars, days)]
        facts, state = (self.facts[calendar], self.states[calendar]) if calendar >= 0 else (None, "us")
        if count.needs_calendar:
            uncounted = uncounted[self.covers(calendars[: len(uncounted)], uncounted)]
        else:
            facts = None
        return Explainer(count, facts, state).skipped(uncounted.tolist())

    def uses_incomplete(self, calendars: IntArray) -> BoolArray:
        """Return which calendars give key dates only in some school year."""
        flags = [calendar is not None and not calendar.complete for calendar in self.calendars]
        return np.array([*flags, False], dtype=np.bool_)[calendars]

    def uses_projected(self, calendars: IntArray, first: IntArray, last: IntArray) -> BoolArray:
        """Return for which rows the days from `first` through `last` touch a projected school year.

        Projected years are the last ones of a calendar, so the later end decides.
        """
        starts = []
        for calendar in self.calendars:
            years = calendar.years if calendar else ()
            found = [to_day(year.covers.from_) for year in years if year.projected]
            starts.append(min(found, default=np.iinfo(np.int32).max))
        start = np.array([*starts, np.iinfo(np.int32).max], dtype=np.int32)[calendars]
        return np.asarray(np.maximum(first, last) >= start)

    # building

    def count(self, count_id: str) -> DayCount:
        """Return a day count by name.

        Raises: CalendarProblem CE315 if there is none of this name.
        """
        found = self.counts.get(count_id)
        if found is None:
            accepted = ", ".join(sorted(self.counts))
            hint = did_you_mean(count_id, self.counts)
            place = Place("day counts")
            raise CalendarProblem(
                Problem(place, "CE315", count_id, f"no day count {count_id!r}", accepted, hint)
            )
        return found

    def _table(self, count_id: str) -> Table:
        table = self._tables.get(count_id)
        if table is None:
            with self._lock:
                table = self._tables.get(count_id)
                if table is None:
                    table = self._tables[count_id] = self._build(self.counts[count_id])
        return table

    def _build(self, count: DayCount) -> Table:
        if not count.needs_calendar:
            states = sorted(set(self.states)) if count.legal_holidays else ["us"]
            rows = [states.index(state) if count.legal_holidays else 0 for state in self.states]
            wide = [Stretch(row, WIDE_FIRST, counted_days_anywhere(count, s)) for row, s in enumerate(states)]
            return Table.build(Layout.of(WIDE_FIRST, WIDE_LAST, len(states), rows), wide)
        stretches = []
        for row, (calendar, facts) in enumerate(zip(self.calendars, self.facts, strict=True)):
            if calendar is None or facts is None:
                continue
            counted = counted_days(count, facts, self.states[row])
            for first, last in calendar.stretches:
                begin, end = to_day(first), to_day(last) + 1
                stretches.append(Stretch(row, begin, counted[begin - facts.low : end - facts.low]))
        return Table.build(self._layout, stretches)


def _steps(number: int | IntArray, include_start: bool) -> np.int32 | IntArray:
    """Return calendar days to move: with the start as number 1, one less, but none for N = 0."""
    steps = np.asarray(number, dtype=np.int32) - np.int32(include_start)
    return np.asarray(np.maximum(steps, 0), dtype=np.int32)


def _shifted(days: IntArray, steps: np.int32 | IntArray) -> IntArray:
    result = np.add(days, steps, dtype=np.int32)
    result[days == NO_DAY] = NO_DAY
    return result


def _zero_is_the_day(result: IntArray, days: IntArray, number: int | IntArray) -> IntArray:
    if isinstance(number, int | np.integer):
        return np.array(days, dtype=np.int32) if number == 0 else result
    zero = np.asarray(number) == 0
    if zero.any():
        np.copyto(result, days, where=zero)
    return result

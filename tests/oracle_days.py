"""Counting days by looking at one day after the other; part of the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from compliance_engine.calendars.day_counts import Closures, DayCount, Period, Summer
from compliance_engine.calendars.legal_holidays import legal_holidays
from compliance_engine.calendars.models import Calendar, MakeUpDay, SchoolYear, days_of

DAY = timedelta(days=1)


@dataclass
class NaiveDays:
    """The days of one calendar (or of none) under the day counts of a corpus; None means: not known."""

    calendar: Calendar | None
    state: str
    day_counts: Mapping[str, DayCount]
    known_on: date | None = None
    _memo: dict[tuple[str, date], bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.years = self.calendar.years if self.calendar else ()
        self.school_days = {day for year in self.years for day in year.instructional_days(self.known_on)}
        self.terms = [
            (min(days), max(days)) for year in self.years if (days := year.instructional_days(self.known_on))
        ]

    # --- the calendar itself
    def covered(self, day: date) -> bool:
        return any(year.covers.from_ <= day <= year.covers.to for year in self.years)

    def year_holding(self, day: date) -> SchoolYear | None:
        return next((year for year in self.years if year.covers.from_ <= day <= year.covers.to), None)

    def between_years(self, day: date) -> bool | None:
        """Whether a day lies in no school year."""
        if not self.covered(day):
            return None
        return not any(first <= day <= last for first, last in self.terms)

    def term_of(self, day: date) -> tuple[date, date] | None:
        """First and last student day of the school year that holds a day, or of the next one."""
        while self.covered(day):
            for first, last in self.terms:
                if first <= day <= last:
                    return first, last
            day += DAY
        return None

    def next_term(self, day: date) -> tuple[date, date] | None:
        """First and last student day of the next school year to begin after a day."""
        while self.covered(day):
            day += DAY
            for first, last in self.terms:
                if first == day:
                    return first, last
        return None

    def nth_school_day(self, day: date, number: int) -> date | None:
        term = self.next_term(day)
        if term is None:
            return None
        held = sorted(one for one in self.school_days if term[0] <= one <= term[1])
        return held[number - 1] if number <= len(held) else None

    def is_holiday(self, day: date, *, with_state: bool = True) -> bool:
        return day in legal_holidays(self.state, [day.year], with_state=with_state)

    # --- day counts
    def counts(self, key: str, day: date) -> bool | None:
        if (key, day) not in self._memo:
            self._memo[key, day] = self._counts(self.day_counts[key], day)
        return self._memo[key, day]

    def _counts(self, count: DayCount, day: date) -> bool | None:
        if count.needs_calendar and not self.covered(day):
            return None
        if not count.is_every_day and not count.needs_calendar and not 2000 <= day.year <= 2045:
            return None
        if not self._base(count, day):
            return False
        if count.only and not any(self._within(period, day) for period in count.only):
            return False
        return not any(self._within(period, day) for period in count.less)

    def _base(self, count: DayCount, day: date) -> bool:
        if count.counts == "every_day":
            return True
        if count.counts == "weekdays":
            return day.weekday() < 5
        year = self.year_holding(day)
        if count.counts == "agency_days":
            listed = year.agency_closed if year else None
            if listed is None:
                closed = self.is_holiday(day)
            else:
                closed = any(span.from_ <= day <= span.to for span in listed)
            return day.weekday() < 5 and not closed
        if count.counts == "scheduled_school_days":
            return year is not None and (
                day in year.planned_days() or any(made.date == day for made in self._made(year))
            )
        return day in self.school_days

    def _made(self, year: SchoolYear) -> list[MakeUpDay]:
        return [one for one in year.make_up_days if self.known_on is None or one.known_from <= self.known_on]

    def _within(self, period: Period, day: date) -> bool:
        if period.months is not None:
            return day.month in period.months
        if period.legal_holidays is not None:
            return self.is_holiday(day, with_state=period.legal_holidays == "federal_and_state")
        if period.summer is not None:
            return not any(first <= day <= last for first, last in self._summer_bounds(period.summer))
        assert period.closures is not None
        return any(first <= day <= last for first, last in self._runs(period.closures))

    def _summer_bounds(self, summer: Summer) -> Iterator[tuple[date, date]]:
        for year, (first, last) in zip(self.years, self.terms, strict=True):
            if summer.by == "teacher_days" and year.teacher_days:
                first, last = year.teacher_days.from_, year.teacher_days.to
            yield (
                first + DAY if summer.until == "first_day" else first,
                last - DAY if summer.from_ == "last_day" else last,
            )

    def _runs(self, closures: Closures) -> Iterator[tuple[date, date]]:
        for year in self.years:
            kinds = {day: one.kind for one in year.closures for day in days_of(one)}
            kinds |= {
                one.date: one.kind
                for one in year.unplanned
                if self.known_on is None or one.known_from <= self.known_on
            }
            first = year.school_year.from_
            while first <= year.school_year.to:
                if not self._closed(year, kinds, first, closures):
                    first += DAY
                    continue
                last = day = first
                while self._closed(year, kinds, day, closures) or self._free(year, day):
                    last = day if self._closed(year, kinds, day, closures) else last
                    day += DAY
                yield from self._run(year, first, last, closures)
                first = last + DAY

    def _closed(self, year: SchoolYear, kinds: Mapping[date, str], day: date, closures: Closures) -> bool:
        in_week = day.weekday() in year.school_weekdays
        in_term = year.school_year.from_ <= day <= year.school_year.to
        return in_term and in_week and day not in self.school_days and kinds.get(day) in closures.kinds

    def _free(self, year: SchoolYear, day: date) -> bool:
        """A day of the school year outside the school week, without school."""
        in_term = year.school_year.from_ <= day <= year.school_year.to
        return in_term and day.weekday() not in year.school_weekdays and day not in self.school_days

    def _run(
        self, year: SchoolYear, first: date, last: date, closures: Closures
    ) -> Iterator[tuple[date, date]]:
        begin, end = first, last
        while self._free(year, begin - DAY):
            begin -= DAY
        while self._free(year, end + DAY):
            end += DAY
        if closures.measured_in == "days":
            length = (end - begin).days + 1
        elif closures.measured_in == "days_within":
            length = (last - first).days + 1
        else:
            span = ((first + offset * DAY) for offset in range((last - first).days + 1))
            length = sum(day.weekday() in year.school_weekdays for day in span)
        if length < closures.shortest:
            return
        touching = closures.touching_weekends
        yield (
            begin if touching in ("excluded", "excluded_before") else first,
            end if touching in ("excluded", "excluded_after") else last,
        )

    # --- counting
    def step(
        self, key: str, day: date, number: int, *, back: bool = False, with_start: bool = False
    ) -> date | None:
        """The N-th counted day after (before) a day, which `with_start` may be number 1 itself."""
        if number == 0:
            return day
        if self.counts(key, day) is None:
            return None
        if with_start and self.counts(key, day):
            number -= 1
        while number:
            day += -DAY if back else DAY
            counted = self.counts(key, day)
            if counted is None:
                return None
            number -= counted
        return day

    def between(self, key: str, first: date, last: date) -> int | None:
        """Counted days after `first` through `last`; negative when they stand the other way round."""
        if last < first:
            turned = self.between(key, last, first)
            return None if turned is None else -turned
        answers = [self.counts(key, first + offset * DAY) for offset in range((last - first).days + 1)]
        if None in answers:
            return None
        return sum(bool(answer) for answer in answers[1:])

    def snap(self, key: str, day: date, *, forward: bool) -> date | None:
        while not (counted := self.counts(key, day)):
            if counted is None:
                return None
            day += DAY if forward else -DAY
        return day

"""Day tables against a day-by-day loop over random calendars and day counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_engine.calendars.day_counts import CLOSURE_KINDS, DayCount, Period
from compliance_engine.calendars.day_tables import DayTables
from compliance_engine.calendars.models import Calendar, Closure, SchoolYear, join_years
from compliance_engine.dates import NO_DAY, to_day

DAY = timedelta(days=1)
MONDAY = date(2025, 6, 30)
HOLIDAYS = {date(2025, 7, 4), date(2025, 9, 1), date(2025, 10, 13), date(2025, 11, 11), date(2025, 11, 27)}


@st.composite
def school_years(draw: st.DrawFn, start: date, number: int) -> SchoolYear:
    """A short school year of whole weeks in a cover that begins on a given day."""
    lead, weeks, tail = draw(st.integers(0, 9)), draw(st.integers(2, 6)), draw(st.integers(0, 9))
    first = start + lead * DAY
    while first.weekday() >= 5:
        first += DAY
    last = first + (7 * weeks) * DAY
    kinds = st.sampled_from([None, None, *CLOSURE_KINDS, "lost", "made"])
    inside = [first + offset * DAY for offset in range(1, (last - first).days)]
    states = draw(st.lists(kinds, min_size=len(inside), max_size=len(inside)))
    closures, lost, made = [], [], []
    for day, kind in zip(inside, states, strict=True):
        if kind == "lost" and day.weekday() < 5:
            lost.append({"date": day, "kind": "weather"})
        elif kind == "made" and day.weekday() >= 5:
            made.append({"date": day})
        elif kind in CLOSURE_KINDS:
            closures.append({"from": day, "to": day, "kind": kind, "name": kind})
    teachers = draw(st.booleans())
    return SchoolYear.model_validate(
        {
            "schema_version": 1,
            "id": f"us.random.{number:04d}-00",
            "jurisdiction": "us",
            "district": "us.random",
            "name": "random",
            "covers": {"from": start, "to": last + tail * DAY},
            "school_year": {"from": first, "to": last},
            "teacher_days": {"from": first - 2 * DAY, "to": last + 3 * DAY} if teachers else None,
            "closures": closures,
            "unplanned": lost,
            "make_up_days": made,
            "complete": True,
            "sources": [],
        }
    )


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    years = []
    start = MONDAY + draw(st.integers(0, 6)) * DAY
    for number in range(draw(st.integers(1, 3))):
        years.append(draw(school_years(start, number)))
        start = years[-1].covers.to + draw(st.sampled_from([1, 1, 15])) * DAY
    return join_years("us.random", years)


def _closures() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "measured_in": st.sampled_from(["weekdays", "days"]),
            "kinds": st.lists(st.sampled_from(CLOSURE_KINDS), min_size=1, unique=True),
            "touching_weekends": st.sampled_from(
                ["counted", "excluded", "excluded_before", "excluded_after"]
            ),
        },
        optional={"at_least": st.integers(1, 6)},
    )


_SUMMERS = st.fixed_dictionaries(
    {
        "by": st.sampled_from(["student_days", "teacher_days"]),
        "from": st.sampled_from(["day_after_last", "last_day"]),
        "until": st.sampled_from(["day_before_first", "first_day"]),
    }
)
_PERIODS = st.one_of(
    st.fixed_dictionaries({"closures": _closures()}),
    st.fixed_dictionaries({"summer": _SUMMERS}),
    st.just({"legal_holidays": "federal"}),
    st.fixed_dictionaries({"months": st.lists(st.integers(7, 9), min_size=1, max_size=2)}),
)
_BASES = st.sampled_from(["every_day", "weekdays", "school_days", "scheduled_school_days", "agency_days"])


@st.composite
def day_counts(draw: st.DrawFn) -> DayCount:
    form: dict[str, Any] = {"id": "drawn", "title": "drawn", "counts": draw(_BASES)}
    form["less"] = draw(st.lists(_PERIODS, max_size=2))
    form["only"] = draw(st.lists(_PERIODS, max_size=1))
    return DayCount.model_validate(form)


@dataclass
class Naive:
    """Answers by looking at one day after the other."""

    calendar: Calendar
    count: DayCount

    def __post_init__(self) -> None:
        self.attended = set(self.calendar.instructional_days())
        self.planned = {day for year in self.calendar.years for day in year.planned_days()}
        self.made = {made.date for year in self.calendar.years for made in year.make_up_days}
        self.runs = cache(self.find_runs)

    def covered(self, day: date) -> bool:
        return self.calendar.year_of(day) is not None

    def opens(self, day: date) -> bool:
        return day in self.attended

    def counts(self, day: date) -> bool:
        if not self.base(day):
            return False
        if self.count.only and not any(self.within(period, day) for period in self.count.only):
            return False
        return not any(self.within(period, day) for period in self.count.less)

    def base(self, day: date) -> bool:
        if self.count.counts == "school_days":
            return self.opens(day)
        if self.count.counts == "scheduled_school_days":
            return day in self.planned or day in self.made
        if self.count.counts == "agency_days" and day in HOLIDAYS:
            return False
        return self.count.counts == "every_day" or day.weekday() < 5

    def within(self, period: Period, day: date) -> bool:
        if period.months is not None:
            return day.month in period.months
        if period.legal_holidays is not None:
            return day in HOLIDAYS
        if period.summer is not None:
            for year in self.calendar.years:
                first, last = year.school_year.from_, year.school_year.to
                if period.summer.by == "teacher_days" and year.teacher_days:
                    first, last = year.teacher_days.from_, year.teacher_days.to
                if period.summer.from_ == "last_day":
                    last -= DAY
                if period.summer.until == "first_day":
                    first += DAY
                if first <= day <= last:
                    return False
            return True
        return self.in_run(period, day)

    def in_run(self, period: Period, day: date) -> bool:
        closures = period.closures
        assert closures is not None
        # a day belongs to the run around it if the days between hold no school of any kind
        for run in self.runs(closures.kinds):
            before = after = 0
            while self.is_weekend(run[0] - (before + 1) * DAY):
                before += 1
            while self.is_weekend(run[-1] + (after + 1) * DAY):
                after += 1
            length = sum(1 for one in run if one.weekday() < 5)
            if closures.measured_in == "days":
                length = len(run) + before + after
            if length < closures.shortest:
                continue
            touching = closures.touching_weekends
            first = run[0] - (before if touching in ("excluded", "excluded_before") else 0) * DAY
            last = run[-1] + (after if touching in ("excluded", "excluded_after") else 0) * DAY
            if first <= day <= last:
                return True
        return False

    def is_weekend(self, day: date) -> bool:
        year = self.calendar.year_of(day)
        in_term = year is not None and year.school_year.from_ <= day <= year.school_year.to
        return in_term and day.weekday() >= 5 and not self.opens(day)

    def find_runs(self, kinds: tuple[str, ...]) -> list[list[date]]:
        """Runs from a closed weekday of these kinds through the last one, weekends between included."""
        found: list[list[date]] = []
        for year in self.calendar.years:
            kind_of = {closure.from_: closure.kind for closure in year.closures}
            kind_of.update({item.date: item.kind for item in year.unplanned})
            run: list[date] = []
            weekends: list[date] = []
            day = year.school_year.from_
            while day <= year.school_year.to:
                if day.weekday() < 5 and kind_of.get(day) in kinds:
                    run += [*(weekends if run else []), day]
                    weekends = []
                elif day.weekday() >= 5 and not self.opens(day):
                    weekends.append(day)
                else:
                    found += [run] if run else []
                    run, weekends = [], []
                day += DAY
            found += [run] if run else []
        return found

    def step(self, day: date, number: int, direction: int) -> int:
        if not self.covered(day):
            return int(NO_DAY)
        while number:
            day += direction * DAY
            if not self.covered(day):
                return int(NO_DAY)
            number -= self.counts(day)
        return to_day(day)

    def between(self, first: date, last: date) -> int:
        if last < first:
            backwards = self.between(last, first)
            return backwards if backwards == NO_DAY else -backwards
        span = [first + offset * DAY for offset in range((last - first).days + 1)]
        if not all(self.covered(day) for day in span):
            return int(NO_DAY)
        return sum(self.counts(day) for day in span[1:])


def _array(*values: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(values, dtype=np.int32)


@settings(max_examples=100, deadline=None)
@given(calendars(), day_counts(), st.data())
def test_tables_agree_with_a_loop_over_days(calendar: Calendar, count: DayCount, data: st.DataObject) -> None:
    # a count that needs no school calendar is not bound to its cover
    if not count.needs_calendar:
        count = count.model_copy(update={"counts": "agency_days"})
    naive = Naive(calendar, count)
    tables = DayTables([calendar], {"drawn": count})
    low, high = calendar.years[0].covers.from_ - 2 * DAY, calendar.years[-1].covers.to + 2 * DAY
    asked = st.integers(0, (high - low).days).map(lambda offset: low + offset * DAY)
    first, last, number = data.draw(asked), data.draw(asked), data.draw(st.integers(1, 30))
    zero, start, end = _array(0), _array(to_day(first)), _array(to_day(last))

    assert tables.counts_day("drawn", zero, start)[0] == (naive.covered(first) and naive.counts(first))
    assert tables.after("drawn", zero, start, number)[0] == naive.step(first, number, 1)
    assert tables.before("drawn", zero, start, number)[0] == naive.step(first, number, -1)
    assert tables.between("drawn", zero, start, end)[0] == naive.between(first, last)


@settings(max_examples=40, deadline=None)
@given(calendars(), day_counts(), st.data())
def test_skipped_days_and_counted_days_make_up_the_span(
    calendar: Calendar, count: DayCount, data: st.DataObject
) -> None:
    if not count.needs_calendar:
        return
    tables = DayTables([calendar], {"drawn": count})
    low, high = (to_day(day) for day in calendar.stretches[0])
    first = data.draw(st.integers(low, high))
    last = data.draw(st.integers(first, high))

    skipped = tables.skipped("drawn", 0, first, last)

    counted = tables.between("drawn", _array(0), _array(first), _array(last))[0]
    assert counted + sum(run.days for run in skipped) == last - first


@settings(max_examples=40, deadline=None)
@given(calendars(), st.data())
def test_the_order_of_rows_never_matters(calendar: Calendar, data: st.DataObject) -> None:
    count = DayCount.model_validate({"id": "d", "title": "d", "counts": "school_days"})
    tables = DayTables([calendar, calendar], {"d": count})
    low, high = to_day(calendar.years[0].covers.from_), to_day(calendar.years[-1].covers.to)
    asked = np.array(data.draw(st.lists(st.integers(low, high), min_size=1, max_size=20)), dtype=np.int32)
    numbers = np.arange(len(asked), dtype=np.int32)
    which = np.arange(len(asked), dtype=np.int32) % 2
    order = data.draw(st.permutations(range(len(asked))))

    whole = tables.after("d", which, asked, numbers)

    assert tables.after("d", which[order], asked[order], numbers[order]).tolist() == whole[order].tolist()


@settings(max_examples=40, deadline=None)
@given(calendars(), st.data())
def test_another_closure_never_makes_a_school_day_deadline_earlier(
    calendar: Calendar, data: st.DataObject
) -> None:
    year = data.draw(st.sampled_from(calendar.years))
    inner = [day for day in year.planned_days() if year.school_year.from_ < day < year.school_year.to]
    free = [day for day in inner if day not in {item.date for item in year.unplanned}]
    if not free:
        return
    closed = data.draw(st.sampled_from(free))
    closure = Closure.model_validate({"from": closed, "to": closed, "kind": "other", "name": "more"})
    fewer = year.model_copy(update={"closures": (*year.closures, closure)})
    years = [fewer if one is year else one for one in calendar.years]
    count = {"d": DayCount.model_validate({"id": "d", "title": "d", "counts": "school_days"})}
    both = DayTables([calendar, join_years("us.random", years)], count)
    start = data.draw(st.integers(to_day(year.covers.from_), to_day(year.covers.to)))
    number = data.draw(st.integers(1, 30))

    before, after = both.after("d", _array(0, 1), _array(start, start), number).tolist()

    # a closure can push the answer out of the cover, never back
    assert after == NO_DAY or before <= after

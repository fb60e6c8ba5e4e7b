"""From a day count and what is known of the days to which days count, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Literal, cast

import numpy as np

from compliance_engine.calendars.day_counts import ClosureKind, Closures, DayCount, Period
from compliance_engine.calendars.day_facts import OPEN, DayFacts, weekday_of
from compliance_engine.calendars.legal_holidays import FIRST_YEAR, LAST_YEAR, legal_holidays
from compliance_engine.dates import BoolArray, IntArray, to_date, to_day

Reason = (
    ClosureKind | Literal["weekend", "summer", "legal_holiday", "month", "agency_closed", "outside_period"]
)

# where counts that need no school calendar are laid out; outside, their days are unknown
WIDE_FIRST = to_day(date(2000, 1, 1))
WIDE_LAST = to_day(date(2045, 12, 31))

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True)
class Skipped:
    """A run of days that were not counted for one reason.

    Attributes:
        from_: First day of the run.
        to: Last day of the run.
        days: How many days of the run were not counted (other days between them counted nothing either).
        reason: Why, as a code.
        name: What it is called, if it has a name.
    """

    from_: date
    to: date
    days: int
    reason: Reason
    name: str = ""


def counted_days(count: DayCount, facts: DayFacts, state: str) -> BoolArray:
    """Return which covered days of a calendar count, bool over ``facts.days``."""
    days = facts.days
    result = _base(count, facts, days, state) & facts.covered
    if count.only:
        result &= np.logical_or.reduce([_in_period(period, facts, days, state) for period in count.only])
    for period in count.less:
        result &= ~_in_period(period, facts, days, state)
    return result


def counted_days_anywhere(count: DayCount, state: str) -> BoolArray:
    """Return which days from `WIDE_FIRST` to `WIDE_LAST` count, for a count that needs no calendar."""
    days = np.arange(WIDE_FIRST, WIDE_LAST + 1, dtype=np.int32)
    result = np.ones(len(days), dtype=np.bool_) if count.counts == "every_day" else weekday_of(days) < 5
    if count.only:
        result &= np.logical_or.reduce([_in_wide_period(period, days, state) for period in count.only])
    for period in count.less:
        result &= ~_in_wide_period(period, days, state)
    return result


def _base(count: DayCount, facts: DayFacts, days: IntArray, state: str) -> BoolArray:
    match count.counts:
        case "every_day":
            return np.ones(len(days), dtype=np.bool_)
        case "weekdays":
            return weekday_of(days) < 5
        case "school_days":
            return facts.school.copy()
        case "scheduled_school_days":
            return facts.scheduled.copy()
        case "agency_days":
            closed = np.where(
                facts.lists_agency, facts.agency_closed != OPEN, _legal("federal_and_state", days, state)
            )
            return (weekday_of(days) < 5) & ~closed


def _in_period(period: Period, facts: DayFacts, days: IntArray, state: str) -> BoolArray:
    if period.summer is not None:
        return facts.summer(period.summer)
    if period.closures is not None:
        return facts.in_runs(period.closures)
    return _in_wide_period(period, days, state)


def _in_wide_period(period: Period, days: IntArray, state: str) -> BoolArray:
    if period.legal_holidays is not None:
        return _legal(period.legal_holidays, days, state)
    return np.isin(_month_of(days), period.months or ())


def _month_of(days: IntArray) -> IntArray:
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return cast(IntArray, (months % 12 + 1).astype(np.int32))


def _legal(which: str, days: IntArray, state: str) -> BoolArray:
    first, last = to_date(int(days[0])).year, to_date(int(days[-1])).year
    found = _legal_days(state, which == "federal_and_state", first, last)
    result = np.zeros(len(days), dtype=np.bool_)
    inside = found[(found >= days[0]) & (found <= days[-1])]
    result[inside - days[0]] = True
    return result


@lru_cache(maxsize=1024)
def _legal_days(state: str, with_state: bool, first: int, last: int) -> IntArray:
    years = range(max(first, FIRST_YEAR), min(last, LAST_YEAR) + 1)
    found = legal_holidays(state, years, with_state=with_state)
    return np.array([to_day(day) for day in found], dtype=np.int32)


class Explainer:
    """Says why single days of one calendar (or of no calendar) do not count.

    Args:
        facts: None for a count that needs no calendar.
    """

    def __init__(self, count: DayCount, facts: DayFacts | None, state: str) -> None:
        self.count = count
        self.facts = facts
        self.state = state

    def skipped(self, uncounted: list[int]) -> list[Skipped]:
        """Return the runs of days not counted; neighbours with the same reason and name are one run."""
        reasons = [(day, *self.why(day)) for day in uncounted]

        def key(item: tuple[int, tuple[int, Reason, str]]) -> tuple[int, Reason, str]:
            position, (day, reason, name) = item
            return day - position, reason, name

        found = []
        for (_, reason, name), group in groupby(enumerate(reasons), key=key):
            days = [day for _, (day, _, _) in group]
            found.append(Skipped(to_date(days[0]), to_date(days[-1]), len(days), reason, name))
        return found

    def why(self, day: int) -> tuple[Reason, str]:
        """Return the reason and its name for one day that does not count."""
        for period in self.count.less:
            if (found := self._in_period(period, day)) is not None:
                return found
        return self._base(day)

    def _base(self, day: int) -> tuple[Reason, str]:
        when = to_date(day)
        if self.facts is not None and self.count.counts in ("school_days", "scheduled_school_days"):
            if closure := self.facts.closure_at(day):
                return closure
            if not any(term.first <= day <= term.last for term in self.facts.terms):
                return "summer", ""
            return "weekend", ""
        if when.weekday() >= 5 and self.count.counts != "every_day":
            return "weekend", ""
        if self.facts is not None and self.count.counts == "agency_days":
            index = int(self.facts.agency_closed[day - self.facts.low])
            if index != OPEN:
                return "agency_closed", self.facts.names[index]
            return "legal_holiday", legal_holidays(self.state, [when.year]).get(when, "")
        return "outside_period", ""

    def _in_period(self, period: Period, day: int) -> tuple[Reason, str] | None:
        when = to_date(day)
        if period.summer is not None:
            facts = cast(DayFacts, self.facts)
            return ("summer", "") if facts.summer(period.summer)[day - facts.low] else None
        if period.closures is not None:
            return self._in_run(period.closures, day)
        if period.legal_holidays is not None:
            both = period.legal_holidays == "federal_and_state"
            name = legal_holidays(self.state, [when.year], with_state=both).get(when)
            return None if name is None else ("legal_holiday", name)
        return ("month", _MONTHS[when.month - 1]) if when.month in (period.months or ()) else None

    def _in_run(self, period: Closures, day: int) -> tuple[Reason, str] | None:
        facts = cast(DayFacts, self.facts)
        if not facts.in_runs(period)[day - facts.low]:
            return None
        # a weekend takes the name of the closure it touches, the earlier one first
        for distance in range(8):
            for near in (day - distance, day + distance):
                if facts.low <= near <= facts.high and (closure := facts.closure_at(near)):
                    return closure
        return "other", ""

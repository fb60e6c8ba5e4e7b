"""Random school calendars: short years with breaks, snow days, make-up days, teachers' days and gaps."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from compliance_engine.calendars.day_counts import CLOSURE_KINDS
from compliance_engine.calendars.loader import CalendarLibrary
from compliance_engine.calendars.models import Calendar, SchoolYear, join_years

DAY = timedelta(days=1)
FIRST = date(2024, 7, 1)


@st.composite
def school_years(draw: st.DrawFn, begins: date, number: int) -> SchoolYear:
    """A school year of some weeks within a cover that begins on a day."""
    first = begins + draw(st.integers(0, 25)) * DAY
    while first.weekday() >= 5:
        first += DAY
    last = first + 7 * draw(st.integers(6, 18)) * DAY + draw(st.integers(0, 4 - first.weekday())) * DAY
    inside = [first + offset * DAY for offset in range(1, (last - first).days)]
    closures: list[dict[str, Any]] = []
    taken = {first, last}
    for _ in range(draw(st.integers(0, 5))):
        begin = draw(st.sampled_from(inside))
        length = draw(st.sampled_from([1, 1, 2, 3, 5, 12]))
        days = [begin + offset * DAY for offset in range(length)]
        if taken.isdisjoint(days) and days[-1] < last:
            taken |= set(days)
            kind = draw(st.sampled_from(CLOSURE_KINDS))
            closures.append({"from": days[0], "to": days[-1], "kind": kind, "name": kind})
    open_days = [day for day in inside if day.weekday() < 5 and day not in taken]
    lost = draw(st.lists(st.sampled_from(open_days), max_size=2, unique=True))
    saturdays = [day for day in inside if day.weekday() == 5 and day not in taken]
    made = draw(
        st.lists(st.sampled_from([*saturdays, last + 3 * DAY, last + 4 * DAY]), max_size=2, unique=True)
    )
    teachers = {"from": first - 3 * DAY, "to": last + 5 * DAY} if draw(st.booleans()) else None
    listed = [{"from": inside[3], "to": inside[5], "name": "closed"}] if draw(st.booleans()) else None
    return SchoolYear.model_validate(
        {
            "schema_version": 1,
            "id": f"us.random.{2024 + number}-{25 + number}",
            "jurisdiction": "us",
            "district": "us.random",
            "name": "random",
            "covers": {"from": begins, "to": last + draw(st.integers(5, 40)) * DAY},
            "school_year": {"from": first, "to": last},
            "teacher_days": teachers,
            "closures": closures,
            "unplanned": [{"date": day, "kind": "weather"} for day in lost],
            "make_up_days": [{"date": day} for day in made],
            "agency_closed": listed,
            "complete": True,
            "sources": [],
        }
    )


@st.composite
def random_calendars(draw: st.DrawFn) -> Calendar:
    """Two to four school years, mostly without a gap between them."""
    years: list[SchoolYear] = []
    begins = FIRST + draw(st.integers(0, 10)) * DAY
    for number in range(draw(st.integers(2, 4))):
        years.append(draw(school_years(begins, number)))
        begins = years[-1].covers.to + draw(st.sampled_from([1, 1, 1, 1, 1, 1, 20])) * DAY
    return join_years("us.random", years)


def library_of(calendar: Calendar) -> CalendarLibrary:
    return CalendarLibrary({year.id: year for year in calendar.years}, {})

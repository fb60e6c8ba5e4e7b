"""Projected school years; the expected dates are those of the following published or synthetic year."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from compliance_engine.calendars.day_tables import DayTables
from compliance_engine.calendars.models import Calendar, SchoolYear
from compliance_engine.calendars.projection import project
from day_counts_samples import COUNTS, days, first_calendar, library, written


def projected(reference: str, until: date) -> Calendar:
    return project(library().resolve(reference), until)


def closed(year: SchoolYear) -> set[str]:
    return {f"{closure.from_} {closure.to}" for closure in year.closures}


@pytest.fixture(name="next_year")
def _next_year() -> SchoolYear:
    return projected("us.example_county.2025-26", date(2026, 9, 1)).years[-1]


def test_a_projected_year_is_flagged(next_year: SchoolYear) -> None:
    assert next_year.projected
    assert next_year.id == "us.example_county.2026-27"
    assert next_year.sources == ()


def test_the_cover_follows_the_last_one(next_year: SchoolYear) -> None:
    assert (str(next_year.covers.from_), str(next_year.covers.to)) == ("2026-07-01", "2027-06-30")


def test_the_year_is_moved_by_whole_weeks(next_year: SchoolYear) -> None:
    # 52 weeks after 2025-08-25 and 2026-06-12
    assert (str(next_year.school_year.from_), str(next_year.school_year.to)) == ("2026-08-24", "2027-06-11")


def test_legal_holidays_lie_on_their_dates(next_year: SchoolYear) -> None:
    holidays = {"2026-09-07", "2026-11-11", "2027-01-18", "2027-02-15", "2027-05-31"}
    assert {f"{day} {day}" for day in holidays} <= closed(next_year)


def test_breaks_are_moved_with_the_year(next_year: SchoolYear) -> None:
    assert {"2026-11-25 2026-11-27", "2026-12-21 2027-01-01", "2027-03-29 2027-04-02"} <= closed(next_year)


def test_a_holiday_on_which_school_was_held_stays_a_school_day() -> None:
    # North Branford holds school on Veterans Day; in 2026 it is a Wednesday
    year = projected("ct.north_branford", date(2027, 6, 30)).years[-1]
    assert date(2026, 11, 11) in year.planned_days()


def test_thanksgiving_moves_by_53_weeks_where_the_law_says_so() -> None:
    # Nov 23 in 2023, Nov 28 in 2024: the break moves by 53 weeks, the year by 52
    year = projected("us.example_county.2023-24", date(2024, 9, 1)).years[-1]
    assert "2024-11-27 2024-11-29" in closed(year)


def test_snow_is_not_projected() -> None:
    year = projected("us.example_snow", date(2026, 9, 1)).years[-1]
    assert (year.unplanned, year.make_up_days) == ((), ())


def test_years_are_added_until_the_day_is_covered() -> None:
    calendar = projected("us.example_county.2025-26", date(2029, 7, 1))
    assert [year.projected for year in calendar.years] == [False, True, True, True, True]
    assert len(calendar.stretches) == 1


def test_a_covered_day_needs_no_projection() -> None:
    calendar = library().resolve("us.example_county")
    assert project(calendar, date(2027, 6, 30)) == calendar


def test_answers_that_rest_on_a_projection_are_flagged() -> None:
    calendar = projected("us.example_county.2025-26", date(2027, 6, 30))
    tables = DayTables([calendar], COUNTS)
    starts = days("2026-06-10", "2026-06-10")
    ends = tables.after("school_days", first_calendar(2), starts, np.array([2, 3], dtype=np.int32))
    assert written(ends) == ["2026-06-12", "2026-08-24"]
    assert tables.uses_projected(first_calendar(2), starts, ends).tolist() == [False, True]


@pytest.mark.parametrize("reference", library().calendar_ids)
def test_every_shipped_calendar_can_be_projected(reference: str) -> None:
    last = library().resolve(reference).years[-1]
    following = projected(reference, date(last.covers.to.year + 1, 6, 30)).years[-1]
    assert abs(len(following.planned_days()) - len(last.planned_days())) <= 4

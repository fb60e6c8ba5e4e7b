"""Counts on real and synthetic calendars; every expected day is counted by hand in the comment beside it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from compliance_engine.calendars.counting import Skipped
from compliance_engine.calendars.day_tables import MOST_DAYS, DayTables
from compliance_engine.dates import NO_DAY, to_day
from compliance_engine.errors import CalendarProblem
from day_counts_samples import COUNTS, days, first_calendar, library, tables, written

COUNTY = "us.example_county"
SNOW = "us.example_snow"


def after(reference: str, count: str, start: str, number: int, state: str | None = None) -> str | None:
    found = tables(reference, state=state).after(count, first_calendar(), days(start), number)
    return written(found)[0]


@pytest.mark.parametrize(
    ("count", "start", "number", "expected"),
    [
        # Sep 3-30: 20; Oct: 22, makes 42; Nov 3, 4, 5
        pytest.param("school_days", "2025-09-02", 45, "2025-11-05", id="school days"),
        # Nov 21-30: 10; Dec 1-21: 21, makes 31; Dec 22-Jan 2 out (10 schooldays); Jan 3-31: 29
        pytest.param("ca_days", "2025-11-20", 60, "2026-01-31", id="ca winter break is out"),
        # as above, but Jan 3 and 4 are out too
        pytest.param("ca_days_until_return", "2025-11-20", 60, "2026-02-02", id="ca until pupils return"),
        # a spring break of exactly five schooldays is not longer than five
        pytest.param("ca_days", "2026-03-25", 10, "2026-04-04", id="ca spring break counts"),
        # Feb 11-28: 18; Mar 1-27: 27, makes 45; Mar 28-Apr 5 out; Apr 6-20: 15
        pytest.param("ga_days", "2026-02-10", 60, "2026-04-20", id="ga spring break is out with weekends"),
        # three days of Thanksgiving are fewer than five
        pytest.param("ga_days", "2025-11-25", 5, "2025-11-30", id="ga thanksgiving counts"),
        # Jun 13-19: 7 (teachers work until Jun 19); teachers are back on Aug 24
        pytest.param("ga_days", "2026-06-12", 8, "2026-08-24", id="ga teachers' summer"),
        # Oct 2-31: 30, the staff day counts; Nov 1-30 less Nov 11, 26-28: 26, makes 56; Dec 1-4
        pytest.param("fl_days", "2025-10-01", 60, "2025-12-04", id="fl holidays are out"),
        # May 21-Jun 12: 23; Jun 13-Aug 30 out; Aug 31-Oct 6: 1 + 30 + 6
        pytest.param("pa_days", "2026-05-20", 60, "2026-10-06", id="pa summer is out"),
        # as above, but Jun 12 is out too
        pytest.param("pa_charter_days", "2026-05-20", 60, "2026-10-07", id="pa charter summer"),
        # Nov 25: 1; Wed Nov 26 to Sun Nov 30 are five days without school; Dec 1: 2
        pytest.param("id_days", "2025-11-24", 2, "2025-12-01", id="id break of five days"),
        # August does not count, Sep 1 is Labor Day
        pytest.param("ny_days", "2025-08-25", 1, "2025-09-02", id="ny august is out"),
        # Dec 22, 23, 24, 26, 29, 30, 31, Jan 2, 5, 6
        pytest.param("business_days", "2025-12-19", 10, "2026-01-06", id="business days run through breaks"),
        # Sat Dec 20 to Sun Jan 4 are 16 days
        pytest.param("long_break_days", "2025-12-01", 1, "2025-12-20", id="nm next long break"),
        # Mon Dec 22 to Fri Jan 2 are 12 days; the Saturday after is no part of them
        pytest.param("long_break_days_within", "2025-12-01", 1, "2025-12-22", id="of 12 days within"),
        pytest.param("long_break_days_within", "2026-01-02", 1, "2026-06-13", id="weekend after it is out"),
        # the spring break with its weekends is nine days, the summer begins on Jun 13
        pytest.param("long_break_days", "2026-02-01", 1, "2026-06-13", id="nm summer is a long break"),
        pytest.param("calendar_days", "2025-09-02", 60, "2025-11-01", id="calendar days"),
    ],
)
def test_after_counts_as_the_law_does(count: str, start: str, number: int, expected: str) -> None:
    assert after(COUNTY, count, start, number) == expected


def test_a_day_lost_to_snow_is_no_school_day() -> None:
    assert after(SNOW, "school_days", "2026-01-23", 1) == "2026-01-27"


def test_a_day_lost_to_snow_is_still_a_scheduled_day() -> None:
    assert after(SNOW, "scheduled_days", "2026-01-23", 1) == "2026-01-26"


def test_agency_days_skip_the_closings_that_the_calendar_lists() -> None:
    # back from Jan 10: Jan 9; Jan 8-6 closed; Jan 3, 2; Jan 1 closed; Dec 31, 30
    found = tables("md.montgomery_county").before("agency_days", first_calendar(), days("2025-01-10"), 5)
    assert written(found) == ["2024-12-30"]


def test_agency_days_skip_the_states_holidays_where_no_closings_are_listed() -> None:
    # Nov 24-26: 3; Nov 27 and 28 are holidays in Maryland; Dec 1-5: 8; Dec 8, 9
    assert after(COUNTY, "agency_days", "2025-11-21", 10, state="md") == "2025-12-09"


def test_the_state_of_the_case_decides_the_holidays() -> None:
    # Nov 28 is a holiday in Maryland, not federally
    assert after(COUNTY, "business_days", "2025-11-26", 1, state="md") == "2025-12-01"
    assert after(COUNTY, "business_days", "2025-11-26", 1, state="us") == "2025-11-28"


def test_federal_holidays_alone_leave_out_the_states() -> None:
    assert after(COUNTY, "federal_business_days", "2025-11-26", 1, state="md") == "2025-11-28"


def test_the_start_day_is_number_one_if_asked_and_counted() -> None:
    found = tables(COUNTY).after(
        "school_days", first_calendar(2), days("2025-09-02", "2025-09-06"), 1, include_start=True
    )
    assert written(found) == ["2025-09-02", "2025-09-08"]


def test_before_does_not_count_the_day_itself() -> None:
    # back from Mon Dec 8: Dec 5, 4, 3, 2, 1; from Sat Dec 6 the same
    found = tables(COUNTY).before("school_days", first_calendar(2), days("2025-12-08", "2025-12-06"), 5)
    assert written(found) == ["2025-12-01", "2025-12-01"]


def test_before_can_count_the_day_itself() -> None:
    found = tables(COUNTY).before(
        "school_days", first_calendar(2), days("2025-12-08", "2025-12-06"), 1, include_start=True
    )
    assert written(found) == ["2025-12-08", "2025-12-05"]


def test_nought_days_after_is_the_day_itself() -> None:
    found = tables(COUNTY).after(
        "school_days", first_calendar(2), days("2025-09-06", "2025-09-06"), np.array([0, 1], dtype=np.int32)
    )
    assert written(found) == ["2025-09-06", "2025-09-08"]


def test_calendar_days_need_no_calendar() -> None:
    found = DayTables([], COUNTS).after(
        "calendar_days", np.array([-1, -1], dtype=np.int32), days("2031-03-01", None), 30
    )
    assert written(found) == ["2031-03-31", None]


def test_business_days_need_only_a_state() -> None:
    found = DayTables([None], COUNTS, states=["md"]).after(
        "business_days", first_calendar(), days("2025-11-26"), 1
    )
    assert written(found) == ["2025-12-01"]


def test_no_calendar_at_all_is_unknown() -> None:
    none = np.array([-1], dtype=np.int32)
    county = tables(COUNTY)
    assert written(county.after("school_days", none, days("2025-09-02"), 1)) == [None]
    assert written(county.after("business_days", none, days("2025-09-02"), 1)) == [None]
    assert written(county.first_school_day_after(none, days("2025-09-02"))) == [None]


def test_a_count_that_leaves_the_cover_is_unknown() -> None:
    # 13 school days are left after Jun 1, 2027
    county = tables(COUNTY)
    assert written(county.after("school_days", first_calendar(), days("2027-06-01"), 13)) == ["2027-06-18"]
    assert written(county.after("school_days", first_calendar(), days("2027-06-01"), 14)) == [None]


def test_days_outside_the_cover_are_unknown() -> None:
    outside = days("2023-06-30", "2027-07-01", None)
    county = tables(COUNTY)
    assert written(county.after("school_days", first_calendar(3), outside, 1)) == [None, None, None]
    assert written(county.before("school_days", first_calendar(3), outside, 1)) == [None, None, None]


def test_a_count_may_not_cross_a_gap_between_calendars() -> None:
    lubbock = tables("tx.lubbock_cooper_isd")
    found = lubbock.after("school_days", first_calendar(), days("2023-05-25"), 1)
    assert written(found) == [None]


def test_days_between_two_calendars_with_a_gap_are_unknown() -> None:
    lubbock = tables("tx.lubbock_cooper_isd")
    found = lubbock.between("school_days", first_calendar(), days("2023-05-01"), days("2025-09-02"))
    assert found.tolist() == [NO_DAY]


def test_school_years_that_touch_are_one_calendar() -> None:
    # Jun 11 and 12 close 2025-26, Aug 31 opens 2026-27
    assert after(COUNTY, "school_days", "2026-06-10", 3) == "2026-08-31"


def test_a_number_larger_than_any_calendar_is_unknown() -> None:
    found = tables(COUNTY).after("school_days", first_calendar(), days("2023-09-05"), MOST_DAYS * 10)
    assert written(found) == [None]


def test_between_counts_the_last_day_and_not_the_first() -> None:
    # Sep 3-30: 20, Oct: 22, Nov 3-5: 3
    county = tables(COUNTY)
    found = county.between("school_days", first_calendar(), days("2025-09-02"), days("2025-11-05"))
    assert found.tolist() == [45]


def test_between_is_negative_backwards() -> None:
    county = tables(COUNTY)
    found = county.between("school_days", first_calendar(), days("2025-11-05"), days("2025-09-02"))
    assert found.tolist() == [-45]


def test_between_an_unknown_day_is_unknown() -> None:
    county = tables(COUNTY)
    starts, ends = days(None, "2025-09-02", "2031-01-01"), days("2025-09-02", None, "2031-01-02")
    for count in ("school_days", "business_days"):
        assert county.between(count, first_calendar(3), starts, ends).tolist()[:2] == [NO_DAY, NO_DAY]
    assert county.between("school_days", first_calendar(3), starts, ends)[2] == NO_DAY
    assert county.between("calendar_days", first_calendar(3), starts, ends).tolist() == [NO_DAY, NO_DAY, 1]


def test_counts_day_tells_school_days() -> None:
    asked = days("2025-09-02", "2025-09-06", "2025-11-11", "2026-06-12", "2030-01-07", None)
    found = tables(COUNTY).counts_day("school_days", first_calendar(6), asked)
    assert found.tolist() == [True, False, False, True, False, False]


def test_calendars_do_not_mix() -> None:
    both = DayTables([library().resolve(COUNTY), library().resolve(SNOW)], COUNTS)
    found = both.after(
        "school_days", np.array([0, 1, 0], dtype=np.int32), days("2026-01-23", "2026-01-23", "2026-02-04"), 1
    )
    assert written(found) == ["2026-01-26", "2026-01-27", "2026-02-05"]


def test_the_next_school_year_begins_strictly_after_the_day() -> None:
    asked = days("2025-08-24", "2025-08-25", "2026-07-04", "2026-08-31")
    found = tables(COUNTY).first_school_day_after(first_calendar(4), asked)
    assert written(found) == ["2025-08-25", "2026-08-31", "2026-08-31", None]


def test_the_last_school_day_is_of_this_year_or_between_years_of_the_next() -> None:
    asked = days("2025-08-25", "2026-06-12", "2026-06-13", "2027-06-19")
    found = tables(COUNTY).last_school_day_from(first_calendar(4), asked)
    assert written(found) == ["2026-06-12", "2026-06-12", "2027-06-18", None]


@pytest.mark.parametrize(
    ("known_on", "last"),
    [
        pytest.param(date(2026, 2, 1), "2026-06-12", id="nothing announced"),
        pytest.param(date(2026, 2, 2), "2026-06-15", id="one day announced"),
        pytest.param(date(2026, 2, 9), "2026-06-16", id="both announced"),
        pytest.param(None, "2026-06-16", id="all that is known"),
    ],
)
def test_the_last_school_day_follows_announced_make_up_days(known_on: date | None, last: str) -> None:
    found = tables(SNOW, known_on=known_on).last_school_day_from(first_calendar(), days("2026-01-05"))
    assert written(found) == [last]


def test_a_closure_is_hidden_before_it_was_announced() -> None:
    before = tables(SNOW, known_on=date(2026, 1, 25))
    assert written(before.after("school_days", first_calendar(), days("2026-01-23"), 1)) == ["2026-01-26"]


def test_a_used_bad_weather_day_would_be_school_but_an_unused_one_is_not() -> None:
    # Mon 2026-02-16 is kept for bad weather; Fri Feb 13 is a staff day
    assert after("tx.lubbock_cooper_isd", "school_days", "2026-02-12", 1) == "2026-02-17"


def test_nth_school_day_counts_the_first_day() -> None:
    # Aug 25-29: 5; Sep 2-5: 4; Sep 8-12: 5, makes 14; Sep 15
    first = days("2025-08-25")
    assert written(tables(COUNTY).nth_school_day(first_calendar(), first, 15)) == ["2025-09-15"]


def test_nth_school_day_does_not_run_into_the_next_year() -> None:
    first = days("2025-08-25")
    assert written(tables(COUNTY).nth_school_day(first_calendar(), first, 186)) == ["2026-06-12"]
    assert written(tables(COUNTY).nth_school_day(first_calendar(), first, 187)) == [None]


def test_in_school_year_holds_from_first_to_last_student_day() -> None:
    asked = days("2025-08-24", "2025-08-25", "2025-12-25", "2026-06-12", "2026-06-13")
    found = tables(COUNTY).in_school_year(first_calendar(5), asked)
    assert found.tolist() == [False, True, True, True, False]


def test_year_index_is_that_of_the_cover() -> None:
    asked = days("2023-06-30", "2023-07-01", "2024-06-30", "2024-07-01", "2027-06-30", "2027-07-01")
    found = tables(COUNTY).year_index(first_calendar(6), asked)
    assert found.tolist() == [-1, 0, 0, 1, 3, -1]


def test_why_missing_names_the_cover_and_the_day() -> None:
    found = tables("tx.keller_isd").why_missing("school_days", 0, to_day(date(2025, 9, 1)))
    assert found == "calendar tx.keller_isd covers 2024-07-01 to 2025-06-30, not 2025-09-01"


def test_why_missing_says_when_the_count_runs_out() -> None:
    found = tables("tx.keller_isd").why_missing("school_days", 0, to_day(date(2025, 5, 1)))
    assert found.endswith("too little to count school_days from 2025-05-01")


def test_why_missing_says_that_there_is_no_calendar() -> None:
    found = tables("tx.keller_isd").why_missing("school_days", -1, to_day(date(2025, 5, 1)))
    assert found == "school_days need a school calendar, and the case has none"


def test_skipped_names_the_days_and_the_reasons() -> None:
    county = tables(COUNTY)
    first, last = to_day(date(2025, 11, 21)), to_day(date(2025, 12, 2))
    assert county.skipped("school_days", 0, first, last) == [
        Skipped(date(2025, 11, 22), date(2025, 11, 23), 2, "weekend"),
        Skipped(date(2025, 11, 26), date(2025, 11, 28), 3, "break", "Thanksgiving break"),
        Skipped(date(2025, 11, 29), date(2025, 11, 30), 2, "weekend"),
    ]


def test_skipped_gives_a_long_break_as_one_run_with_its_weekends() -> None:
    found = tables(COUNTY).skipped("ga_days", 0, to_day(date(2025, 12, 15)), to_day(date(2026, 1, 15)))
    assert found == [Skipped(date(2025, 12, 20), date(2026, 1, 4), 16, "break", "Winter break")]


def test_skipped_names_the_legal_holiday() -> None:
    county = tables(COUNTY, state="md")
    found = county.skipped("business_days", 0, to_day(date(2025, 11, 26)), to_day(date(2025, 11, 28)))
    assert [(item.reason, item.name) for item in found] == [
        ("legal_holiday", "Thanksgiving Day"),
        ("legal_holiday", "American Indian Heritage Day"),
    ]


def test_skipped_says_summer_and_snow() -> None:
    found = tables(SNOW).skipped("school_days", 0, to_day(date(2026, 1, 23)), to_day(date(2026, 1, 27)))
    assert [(item.reason, item.name) for item in found] == [("weekend", ""), ("weather", "Snow")]
    summer = tables(COUNTY).skipped("school_days", 0, to_day(date(2026, 6, 12)), to_day(date(2026, 8, 31)))
    assert [(item.reason, item.days) for item in summer] == [("summer", 79)]


def test_skipped_says_which_month_does_not_count() -> None:
    found = tables(COUNTY).skipped("ny_days", 0, to_day(date(2025, 8, 27)), to_day(date(2025, 8, 29)))
    assert [(item.reason, item.name) for item in found] == [("month", "August")]


def test_skipped_is_empty_for_calendar_days() -> None:
    assert tables(COUNTY).skipped("calendar_days", 0, 20000, 20100) == []


def test_incomplete_calendars_are_flagged() -> None:
    both = DayTables([library().resolve(COUNTY), library().resolve("tx.keller_isd")], COUNTS)
    assert both.uses_incomplete(np.array([0, 1, -1], dtype=np.int32)).tolist() == [False, True, False]


def test_an_unknown_day_count_is_named_with_a_suggestion() -> None:
    with pytest.raises(CalendarProblem, match=r"CE315.*did you mean school_days\?"):
        tables(COUNTY).after("schol_days", first_calendar(), days("2025-09-02"), 1)

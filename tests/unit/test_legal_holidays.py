from __future__ import annotations

from datetime import date

import pytest

from compliance_engine.calendars.legal_holidays import LAST_YEAR, legal_holidays
from compliance_engine.errors import CalendarProblem


def test_the_federal_holidays_of_2025() -> None:
    assert [str(day) for day in legal_holidays("us", [2025])] == [
        *("2025-01-01", "2025-01-20", "2025-02-17", "2025-05-26", "2025-06-19", "2025-07-04"),
        *("2025-09-01", "2025-10-13", "2025-11-11", "2025-11-27", "2025-12-25"),
    ]


def test_a_state_has_the_federal_holidays_and_its_own() -> None:
    found = legal_holidays("md", [2025])
    assert found[date(2025, 11, 28)] == "American Indian Heritage Day"
    assert set(legal_holidays("us", [2025])) <= set(found)


def test_a_federal_holiday_stays_one_in_a_state_that_does_not_keep_it() -> None:
    # Columbus Day is no state holiday in California
    assert date(2025, 10, 13) in legal_holidays("ca", [2025])


def test_a_state_can_be_left_out() -> None:
    assert legal_holidays("md", [2025], with_state=False) == legal_holidays("us", [2025])


def test_a_holiday_on_a_saturday_is_observed_on_friday_too() -> None:
    found = legal_holidays("us", [2026])
    assert date(2026, 7, 3) in found
    assert date(2026, 7, 4) in found


def test_new_years_day_may_be_observed_in_the_old_year() -> None:
    # 2022-01-01 was a Saturday
    assert date(2021, 12, 31) in legal_holidays("us", [2021])


def test_the_district_of_columbia_counts_as_a_state() -> None:
    assert date(2025, 4, 16) in legal_holidays("dc", [2025])


@pytest.mark.parametrize("jurisdiction", ["xx", "TX", "texas", ""])
def test_another_jurisdiction_is_refused(jurisdiction: str) -> None:
    with pytest.raises(CalendarProblem, match="CE313"):
        legal_holidays(jurisdiction, [2025])


def test_a_year_out_of_range_is_refused() -> None:
    with pytest.raises(CalendarProblem, match=r"CE313.*a year from 1990 to 2060"):
        legal_holidays("us", [LAST_YEAR + 1])

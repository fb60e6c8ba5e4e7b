from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from compliance_engine.dates import NO_DAY, Day, add_months, add_months_date, parse_date, to_date, to_day

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


def moved(when: str, months: int, feb29: Literal["feb28", "mar1"] = "feb28") -> str:
    start = np.array([to_day(date.fromisoformat(when))], dtype=np.int32)
    return str(to_date(int(add_months(start, months, feb29=feb29)[0])))


def test_day_nought_is_the_first_of_january_1970() -> None:
    assert to_day(date(1970, 1, 1)) == 0
    assert to_day(date(2026, 11, 23)) == 20780


@given(DAYS)
def test_a_day_is_its_date_again(when: date) -> None:
    assert to_date(to_day(when)) == when


def test_no_day_has_no_date() -> None:
    with pytest.raises(ValueError, match="ordinal"):
        to_date(int(NO_DAY))


def test_a_date_is_read_in_one_form() -> None:
    assert parse_date("2026-03-02") == date(2026, 3, 2)


@pytest.mark.parametrize(
    "text",
    ["2026-3-2", "20260302", "2026-03-02T00:00", " 2026-03-02", "02.03.2026", "2026-W10-1", "", "٢٠٢٦-٠٣-٠٢"],
)
def test_other_forms_of_a_date_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        parse_date(text)


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2025-02-29.*not a day"):
        parse_date("2025-02-29")


@pytest.mark.parametrize("value", [20260302, True, None, datetime(2026, 3, 2, 1, 1), ["2026-03-02"]])  # noqa: DTZ001
def test_a_day_field_takes_no_other_type(value: object) -> None:
    with pytest.raises(ValidationError, match="written YYYY-MM-DD"):
        TypeAdapter(Day).validate_python(value)


def test_a_day_field_is_written_as_it_is_read() -> None:
    adapter: TypeAdapter[date] = TypeAdapter(Day)
    assert adapter.dump_json(adapter.validate_python("2026-03-02")) == b'"2026-03-02"'


@pytest.mark.parametrize(
    ("when", "months", "expected"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2025-01-31", 1, "2025-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2025-02-28", 12, "2026-02-28"),
        ("2026-11-23", 0, "2026-11-23"),
        ("1969-12-31", 2, "1970-02-28"),
    ],
)
def test_months_end_where_the_target_month_ends(when: str, months: int, expected: str) -> None:
    assert moved(when, months) == expected


@pytest.mark.parametrize(
    ("when", "months", "expected"),
    [
        ("2024-02-29", 12, "2025-03-01"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-02-29", 1, "2024-03-29"),
        # the end of another month is no leap day
        ("2025-01-31", 1, "2025-02-28"),
        ("2025-01-29", 1, "2025-02-28"),
    ],
)
def test_a_leap_day_can_become_the_first_of_march(when: str, months: int, expected: str) -> None:
    assert moved(when, months, "mar1") == expected


def test_no_day_moves_nowhere() -> None:
    assert add_months(np.array([NO_DAY], dtype=np.int32), 12).tolist() == [NO_DAY]


@given(st.lists(DAYS, max_size=5), st.integers(-300, 300), st.sampled_from(["feb28", "mar1"]))
def test_arrays_and_single_dates_move_alike(
    dates: list[date], months: int, feb29: Literal["feb28", "mar1"]
) -> None:
    found = add_months(np.array([to_day(when) for when in dates], dtype=np.int32), months, feb29=feb29)
    assert found.dtype == np.int32
    assert [to_date(int(day)) for day in found] == [
        add_months_date(when, months, feb29=feb29) for when in dates
    ]

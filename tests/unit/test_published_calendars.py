"""The published calendars agree with the numbers that were computed when their sources were read."""

from __future__ import annotations

from collections import Counter

import pytest

from day_counts_samples import library

# instructional days computed independently from each source: planned days, and days added at the end;
# days kept for making up do not count until they are used, days lost to weather are not taken off
COMPUTED = {
    "az.chandler_usd.2024-25": 180,
    "az.chandler_usd.2025-26": 180,
    "ct.north_branford.2025-26": 181,
    "fl.volusia_county.2024-25": 180,
    "il.cusd_300.2025-26": 174,
    "il.lagrange_sd_105.2024-25": 176,
    "in.duneland.2020-21": 182,
    "ky.knox_county.2023-24": 175,
    "ma.boston.2012-13": 180,
    "ma.spencer_east_brookfield.2025-26": 180,
    "ma.wellesley.2025-26": 185,
    "md.montgomery_county.2024-25": 195,
    "me.msad_75.2024-25": 175,
    "mi.clare.2025-26": 181,
    "mi.perry.2025-26": 175,
    "nd.west_fargo.2024-25": 175,
    "nd.west_fargo.2025-26": 175,
    "nv.washoe_county.2023-24": 177,
    "ny.nyc.2024-25": 178,
    "ny.nyc.2025-26": 176,
    "tx.keller_isd.2024-25": 172,
    "tx.lubbock_cooper_isd.2022-23": 177,
    "tx.lubbock_cooper_isd.2025-26": 169,
    "wa.shoreline.2024-25": 188,
    "wa.shoreline.2025-26": 180,
    # the last day is derived from Jun 5, a work day without students
    "ca.dry_creek_joint_elementary.2025-26": 180,
}


@pytest.mark.parametrize("reference", sorted(COMPUTED))
def test_the_dates_make_the_computed_number(reference: str) -> None:
    year = library().years[reference]
    assert len(year.planned_days()) + len(year.make_up_days) == COMPUTED[reference]


def test_every_published_calendar_has_an_expectation() -> None:
    assert {name for name in library().years if _published(name)} == set(COMPUTED)


def test_every_published_calendar_has_a_source() -> None:
    assert [name for name, year in library().years.items() if _published(name) and not year.sources] == []


def test_a_calendar_of_an_example_district_says_that_it_is_synthetic() -> None:
    examples = [year for name, year in library().years.items() if ".example_" in name]
    assert len(examples) > 9
    assert [year.id for year in examples if "synthetic" not in year.name.lower()] == []


def _published(name: str) -> bool:
    """Whether a calendar stands for a real district: not a sample's and not an invented one."""
    return not name.startswith("us.") and ".example_" not in name


def test_days_lost_and_made_up_are_counted_as_held() -> None:
    # Volusia lost four days to hurricanes; Montgomery lost three of 194 and added one
    assert len(library().years["fl.volusia_county.2024-25"].instructional_days()) == 176
    assert len(library().years["md.montgomery_county.2024-25"].instructional_days()) == 192


def test_wellesley_agrees_with_its_source_month_by_month() -> None:
    per_month = Counter(day.month for day in library().years["ma.wellesley.2025-26"].instructional_days())
    assert [per_month[month] for month in (8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6)] == [
        *(3, 20, 21, 17, 16, 19),
        *(15, 21, 16, 20, 17),
    ]


@pytest.mark.parametrize(
    ("reference", "ends", "quarters"),
    [
        (
            "az.chandler_usd.2024-25",
            ["2024-09-20", "2024-12-19", "2025-03-07", "2025-05-22"],
            [47, 49, 42, 42],
        ),
        (
            "az.chandler_usd.2025-26",
            ["2025-09-19", "2025-12-18", "2026-03-06", "2026-05-21"],
            [47, 49, 42, 42],
        ),
    ],
)
def test_chandler_agrees_with_its_quarters(reference: str, ends: list[str], quarters: list[int]) -> None:
    days = [str(day) for day in library().years[reference].instructional_days()]
    until = [sum(day <= end for day in days) for end in ends]
    assert [number - earlier for number, earlier in zip(until, [0, *until[:-1]], strict=True)] == quarters


def test_boston_held_its_180th_day_on_june_21() -> None:
    assert str(library().years["ma.boston.2012-13"].instructional_days()[179]) == "2013-06-21"

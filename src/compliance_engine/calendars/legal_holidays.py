"""Legal holidays, federal and of a state; the only importer of `holidays`.

Language and years are explicit. A holiday that falls on a weekend is also observed on the weekday the
package gives; both days are holidays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import NoReturn

from compliance_engine.errors import CalendarProblem, Place, Problem

FIRST_YEAR = 1990
LAST_YEAR = 2060
FEDERAL = "us"
_POSTAL_CODE = re.compile("[a-z]{2}")
_FORM = "us or a lower-case postal code of a state"


def legal_holidays(jurisdiction: str, years: Iterable[int], *, with_state: bool = True) -> dict[date, str]:
    """Return the legal holidays of a jurisdiction with their English names, in order.

    Args:
        jurisdiction: ``us`` or a lower-case postal code (``dc`` included); a state has the federal holidays
            and its own.
        years: Calendar years, each from `FIRST_YEAR` to `LAST_YEAR`.
        with_state: Leave out the state's own holidays when false.

    Raises: CalendarProblem CE313 for another jurisdiction or year.
    """
    wanted = sorted(set(years))
    outside = [year for year in wanted if not FIRST_YEAR <= year <= LAST_YEAR]
    if outside:
        found = f"legal holidays of {outside[0]}"
        _refuse(jurisdiction, found, f"a year from {FIRST_YEAR} to {LAST_YEAR}", "")
    found_days: dict[date, str] = {}
    for year in wanted:
        found_days.update(_of_year(FEDERAL, year))
        if with_state and jurisdiction != FEDERAL:
            found_days.update(_of_year(jurisdiction, year))
    return dict(sorted(found_days.items()))


@lru_cache(maxsize=8192)
def _of_year(jurisdiction: str, year: int) -> tuple[tuple[date, str], ...]:
    from holidays import country_holidays

    if not _POSTAL_CODE.fullmatch(jurisdiction):
        _refuse(jurisdiction, f"no legal holidays of {jurisdiction!r}", _FORM, "")
    state = None if jurisdiction == FEDERAL else jurisdiction.upper()
    # the next year too: its New Year's Day may be observed on 31 December
    years = (year, year + 1)
    try:
        found = country_holidays("US", subdiv=state, years=years, observed=True, language="en_US")
    except NotImplementedError:
        _refuse(jurisdiction, f"no legal holidays of {jurisdiction!r}", _FORM, "")
    return tuple(sorted((day, name) for day, name in found.items() if day.year == year))


def _refuse(jurisdiction: str, found: str, expected: str, mend: str) -> NoReturn:
    raise CalendarProblem(Problem(Place("legal holidays"), "CE313", jurisdiction, found, expected, mend))

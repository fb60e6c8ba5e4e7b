"""Legal holidays, federal and of a state; the only importer of `holidays`.

Language and years are explicit. A holiday that falls on a weekend is also observed on the weekday the
package gives; both days are holidays.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from compliance_engine.errors import CalendarProblem, Place, Problem, did_you_mean

FIRST_YEAR = 1990
LAST_YEAR = 2060
FEDERAL = "us"


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
    from holidays.countries import US

    state = None
    if jurisdiction != FEDERAL:
        state = jurisdiction.upper()
        accepted = US.subdivisions
        if jurisdiction != jurisdiction.lower() or state not in accepted:
            known = [FEDERAL, *(code.lower() for code in accepted)]
            expected = "us or a lower-case postal code of a state"
            _refuse(
                jurisdiction,
                f"no legal holidays of {jurisdiction!r}",
                expected,
                did_you_mean(jurisdiction, known),
            )
    # the next year too: New Year's Day of it may be observed on 31 December
    found = US(years=(year, year + 1), subdiv=state, observed=True, language="en_US")
    return tuple(sorted((day, name) for day, name in found.items() if day.year == year))


def _refuse(jurisdiction: str, found: str, expected: str, mend: str) -> None:
    place = Place("legal holidays")
    raise CalendarProblem(Problem(place, "CE313", jurisdiction, found, expected, mend))

"""Legal holidays, federal and of a state; the only importer of `holidays`.

Language and years are explicit. A holiday that falls on a weekend is also observed on the weekday the
package gives; both days are holidays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from compliance_engine.errors import CalendarProblem, Place, Problem
from compliance_engine.kept import keep, read_kept

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
        found_days.update(_of(FEDERAL)[year])
        if with_state and jurisdiction != FEDERAL:
            found_days.update(_of(jurisdiction)[year])
    return dict(sorted(found_days.items()))


_folder: Path | None = None


def keep_in(folder: Path | None) -> None:
    """Keep what is found between runs: the package takes long to load. None keeps nothing, as at first."""
    global _folder
    _folder = folder


@cache
def _of(jurisdiction: str) -> dict[int, list[tuple[date, str]]]:
    """Return the holidays of each year of a jurisdiction, in order."""
    if not _POSTAL_CODE.fullmatch(jurisdiction):
        _refuse(jurisdiction, f"no legal holidays of {jurisdiction!r}", _FORM, "")
    key = [version("holidays"), jurisdiction]
    found = None if _folder is None else read_kept(_folder, "legalholidays", key, dict)
    if found is None:
        found = _ask(jurisdiction)
        if _folder is not None:
            keep(_folder, "legalholidays", key, found)
    return found


def _ask(jurisdiction: str) -> dict[int, list[tuple[date, str]]]:
    from holidays import country_holidays

    state = None if jurisdiction == FEDERAL else jurisdiction.upper()
    # the years around too: a New Year's Day may be observed on 31 December
    years = range(FIRST_YEAR - 1, LAST_YEAR + 2)
    try:
        found = country_holidays("US", subdiv=state, years=years, observed=True, language="en_US")
    except NotImplementedError:
        _refuse(jurisdiction, f"no legal holidays of {jurisdiction!r}", _FORM, "")
    of_year: dict[int, list[tuple[date, str]]] = {year: [] for year in years}
    for day, name in sorted(found.items()):
        of_year[day.year].append((day, name))
    return of_year


def _refuse(jurisdiction: str, found: str, expected: str, mend: str) -> NoReturn:
    raise CalendarProblem(Problem(Place("legal holidays"), "CE313", jurisdiction, found, expected, mend))

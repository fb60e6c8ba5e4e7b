"""Day counts and calendars that several test modules share."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from compliance_engine.calendars.day_counts import DayCount
from compliance_engine.calendars.day_tables import DayTables
from compliance_engine.calendars.loader import CalendarLibrary, load_calendars
from compliance_engine.dates import NO_DAY, IntArray, to_date, to_day

CALENDARS = Path(__file__).parents[1] / "calendars"

_FORMS: dict[str, dict[str, Any]] = {
    "calendar_days": {"counts": "every_day"},
    "school_days": {"counts": "school_days"},
    "business_days": {"counts": "weekdays", "less": [{"legal_holidays": "federal_and_state"}]},
    "federal_business_days": {"counts": "weekdays", "less": [{"legal_holidays": "federal"}]},
    "agency_days": {"counts": "agency_days"},
    "scheduled_days": {"counts": "scheduled_school_days"},
    # California: vacations of more than five schooldays, and the time between school years
    "ca_days": {"counts": "every_day", "less": [{"summer": {}}, {"closures": {"longer_than": 5}}]},
    "ca_days_until_return": {
        "counts": "every_day",
        "less": [{"summer": {}}, {"closures": {"longer_than": 5, "touching_weekends": "excluded_after"}}],
    },
    # Georgia: five consecutive school days or more with the weekends that touch them, the teachers' summer
    "ga_days": {
        "counts": "every_day",
        "less": [
            {"summer": {"by": "teacher_days"}},
            {"closures": {"at_least": 5, "touching_weekends": "excluded"}},
        ],
    },
    # Florida: all school holidays and breaks, and the summer
    "fl_days": {
        "counts": "every_day",
        "less": [{"summer": {}}, {"closures": {"kinds": ["break", "holiday"]}}],
    },
    # Pennsylvania: the summer, which for charter schools begins on the last day itself
    "pa_days": {"counts": "every_day", "less": [{"summer": {}}]},
    "pa_charter_days": {"counts": "every_day", "less": [{"summer": {"from": "last_day"}}]},
    # Idaho: five or more consecutive days, weekends among them
    "id_days": {
        "counts": "every_day",
        "less": [{"closures": {"at_least": 5, "measured_in": "days", "touching_weekends": "excluded"}}],
    },
    # New York: school days, July and August left out
    "ny_days": {"counts": "school_days", "less": [{"months": [7, 8]}]},
    # New Mexico: the days of a break of 14 days or more, to find where the next one begins
    "long_break_days": {
        "counts": "every_day",
        "only": [
            {"summer": {}},
            {"closures": {"at_least": 14, "measured_in": "days", "touching_weekends": "excluded"}},
        ],
    },
    # and the same without the weekends that touch a break
    "long_break_days_within": {
        "counts": "every_day",
        "only": [{"summer": {}}, {"closures": {"at_least": 12, "measured_in": "days_within"}}],
    },
}

COUNTS = {name: DayCount.model_validate({"id": name, "title": name, **form}) for name, form in _FORMS.items()}


@cache
def library() -> CalendarLibrary:
    return load_calendars(CALENDARS)


def tables(reference: str, *, state: str | None = None, known_on: date | None = None) -> DayTables:
    states = None if state is None else [state]
    return DayTables([library().resolve(reference)], COUNTS, known_on, states=states)


def days(*written: str | None) -> IntArray:
    numbers = [int(NO_DAY) if text is None else to_day(date.fromisoformat(text)) for text in written]
    return np.array(numbers, dtype=np.int32)


def first_calendar(number: int = 1) -> IntArray:
    return np.zeros(number, dtype=np.int32)


def written(found: IntArray) -> list[str | None]:
    return [None if day == NO_DAY else str(to_date(int(day))) for day in found]

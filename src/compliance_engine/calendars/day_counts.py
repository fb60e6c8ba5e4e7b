"""What a *day count* is: a named predicate over calendar days, defined as data.

A day counts when its base (`counts`) holds, when it lies in one of the periods of `only` (if any are given),
and when it lies in none of the periods of `less`. Federal and state counts are files beside the rules; the
engine knows no count by name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from compliance_engine.dates import Day
from compliance_engine.strict_models import StrictModel

ClosureKind = Literal["break", "holiday", "staff_day", "weather", "other"]
CLOSURE_KINDS: tuple[ClosureKind, ...] = ("break", "holiday", "staff_day", "weather", "other")
LegalHolidays = Literal["federal", "federal_and_state"]
Base = Literal["every_day", "weekdays", "school_days", "scheduled_school_days", "agency_days"]


class Summer(StrictModel):
    """The time between school years.

    Attributes:
        by: Whose year bounds it; ``teacher_days`` falls back to the students' year where none is given.
        from_: Whether the last day of the year itself already belongs to the summer (``last_day``).
        until: Whether the first day of the year still belongs to the summer (``first_day``).
    """

    by: Literal["student_days", "teacher_days"] = "student_days"
    from_: Annotated[Literal["day_after_last", "last_day"], Field(alias="from")] = "day_after_last"
    until: Literal["day_before_first", "first_day"] = "day_before_first"


class Closures(StrictModel):
    """Runs of consecutive closed school weekdays within a school year; weekends do not interrupt a run.

    Attributes:
        at_least: Shortest run meant; together with `longer_than` at most one may be given, neither means any.
        longer_than: The run must be longer than this.
        measured_in: ``weekdays``: closed school weekdays; ``days``: calendar days without school, with the
            weekends that lie in the run or touch it; ``days_within``: from the first closed weekday through
            the last, without the weekends that touch.
        kinds: Closures that make a run; all by default. A closed day of another kind ends it.
        touching_weekends: Whether the weekends directly before and after the run belong to it
            (``excluded``: both, ``excluded_before``, ``excluded_after``: one of them, ``counted``: neither).
            A weekend inside the run always belongs to it.
    """

    at_least: Annotated[int, Field(ge=1)] | None = None
    longer_than: Annotated[int, Field(ge=1)] | None = None
    measured_in: Literal["weekdays", "days", "days_within"] = "weekdays"
    kinds: tuple[ClosureKind, ...] = CLOSURE_KINDS
    touching_weekends: Literal["counted", "excluded", "excluded_before", "excluded_after"] = "counted"

    @model_validator(mode="after")
    def _one_threshold(self) -> Closures:
        if self.at_least is not None and self.longer_than is not None:
            raise ValueError("give at_least or longer_than, not both")
        if not self.kinds:
            raise ValueError("kinds is empty; leave it out to mean all closures")
        return self

    @property
    def shortest(self) -> int:
        """Length of the shortest run meant."""
        if self.longer_than is not None:
            return self.longer_than + 1
        return self.at_least or 1


class Period(StrictModel):
    """One kind of period; exactly one key is given."""

    summer: Summer | None = None
    closures: Closures | None = None
    legal_holidays: LegalHolidays | None = None
    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] | None = None

    @model_validator(mode="after")
    def _one_key(self) -> Period:
        given = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("a period has exactly one key: summer, closures, legal_holidays or months")
        return self

    @property
    def needs_calendar(self) -> bool:
        """Whether the period depends on a school calendar."""
        return self.summer is not None or self.closures is not None


class CountCitation(StrictModel):
    """Where a day count is defined."""

    ref: str
    url: str | None = None
    checked_on: Day | None = None
    note: str | None = None


class DayCount(StrictModel):
    """One day count.

    Attributes:
        id: The word rules use: ``60 evaluation_days after start``.
        counts: The base. ``weekdays`` is Monday to Friday; ``school_days`` days with students, partial days
            included; ``scheduled_school_days`` the same, but a day lost to weather still counts;
            ``agency_days`` Monday to Friday less the days the calendar lists as agency closures (legal
            holidays where it lists none).
        only: If given, a day counts only in one of these periods.
        less: A day in any of these periods does not count.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    counts: Base
    only: tuple[Period, ...] = ()
    less: tuple[Period, ...] = ()
    notes: str | tuple[str, ...] = ()
    citation: CountCitation | None = None

    @property
    def is_every_day(self) -> bool:
        """Whether every calendar day counts, so that no table is needed."""
        return self.counts == "every_day" and not self.less and not self.only

    @property
    def needs_calendar(self) -> bool:
        """Whether the count depends on a school calendar and ends with its cover."""
        bases = ("school_days", "scheduled_school_days", "agency_days")
        return self.counts in bases or any(period.needs_calendar for period in (*self.less, *self.only))

    @property
    def legal_holidays(self) -> frozenset[LegalHolidays]:
        """The sets of legal holidays the count looks at."""
        found = {period.legal_holidays for period in (*self.less, *self.only)}
        if self.counts == "agency_days":
            found.add("federal_and_state")
        return frozenset(one for one in found if one is not None)

"""Small column types of the evaluator: days and answers that may be unknown, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

import numpy as np
import numpy.typing as npt

from compliance_engine.dates import NO_DAY, BoolArray, IntArray

Answers = npt.NDArray[np.int8]
"""int8 per row: FALSE, UNKNOWN or TRUE; `and` is the minimum, `or` the maximum, `not` is 2 - x."""
FALSE, UNKNOWN, TRUE = np.int8(0), np.int8(1), np.int8(2)


NOT_CHOSEN = np.int8(-2)
"""In a column of variants: which one applies is not known (-1: none of them does)."""


class Status(IntEnum):
    """What has become of a deadline."""

    MET = 0
    MET_LATE = 1
    PENDING = 2
    OVERDUE = 3
    PAUSED = 4
    NOT_APPLICABLE = 5
    UNDETERMINED = 6

    @property
    def word(self) -> str:
        """The status as every output writes it."""
        return self.name.lower()


class Flag(IntFlag):
    """Remarks on a deadline."""

    TOO_EARLY = 1
    CAPPED = 2
    PROJECTED = 4
    INCOMPLETE_CALENDAR = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a day or an answer is not known: a stable code and what it is about."""

    code: str
    about: str = ""


PAUSED_ELSEWHERE = "other_deadline_paused"

REASONS = {
    PAUSED_ELSEWHERE: "the deadline it hangs on is paused",
    "calendar_ends": "the school calendar does not reach that far",
    "birth_date_missing": "the birth date is not recorded",
    "fact_missing": "a fact of the case is not recorded",
    "event_attribute_missing": "an event does not say what it must",
    "due_day_unknown": "a condition looks at the due day, which is not known",
    "event_missing": "an event that the date rests on is not recorded",
    "time_of_day_missing": "the period is counted in hours, and a time of day is not recorded",
    "no_version_in_force": "under each version of the rule, the due day falls under the other",
    "age_of_majority_unknown": "the age of majority is not recorded for this jurisdiction",
    "other_deadline_unknown": "the deadline it hangs on is not known",
    "policy_later_than_law": "the local policy would allow more time than the law",
    "no_calendar": "the case has no school calendar",
}
"""Reason codes with what they mean."""


@dataclass(slots=True)
class Reasons:
    """Reasons met in one evaluation, by number; 0 stands for none."""

    listed: list[Reason] = field(default_factory=lambda: [Reason("")])
    _numbers: dict[Reason, int] = field(default_factory=dict)

    def numbers_of(self, code: str) -> list[int]:
        """Return the numbers of all reasons with a code."""
        return [number for reason, number in self._numbers.items() if reason.code == code]

    def number(self, code: str, about: str = "") -> int:
        """Return the number of a reason, listing it when it is new."""
        reason = Reason(code, about)
        if reason not in self._numbers:
            self._numbers[reason] = len(self.listed)
            self.listed.append(reason)
        return self._numbers[reason]


@dataclass(slots=True)
class Days:
    """A day for each row; NO_DAY where it is not known, with the reason's number.

    Attributes:
        day: int32[k].
        reason: int32[k], 0 where the day is known; None when every day is.
    """

    day: IntArray
    reason: IntArray | None = None

    def because(self, missing: BoolArray, number: int) -> Days:
        """Give a reason to rows that lack a day and have none yet."""
        if not missing.any():
            return self
        reason = np.zeros(len(self.day), np.int32) if self.reason is None else self.reason
        self.reason = np.where(missing & (reason == 0), np.int32(number), reason)
        return self


def first_reason(*reasons: IntArray | None) -> IntArray | None:
    """Return, row by row, the first reason that is not 0."""
    result: IntArray | None = None
    for reason in reasons:
        if reason is not None:
            result = reason if result is None else np.where(result == 0, reason, result)
    return result


@dataclass(slots=True)
class Truth:
    """An answer for each row, with the reason's number where it is unknown."""

    answer: Answers
    reason: IntArray | None = None


def known(value: BoolArray) -> Truth:
    """Return answers that are all known."""
    return Truth(np.where(value, TRUE, FALSE))


def where_known(value: BoolArray, missing: BoolArray, number: int) -> Truth:
    """Return answers that are unknown, for one reason, where `missing`."""
    truth = known(value)
    if missing.any():
        truth.answer[missing] = UNKNOWN
        truth.reason = np.where(missing, np.int32(number), np.int32(0))
    return truth


def is_no_day(days: IntArray) -> BoolArray:
    """Return where a column has no day."""
    return np.asarray(days == NO_DAY)

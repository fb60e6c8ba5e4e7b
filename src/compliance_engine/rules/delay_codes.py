"""Code tables of reasons for lateness: what a code means, since when, and whether its state accepts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from compliance_engine.dates import Day
from compliance_engine.errors import Place
from compliance_engine.rules.models import (
    Citation,
    ConditionField,
    Jurisdiction,
    Name,
    Program,
    Text,
    Verified,
)
from compliance_engine.strict_models import StrictModel
from compliance_engine.strict_yaml import Document

Accepted = Literal["yes", "no", "unknown"]
"""Whether the state counts lateness for a reason as compliant; unknown where its list does not say."""


class DelayCode(StrictModel):
    """One reason for lateness.

    Attributes:
        code: As events bear it, in small letters.
        compliant: Whether the state counts lateness for it as compliant; None where its list does not say.
        duties: The kinds of duty it is for, where that is fewer than the table's.
        valid_from, valid_through: When it meant this; the table's days by default.
        proposed_when: Facts that it fits.
        evidence: What must be on file for it to hold.
    """

    code: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: Text
    compliant: bool | None = None
    duties: tuple[Name, ...] = ()
    valid_from: Day | None = None
    valid_through: Day | None = None
    proposed_when: ConditionField | None = None
    evidence: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()


class DelayTable(StrictModel):
    """A state's list of reasons, for one collection of data.

    Attributes:
        duties: The kinds of duty whose lateness it explains.
        asked_when: When the state asks for a reason although nothing is late by law; never by default.
        valid_from, valid_through: The days for which the list was seen; None leaves a side open.
    """

    id: Name
    title: Text
    programs: tuple[Program, ...]
    duties: tuple[Name, ...]
    asked_when: ConditionField | None = None
    valid_from: Day | None = None
    valid_through: Day | None = None
    codes: Annotated[tuple[DelayCode, ...], Field(min_length=1)]
    citations: Annotated[tuple[Citation, ...], Field(min_length=1)]
    verified: Verified
    notes: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _one_meaning_a_day(self) -> Self:
        for index, one in enumerate(self.codes):
            for other in self.codes[:index]:
                if one.code == other.code and self._overlap(one, other):
                    raise ValueError(f"code {one.code} has two meanings on one day; give each its valid days")
        return self

    def window(self, code: DelayCode) -> tuple[date | None, date | None]:
        """Return the first and last day on which a code means what the table says."""
        return code.valid_from or self.valid_from, code.valid_through or self.valid_through

    def _overlap(self, one: DelayCode, other: DelayCode) -> bool:
        (low, high), (first, last) = self.window(one), self.window(other)
        return (high is None or first is None or first <= high) and (
            last is None or low is None or low <= last
        )


class DelayCodesFile(StrictModel):
    """A jurisdiction's tables of reasons for lateness."""

    schema_version: Literal[1]
    jurisdiction: Jurisdiction
    tables: Annotated[tuple[DelayTable, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class DelayTables:
    """A jurisdiction's tables, and where they stand."""

    file: DelayCodesFile
    document: Document

    def place(self, *path: str | int) -> Place:
        """Return the place of something within the file."""
        return self.document.place(("tables", *path))

    def codes_for(self, program: str, duty: str | None) -> Iterator[tuple[DelayTable, DelayCode]]:
        """Yield the codes that explain the lateness of a kind of duty in a program."""
        for table in self.file.tables:
            if program not in table.programs or duty not in table.duties:
                continue
            for code in table.codes:
                if not code.duties or duty in code.duties:
                    yield table, code


def accepted(code: DelayCode) -> Accepted:
    """Return whether the state accepts a reason."""
    return "unknown" if code.compliant is None else "yes" if code.compliant else "no"


def holds_on(table: DelayTable, code: DelayCode, day: date | None) -> bool:
    """Tell whether a code was seen to mean this on a day; a day that is not known falls outside."""
    low, high = table.window(code)
    return day is not None and (low is None or low <= day) and (high is None or day <= high)

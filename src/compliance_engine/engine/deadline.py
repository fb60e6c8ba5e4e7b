"""A deadline as every output shows it, with its law and its working."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Word = Literal["met", "met_late", "pending", "overdue", "paused", "not_applicable", "undetermined"]


class CitationOut(BaseModel):
    """Where the law says so."""

    model_config = ConfigDict(frozen=True)
    ref: str
    url: str | None = None


class Deadline(BaseModel):
    """One opening of a rule in one case.

    Attributes:
        citation: The first citation of the version in force; `citations` are all of them.
        reason: Why the due day is not known, in words; `undetermined_reason` is its code.
        readings: Open questions of law and the answers used.
        derivation: The steps of the working, each with its words under ``text``.
    """

    model_config = ConfigDict(frozen=True)
    case_id: str
    rule: str
    overrides: tuple[str, ...] = ()
    title: str
    program: str
    jurisdiction: str
    kind: Literal["deadline", "not_before", "information"]
    authority: Literal["law", "policy"]
    status: Word
    opened_on: date | None
    due_on: date | None
    met_on: date | None
    closed_on: date | None
    days_late: int
    variant: str | None
    excuse: str | None
    undetermined_reason: str | None
    reason: str | None
    too_early: bool
    capped: bool
    projected: bool
    incomplete_calendar: bool
    citation: CitationOut | None
    citations: tuple[CitationOut, ...]
    verified: str | None
    readings: dict[str, str]
    notes: tuple[str, ...]
    derivation: tuple[dict[str, Any], ...] = ()

"""Pydantic models of the files beside the rules: who a jurisdiction is, and what was found in its law."""

from __future__ import annotations

from typing import Literal

from compliance_engine.dates import Day
from compliance_engine.rules.models import (
    Citation,
    Jurisdiction,
    Name,
    PatternField,
    Program,
    Text,
    Verified,
)
from compliance_engine.strict_models import StrictModel


class LeftOut(StrictModel):
    """A provision of the source notes that no rule encodes, and why."""

    provision: Text
    reason: Text


class JurisdictionFile(StrictModel):
    """Who a jurisdiction is, and where it says nothing of its own."""

    schema_version: Literal[1]
    jurisdiction: Jurisdiction
    name: Text
    agency: Text
    age_of_majority: int | None = None
    defers_to_federal: tuple[Text, ...] = ()
    none_seen: tuple[Text, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    open_questions: tuple[Text, ...] = ()
    citations: tuple[Citation, ...] = ()
    verified: Verified | None = None
    notes: tuple[Text, ...] = ()


class Provision(StrictModel):
    """One provision that was found in a jurisdiction's law, as its source tells it, whether encoded or not.

    Attributes:
        duty: Id of the duty it is about (`rules/us/duties.yaml`).
        clock: Its length and what starts it, in the source's terms; None for a provision without one.
        confidence: How well the source was read; bounds how a rule that encodes it may be graded.
    """

    id: Text
    duty: Name
    clock: Text | None = None
    must_do: Text
    citation: Text
    confidence: Literal["high", "medium", "low", "unverified"]


class ProvisionsFile(StrictModel):
    """Every provision that was found in a jurisdiction's law: what its rules must account for."""

    schema_version: Literal[1]
    jurisdiction: Jurisdiction
    read_on: Day
    provisions: tuple[Provision, ...]


class Duty(StrictModel):
    """A kind of duty, the same across jurisdictions."""

    id: Name
    title: Text
    short: Text


class DutiesFile(StrictModel):
    """The duties by which coverage is told, in process order."""

    schema_version: Literal[1]
    duties: tuple[Duty, ...]


class ProgramDefinition(StrictModel):
    """A program and the events that close what is open in it."""

    id: Program
    title: Text
    closed_by: tuple[PatternField, ...] = ()
    notes: tuple[Text, ...] = ()


class ProgramsFile(StrictModel):
    """All programs."""

    schema_version: Literal[1]
    programs: tuple[ProgramDefinition, ...]

"""Pydantic models of the rule files. `docs/rule-language.md` describes every key."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from compliance_engine.calendars.day_counts import DayCount
from compliance_engine.dates import Day
from compliance_engine.rules.conditions import Condition, parse_condition
from compliance_engine.rules.expressions import Expr, parse_expression, walk
from compliance_engine.rules.patterns import EventPattern, parse_pattern
from compliance_engine.rules.starts import MetBy, Start, parse_met_by, parse_start
from compliance_engine.strict_models import StrictModel

Verified = Literal["regulation_text", "official_guidance", "secondary", "unverified"]
Program = Literal["idea_b", "section_504", "part_c_transition"]
Jurisdiction = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
RuleId = Annotated[str, Field(pattern=r"^[a-z]{2}(\.[a-z0-9_]+){2,3}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]


def _parsed(parse: Callable[[Any], Any], schema: dict[str, Any]) -> tuple[Any, ...]:
    """Return the annotations of a field written as text or a mapping and read by `parse`."""
    return PlainValidator(parse), PlainSerializer(str, return_type=str), WithJsonSchema(schema)


_TEXT_OR_MAPPING: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "object"}]}
_read_expr = _parsed(parse_expression, _TEXT_OR_MAPPING)
_read_condition = _parsed(parse_condition, {"type": "object"})
_read_pattern = _parsed(parse_pattern, {"type": "string"})
_read_start = _parsed(parse_start, _TEXT_OR_MAPPING)
_read_met = _parsed(parse_met_by, _TEXT_OR_MAPPING)
ExprField = Annotated[Expr, *_read_expr]
ConditionField = Annotated[Condition, *_read_condition]
PatternField = Annotated[EventPattern, *_read_pattern]
StartField = Annotated[Start, *_read_start]
MetByField = Annotated[MetBy, *_read_met]


def _effective(value: object) -> object:
    return None if value == "unknown" else value


EffectiveDay = Annotated[
    Day | None,
    BeforeValidator(_effective),
    WithJsonSchema({"type": "string", "description": "YYYY-MM-DD or unknown"}),
]


class Citation(StrictModel):
    """Where the law says so, and when someone last looked."""

    ref: Text
    url: Text | None = None
    checked_on: Day
    note: Text | None = None


class Counting(StrictModel):
    """How the first and last day are treated."""

    day_one: Literal["day_after", "start_day"] = "day_after"
    last_day_off: Annotated[str, Field(pattern=r"^(stays|(next|previous)_[a-z][a-z0-9_]*)$")] = "stays"


class Roll(StrictModel):
    """Where the due day moves when it falls on a day off."""

    when: Literal["in_summer", "on_weekend", "on_legal_holiday", "on_closed_day"]
    to: ExprField


class AbsenceExtension(StrictModel):
    """Absences of the student that lengthen the period."""

    at_least: int | None = None
    above: int | None = None
    add: Literal["all", "excess"]
    unit: Name = "school_days"
    when: ConditionField | None = None

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if (self.at_least is None) == (self.above is None):
            raise ValueError("absences need either at_least or above")
        return self


class Pause(StrictModel):
    """A pair of events between which the clock does not run."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    from_: PatternField = Field(alias="from")
    until: PatternField


class Agreement(StrictModel):
    """An agreed later date, its cap and its conditions."""

    event: MetByField
    cap: ExprField | None = None
    when: ConditionField | None = None
    made_by: Literal["due", "any_time"] = "due"


class ExtendedBy(StrictModel):
    """What lengthens the running period."""

    absences: AbsenceExtension | None = None
    pauses: tuple[Pause, ...] = ()
    agreement: Agreement | None = None


class RuleException(StrictModel):
    """What removes the duty, excuses lateness, or sets another due day."""

    id: Name
    title: Text | None = None
    when: ConditionField
    effect: Literal["not_applicable", "excused", "due"]
    due: ExprField | None = None
    citation: Text

    @model_validator(mode="after")
    def _due_belongs(self) -> Self:
        if (self.effect == "due") != (self.due is not None):
            raise ValueError("an exception has a due exactly when its effect is due")
        return self


class Variant(StrictModel):
    """Another due day for openings of which `when` is true."""

    id: Name
    title: Text | None = None
    when: ConditionField
    due: ExprField
    counting: Counting | None = None
    rolls: tuple[Roll, ...] | None = None
    extended_by: ExtendedBy | Literal["none"] | None = None


class Version(StrictModel):
    """The rule as it stood from one day to another; `effective_from` None where no source says since when."""

    effective_from: EffectiveDay
    ends: Day | None = None
    due: ExprField
    counting: Counting = Counting()
    rolls: tuple[Roll, ...] = ()
    variants: tuple[Variant, ...] = ()
    extended_by: ExtendedBy | None = None
    exceptions: tuple[RuleException, ...] = ()
    not_before: ExprField | None = None
    citations: Annotated[tuple[Citation, ...], Field(min_length=1)]
    verified: Verified
    notes: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.ends and self.effective_from and self.ends < self.effective_from:
            raise ValueError(f"ends {self.ends} before it takes effect on {self.effective_from}")
        for name, items in (("variant", self.variants), ("exception", self.exceptions)):
            ids = [item.id for item in items]
            if len(set(ids)) < len(ids):
                raise ValueError(f"two {name}s have the same id: {', '.join(sorted(ids))}")
        return self


class ReadingOption(StrictModel):
    """One answer to an open question: keys of the rule or of its versions that it replaces."""

    note: Text
    rule: dict[str, Any] = Field(default_factory=dict)
    version: dict[str, Any] = Field(default_factory=dict)
    applies_to: tuple[EffectiveDay, ...] = ()


class Reading(StrictModel):
    """An open question of law with named answers."""

    id: Name
    question: Text
    default: Name
    options: dict[str, ReadingOption]

    @model_validator(mode="after")
    def _default_exists(self) -> Self:
        if self.default not in self.options or len(self.options) < 2:
            raise ValueError(
                f"default {self.default!r} must be one of at least two options: {', '.join(self.options)}"
            )
        return self


class Rule(StrictModel):
    """One duty in one jurisdiction."""

    id: RuleId
    title: Text
    overrides: tuple[RuleId, ...] = ()
    tightens: RuleId | None = None
    kind: Literal["deadline", "not_before", "information"] = "deadline"
    authority: Literal["law", "policy"] = "law"
    starts_on: StartField
    opens: Literal["each", "first", "latest"] = "each"
    applies_when: ConditionField | None = None
    met_by: MetByField
    met_looking: Literal["forward", "backward", "in_effect"] = "forward"
    superseded_by: PatternField | None = None
    closed_by: tuple[PatternField, ...] | None = None
    version_chosen_by: Literal["start", "due"] = "start"
    versions: Annotated[tuple[Version, ...], Field(min_length=1)]
    readings: tuple[Reading, ...] = ()
    provisions: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_override(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("overrides"), str):
            return data | {"overrides": [data["overrides"]]}
        return data

    @model_validator(mode="after")
    def _in_effect_needs_plans(self) -> Self:
        if (self.met_looking == "in_effect") != (self.superseded_by is not None):
            raise ValueError("superseded_by belongs to met_looking: in_effect, and that needs it")
        return self

    @property
    def topic(self) -> str:
        """The last part of the id, shared by rules on the same duty across jurisdictions."""
        return self.id.rsplit(".", 1)[1]

    @cached_property
    def nodes(self) -> list[object]:
        """Every node of every expression, condition and pattern of the rule."""
        return [node for part in _trees(self) for node in walk(part)]


def _trees(value: Any) -> list[Any]:
    if isinstance(value, StrictModel):
        return [tree for name in type(value).model_fields for tree in _trees(getattr(value, name))]
    if isinstance(value, tuple):
        return [tree for member in value for tree in _trees(member)]
    return [value] if hasattr(value, "__dataclass_fields__") else []


class Information(StrictModel):
    """A provision without a clock: shown with the rules, never a deadline."""

    id: Name
    title: Text
    text: Text
    citations: Annotated[tuple[Citation, ...], Field(min_length=1)]
    verified: Verified
    provisions: tuple[Text, ...] = ()


class RuleFile(StrictModel):
    """One file of rules."""

    schema_version: Literal[1]
    jurisdiction: Jurisdiction
    program: Program
    district: Annotated[str, Field(pattern=r"^[a-z]{2}\.[a-z0-9_]+$")] | None = None
    rules: tuple[Rule, ...] = ()
    information: tuple[Information, ...] = ()

    @model_validator(mode="after")
    def _belongs_here(self) -> Self:
        prefix = f"{self.district or self.jurisdiction}.{self.program}."
        for rule in self.rules:
            if not rule.id.startswith(prefix):
                raise ValueError(
                    f"rule {rule.id} stands in a file of {prefix[:-1]}; its id must begin with {prefix}"
                )
            if self.district and (rule.authority != "policy" or not rule.tightens):
                raise ValueError(
                    f"rule {rule.id} of a district must have authority: policy and tightens a rule of law"
                )
        return self


class DayCountFile(StrictModel):
    """A jurisdiction's own day counts."""

    schema_version: Literal[1]
    jurisdiction: Jurisdiction
    day_counts: tuple[DayCount, ...]


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

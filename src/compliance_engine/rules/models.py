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
from compliance_engine.rules.conditions import Condition, Happened, parse_condition
from compliance_engine.rules.expressions import Expr, choices, is_running, parse_expression, walk
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
    """What lengthens the running period.

    Attributes:
        unit: The day count in which absences and pauses are added; that of the period by default.
    """

    unit: Name | None = None
    absences: AbsenceExtension | None = None
    pauses: tuple[Pause, ...] = ()
    agreement: Agreement | None = None

    @model_validator(mode="after")
    def _decides_before_the_end(self) -> Self:
        for part in (self.absences, self.agreement):
            _no_end_yet(part.when if part else None)
        return self


def _no_end_yet(condition: Condition | None) -> None:
    """Raise ValueError where a condition that decides the due day asks how the duty ended."""
    nodes = () if condition is None else walk(condition)
    if any(isinstance(node, Happened) and node.through == "met" for node in nodes):
        raise ValueError("through: met is not known while the due day is worked out; say due, start or as_of")


class RuleException(StrictModel):
    """What removes the duty, excuses lateness, or sets another due day."""

    id: Name
    title: Text | None = None
    when: ConditionField
    effect: Literal["not_applicable", "excused", "met", "due"]
    due: ExprField | None = None
    citation: Text

    @model_validator(mode="after")
    def _due_belongs(self) -> Self:
        if (self.effect == "due") != (self.due is not None):
            raise ValueError("an exception has a due exactly when its effect is due")
        if self.due is not None:
            _no_end_yet(self.when)
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

    @model_validator(mode="after")
    def _decides_before_the_end(self) -> Self:
        _no_end_yet(self.when)
        return self


def _knows_its_unit(due: Expr, extended: ExtendedBy | None) -> None:
    """Raise ValueError where days are added to a due day that is no count of days, and none is named."""
    adds = extended is not None and extended.unit is None and (extended.absences or extended.pauses)
    if adds and not any(map(is_running, choices(due))):
        raise ValueError("the due day is no count of days: extended_by needs a unit in which days are added")


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
        _knows_its_unit(self.due, self.extended_by)
        for variant in self.variants:
            extended = self.extended_by if variant.extended_by is None else variant.extended_by
            _knows_its_unit(variant.due, None if extended == "none" else extended)
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
    met_looking: Literal["forward", "forward_same_day", "backward", "in_effect"] = "forward"
    superseded_by: PatternField | None = None
    closed_by: tuple[PatternField, ...] | None = None
    version_chosen_by: Literal["start", "due"] = "start"
    versions: Annotated[tuple[Version, ...], Field(min_length=1)]
    readings: tuple[Reading, ...] = ()
    provisions: tuple[Text, ...] = ()
    duty: Name | None = None
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
        _no_end_yet(self.applies_when)
        if self.met_looking == "forward_same_day":
            opening = {node.name for node in _events(self.starts_on)}
            itself = sorted(opening & {pattern.name for pattern in self.met_by.patterns})
            if itself:
                raise ValueError(f"with forward_same_day {', '.join(itself)} would meet the duty it opens")
        return self

    @property
    def topic(self) -> str:
        """The last part of the id, shared by rules on the same duty across jurisdictions."""
        return self.id.rsplit(".", 1)[1]

    @cached_property
    def nodes(self) -> list[object]:
        """Every node of every expression, condition and pattern of the rule."""
        return [node for part in _trees(self) for node in walk(part)]


def _events(tree: Any) -> list[EventPattern]:
    return [node for node in walk(tree) if isinstance(node, EventPattern)]


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

"""JSON Schemas for editors, generated from the models that read the files."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from compliance_engine.calendars.models import SchoolYear
from compliance_engine.rules.models import DayCountFile, RuleFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXPRESSION = "A day: 45 school_days after start, 3 years after start, age 16 years, {earliest: [...]}"
_CONDITION = "A mapping; all of its entries must hold"
_PATTERN = "An event, name or name(attribute=value, ...)"
HOVER: dict[str, str] = {
    "Rule.id": "<jurisdiction>.<program>.<topic>; never renamed, never reused",
    "Rule.title": "One plain line, shown in every output",
    "Rule.overrides": "The federal rule, or rules, that this state rule replaces",
    "Rule.tightens": "Local policy only: the rule of law that this one is stricter than",
    "Rule.kind": "deadline; not_before: the first day allowed; information: never a violation",
    "Rule.authority": "law, or policy: a breach of policy is not noncompliance",
    "Rule.starts_on": f"What opens the duty. {_PATTERN}, birth, or a mapping",
    "Rule.opens": "each: every occurrence opens the duty anew; first; latest",
    "Rule.applies_when": f"Tested on each opening. {_CONDITION}",
    "Rule.met_by": f"What meets it. {_PATTERN}, {{any_of: [...]}} or {{all_of: [...]}}",
    "Rule.met_looking": "forward; backward: since the opening before; in_effect: the plan of the due day",
    "Rule.superseded_by": "With in_effect: the events that replace a plan",
    "Rule.closed_by": "Events that close what is open; the program's list by default",
    "Rule.version_chosen_by": "Which day picks the version",
    "Rule.versions": "By effective_from; each holds until the next one or through ends",
    "Rule.readings": "Open questions of law with named answers",
    "Rule.provisions": "Ids of the provisions that this rule encodes",
    "Rule.duty": "Kind of duty, where neither provisions nor overrides tell it",
    "Rule.notes": "What is not modelled, and what is open",
    "Version.effective_from": "First day in force; unknown where no source says",
    "Version.ends": "Last day in force",
    "Version.due": _EXPRESSION,
    "Version.counting": "How the first and the last day are treated",
    "Version.rolls": "Where the due day moves when it falls on a day off",
    "Version.variants": "The first whose `when` holds replaces the version's due day",
    "Version.extended_by": "Absences, pauses and agreements that lengthen the period",
    "Version.exceptions": "What removes the duty, excuses lateness or sets another due day",
    "Version.not_before": f"Done before that day is flagged. {_EXPRESSION}",
    "Version.citations": "Where the law says so, at least one",
    "Version.verified": "How well the source was verified; shown with every date",
    "Variant.when": _CONDITION,
    "Variant.due": _EXPRESSION,
    "RuleException.when": _CONDITION,
    "RuleException.effect": "not_applicable: no duty; excused: late; met: kept otherwise; due: another day",
    "Counting.day_one": "day_after (default), or start_day: the anchor itself is day 1, if it counts",
    "Counting.last_day_off": "stays (default), next_<day count> or previous_<day count>",
    "Citation.checked_on": "When someone last looked",
    "Agreement.cap": f"The latest day an agreement may reach. {_EXPRESSION}",
}
"""What an editor shows for a key, by model and key."""


def editor_schema(model: type[BaseModel], name: str, title: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file.

    Args:
        model: The model that reads it.
        name: File name of the schema, its ``$id``.
        title: What an editor calls it.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    for owner, part in (schema.get("$defs", {}) | {model.__name__: schema}).items():
        for key, field in part.get("properties", {}).items():
            hover = HOVER.get(f"{owner}.{key}")
            if hover:
                field["description"] = hover
    rule = schema.get("$defs", {}).get("Rule", {}).get("properties", {})
    if "overrides" in rule:
        _accept_one(rule["overrides"])
    return {"$schema": DIALECT, "$id": name} | schema | {"title": title}


def _accept_one(field: dict[str, Any]) -> None:
    """Let a list of one be written without brackets, as the loader does."""
    several = {key: field.pop(key) for key in ("type", "items") if key in field}
    field["anyOf"] = [several["items"], several]


def rule_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of rule files, day counts and calendars, by file name."""
    files: tuple[tuple[type[BaseModel], str, str], ...] = (
        (RuleFile, "rules.json", "Compliance Engine: rules of one topic"),
        (DayCountFile, "day_counts.json", "Compliance Engine: day counts of one jurisdiction"),
        (SchoolYear, "calendar.json", "Compliance Engine: one school year of a district"),
    )
    return {name: editor_schema(model, name, title) for model, name, title in files}

"""Rules and cases of a test's own, without files: read, checked, evaluated, held against the oracle."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from compliance_engine.calendars.loader import CalendarLibrary
from compliance_engine.calendars.models import Calendar
from compliance_engine.cases.batch import CaseBatch, build_batch
from compliance_engine.cases.rule_vocabulary import check_vocabulary
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.evaluate import Engine
from compliance_engine.errors import RuleProblem
from compliance_engine.rules.checks import check_corpus
from compliance_engine.rules.loader import Corpus, LoadedRule
from compliance_engine.rules.models import RuleFile
from compliance_engine.rules.rulebook import Readings
from compliance_engine.strict_models import validate
from compliance_engine.strict_yaml import Document, parse_yaml
from corpus_data import corpus as shipped
from oracle_history import Fact, History


def document(data: object) -> Document:
    """What a YAML file of some data would be read as."""
    return parse_yaml(json.dumps(data), "rules.yaml")


def small_corpus(*rules: Mapping[str, Any], jurisdiction: str = "us", district: str | None = None) -> Corpus:
    """A corpus of these rules alone, with the shipped day counts, programs and jurisdictions.

    Raises: RuleProblem with every mistake.
    """
    whole = shipped()
    made = Corpus(Path("rules"), counts=whole.counts, programs=whole.programs)
    made.jurisdictions = dict(whole.jurisdictions)
    for rule in rules:
        where = str(rule["id"]).partition(".")[0]
        own = district if district and str(rule["id"]).startswith(f"{district}.") else None
        text = {"schema_version": 1, "jurisdiction": where, "program": "idea_b", "rules": [rule]}
        source = document(text | ({"district": own} if own else {}))
        file = validate(source, RuleFile, code="CE210")
        made.rules[file.rules[0].id] = LoadedRule(file.rules[0], where, "idea_b", own, source, 0)
    problems = [*check_corpus(made), *check_vocabulary(made)]
    if problems:
        raise RuleProblem(problems)
    return made


def rule(body: str, **more: Any) -> dict[str, Any]:
    """A rule written as YAML, with what every rule must have filled in."""
    return filled({**parse_yaml(body, "rule").data, **more})


def filled(written: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with what every rule must have filled in where it says nothing."""
    besides = {
        "effective_from": "unknown",
        "verified": "unverified",
        "citations": [{"ref": "none", "checked_on": "2026-11-23"}],
    }
    versions = [besides | version for version in written.get("versions", [{"due": "start"}])]
    return {"id": "us.idea_b.small", "title": "A small rule", **written, "versions": versions}


@dataclass(frozen=True)
class SmallCase:
    """A history for the engine and for the oracle."""

    events: Sequence[Fact]
    calendar: str | None = "us.example_county"
    state: str = "us"
    birth: date | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    district: str | None = None
    program: str = "idea_b"

    def history(self, calendar: Calendar | None) -> History:
        return History(self.state, self.program, calendar, self.events, self.birth, self.facts, self.district)


def batch_of(cases: Iterable[SmallCase], as_of: date) -> CaseBatch:
    """A batch of cases, named by their place."""
    rows, events = [], []
    for index, case in enumerate(cases):
        facts = dict(case.facts)
        rows.append(
            {
                "case_id": f"case{index}",
                "state": case.state,
                "district": case.district or f"{case.state}.example",
                "calendar": case.calendar,
                "program": case.program,
                "birth_date": case.birth,
                "grade": facts.pop("grade", None),
                "attributes": json.dumps(facts, sort_keys=True) if facts else None,
            }
        )
        events += [
            {
                "case_id": f"case{index}",
                "event": event.name,
                "occurred_on": event.day,
                "attributes": json.dumps(dict(event.attributes), sort_keys=True, separators=(",", ":"))
                if event.attributes
                else None,
            }
            for event in case.events
        ]
    return build_batch(pa.Table.from_pylist(rows, CASES), pa.Table.from_pylist(events, EVENTS), as_of=as_of)


def evaluated(
    made: Corpus,
    library: CalendarLibrary,
    cases: Sequence[SmallCase],
    as_of: date,
    readings: Readings | None = None,
) -> list[dict[str, list[Deadline]]]:
    """What the engine finds for each case, by rule."""
    engine = Engine(made, library, as_of, readings=readings or {})
    evaluation = engine.evaluate(batch_of(cases, as_of))
    found: list[dict[str, list[Deadline]]] = [{} for _ in cases]
    for one in evaluation.deadlines(working=False):
        found[int(one.case_id.removeprefix("case"))].setdefault(one.rule, []).append(one)
    return found

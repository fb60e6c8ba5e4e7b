"""Rules told in plain English, listed by state, and described by JSON Schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.cli.main import cli
from compliance_engine.errors import UsageProblem
from compliance_engine.reports.rule_list import list_rules, rules_on
from compliance_engine.reports.rule_text import rule_lines, rule_text
from compliance_engine.reports.schema import published_schemas
from compliance_engine.rules.loader import Corpus
from compliance_engine.strict_yaml import read_yaml

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus(ROOT / "rules")


def test_every_shipped_rule_can_be_told(corpus: Corpus) -> None:
    texts = [rule_text(loaded, corpus) for loaded in corpus.rules.values()]
    assert len(texts) == len(corpus.rules)
    assert all("None" not in text for text in texts)


def test_a_rule_names_its_parts(corpus: Corpus) -> None:
    said = {
        (line.label, line.text) for line in rule_lines(corpus.rules["tx.idea_b.initial_evaluation"], corpus)
    }
    assert ("starts on", "consent to evaluate received (purpose: initial); each time anew") in said
    assert ("due", "45 school days after the start") in said
    assert ("version", "from an unknown day until 2013-08-31 (chosen by the start)") in said
    assert (
        "extended by",
        "absences of the child on at least 3 school days: all of them in school days",
    ) in said


def test_acronyms_keep_their_capitals(corpus: Corpus) -> None:
    assert "met by         IEP meeting held" in rule_text(corpus.rules["us.idea_b.annual_review"], corpus)


def test_a_state_lists_its_own_rules_and_the_federal_ones_it_keeps(corpus: Corpus) -> None:
    ids = {one.id for one in list_rules(corpus, "tx", "idea_b")}
    assert "tx.idea_b.initial_evaluation" in ids
    assert "us.idea_b.annual_review" in ids
    assert "us.idea_b.initial_evaluation" not in ids


def test_without_a_state_every_rule_is_listed(corpus: Corpus) -> None:
    assert {one.id for one in list_rules(corpus)} == set(corpus.rules)


def test_a_topic_finds_the_federal_rule_where_the_state_has_none(corpus: Corpus) -> None:
    assert [one.rule.id for one in rules_on(corpus, "tx", "annual_review")] == ["us.idea_b.annual_review"]


def test_show_prints_the_rule_of_a_state() -> None:
    done = CliRunner().invoke(cli, ["rules", "show", "tx", "initial_evaluation"])
    assert done.exit_code == 0
    assert "tx.idea_b.initial_evaluation" in done.output


def test_a_topic_may_be_the_name_of_a_rule_file(corpus: Corpus) -> None:
    found = [one.rule.id for one in rules_on(corpus, "nj", "referral_response")]
    assert "nj.idea_b.identification_meeting" in found


def test_show_suggests_a_topic_that_the_state_has() -> None:
    with pytest.raises(UsageProblem, match=r"no rule on this topic; did you mean referral_response[?]"):
        CliRunner().invoke(cli, ["rules", "show", "nj", "referal_response"], catch_exceptions=False)


def test_show_suggests_the_rule_that_was_meant() -> None:
    with pytest.raises(UsageProblem, match=r"did you mean us[.]idea_b[.]annual_review[?]"):
        CliRunner().invoke(cli, ["rules", "show", "us.idea_b.anual_review"], catch_exceptions=False)


def test_list_as_json_is_a_list_of_rules() -> None:
    done = CliRunner().invoke(cli, ["rules", "list", "--state", "us", "--format", "json"])
    assert {"id", "title", "due", "verified"} <= set(json.loads(done.output)[0])


def test_published_schemas_are_current() -> None:
    """``rules schema KIND`` and ``report schema`` print them."""
    written = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS.glob("*.json")}
    assert written == published_schemas()


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("rules.json", "rules/*/*/*[!s].yaml"),
        ("cases.json", "rules/*/*/*.cases.yaml"),
        ("day_counts.json", "rules/*/day_counts.yaml"),
        ("calendar.json", "calendars/*/*/*.yaml"),
    ],
)
def test_a_schema_accepts_every_shipped_file(schema: str, pattern: str) -> None:
    whole = published_schemas()[schema]
    files = [
        path for path in ROOT.glob(pattern) if schema == "cases.json" or not path.name.endswith(".cases.yaml")
    ]
    assert files
    faults = [(path.name, fault) for path in files if (fault := _fault(read_yaml(path).data, whole, whole))]
    assert faults == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [({"titel": "x"}, "titel"), ({"kind": "window"}, "window"), ({"versions": None}, "versions")],
)
def test_a_schema_refuses_what_the_loader_refuses(change: dict[str, Any], fault: str) -> None:
    data = read_yaml(ROOT / "rules/us/idea_b/annual_review.yaml").data
    data = data | {"rules": [data["rules"][0] | change]}
    whole = published_schemas()["rules.json"]
    assert fault in _fault(data, whole, whole)


def _fault(data: Any, schema: dict[str, Any], whole: dict[str, Any], at: str = "") -> str:
    """Return the first fault by the part of JSON Schema that pydantic writes; empty for none."""
    if "$ref" in schema:
        return _fault(data, whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], whole, at)
    if "anyOf" in schema:
        faults = [_fault(data, one, whole, at) for one in schema["anyOf"]]
        return "" if "" in faults else faults[0]
    kinds = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
    }
    if "type" in schema and type(data) is not kinds[schema["type"]]:
        return f"{at}: {data!r} is no {schema['type']}"
    if ("enum" in schema and data not in schema["enum"]) or ("const" in schema and data != schema["const"]):
        return f"{at}: {data!r}"
    if "pattern" in schema and isinstance(data, str) and not re.search(schema["pattern"], data):
        return f"{at}: {data!r} does not match {schema['pattern']}"
    if isinstance(data, list):
        return next(
            (
                f
                for i, one in enumerate(data)
                if (f := _fault(one, schema.get("items", {}), whole, f"{at}/{i}"))
            ),
            "",
        )
    return _fault_of_mapping(data, schema, whole, at) if isinstance(data, dict) else ""


def _fault_of_mapping(data: dict[str, Any], schema: dict[str, Any], whole: dict[str, Any], at: str) -> str:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", {})
    missing = [name for name in schema.get("required", ()) if name not in data]
    unknown = [name for name in data if name not in known] if more is False else []
    if missing or unknown:
        return f"{at}: missing {missing}, unknown {unknown}"
    parts = (
        (name, value, known.get(name, more if isinstance(more, dict) else {})) for name, value in data.items()
    )
    return next((f for name, value, part in parts if (f := _fault(value, part, whole, f"{at}/{name}"))), "")

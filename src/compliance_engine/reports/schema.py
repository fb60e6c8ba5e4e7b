"""JSON Schemas: of the report, for programs that read it, and of all files, for editors."""

from __future__ import annotations

from typing import Any

from compliance_engine.engine.rule_cases import CaseFile
from compliance_engine.reports.model import SCHEMA_VERSION, ViolationReport
from compliance_engine.rules.json_schema import DIALECT, editor_schema, rule_schemas


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of the violations report, as written by ``--format json``."""
    schema = ViolationReport.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, "$id": f"violations-{SCHEMA_VERSION}.json"} | schema


def published_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema this program publishes, by file name (`docs/schemas/`)."""
    report = report_schema()
    cases = editor_schema(CaseFile, "cases.json", "Compliance Engine: hand-counted cases beside a rule")
    return rule_schemas() | {"cases.json": cases, report["$id"]: report}

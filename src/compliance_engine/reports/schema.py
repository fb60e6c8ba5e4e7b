"""The JSON Schema of the report, for programs that read it."""

from __future__ import annotations

from typing import Any

from compliance_engine.reports.model import SCHEMA_VERSION, ViolationReport


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of the violations report, as written by ``--format json``."""
    schema = ViolationReport.model_json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"violations-{SCHEMA_VERSION}.json",
    }
    return head | schema

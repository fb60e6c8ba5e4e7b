"""Commands import what they need and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import contextlib, io, json, sys
from compliance_engine.cli.main import cli, run
with contextlib.redirect_stdout(io.StringIO()):
    run(lambda: cli.main(args={arguments!r}, standalone_mode=False))
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
HEAVY = {
    "numpy",
    "pyarrow",
    "pydantic",
    "yaml",
    "sqlalchemy",
    "jinja2",
    "rich",
    "durable",
    "holidays",
    "defusedxml",
    "distributed",
    "pyspark",
}


def imported(*arguments: str) -> set[str]:
    """Return the top-level packages that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arguments=list(arguments))],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_imports_no_library_but_the_command_line_s(arguments: tuple[str, ...]) -> None:
    """A person who asks for help does not wait for NumPy."""
    assert imported(*arguments) & HEAVY == set()


def test_a_preview_needs_no_database_templates_or_judge() -> None:
    """A referral that is not late needs no judge either, and no legal holidays."""
    found = imported(
        *("preview", "--state", "us", "--calendar", "us.example_county", "--as-of", "2025-09-02"),
        *("--event", "consent_to_evaluate_received=2025-09-02,purpose=initial", "--no-follow"),
    )
    assert "numpy" in found
    assert found & {"sqlalchemy", "jinja2", "rich", "durable", "holidays", "defusedxml"} == set()

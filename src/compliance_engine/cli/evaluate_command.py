"""``evaluate``: a folder of partitions to a folder of results, without a store."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compliance_engine.cli.exit_codes import BAD_INPUT, CLEAN, FINDINGS
from compliance_engine.cli.options import (
    AS_OF,
    CALENDARS,
    FAIL,
    FORMAT,
    KNOWN_AT,
    POLICY,
    PROJECT_UNTIL,
    READING,
    RULES,
    check_where,
    read_given_law,
    read_question,
)
from compliance_engine.cli.progress import Progress, progress

if TYPE_CHECKING:
    from compliance_engine.scale.runs import Run


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@AS_OF
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the results."
)
@KNOWN_AT
@RULES
@POLICY
@CALENDARS
@READING
@PROJECT_UNTIL
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that evaluate; 1: none but this one. As many as there are processors by default.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Evaluate on a Dask cluster (tcp://host:8786), whose workers see both folders.",
)
@FORMAT
@FAIL
def evaluate_command(**given: Any) -> int:
    """Evaluate the cases of every partition of FOLDER, and write deadlines and findings as Parquet.

    A partition is a subfolder with cases and events as .csv, .jsonl or .parquet. Each is evaluated by itself;
    the same command again does only those that are missing or whose records, law or question changed.
    """
    try:
        with progress(quiet=given["form"] == "json", done_word="evaluated", doing="evaluating") as told:
            run = _run(given, told)
    except KeyboardInterrupt:
        click.echo("interrupted; partitions that are done are kept: run the same command again", err=True)
        raise
    click.echo(_as_json(run) if given["form"] == "json" else _as_text(run))
    if run.problems:
        for problem in run.problems:
            click.echo(str(problem), err=True)
        number = len(run.problems)
        there = len(run.summary["partitions"])
        text = f"{number} problem{'s' if number > 1 else ''}; {there} partitions are done and kept, "
        click.echo(text + "the run is not finished: mend it and run the same command again.", err=True)
        return BAD_INPUT
    violations = run.summary["counts"].get("findings", {}).get("noncompliance", 0)
    return FINDINGS if given["fail_on_violations"] and violations else CLEAN


def _run(given: dict[str, Any], told: Progress) -> Run:
    from compliance_engine.scale.runs import run_partitions

    check_where(given)
    return run_partitions(
        given["folder"],
        given["out"],
        read_question(given),
        read_given_law(given),
        received_on=datetime.now(UTC).date(),
        workers=given["workers"] or os.cpu_count() or 1,
        scheduler=given["scheduler"],
        progress=told,
    )


def _as_json(run: Run) -> str:
    problems = [str(problem) for problem in run.problems]
    content = {"finished": not problems, "kept": len(run.kept), "evaluated": len(run.done)}
    return json.dumps(content | run.summary | {"problems": problems}, indent=2, ensure_ascii=False)


def _as_text(run: Run) -> str:
    summary, totals = run.summary, run.summary["counts"].get("totals", {})
    lines = [
        f"{len(run.done)} partitions evaluated, {len(run.kept)} were done: {totals.get('cases', 0)} cases, "
        f"{totals.get('deadlines', 0)} deadlines, {totals.get('findings', 0)} findings"
    ]
    for title, kind in (("status of deadlines", "statuses"), ("findings", "findings")):
        counts = sorted(summary["counts"].get(kind, {}).items(), key=lambda one: (-one[1], one[0]))
        lines += ["", title, *(f"{number:>10}  {name.replace('_', ' ')}" for name, number in counts)]
    if summary["rows"].get("refused"):
        reasons = ", ".join(f"{number} {code}" for code, number in summary["reasons"].items())
        lines += ["", f"{summary['rows']['refused']} rows refused ({reasons}): see the quarantine.csv files"]
    lines += [f"warning: {text}" for text in summary["warnings"]]
    return "\n".join([*lines, "", f"digest {summary['digest']}"])

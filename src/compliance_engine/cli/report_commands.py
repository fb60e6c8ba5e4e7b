"""``report``: reports of a stored sweep as pages, tables and data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compliance_engine.cli.exit_codes import CLEAN, FINDINGS
from compliance_engine.cli.options import FAIL, STORE

if TYPE_CHECKING:
    from compliance_engine.reports.model import ViolationReport
    from compliance_engine.store.connect import Store
    from compliance_engine.store.sweeps import Sweep


@click.group()
def report_group() -> None:
    """Write reports of the last sweep, or of an earlier one."""


@report_group.command()
@STORE
@click.option("--sweep", "number", type=click.IntRange(1), help="Of this sweep; of the last one by default.")
@click.option("--district", "districts", multiple=True, help="Only this district; may be repeated.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "csv", "json", "text"]),
    default="html",
    show_default=True,
    help="text prints a table.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Where it goes; - prints it. By default a file in this folder, named after the sweep.",
)
@click.option("--title", default="Violations report", show_default=True, help="The heading of the report.")
@click.option(
    "--working/--no-working", default=True, help="Whether findings carry the working of their dates."
)
@FAIL
def violations(
    store: str,
    number: int | None,
    districts: tuple[str, ...],
    form: str,
    output: Path | None,
    title: str,
    working: bool,
    fail_on_violations: bool,
) -> int:
    """Write what is late, why, and by which arithmetic; every number lists its cases.

    The same sweep gives the same bytes. Names and birth dates are not in it. A sweep that is named is first
    made again from the facts, rules and calendars it used: nothing is written when it comes out otherwise.
    """
    from compliance_engine.reports.render import render
    from compliance_engine.reports.stored import report_of_sweep
    from compliance_engine.store.connect import open_store
    from compliance_engine.store.sweeps import sweep_asked

    opened = open_store(store)
    try:
        with opened.read() as connection:
            sweep = sweep_asked(opened, connection, number)
        _known(opened, districts)
        if number is not None:
            _same_again(opened, sweep)
        report = report_of_sweep(opened, sweep, title=title, only=districts, with_working=working)
    finally:
        opened.close()
    if form == "text":
        from compliance_engine.reports.terminal import report_table

        text = report_table(report) + "\n"
        output = output or Path("-")
    else:
        text = render(report, form)
    if output is not None and str(output) == "-":
        click.echo(text, nl=False)
    else:
        path = output or Path(_name(sweep, districts, form))
        _write(path, text, form)
        click.echo(_summary(report, path))
    found = any(one.code == "noncompliance" for one in report.finding_counts)
    return FINDINGS if fail_on_violations and found else CLEAN


@report_group.command()
def schema() -> int:
    """Print the JSON Schema of the violations report."""
    import json

    from compliance_engine.reports.schema import report_schema

    click.echo(json.dumps(report_schema(), indent=2))
    return CLEAN


def _same_again(store: Store, sweep: Sweep) -> None:
    """Refuse to report a sweep whose rows do not follow from its facts, rules and calendars."""
    from compliance_engine.sweep.verifying import verify_sweep

    faults = list(verify_sweep(store, sweep))
    if faults:
        found = f"{faults[0].kind} {faults[0].thing}: {faults[0].found}"
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        mend = f"run compliance-engine audit verify --store {store.name} --sweep {sweep.number}"
        said = f"it comes out otherwise when made again: {found}{more}"
        raise store.problem("CE616", said, thing=f"sweep {sweep.number}", mend=mend)
    click.echo(f"sweep {sweep.number} made again: digest {str(sweep.digest)[:12]} as stored", err=True)


def _known(store: Store, districts: tuple[str, ...]) -> None:
    from compliance_engine.cli.options import misread
    from compliance_engine.errors import UsageProblem, did_you_mean
    from compliance_engine.store.facts import read_districts

    with store.read() as connection:
        known = [one.district for one in read_districts(connection)]
    wrong = [name for name in districts if name not in known]
    if wrong:
        raise UsageProblem(
            misread("--district", name, "no such district in this store", mend=did_you_mean(name, known))
            for name in wrong
        )


def _name(sweep: Sweep, districts: tuple[str, ...], form: str) -> str:
    place = f"-{districts[0].replace('/', '_')}" if len(districts) == 1 else ""
    return f"violations{place}-{sweep.question.as_of}-sweep{sweep.number}.{form}"


def _write(path: Path, text: str, form: str) -> None:
    """Write a file; a spreadsheet reads the law's signs (§) only after a byte order mark."""
    from compliance_engine.errors import Place, Problem, UsageProblem
    from compliance_engine.whole_files import write_whole

    try:
        write_whole(path, text, encoding="utf-8-sig" if form == "csv" else "utf-8")
    except OSError as error:
        found = f"cannot be written: {error.strerror or error}"
        raise UsageProblem(Problem(Place(str(path)), "CE703", "report", found)) from error


def _summary(report: ViolationReport, path: Path) -> str:
    counts = report.counts
    made = report.made_from
    head = f"sweep {made.sweep} as of {made.as_of}: {counts.cases} cases, {counts.deadlines} deadlines"
    lines = [head]
    lines += [f"{one.tally.count:>8}  {one.code.replace('_', ' ')}" for one in report.finding_counts]
    lines.append(f"{sum(one.tally.count for one in report.data_problems):>8}  cannot be determined")
    return "\n".join([*lines, f"written to {path}"])

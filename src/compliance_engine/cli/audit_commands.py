"""``audit``: whether a store is what was written into it, and why two sweeps differ."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from compliance_engine.cli.exit_codes import CLEAN, FINDINGS
from compliance_engine.cli.long_json import echo_json
from compliance_engine.cli.options import FORMAT, STORE

if TYPE_CHECKING:
    from compliance_engine.store.audit import Fault
    from compliance_engine.sweep.causes import Moved

_SHOWN = 50


@click.group()
def audit_group() -> None:
    """Check what a store holds, and explain why two sweeps differ."""


@audit_group.command()
@STORE
@click.option("--sweep", "number", type=click.IntRange(1), help="Only this sweep; all by default.")
@click.option("--quick", is_flag=True, help="Compare digests; evaluate no sweep again.")
@FORMAT
def verify(store: str, number: int | None, quick: bool, form: str) -> int:
    """Check every fact, rule file, calendar and sweep, and name what is not as it was written.

    Events, cases and files are checked against the digests made when they came in, imports and sweeps
    against the chain, and every deadline and finding by evaluating its sweep again. Exit code 1: something
    is wrong.
    """
    from compliance_engine.store.connect import open_store
    from compliance_engine.store.sweeps import finished_sweeps, sweep_asked
    from compliance_engine.sweep.verifying import verify as verify_store

    opened = open_store(store)
    try:
        with opened.read() as connection:
            sweeps = (
                finished_sweeps(connection) if number is None else [sweep_asked(opened, connection, number)]
            )
        tell = (
            (lambda what: None) if form == "json" else (lambda what: click.echo(f"checking {what}", err=True))
        )
        faults = list(verify_store(opened, sweeps, evaluate=not quick, progress=tell))
    finally:
        opened.close()
    if form == "json":
        content = {"sweeps": [one.number for one in sweeps], "faults": [asdict(one) for one in faults]}
        click.echo(json.dumps(content, indent=2))
    else:
        click.echo(_as_text(faults, len(sweeps), quick=quick))
    return FINDINGS if faults else CLEAN


def _as_text(faults: list[Fault], sweeps: int, *, quick: bool) -> str:
    lines = [f"{one.kind} {one.thing}: {one.found}" for one in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        lines.append(f"... and {len(faults) - _SHOWN} more; --format json lists all")
    how = "compared by digest" if quick else "made again"
    noun = "sweep" if sweeps == 1 else "sweeps"
    said = "nothing is wrong" if not faults else f"{len(faults)} things are not as they were written"
    return "\n".join([*lines, f"{sweeps} {noun} {how}: {said}"])


@audit_group.command()
@STORE
@click.argument("before", type=click.IntRange(1))
@click.argument("after", type=click.IntRange(1))
@FORMAT
def diff(store: str, before: int, after: int, form: str) -> int:
    """Say of each deadline that differs between two sweeps what made it differ.

    The day of the sweep, the facts, the rules and the calendars of BEFORE are replaced by those of AFTER,
    one after the other; a new fact, a corrected one, a changed rule file or calendar is named.
    """
    from compliance_engine.store.connect import open_store
    from compliance_engine.store.sweeps import sweep_asked
    from compliance_engine.sweep.causes import causes_between, describe

    if before >= after:
        raise click.UsageError("give the earlier sweep first")
    opened = open_store(store)
    try:
        with opened.read() as connection:
            pair = [sweep_asked(opened, connection, number) for number in (before, after)]
        counts: Counter[str] = Counter()
        moved = _counting(causes_between(opened, *pair), counts)
        moved = chain(
            list(islice(moved, 1)), moved
        )  # what is wrong with the store is said before anything else
        if form == "json":
            content = {"before": before, "after": after, "deadlines": (one.as_json() for one in moved)}
            echo_json(content | {"causes": counts})
            return CLEAN
        lines = [describe(one) for one in islice(moved, _SHOWN)]
        deque(moved, maxlen=0)
    finally:
        opened.close()
    if counts.total() > _SHOWN:
        lines.append(f"... and {counts.total() - _SHOWN} more; --format json lists all")
    by = ", ".join(f"{number} by {name}" for name, number in sorted(counts.items()))
    lines.append(f"sweep {before} to {after}: {counts.total()} deadlines differ{': ' + by if by else ''}")
    click.echo("\n".join(lines))
    return CLEAN


def _counting(moved: Iterator[Moved], counts: Counter[str]) -> Iterator[Moved]:
    """Yield deadlines, counting what brought each to its new value."""
    from compliance_engine.sweep.causes import last_cause

    for one in moved:
        counts[last_cause(one)] += 1
        yield one

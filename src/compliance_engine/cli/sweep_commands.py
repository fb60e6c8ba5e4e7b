"""``sweep``: evaluate every case of the store as of a day, and judge the findings."""

from __future__ import annotations

import os
import platform
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compliance_engine.cli.exit_codes import CLEAN, FINDINGS
from compliance_engine.cli.long_json import echo_json
from compliance_engine.cli.options import (
    CALENDARS,
    FAIL,
    FORMAT,
    KNOWN_AT,
    POLICY,
    PROJECT_UNTIL,
    READING,
    RULES,
    STORE,
    check_where,
    day_option,
    read_given_law,
    read_question,
)
from compliance_engine.cli.progress import Progress as _Progress
from compliance_engine.cli.progress import progress as _progress
from compliance_engine.cli.step_log import step_log

if TYPE_CHECKING:
    from compliance_engine.store.connect import Store
    from compliance_engine.sweep.runner import Finished, Log

_SHOWN = 20
_KEPT = "the districts that are done are kept, and --resume goes on"


@click.command()
@STORE
@day_option("--as-of", help="The day whose truth is asked; needed unless --resume.")
@KNOWN_AT
@RULES
@POLICY
@CALENDARS
@READING
@PROJECT_UNTIL
@click.option(
    "--full", is_flag=True, help="Evaluate every case, and warn where an incremental sweep would have erred."
)
@click.option("--resume", is_flag=True, help="Finish the sweep that was interrupted, as it was begun.")
@click.option(
    "--take-over", is_flag=True, help="Sweep although another process holds the lock; only if it is gone."
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that evaluate; 1: none but this one. As many as there is use for by default.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Evaluate on a Dask cluster (tcp://host:8786), whose workers can open the store.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append one line of JSON for each step of the sweep to this file.",
)
@FORMAT
@FAIL
def sweep_command(**given: Any) -> int:
    """Evaluate the cases of the store as of a day, judge the findings, and list what changed.

    Cases of which nothing changed since the last sweep (facts, rules, calendar) and whose deadlines do not
    change by themselves by this day keep their results without being evaluated again.
    """
    from compliance_engine.errors import ComplianceError
    from compliance_engine.store.connect import open_store

    check_where(given)
    if given["resume"]:
        fixed = ("as_of", "known_at", "rules", "policy", "calendars", "project_until")
        named = [f"--{name.replace('_', '-')}" for name in fixed if given[name] is not None]
        named += ["--full"] if given["full"] else []
        if named or given["readings"]:
            raise click.UsageError(
                f"--resume goes on as the sweep began; leave out {', '.join(named or ['--reading'])}"
            )
    elif given["as_of"] is None:
        raise click.UsageError("give --as-of, the day whose truth is asked")
    store = open_store(given["store"])
    done: list[str] = []
    try:
        with _progress(quiet=given["form"] == "json") as progress, step_log(given["log"], _now) as log:
            finished = _run(store, given, _noting(done, progress), log)
    except KeyboardInterrupt:
        click.echo(f"interrupted; {_KEPT}", err=True)
        raise
    except ComplianceError as error:
        error.kept = _KEPT if done else ""
        raise
    finally:
        store.close()
    if given["form"] == "json":
        echo_json(_as_plain_data(finished))
    else:
        click.echo(_as_text(finished))
    violations = finished.sweep.counts.get("findings", Counter())["noncompliance"]
    return FINDINGS if given["fail_on_violations"] and violations else CLEAN


def _noting(done: list[str], progress: _Progress) -> _Progress:
    """Return a way to tell of districts done that also notes them."""

    def note(number: int, total: int, name: str) -> None:
        done.append(name)
        progress(number, total, name)

    return note


def _now() -> datetime:
    return datetime.now(UTC)


def _run(store: Store, given: dict[str, Any], progress: _Progress, log: Log) -> Finished:
    from compliance_engine.store.sweeps import Process
    from compliance_engine.sweep.runner import resume_sweep, run_sweep

    process = Process(os.getpid(), platform.node(), _now())
    if given["resume"]:
        again = {name: given[name] for name in ("take_over", "workers", "scheduler")}
        return resume_sweep(store, process, clock=_now, progress=progress, log=log, **again)
    question, law = read_question(given), read_given_law(given)
    how = {name: given[name] for name in ("full", "take_over", "workers", "scheduler")}
    return run_sweep(store, question, law, process, clock=_now, progress=progress, log=log, **how)


def _as_plain_data(finished: Finished) -> dict[str, Any]:
    from compliance_engine.engine.changes import KINDS

    sweep, before = finished.sweep, finished.before
    known_at = sweep.question.known_at
    return {
        "sweep": sweep.number,
        "as_of": sweep.question.as_of.isoformat(),
        "known_at": None if known_at is None else known_at.isoformat(),
        "engine_version": sweep.engine_version,
        "rules": sweep.rules,
        "calendars": sweep.calendars,
        "data": finished.data,
        "digest": sweep.digest,
        "counts": {kind: dict(sorted(counter.items())) for kind, counter in sorted(sweep.counts.items())},
        "compared_with": None if before is None else before.number,
        "changes": {kind: (one.as_json() for one in finished.changes.of(kind)) for kind in KINDS},
        "warnings": [str(problem) for problem in finished.warnings],
    }


def _as_text(finished: Finished) -> str:
    sweep, counts = finished.sweep, finished.sweep.counts
    totals = counts.get("totals", Counter())
    lines = [
        f"sweep {sweep.number} as of {sweep.question.as_of}: {totals['cases']} cases, "
        f"{totals['deadlines']} deadlines, {totals['findings']} findings",
    ]
    lines += _table("status of deadlines", counts.get("statuses", {}))
    lines += _table("why undetermined", counts.get("undetermined", {}))
    lines += _table("findings", counts.get("findings", {}))
    lines += _table("not judged", counts.get("not_judged", {}))
    lines += _table("most often late", counts.get("late_rules", {}), most=10)
    lines += _changes(finished)
    lines += [f"warning: {problem}" for problem in finished.warnings]
    return "\n".join(lines)


def _table(title: str, counts: dict[str, int], most: int | None = None) -> list[str]:
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:most]
    if not rows:
        return []
    return [
        "",
        title,
        *(f"{number:>10}  {name.replace('_', ' ') if most is None else name}" for name, number in rows),
    ]


def _changes(finished: Finished) -> list[str]:
    if finished.before is None:
        return ["", "the first sweep of this store: nothing to compare with"]
    from compliance_engine.reports.rule_diff import moved_line

    number = finished.before.number
    moved = finished.changes.of("moved")
    others = {kind: finished.changes.count(kind) for kind in ("status", "appeared", "disappeared")}
    lines = [
        "",
        f"since sweep {number}: {len(moved)} due dates moved, {others['status']} changed status only, ",
    ]
    lines[-1] += f"{others['appeared']} deadlines appeared, {others['disappeared']} disappeared"
    lines += [moved_line(change) for change in islice(moved, _SHOWN)]
    if len(moved) > _SHOWN:
        lines.append(f"  ... and {len(moved) - _SHOWN} more; --format json lists all of them")
    return lines

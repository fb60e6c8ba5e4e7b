"""``import`` and ``generate``: case histories into the store, and synthetic ones to try things on."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compliance_engine.cli.exit_codes import BAD_INPUT, CLEAN
from compliance_engine.cli.options import STORE, MomentType, day_option

if TYPE_CHECKING:
    from compliance_engine.cases.importers.outcome import Imported, QuarantinedRow
    from compliance_engine.store.events import Counts, ImportReport


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@STORE
@click.option(
    "--format",
    "source_form",
    type=click.Choice(["canonical", "ed-fi"]),
    help="What PATH holds; found out by default.",
)
@click.option("--state", help="Ed-Fi: postal code of the state.")
@click.option("--district", help="Ed-Fi: id of the district of every case.")
@click.option("--calendar", help="Ed-Fi: school calendar of every case.")
@click.option(
    "--recorded-at",
    type=MomentType(),
    help="When records that do not say so were recorded; else events count as known since their day.",
)
@click.option("--quarantine", type=click.Path(path_type=Path, dir_okay=False), help="Where refused rows go.")
@click.option("--dry-run", is_flag=True, help="Count, and keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def import_command(**given: Any) -> int:
    """Read the case histories of PATH into the store; refused rows go to a quarantine file.

    PATH is a folder with cases and events as .csv, .jsonl or .parquet, or Ed-Fi XML (a file or a folder).
    Importing the same records again adds nothing.
    """
    now = datetime.now(UTC)
    form = given["source_form"] or _form_of(given["path"])
    imported = _read(given, form, now.date())
    report = _add(given, imported, form, now) if imported.accepted else None
    refused = [*imported.quarantine, *(report.conflicts if report else ())]
    where = given["quarantine"] or _quarantine_of(given["store"], None if report is None else report.number)
    if refused:
        _write_quarantine(refused, where, report)
    shown = _as_json if given["as_json"] else _as_text
    click.echo(shown(imported, report, refused, where if refused else None, dry_run=given["dry_run"]))
    return CLEAN if report else BAD_INPUT


def _add(given: dict[str, Any], imported: Imported, form: str, now: datetime) -> ImportReport:
    from compliance_engine.store.connect import open_store
    from compliance_engine.store.events import add

    # a dry run does not make the file either
    absent = given["dry_run"] and "://" not in given["store"] and not os.path.exists(given["store"])
    store = open_store("sqlite://" if absent else given["store"], create=True)
    how = {name: given[name] for name in ("recorded_at", "dry_run")}
    try:
        return add(store, imported, source=str(given["path"]), form=form, received_at=now, **how)
    finally:
        store.close()


def _write_quarantine(refused: list[QuarantinedRow], where: Path, report: ImportReport | None) -> None:
    from compliance_engine.cases.importers.outcome import write_quarantine
    from compliance_engine.errors import Place, Problem, UsageProblem

    try:
        write_quarantine(refused, where)
    except OSError as error:
        found = f"cannot be written: {error.strerror or error}"
        mend = "import again with another --quarantine; what was imported is not added twice"
        problem = UsageProblem(Problem(Place(str(where)), "CE703", "quarantine", found, mend=mend))
        if report is not None and report.number is not None:
            problem.kept = f"what was accepted is kept as import {report.number}"
        raise problem from error


def _form_of(path: Path) -> str:
    if path.suffix == ".xml" or (path.is_dir() and any(path.glob("*.xml")) and not any(path.glob("cases.*"))):
        return "ed-fi"
    return "canonical"


def _read(given: dict[str, Any], form: str, today: date) -> Imported:
    if form == "canonical":
        from compliance_engine.cases.importers import read_folder

        return read_folder(given["path"], received_on=today)
    from compliance_engine.cases.importers import EdFiOptions, read_ed_fi

    missing = [name for name in ("state", "district", "calendar") if not given[name]]
    if missing:
        names = ", ".join(f"--{name}" for name in missing)
        raise click.UsageError(f"Ed-Fi does not say everything; give {names}")
    options = EdFiOptions(given["state"].lower(), given["district"], given["calendar"], today)
    return read_ed_fi(given["path"], options)


def _quarantine_of(store: str, number: int | None) -> Path:
    name = "dry-run" if number is None else f"import-{number}"
    return Path(f"{'store' if '://' in store else store}.{name}.quarantine.csv")


def _as_json(
    imported: Imported,
    report: ImportReport | None,
    refused: list[QuarantinedRow],
    where: Path | None,
    *,
    dry_run: bool,
) -> str:
    counts: dict[str, Any] = {
        "read": imported.read,
        "accepted": imported.accepted,
        "refused": len(imported.quarantine),
    }
    if report:
        counts = report.as_json()
    content = counts | {
        "dry_run": dry_run,
        "quarantine": None if where is None else str(where),
        "reasons": _reasons(refused),
        "notes": list(imported.notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _as_text(
    imported: Imported,
    report: ImportReport | None,
    refused: list[QuarantinedRow],
    where: Path | None,
    *,
    dry_run: bool,
) -> str:
    lines = [f"read {imported.read}: {imported.accepted} accepted, {len(imported.quarantine)} refused"]
    if report:
        lines += [_counts_text("cases", report.cases), _counts_text("events", report.events)]
    for code, reasons in _reasons(refused).items():
        lines += [f"{number:>8}  {code} {reason}" for reason, number in reasons.items()]
    if where is not None:
        lines.append(f"quarantine: {where} ({len(refused)} rows)")
    lines += [f"note: {note}" for note in imported.notes]
    if not report:
        lines.append("nothing could be read; nothing was changed")
    elif dry_run:
        lines.append("dry run: nothing was changed")
    return "\n".join(lines)


def _counts_text(name: str, counts: Counts) -> str:
    total = counts.new + counts.changed + counts.known + counts.conflicting
    parts = [
        f"{counts.new} new",
        *([f"{counts.changed} changed"] if name == "cases" else []),
        f"{counts.known} known",
    ]
    parts += [f"{counts.conflicting} contradict the store"] if counts.conflicting else []
    return f"{name} {total}: {', '.join(parts)}"


def _reasons(refused: list[QuarantinedRow]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in sorted(refused, key=lambda one: (one.code, one.reason)):
        by_reason = found.setdefault(row.code, {})
        by_reason[row.reason] = by_reason.get(row.reason, 0) + 1
    return found


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--state", required=True, help="Postal code of the state.")
@click.option("--district", required=True, help="Id of the district.")
@click.option("--calendar", required=True, help="Id of a calendar or district.")
@click.option("--cases", "number", type=click.IntRange(1, 10_000_000), required=True, help="How many cases.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed gives the same cases."
)
@day_option("--until", required=True, help="The last day on which anything happens.")
@click.option(
    "--years", type=click.IntRange(1, 20), default=4, show_default=True, help="How far back referrals reach."
)
@click.option("--form", type=click.Choice(["csv", "jsonl", "parquet"]), default="csv", show_default=True)
@click.option(
    "--partition-cases",
    "size",
    type=click.IntRange(1),
    help="Write folders part-00000, ... of so many cases each, for `evaluate`.",
)
def generate_command(**given: Any) -> int:
    """Write a synthetic district into FOLDER as cases and events; nobody's records."""
    from compliance_engine.cases.generator import District, generate, generate_partitions, write_folder

    district = District(given["state"].lower(), given["district"], given["calendar"], given["number"])
    how = {name: given[name] for name in ("seed", "until", "years")}
    folder, size = given["folder"], given["size"]
    cases = events = 0
    parts = (
        [generate([district], **how)] if size is None else generate_partitions([district], **how, size=size)
    )
    for number, generated in enumerate(parts):
        where = folder if size is None else folder / f"part-{number:05d}"
        write_folder(generated, where, form=given["form"])
        cases, events = cases + len(generated.cases), events + len(generated.events)
    click.echo(f"{cases} cases and {events} events of {district.district} written to {folder}")
    return CLEAN

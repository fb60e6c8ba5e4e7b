"""``calendars``: check calendar files and show a school year."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compliance_engine.cli.exit_codes import CLEAN

if TYPE_CHECKING:
    from compliance_engine.calendars.models import Calendar, SchoolYear

_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
_FOLDER = click.option("--calendars", "folder", type=click.Path(path_type=Path), help="Folder of calendars.")


@click.group()
def calendars_group() -> None:
    """Check and show school calendars."""


@calendars_group.command()
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1)
@_FORMAT
def check(paths: tuple[Path, ...], form: str) -> int:
    """Check calendar files or folders (the shipped ones by default): all problems at once."""
    from compliance_engine.calendars.loader import load_calendars
    from compliance_engine.cli.exit_codes import BAD_INPUT
    from compliance_engine.data_files import calendars_folder
    from compliance_engine.errors import CalendarProblem

    if form == "text":
        library = load_calendars(paths or [calendars_folder()])
        click.echo(f"{len(library.years)} school years of {len(library.calendar_ids)} calendars, no problems")
        return CLEAN
    try:
        library = load_calendars(paths or [calendars_folder()])
    except CalendarProblem as error:
        problems = [_problem_fields(problem) for problem in error.problems]
        click.echo(json.dumps({"problems": problems}, indent=2))
        return BAD_INPUT
    click.echo(json.dumps({"calendars": library.calendar_ids, "problems": []}, indent=2))
    return CLEAN


@calendars_group.command()
@click.argument("reference")
@click.option("--year", "label", help="One school year of several, as in 2025-26.")
@_FOLDER
@_FORMAT
def show(reference: str, label: str | None, folder: Path | None, form: str) -> int:
    """Draw the school years of REFERENCE: a district, district/track, the id of a file, or a file.

    Without --year all of its school years are drawn.
    """
    calendar = _find(reference, folder)
    years = _years(calendar, label)
    if form == "json":
        click.echo(
            json.dumps({"calendar": calendar.id, "years": [_year_fields(year) for year in years]}, indent=2)
        )
        return CLEAN
    from rich.console import Console

    from compliance_engine.calendars.drawing import draw_year

    console = Console(highlight=False)
    for number, year in enumerate(years):
        if number:
            console.print()
        console.print(draw_year(year))
    return CLEAN


def _find(reference: str, folder: Path | None) -> Calendar:
    from compliance_engine.calendars.loader import load_calendars
    from compliance_engine.data_files import calendars_folder

    path = Path(reference)
    if path.suffix == ".yaml" and path.is_file():
        library = load_calendars(path)
        return library.resolve(next(iter(library.years)))
    return load_calendars(calendars_folder(folder)).resolve(reference)


def _years(calendar: Calendar, label: str | None) -> tuple[SchoolYear, ...]:
    from compliance_engine.errors import CalendarProblem, Place, Problem

    if label is None:
        return calendar.years
    chosen = tuple(year for year in calendar.years if year.id.endswith(f".{label}"))
    if not chosen:
        labels = ", ".join(year.id.rsplit(".", 1)[1] for year in calendar.years)
        found = f"no school year {label!r}"
        raise CalendarProblem(Problem(Place("--year"), "CE316", calendar.id, found, labels))
    return chosen


def _year_fields(year: SchoolYear) -> dict[str, Any]:
    from compliance_engine.calendars.drawing import day_marks

    marks = day_marks(year)
    return {
        "id": year.id,
        "name": year.name,
        "covers": {"from": str(year.covers.from_), "to": str(year.covers.to)},
        "school_year": {"from": str(year.school_year.from_), "to": str(year.school_year.to)},
        "instructional_days": len(year.instructional_days()),
        "planned_instructional_days": len(year.planned_days()),
        "stated_instructional_days": year.stated_instructional_days,
        "complete": year.complete,
        "days": {str(day): mark for day, mark in marks.items() if mark != "outside"},
    }


def _problem_fields(problem: Any) -> dict[str, Any]:
    return {
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "code": problem.code,
        "thing": problem.thing,
        "found": problem.found,
        "expected": problem.expected,
        "mend": problem.mend,
        "severity": problem.severity,
    }

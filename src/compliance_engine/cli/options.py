"""Options that commands share, and how their texts are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from compliance_engine.errors import Problem
    from compliance_engine.store.sweeps import Question
    from compliance_engine.sweep.law import Law


class DayType(click.ParamType[date]):
    """A date written YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read the text; `dates.parse_date` says what is wrong with it."""
        if isinstance(value, date):
            return value
        from compliance_engine.dates import parse_date

        try:
            return parse_date(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class MomentType(click.ParamType[datetime]):
    """A moment: a date (its end), or a date and time in UTC."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read ``YYYY-MM-DD`` or ``YYYY-MM-DDTHH:MM:SS``."""
        if isinstance(value, datetime):
            return value
        text = str(value)
        try:
            moment = datetime.fromisoformat(f"{text}T23:59:59.999999" if len(text) == 10 else text)
        except ValueError:
            self.fail(f"{text!r} is not a moment; expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def day_option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return an option that takes a date."""
    return click.option(*names, type=DayType(), metavar="YYYY-MM-DD", **settings)


RULES = click.option(
    "--rules",
    type=click.Path(path_type=Path, exists=True),
    help="Folder of rules; the shipped ones by default.",
)
POLICY = click.option(
    "--policy",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of local policy, beside the rules of law.",
)
CALENDARS = click.option(
    "--calendars",
    type=click.Path(path_type=Path, exists=True),
    help="Folder of calendars; the shipped ones by default.",
)
AS_OF = day_option("--as-of", required=True, help="The day whose truth is asked.")
KNOWN_AT = click.option(
    "--known-at",
    type=MomentType(),
    help="Believe only what was recorded by this moment (UTC); all by default.",
)
READING = click.option(
    "--reading",
    "readings",
    multiple=True,
    metavar="RULE:QUESTION=OPTION",
    help="Answer an open question of law otherwise; may be repeated.",
)
PROJECT_UNTIL = click.option(
    "--project-until",
    type=int,
    metavar="YEAR",
    help="Project unpublished school years up to this year, and mark every date that rests on them.",
)
STORE = click.option("--store", required=True, metavar="FILE", help="The store: a file, or a database URL.")
FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
FAIL = click.option("--fail-on-violations", is_flag=True, help="Exit with 1 when something is late.")


def misread(option: str, given: str, found: str, expected: str = "", mend: str = "") -> Problem:
    """Return the problem of an argument that cannot be read."""
    from compliance_engine.errors import Place, Problem

    return Problem(Place(option), "CE702", given, found, expected, mend)


def pairs(texts: Sequence[str], option: str) -> Iterator[tuple[str, str]]:
    """Yield the two sides of each ``K=V``.

    Raises: UsageProblem CE702.
    """
    from compliance_engine.errors import UsageProblem

    wrong = [text for text in texts if not text.partition("=")[1] or not text.partition("=")[0].strip()]
    if wrong:
        raise UsageProblem(misread(option, text, "it names no value", "K=V") for text in wrong)
    for text in texts:
        key, _, value = text.partition("=")
        yield key.strip(), value.strip()


def read_readings(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return rule id to question to option.

    Raises: UsageProblem CE702.
    """
    from compliance_engine.errors import UsageProblem

    found: dict[str, dict[str, str]] = {}
    for key, option in pairs(texts, "--reading"):
        rule, sign, question = key.partition(":")
        if not sign:
            raise UsageProblem(misread("--reading", key, "it names no question", "RULE:QUESTION=OPTION"))
        found.setdefault(rule, {})[question] = option
    return found


def read_question(given: Mapping[str, Any]) -> Question:
    """Return what is asked by the options of a command.

    Raises: UsageProblem CE702.
    """
    from compliance_engine.store.sweeps import Question

    year = given["project_until"]
    until = None if year is None else date(year, 6, 30)
    return Question(given["as_of"], given["known_at"], read_readings(given["readings"]), until)


def read_given_law(given: Mapping[str, Any]) -> Law:
    """Return the rules and calendars that the options of a command name.

    Raises: ComplianceError with all that is wrong with them.
    """
    from compliance_engine.calendars.legal_holidays import keep_in
    from compliance_engine.data_files import calendars_folder, rules_folder
    from compliance_engine.sweep.law import read_law

    keep_in(cache_folder())
    folders = rules_folder(given["rules"]), calendars_folder(given["calendars"])
    return read_law(*folders, given["policy"], cache=cache_folder())


def check_where(given: Mapping[str, Any]) -> None:
    """Refuse two places to evaluate at once.

    Raises: click.UsageError.
    """
    if given["workers"] and given["scheduler"]:
        raise click.UsageError("give --workers or --scheduler, not both")


def cache_folder() -> Path:
    """Return the user's own folder for things that can be made again."""
    given = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(given) if given else Path.home() / ".cache") / "compliance-engine"

"""``preview``: every date that follows from the events of one child."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compliance_engine.cli.exit_codes import CLEAN, FINDINGS
from compliance_engine.cli.options import (
    AS_OF,
    CALENDARS,
    FAIL,
    POLICY,
    PROJECT_UNTIL,
    READING,
    RULES,
    cache_folder,
    day_option,
    misread,
    pairs,
    read_readings,
)

if TYPE_CHECKING:
    from compliance_engine.calendars.loader import CalendarLibrary
    from compliance_engine.cases.event_text import WrittenEvent
    from compliance_engine.engine.deadline import Deadline
    from compliance_engine.engine.evaluate import Engine
    from compliance_engine.engine.preview import Child, Preview
    from compliance_engine.errors import Problem
    from compliance_engine.rules.loader import Corpus

EVERY_STATE = "all"


@click.command()
@click.option(
    "--state",
    required=True,
    help="Postal code of the state: tx. us shows the federal rules alone, all every state in a table.",
)
@click.option("--calendar", "calendar", help="A calendar file, or the id of a calendar or district.")
@click.option("--district", help="Id of the district, for its local policy: tx.example_isd.")
@click.option(
    "--program", default="idea_b", show_default=True, help="idea_b, section_504 or part_c_transition."
)
@click.option(
    "--event", "events", multiple=True, metavar="NAME=DATE[,K=V]...", help="A dated fact; may be repeated."
)
@day_option("--birth-date", help="Needed for duties that hang on age.")
@click.option("--grade", type=int, help="Kindergarten 0, pre-kindergarten -1.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="K=V", help="A fact of the case; may be repeated."
)
@click.option("--duty", help="Only this kind of duty, as `rules coverage` names it: initial_evaluation.")
@AS_OF
@READING
@RULES
@POLICY
@CALENDARS
@PROJECT_UNTIL
@click.option(
    "--follow/--no-follow",
    default=True,
    help="Show what would follow if each step were taken on its last day.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@FAIL
def preview_command(**given: Any) -> int:
    """Show every date that follows from the events of one child, with its working.

    \b
    compliance-engine preview --state tx --calendar tx.lubbock_cooper_isd \\
        --event consent_to_evaluate_received=2026-03-23,purpose=initial --as-of 2026-03-23
    """
    from compliance_engine.calendars.legal_holidays import keep_in
    from compliance_engine.cases.rule_vocabulary import load_corpus
    from compliance_engine.data_files import rules_folder
    from compliance_engine.engine.evaluate import Engine
    from compliance_engine.engine.preview import preview

    keep_in(cache_folder())
    child, events = _read(given)
    wanted = None if child.state == EVERY_STATE else {child.state}
    corpus = load_corpus(
        rules_folder(given["rules"]), jurisdictions=wanted, policy=given["policy"], cache=cache_folder()
    )
    if wanted:
        _known_state(child.state, corpus.states())
    rules = _rules_on(given["duty"], corpus)
    library, reference = _calendar(given["calendar"], given["calendars"])
    child = dataclasses.replace(child, calendar=reference)
    engine = Engine(
        corpus,
        library,
        given["as_of"],
        readings=read_readings(given["readings"]),
        project=_projection(given["project_until"]),
    )
    if reference is not None:
        library.resolve(reference)
    if wanted is None:
        return _every_state(child, events, engine, rules, given)
    shown = preview(child, events, engine, follow=given["follow"], rules=rules)
    findings = _findings(shown, corpus)
    form = _as_json if given["form"] == "json" else _as_text
    click.echo(form(shown, child, given["as_of"], findings))
    wrong = any("noncompliance" in one["codes"] for one in findings)
    return FINDINGS if given["fail_on_violations"] and wrong else CLEAN


def _rules_on(duty: str | None, corpus: Corpus) -> frozenset[str] | None:
    """Return the rules on a kind of duty; None for all."""
    if duty is None:
        return None
    from compliance_engine.errors import UsageProblem, did_you_mean
    from compliance_engine.rules.coverage import duty_of

    known = [one.id for one in corpus.duties]
    if duty not in known:
        mend = did_you_mean(duty, known)
        raise UsageProblem(misread("--duty", duty, "is no kind of duty", ", ".join(known), mend))
    return frozenset(loaded.rule.id for loaded in corpus.rules.values() if duty_of(corpus, loaded) == duty)


def _every_state(
    child: Child,
    events: list[WrittenEvent],
    engine: Engine,
    rules: frozenset[str] | None,
    given: dict[str, Any],
) -> int:
    """Print what the same events open in every state."""
    from compliance_engine.engine.preview import preview
    from compliance_engine.reports.state_table import table_json, table_lines

    found = []
    for state in engine.corpus.states():
        there = dataclasses.replace(child, state=state)
        shown = preview(there, events, engine, follow=False, working=False, rules=rules)
        found += [(state, one) for one in shown.deadlines if one.kind != "information"]
    if given["form"] == "json":
        content = {
            "as_of": given["as_of"].isoformat(),
            "calendar": child.calendar,
            "deadlines": table_json(engine.corpus, found),
        }
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return CLEAN
    states = len(engine.corpus.states())
    head = f"{child.program} in {states} jurisdictions, as of {given['as_of']}"
    click.echo("\n".join([head, "", *table_lines(engine.corpus, found)]))
    return CLEAN


def _findings(shown: Preview, corpus: Corpus) -> list[dict[str, Any]]:
    """Judge the deadlines; the judge's process is not started where all are pending, met or do not apply."""
    plain = ("pending", "met", "not_applicable")
    if all(one.status in plain and not one.too_early and not one.capped for one in shown.deadlines):
        return []
    from compliance_engine.engine.findings_rules import load_findings_rules
    from compliance_engine.engine.judge import Judge
    from compliance_engine.sweep.judging import judge_evaluation

    found = []
    evaluation = shown.evaluation
    judged = judge_evaluation(evaluation, Judge(load_findings_rules(corpus.folder), kept_in=cache_folder()))
    for block, verdicts in zip(evaluation.blocks, judged, strict=True):
        for row, number in enumerate(verdicts.of_row):
            verdict = verdicts.verdicts[int(number)]
            if verdict.findings:
                one = evaluation.describe(block, row, working=False).model_dump(mode="json")
                kept = {
                    key: one[key]
                    for key in ("case_id", "rule", "title", "status", "opened_on", "due_on", "days_late")
                }
                found.append(
                    kept | {"codes": list(verdict.findings), "conclusions": dict(verdict.conclusions)}
                )
    return found


def _read(given: dict[str, Any]) -> tuple[Child, list[WrittenEvent]]:
    """Return the child and its events.

    Raises: UsageProblem CE702 for every argument that cannot be read, all at once.
    """
    from compliance_engine.cases.catalogue import PROGRAMS
    from compliance_engine.cases.event_text import read_event
    from compliance_engine.engine.preview import Child
    from compliance_engine.errors import UsageProblem

    problems: list[Problem] = []
    if given["program"] not in PROGRAMS:
        problems.append(misread("--program", given["program"], "is no program", ", ".join(PROGRAMS)))
    events = []
    for text in given["events"]:
        name, sign, rest = text.partition("=")
        try:
            if not sign:
                raise ValueError("it has no date; expected NAME=DATE[,attribute=value]...")
            events.append(read_event(name.strip(), rest))
        except ValueError as error:
            problems.append(misread("--event", text, str(error)))
    facts = _facts(given["attributes"], problems)
    if problems:
        raise UsageProblem(problems)
    grade = facts.pop("grade", given["grade"])
    child = Child(given["state"].lower(), given["program"], None, given["birth_date"], grade, facts)
    return dataclasses.replace(child, district=given["district"]), events


def _facts(texts: Sequence[str], problems: list[Problem]) -> dict[str, Any]:
    from compliance_engine.cases.catalogue import catalogue
    from compliance_engine.errors import did_you_mean

    facts: dict[str, Any] = {}
    known = catalogue().case_attributes
    for name, text in pairs(texts, "--attribute"):
        kind = known.get(name)
        if kind is None:
            hint = did_you_mean(name, known)
            problems.append(misread("--attribute", name, "is no fact of a case", ", ".join(known), hint))
            continue
        try:
            facts[name] = kind.read(text)
        except ValueError as error:
            problems.append(misread("--attribute", f"{name}={text}", str(error)))
    return facts


def _known_state(state: str, states: Sequence[str]) -> None:
    from compliance_engine.errors import UsageProblem

    if state != "us" and state not in states:
        raise UsageProblem(misread("--state", state, "has no rules here", "a state of `rules list`, or us"))


def _calendar(given: str | None, folder: Path | None) -> tuple[CalendarLibrary, str | None]:
    """Return the library that holds the calendar asked for, and the reference to it."""
    from compliance_engine.calendars.loader import CalendarLibrary, load_calendars
    from compliance_engine.data_files import calendars_folder

    if given is None:
        return CalendarLibrary({}, {}), None
    path = Path(given)
    if path.is_file():
        library = load_calendars(path)
        return library, next(iter(library.years))
    where = calendars_folder(folder)
    state, _, rest = given.partition(".")
    near = where / state / rest.partition("/")[0].partition(".")[0]
    near = near if near.is_dir() else where
    return load_calendars(near, cache=cache_folder()), given


def _projection(until: int | None) -> Any:
    if until is None:
        return None
    from compliance_engine.calendars.projection import project

    return lambda calendar: project(calendar, date(until, 6, 30))


def _as_json(shown: Preview, child: Child, as_of: date, findings: Sequence[dict[str, Any]]) -> str:
    content = {
        "as_of": as_of.isoformat(),
        "state": child.state,
        "program": child.program,
        "calendar": child.calendar,
        "deadlines": [one.model_dump(mode="json") for one in shown.deadlines],
        "findings": list(findings),
        "provisional": [
            {"assuming": list(one.assuming), "deadline": one.deadline.model_dump(mode="json")}
            for one in shown.provisional
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _as_text(shown: Preview, child: Child, as_of: date, findings: Sequence[dict[str, Any]]) -> str:
    from compliance_engine.reports.text import deadline_lines

    lines = [
        f"{child.state.upper()} {child.program}, as of {as_of}"
        + (f", calendar {child.calendar}" if child.calendar else ", no school calendar")
    ]
    lines += [""] if shown.deadlines else ["", "Nothing is due: none of the events given opens a duty."]
    for one in shown.deadlines:
        lines += [*deadline_lines(one), ""]
    if findings:
        lines += ["Findings", ""]
        for found in findings:
            lines.append(
                f"  {', '.join(found['codes']).replace('_', ' ')}: {found['title']} ({found['rule']})"
            )
        lines.append("")
    if shown.provisional:
        lines += ["If each step is taken on its last day, these would follow:", ""]
    for later in shown.provisional:
        lines += [*_provisional_lines(later.deadline, later.assuming), ""]
    return "\n".join(lines).rstrip()


def _provisional_lines(deadline: Deadline, assuming: tuple[str, ...]) -> list[str]:
    from compliance_engine.reports.text import deadline_lines

    first, *rest = deadline_lines(deadline)
    return [first, f"  assuming  {'; '.join(assuming)}", *rest]

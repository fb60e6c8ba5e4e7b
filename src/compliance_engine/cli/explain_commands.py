"""``explain``: every day behind a stored deadline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from compliance_engine.cli.exit_codes import CLEAN
from compliance_engine.cli.options import FORMAT, STORE

if TYPE_CHECKING:
    from compliance_engine.engine.delay_reasons import Proposal
    from compliance_engine.store.sweeps import Sweep
    from compliance_engine.sweep.explaining import Explained


@click.command()
@STORE
@click.argument("case_id")
@click.option("--rule", help="Only the deadlines of this rule.")
@click.option(
    "--sweep", "number", type=click.IntRange(1), help="As this sweep found them; the last one by default."
)
@FORMAT
def explain_command(store: str, case_id: str, rule: str | None, number: int | None, form: str) -> int:
    """List the days behind the stored deadlines of CASE_ID, one by one, with their law and findings.

    The case is evaluated again from the facts, rules and calendars that the sweep used.
    """
    from compliance_engine.store.connect import open_store
    from compliance_engine.store.sweeps import sweep_asked
    from compliance_engine.sweep.explaining import explain

    opened = open_store(store)
    try:
        with opened.read() as connection:
            sweep = sweep_asked(opened, connection, number)
        found = explain(opened, sweep, case_id, rule=rule)
    finally:
        opened.close()
    click.echo(_as_json(sweep, case_id, found) if form == "json" else _as_text(sweep, case_id, found))
    return CLEAN


def _as_json(sweep: Sweep, case_id: str, found: list[Explained]) -> str:
    content = {
        "case_id": case_id,
        "sweep": sweep.number,
        "as_of": sweep.question.as_of.isoformat(),
        "deadlines": [_fields(one) for one in found],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=str)


def _fields(one: Explained) -> dict[str, Any]:
    from compliance_engine.engine.derivation import Counted
    from compliance_engine.reports.day_by_day import days_of_count, on_the_way

    counts = [
        {
            "count": step.count,
            "unit": step.unit,
            "leads_to_due_day": on_the_way(step, one.steps, one.deadline.due_on),
            "days": [day.as_json() for day in days_of_count(step)],
        }
        for step in one.steps
        if isinstance(step, Counted)
    ]
    return one.deadline.model_dump(mode="json") | {
        "counts": counts,
        "findings": list(one.findings),
        "proposed_reasons": [proposal.as_json() for proposal in one.proposals],
        "differs": dict(one.differs),
    }


def _as_text(sweep: Sweep, case_id: str, found: list[Explained]) -> str:
    from compliance_engine.reports.day_by_day import count_lines
    from compliance_engine.reports.text import deadline_lines

    lines = [f"{case_id} in sweep {sweep.number}, as of {sweep.question.as_of}", ""]
    for one in found:
        lines += deadline_lines(one.deadline)
        lines += [f"  finding   {_finding_text(finding)}" for finding in one.findings]
        lines += [line for proposal in one.proposals for line in _proposal_lines(proposal)]
        if one.differs:
            said = ", ".join(f"{name} {value}" for name, value in one.differs.items())
            lines.append(f"  NOTE      the store says otherwise: {said}")
        lines += [*count_lines(one.steps, one.deadline.due_on), ""]
    return "\n".join(lines).rstrip()


def _proposal_lines(proposal: Proposal) -> Iterator[str]:
    said = {
        "yes": "counted as compliant",
        "no": "counted as noncompliant",
        "unknown": "the list does not say how it counts",
    }
    remark = said[proposal.accepted] if proposal.seen else "this year's list was not seen"
    yield f"  fits      code {proposal.code}: {proposal.title} ({remark}; {proposal.table})"
    yield from (f"            on file: {proof}" for proof in proposal.evidence)


def _finding_text(finding: Mapping[str, Any]) -> str:
    more = [
        finding[name] for name in ("severity", "basis", "child_level", "certainty", "error") if finding[name]
    ]
    text = str(finding["finding"]).replace("_", " ")
    return text + (f" ({', '.join(word.replace('_', ' ') for word in more)})" if more else "")

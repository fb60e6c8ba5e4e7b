"""Deadlines as plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import date
from typing import Any

from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.derivation import day_text

VERIFIED = {
    "regulation_text": "the text of the rule was read",
    "official_guidance": "from official guidance, not the text of the rule",
    "secondary": "from a secondary source, not the text of the rule",
    "unverified": "NOT VERIFIED: no source was opened",
}
STATUS = {
    "met": "met",
    "met_late": "met late",
    "pending": "pending",
    "overdue": "OVERDUE",
    "paused": "paused",
    "not_applicable": "not applicable",
    "undetermined": "UNDETERMINED",
}
_WIDTH = 100


def headline(deadline: Deadline) -> str:
    """Return the due day and what has become of it, in one line."""
    status = STATUS[deadline.status]
    if deadline.days_late:
        status += f", {deadline.days_late} day{'s' if deadline.days_late > 1 else ''} late"
    word = {"deadline": "due", "not_before": "not before", "information": "window ends"}[deadline.kind]
    due = f"{word} {day_text(deadline.due_on)}" if deadline.due_on else deadline.reason or "no due day"
    return f"{due}  [{status}]"


def remarks(deadline: Deadline) -> list[str]:
    """Return what a reader must know beside the date."""
    found = []
    if deadline.authority == "policy":
        found.append("local policy, not law: a breach is not noncompliance")
    if deadline.kind == "information":
        found.append("for information: the window is nobody's duty, and never a violation")
    if deadline.too_early:
        found.append("done before the time allowed")
    if deadline.capped:
        found.append("the agreed date lies beyond what the law allows; cut to the cap")
    if deadline.projected:
        found.append("PROJECTED: rests on a school year whose calendar is not published")
    if deadline.incomplete_calendar:
        found.append("the calendar gives key dates only; closures may be missing from it")
    return found


def deadline_lines(deadline: Deadline, *, working: bool = True) -> Iterator[str]:
    """Yield the lines of one deadline: due day, law, how well it is verified, and the working."""
    yield headline(deadline)
    yield f"  {deadline.title}"
    yield f"  rule      {deadline.rule}" + (
        f" (replaces {', '.join(deadline.overrides)})" if deadline.overrides else ""
    )
    if deadline.variant:
        yield f"  variant   {deadline.variant}"
    for index, citation in enumerate(deadline.citations):
        source = "" if index else deadline.authority
        yield f"  {source:<8}  {citation.ref}" + (f"  {citation.url}" if citation.url else "")
    if deadline.verified:
        yield f"  verified  {deadline.verified}: {VERIFIED[deadline.verified]}"
    for remark in remarks(deadline):
        yield f"  note      {remark}"
    if working and deadline.derivation:
        yield "  working"
        for step in deadline.derivation:
            yield from _step_lines(step)


def _step_lines(step: dict[str, Any]) -> Iterator[str]:
    yield from textwrap.wrap(step["text"], _WIDTH, initial_indent="    - ", subsequent_indent="      ")
    runs = step.get("skipped", [])
    weekends = sum(run["days"] for run in runs if run["reason"] == "weekend")
    for run in runs:
        if run["reason"] != "weekend":
            yield f"        not counted  {_span(run)}  {run['reason'].replace('_', ' ')}" + (
                f": {run['name']}" if run["name"] else ""
            )
    if weekends:
        yield f"        not counted  {weekends} weekend days"


def _span(run: dict[str, Any]) -> str:
    first, last = date.fromisoformat(run["from"]), date.fromisoformat(run["to"])
    if first == last:
        return day_text(first)
    return f"{day_text(first)} to {day_text(last)} ({run['days']} days)"

"""One referral in every jurisdiction, as a table: due day, rule, how it counts, how well verified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.derivation import day_text
from compliance_engine.reports.rule_text import titled_words
from compliance_engine.reports.text import STATUS
from compliance_engine.rules.loader import FEDERAL, Corpus

GRADES = {
    "regulation_text": "text read",
    "official_guidance": "guidance",
    "secondary": "secondary",
    "unverified": "UNVERIFIED",
}
"""Grades of verification in a word or two."""

StateDeadline = tuple[str, Deadline]


def counting_words(corpus: Corpus, deadline: Deadline) -> str:
    """Return how the due day of a deadline is counted, by its variant and version."""
    rule = corpus.rules[deadline.rule].rule
    versions = [
        version
        for version in rule.versions
        if version.effective_from is None or deadline.opened_on is None
        or version.effective_from <= deadline.opened_on
    ]  # fmt: skip
    version = (versions or rule.versions)[-1]
    chosen = next((one.due for one in version.variants if one.id == deadline.variant), version.due)
    return titled_words(corpus).day(chosen)


def table_lines(corpus: Corpus, found: Sequence[StateDeadline]) -> list[str]:
    """Return the table, a line for each deadline, the rows of a state together."""
    rows = [("", "due", "", "source", "rule", "counted"), *(_row(corpus, *one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return [
        "  ".join([*(f"{text:<{width}}" for text, width in zip(row, widths, strict=False)), row[5]]).rstrip()
        for row in rows
    ]


def _row(corpus: Corpus, state: str, one: Deadline) -> tuple[str, ...]:
    own = "" if one.rule.startswith(f"{state}.") else " (federal)"
    status = STATUS[one.status] if one.status != "pending" else ""
    counted = counting_words(corpus, one) + (f" ({one.variant})" if one.variant else "")
    if one.reason:
        counted = f"{one.reason}; {counted}"
    due = day_text(one.due_on) if one.due_on else ""
    return state.upper(), due, status, GRADES.get(one.verified or "", ""), one.rule + own, counted


def table_json(corpus: Corpus, found: Sequence[StateDeadline]) -> list[dict[str, Any]]:
    """Return the deadlines as plain data, each with its state and how it is counted."""
    return [
        {
            "state": state,
            "counted": counting_words(corpus, one),
            "federal": one.rule.startswith(f"{FEDERAL}."),
        }
        | one.model_dump(mode="json")
        for state, one in found
    ]

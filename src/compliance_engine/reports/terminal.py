"""The violations report as a table for a terminal: what is wrong, and what falls due next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compliance_engine.engine.derivation import day_text
from compliance_engine.reports.model import Finding, ViolationReport
from compliance_engine.reports.text import STATUS

_TITLE = 52


def report_table(report: ViolationReport, *, rows: int = 15) -> str:
    """Return the report as lines of text.

    Args:
        rows: How many findings and how many coming deadlines to name; the rest is counted.
    """
    return "\n".join(_lines(report, rows))


def _lines(report: ViolationReport, rows: int) -> Iterator[str]:
    made, counts = report.made_from, report.counts
    yield f"{report.title}, as of {made.as_of}: {counts.cases} cases, {counts.in_duties} deadlines"
    yield ""
    for one in report.finding_counts:
        yield f"{one.tally.count:>7}  {one.code.replace('_', ' ')}: {one.meaning}"
    unknown = sum(one.tally.count for one in report.data_problems)
    yield f"{unknown:>7}  cannot be determined: a fact or a calendar is missing"
    late = sorted(report.findings, key=lambda one: (-one.days_late, one.case_id, one.rule))
    yield from _table(
        "Violations and breaches, the longest overdue first",
        ("case", "duty", "due", "", "late", "finding"),
        [_finding_row(one) for one in late[:rows]],
        len(late),
    )
    soon = report.due_soon
    yield from _table(
        "Due next",
        ("case", "duty", "due", "", "in days", ""),
        [
            (one.case_id, _short(one.title), day_text(one.due_on), "", str(one.days_left), "")
            for one in soon[:rows]
        ],
        len(soon),
    )
    for problem in report.data_problems[:rows]:
        yield f"{problem.tally.count:>7}  {problem.rule}: {problem.reason}"


def _finding_row(one: Finding) -> tuple[str, ...]:
    due = day_text(one.due_on) if one.due_on else "-"
    found = ", ".join(code.replace("_", " ") for code in one.codes)
    return one.case_id, _short(one.title), due, STATUS[one.status], str(one.days_late), found


def _short(title: str) -> str:
    return title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> Iterator[str]:
    yield ""
    yield title
    if not rows:
        yield "  none"
        yield ""
        return
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(cells).rstrip()
    if total > len(rows):
        yield f"  and {total - len(rows)} more"
    yield ""

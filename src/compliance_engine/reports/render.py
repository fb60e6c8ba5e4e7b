"""Turns the report model into HTML, CSV and JSON. Nothing here computes a date or a total."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from compliance_engine.engine.derivation import day_text
from compliance_engine.reports.model import (
    STATUSES,
    DueSoon,
    Finding,
    FindingCount,
    Source,
    Tally,
    ViolationReport,
)
from compliance_engine.reports.pictures import STATUS_WORDS, Bar, Line, Strip, bar, missed_by, picture
from compliance_engine.reports.text import VERIFIED

FORMATS = ("html", "csv", "json")
_FORMULA = re.compile(r"^[\s\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]")
_WEB = re.compile(r"^https?://[^\s]+$")


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as the page shows it."""

    finding: Finding
    anchor: str
    picture: Strip | Line | None


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings whose gravest code is the same."""

    code: str
    meaning: str
    cases: int
    still_owed: int
    views: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True)
class DueGroup:
    """What falls due between two windows; `first` is 0 or the day after the window before."""

    first: int
    last: int
    rows: tuple[DueSoon, ...]


@dataclass(frozen=True, slots=True)
class ViolationsPage:
    """Everything the template of the violations report may use.

    Attributes:
        bars: One for each duty, in their order.
        anchors: Anchor of a case's first finding under a rule, by (rule, case).
        law: Every source cited, once, sorted.
        several_districts: Whether rows must name their district.
    """

    report: ViolationReport
    bars: tuple[Bar, ...]
    groups: tuple[FindingGroup, ...]
    due_groups: tuple[DueGroup, ...]
    anchors: dict[tuple[str, str], str]
    law: tuple[Source, ...]
    several_districts: bool


def violations_page(report: ViolationReport) -> ViolationsPage:
    """Return what the page shows."""
    views = [FindingView(one, f"f{number}", picture(one)) for number, one in enumerate(report.findings, 1)]
    meanings = {one.code: one for one in report.finding_counts}
    by_code = groupby(views, key=lambda view: view.finding.codes[0])
    groups = [_group(meanings[code], tuple(members)) for code, members in by_code]
    anchors: dict[tuple[str, str], str] = {}
    for view in views:
        anchors.setdefault((view.finding.rule, view.finding.case_id), view.anchor)
    sources = {source for duty in report.duties for source in duty.sources}
    return ViolationsPage(
        report=report,
        bars=tuple(bar(duty) for duty in report.duties),
        groups=tuple(groups),
        due_groups=tuple(_due_groups(report)),
        anchors=anchors,
        law=tuple(sorted(sources, key=lambda one: (one.ref, one.url or ""))),
        several_districts=len(report.districts) > 1,
    )


def _group(count: FindingCount, views: tuple[FindingView, ...]) -> FindingGroup:
    cases = len({view.finding.case_id for view in views})
    owed = sum(view.finding.status == "overdue" for view in views)
    return FindingGroup(count.code, count.meaning, cases, owed, views)


def _due_groups(report: ViolationReport) -> list[DueGroup]:
    groups, first = [], 0
    for window in report.windows:
        rows = tuple(one for one in report.due_soon if first <= one.days_left <= window.days)
        groups.append(DueGroup(first, window.days, rows))
        first = window.days + 1
    return groups


def render_html(report: ViolationReport) -> str:
    """Return the report as one self-contained page."""
    return environment().get_template("violations.html.j2").render(page=violations_page(report)) + "\n"


def render_json(report: ViolationReport) -> str:
    """Return the report as JSON, in the shape of `schema.report_schema`."""
    return report.model_dump_json(indent=2) + "\n"


def render(report: ViolationReport, form: str) -> str:
    """Return the report in one of `FORMATS`."""
    return {"html": render_html, "csv": render_csv, "json": render_json}[form](report)


COLUMNS = (
    *("case_id", "district", "findings", "severity", "rule", "title", "jurisdiction", "program", "authority"),
    *("status", "opened_on", "due_on", "met_on", "days_late", "excuse", "delay_code"),
    *("proposed_reasons", "variant", "citation"),
    *("citation_url", "verified", "readings", "conclusions", "remarks", "working", "as_of", "sweep"),
)


def render_csv(report: ViolationReport) -> str:
    """Return the findings as CSV (RFC 4180), one row each; no cell can become a formula of a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in report.findings:
        writer.writerow([safe_cell(value) for value in _cells(one, report)])
    return out.getvalue()


def _cells(one: Finding, report: ViolationReport) -> Sequence[object]:
    first = one.sources[0] if one.sources else Source(ref="")
    return (
        *(
            one.case_id,
            one.district,
            " ".join(one.codes),
            one.severity,
            one.rule,
            one.title,
            one.jurisdiction,
        ),
        *(one.program, one.authority, one.status, one.opened_on, one.due_on, one.met_on, one.days_late),
        *(
            one.excuse,
            one.delay_code,
            "; ".join(f"{reason.code}: {reason.title}" for reason in one.proposed_reasons),
            one.variant,
            "; ".join(source.ref for source in one.sources),
            first.url,
        ),
        *(one.verified, _pairs(one.readings), _pairs(one.conclusions), "; ".join(remarks(one))),
        *("; ".join(step.text for step in one.working), report.made_from.as_of, report.made_from.sweep),
    )


def _pairs(values: dict[str, str]) -> str:
    return "; ".join(f"{key}={value}" for key, value in values.items())


def safe_cell(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula: a leading sign is put behind an apostrophe."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def remarks(one: Finding) -> list[str]:
    """Return what a reader must know beside the date."""
    said = {
        "local policy, not law: a breach is not noncompliance": one.authority == "policy",
        "done before the time allowed": one.too_early,
        "the agreed date lies beyond what the law allows; cut to the cap": one.capped,
        "projected: rests on a school year whose calendar is not published": one.projected,
        "the calendar gives key dates only; closures may be missing from it": one.incomplete_calendar,
    }
    return [text for text, holds in said.items() if holds]


@cache
def environment() -> Environment:
    """Return the environment of the templates: everything is escaped, and an undefined name is an error."""
    env = Environment(
        loader=PackageLoader("compliance_engine.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        day=day_text,
        words=_words,
        css_string=css_string,
        link=_link,
        share=_share,
        grouped=_grouped,
        remarks=remarks,
        missed_by=missed_by,
    )
    env.globals.update(statuses=STATUSES, status_words=STATUS_WORDS, verified_words=VERIFIED)
    return env


def _words(code: str) -> str:
    return code.replace("_", " ")


def css_string(text: str) -> str:
    """Return the inside of a CSS string: everything but letters, digits and blanks as an escape."""
    return re.sub(r"[^A-Za-z0-9 ]", lambda sign: f"\\{ord(sign[0]):06x}", text)


def _link(url: str | None) -> str | None:
    """Return an address that may be followed: only those of the web."""
    return url if url and _WEB.match(url) else None


def _share(per_thousand: int | None) -> str:
    return "–" if per_thousand is None else f"{per_thousand // 10}.{per_thousand % 10} %"


def _grouped(tally: Tally) -> list[tuple[str, int]]:
    """Return the cases of a total, each with how often it stands there."""
    return sorted(Counter(tally.cases).items())

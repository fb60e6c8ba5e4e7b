"""The report as a page, a table and data: escaped, self-contained, safe, the same every time."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from jinja2 import UndefinedError

from compliance_engine.reports.build import build_violation_report
from compliance_engine.reports.model import ViolationReport
from compliance_engine.reports.pictures import Line, Strip, bar, picture
from compliance_engine.reports.render import (
    css_string,
    environment,
    render,
    render_csv,
    render_html,
    safe_cell,
)
from compliance_engine.reports.rows import ReportRow
from report_samples import AS_OF, deadline, golden, header, overdue, rows, sample

HOSTILE = "</title></style><script>alert(1)</script>\" onload='x' }} {{ 7*7 }}"
VOID = {"meta", "br", "rect", "path", "circle", "use"}


class _Page(HTMLParser):
    """Collects what tests ask of a page, and fails on elements that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and tag not in ("li", "tr", "td", "th", "p"):
            while self.open and self.open[-1] in ("li", "tr", "td", "th", "p"):
                self.open.pop()
        if tag not in VOID and self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag not in VOID:
            raise AssertionError(f"</{tag}> closes {self.open[-3:]}")

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.seen if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    return render_html(sample())


@pytest.mark.parametrize("form", ["json", "html", "csv"])
def test_the_sample_is_the_golden_file(form: str) -> None:
    """``python tests/report_samples.py`` writes it anew."""
    assert render(sample(), form) == golden(form).read_bytes().decode()


def test_json_reads_back_as_the_same_report() -> None:
    assert ViolationReport.model_validate_json(render(sample(), "json")) == sample()


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ page.no_such_thing }}").render(page=sample())


def test_a_page_needs_nothing_from_elsewhere(html: str) -> None:
    page = _Page(html)
    loaded = [
        tag
        for tag, attrs in page.seen
        if tag in ("script", "link", "img", "iframe", "object") or "src" in attrs
    ]
    assert loaded == []
    assert "@import" not in html
    assert re.findall(r"url\((?!#p-)", html) == []


def test_every_anchor_that_is_pointed_at_exists(html: str) -> None:
    page = _Page(html)
    ids = [attrs["id"] for _, attrs in page.seen if "id" in attrs]
    pointed = {
        str(attrs["href"])[1:] for tag, attrs in page.seen if str(attrs.get("href", "")).startswith("#")
    }
    assert pointed <= set(ids)
    assert len(ids) == len(set(ids))


def test_headings_go_down_one_level_at_a_time(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in _Page(html).seen if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_every_heading_cell_a_scope(html: str) -> None:
    page = _Page(html)
    assert len(page.named("caption")) == len(page.named("table"))
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.named("th"))


def test_every_picture_says_what_it_shows_or_is_hidden(html: str) -> None:
    pictures = _Page(html).named("svg")
    assert pictures
    assert all(attrs.get("aria-label") or attrs.get("aria-hidden") == "true" for attrs in pictures)


def test_a_page_has_landmarks_a_language_and_a_way_past_the_contents(html: str) -> None:
    page = _Page(html)
    assert page.named("html")[0]["lang"] == "en"
    assert [len(page.named(tag)) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    assert page.named("a")[0]["href"] == "#main"


def test_hostile_texts_stay_texts() -> None:
    one = deadline(
        HOSTILE,
        status="overdue",
        days_late=3,
        due_on=date(2026, 2, 27),
        title=HOSTILE,
        rule=HOSTILE,
        excuse=HOSTILE,
        citations=(),
        citation=None,
    )
    row = ReportRow(one, HOSTILE, ("noncompliance",), "low", {"basis": HOSTILE}, HOSTILE)
    html = render_html(build_violation_report([row], header(title=HOSTILE)))
    page = _Page(html)
    assert page.named("script") == []
    assert not any(name.startswith("on") for _, attrs in page.seen for name in attrs)
    assert "49" not in html
    assert "{{ 7*7 }}" in html


def test_a_link_leads_to_the_web_or_nowhere() -> None:
    one = sample().model_dump(mode="json")
    text = (
        ViolationReport.model_validate(one)
        .model_dump_json()
        .replace("https://www.ecfr.gov", "javascript:alert(1)//")
    )
    page = _Page(render_html(ViolationReport.model_validate_json(text)))
    assert [attrs for attrs in page.named("a") if not str(attrs["href"]).startswith("#")] == []


def test_a_css_string_holds_nothing_that_ends_it() -> None:
    assert css_string('a"; } </style>') == r"a\000022\00003b \00007d \00003c\00002fstyle\00003e"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "＝1+1", "\ufeff=1"])
def test_a_cell_never_begins_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "cell"), [(-5, "-5"), (None, ""), (AS_OF, "2026-03-02"), ("a=b", "a=b")])
def test_a_harmless_cell_stays_as_it_is(value: object, cell: str) -> None:
    assert safe_cell(value) == cell


def test_csv_has_a_line_for_each_finding_and_no_formula() -> None:
    row = overdue()
    evil = replace(
        row, deadline=row.deadline.model_copy(update={"case_id": "=cmd|' /C calc'!A0", "title": "-1+1\n=2"})
    )
    text = render_csv(build_violation_report([evil], header()))
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    assert line["case_id"] == "'=cmd|' /C calc'!A0"
    assert line["title"] == "'-1+1\n=2"
    assert (line["days_late"], line["sweep"]) == ("59", "3")


def test_a_report_of_nothing_is_a_page() -> None:
    html = render_html(build_violation_report([], header()))
    assert "no duty was found late" in html


def test_every_case_of_every_total_is_on_the_page(html: str) -> None:
    assert all(row.deadline.case_id in html for row in rows())


def test_the_strip_shows_each_counted_and_each_skipped_day() -> None:
    """Counted in the sample: 10 days, 20 passed over, and 59 days late."""
    finding = build_violation_report([overdue()], header()).findings[0]
    drawn = picture(finding)
    assert isinstance(drawn, Strip)
    squares = {kind: path.count("M") for kind, path in drawn.paths}
    assert squares == {"counted": 10, "weekend": 4, "skipped": 17, "late": 59}
    assert [mark.kind for mark in drawn.marks] == ["start", "due", "missed"]


def test_a_duty_that_counts_no_days_is_drawn_as_a_line() -> None:
    review = next(one for one in sample().findings if one.case_id == "c3")
    drawn = picture(review)
    assert isinstance(drawn, Line)
    assert [kind for kind, _, _ in drawn.stretches] == ["running", "late"]


def test_a_bar_is_full_and_shows_even_a_small_share() -> None:
    many = [ReportRow(deadline(f"c{number}", status="met"), "us.north") for number in range(999)]
    late = ReportRow(deadline("x", status="overdue", days_late=1), "us.north")
    drawn = bar(build_violation_report([*many, late], header()).duties[0])
    assert sum(share.width for share in drawn.shares) == drawn.width
    assert [(share.status, share.width) for share in drawn.shares] == [("met", 217), ("overdue", 3)]

"""The report of a stored sweep says what the sweep counted, and says it the same way every time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from compliance_engine.cases.importers import read_folder
from compliance_engine.cli.main import cli
from compliance_engine.errors import UsageProblem
from compliance_engine.reports.model import ViolationReport
from compliance_engine.reports.render import render_html
from compliance_engine.reports.stored import report_of_sweep
from compliance_engine.store.connect import Store, open_store
from compliance_engine.store.events import add
from compliance_engine.store.sweeps import Process, Question, Sweep
from compliance_engine.sweep.law import read_law
from compliance_engine.sweep.runner import run_sweep

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "small.db"


@pytest.fixture(scope="module")
def swept(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Sweep]]:
    """The small district of the fixtures, swept by the federal rules as of 2026-03-02."""
    rules = tmp_path_factory.mktemp("law") / "rules"
    shutil.copytree(ROOT / "rules" / "us", rules / "us")
    store = open_store(path, create=True)
    imported = read_folder(ROOT / "fixtures" / "small_district", received_on=NOW)
    add(store, imported, source="small_district", form="canonical", received_at=NOW)
    law = read_law(rules, ROOT / "calendars" / "us")
    finished = run_sweep(store, Question(date(2026, 3, 2)), law, Process(1, "here", NOW), clock=lambda: NOW)
    yield store, finished.sweep
    store.close()


@pytest.fixture(scope="module")
def report(swept: tuple[Store, Sweep]) -> ViolationReport:
    return report_of_sweep(*swept, title="Violations")


def test_the_totals_are_those_of_the_sweep(swept: tuple[Store, Sweep], report: ViolationReport) -> None:
    counts = swept[1].counts
    assert report.counts.deadlines == counts["totals"]["deadlines"]
    assert report.counts.cases == counts["totals"]["cases"]
    found = {one.code: one.tally.count for one in report.finding_counts}
    assert found == {code: number for code, number in counts["findings"].items() if code != "data_problem"}


def test_findings_are_those_counted_in_the_fixture(report: ViolationReport) -> None:
    """The README of the small district: c04 is 31 days late and still owed, c02 was 3 days late."""
    late = {
        (one.case_id, one.days_late, one.status)
        for one in report.findings
        if one.rule.endswith("initial_evaluation")
    }
    assert {("c04", 31, "overdue"), ("c02", 3, "met_late")} <= late


def test_every_finding_has_its_working(report: ViolationReport) -> None:
    assert [one.id for one in report.findings if not one.working] == []


def test_a_delay_code_on_record_is_a_reason(report: ViolationReport) -> None:
    """c06: evaluation delayed, staff_shortage."""
    assert {one.delay_code for one in report.findings if one.case_id == "c06"} == {"staff_shortage"}


def test_the_same_sweep_gives_the_same_bytes(swept: tuple[Store, Sweep], report: ViolationReport) -> None:
    assert render_html(report_of_sweep(*swept, title="Violations")) == render_html(report)


def test_no_birth_date_is_in_the_report(swept: tuple[Store, Sweep], report: ViolationReport) -> None:
    text = report.model_dump_json()
    lines = (ROOT / "fixtures" / "small_district" / "cases.csv").read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("birth_date")
    born = {line.split(",")[column] for line in lines[1:]} - {""}
    assert born
    assert [day for day in born if day in text] == []


def test_the_command_writes_the_report_and_says_where(
    swept: tuple[Store, Sweep], path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    given = ["report", "violations", "--store", str(path), "--format", "json", "--output", str(out)]
    done = CliRunner().invoke(cli, given, catch_exceptions=False, standalone_mode=False)
    assert f"written to {out}" in done.output
    assert json.loads(out.read_text(encoding="utf-8"))["made_from"]["sweep"] == 1


def test_a_csv_file_begins_with_a_byte_order_mark(
    swept: tuple[Store, Sweep], path: Path, tmp_path: Path
) -> None:
    """Spreadsheets read the law's signs only then."""
    out = tmp_path / "out.csv"
    given = [
        "report",
        "violations",
        "--store",
        str(path),
        "--format",
        "csv",
        "--output",
        str(out),
        "--no-working",
    ]
    CliRunner().invoke(cli, given, catch_exceptions=False, standalone_mode=False)
    assert out.read_bytes().startswith(b"\xef\xbb\xbfcase_id,")


def test_an_unknown_district_is_refused(swept: tuple[Store, Sweep], path: Path) -> None:
    given = ["report", "violations", "--store", str(path), "--district", "us.exmple_county"]
    with pytest.raises(UsageProblem, match=r"did you mean us[.]example_county[?]"):
        CliRunner().invoke(cli, given, catch_exceptions=False, standalone_mode=False)


def test_a_file_that_cannot_be_written_is_a_problem(
    swept: tuple[Store, Sweep], path: Path, tmp_path: Path
) -> None:
    given = ["report", "violations", "--store", str(path), "--no-working", "--output", str(tmp_path)]
    with pytest.raises(UsageProblem, match="CE703"):
        CliRunner().invoke(cli, given, catch_exceptions=False, standalone_mode=False)

"""Broken rule, calendar and case files: each gets a located error with a code, and nothing is half done."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compliance_engine.cli.main import cli, run

ROOT = Path(__file__).parents[2]
BROKEN = ROOT / "fixtures" / "broken"
LOCATED = re.compile(r"^\S+?(:\d+){0,2}: CE\d{3} ")


def call(*arguments: str) -> int:
    """Run the command line as a shell would; problems are printed, never raised."""
    return run(lambda: cli.main(args=list(arguments), standalone_mode=False))


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines about problems, after checking that each has a place and a code."""
    lines = [
        line for line in capsys.readouterr().err.splitlines() if not line.endswith("nothing was changed.")
    ]
    assert lines
    assert [line for line in lines if not LOCATED.match(line)] == []
    return lines


RULES = {
    "anchors": ("CE108", ":1:"),
    "cycle": ("CE209", "md.idea_b.x -> md.idea_b.y -> md.idea_b.x"),
    "duplicate_id": ("CE204", "x.yaml:5:9 already"),
    "duplicate_key": ("CE107", "title"),
    "empty": ("CE104", "empty"),
    "expression_ends_early": ("CE210", "ends too early"),
    "gap_between_versions": ("CE207", "nothing holds from 2014-07-01 to 2014-12-31"),
    "impossible_date": ("CE210", "2026-02-30"),
    "latin_1": ("CE103", ":6"),
    "missing_citation": ("CE210", "'citations' is missing"),
    "negative_count": ("CE210", "'-5'"),
    "override_of_nothing": ("CE205", "did you mean us.idea_b.annual_review?"),
    "quoted_number": ("CE210", ":1:17:"),
    "tabs": ("CE105", ":5:1:"),
    "two_overrides": ("CE206", "as md.idea_b.x at"),
    "unknown_attribute": ("CE202", "did you mean purpose?"),
    "unknown_event": ("CE201", "did you mean evaluation_completed?"),
    "unknown_key": ("CE210", "did you mean met_by?"),
    "unknown_variant": ("CE208", "june_31"),
    "versions_overlap": ("CE207", "one ends 2015-06-30, the next begins 2015-01-01"),
    "wrong_unit": ("CE203", "did you mean school_days?"),
    "yaml_bomb": ("CE108", ":1:"),
}


def test_every_broken_rule_file_is_expected() -> None:
    assert {path.name for path in (BROKEN / "rules").iterdir()} == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_broken_rule_file_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mistake is named once, with its place, beside the shipped federal rules."""
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "rules" / "us", folder / "us")
    shutil.copytree(BROKEN / "rules" / name / "md", folder / "md")
    code, words = RULES[name]

    assert call("rules", "check", str(folder)) == 2
    lines = said(capsys)
    assert any(code in line and words in line and "md/idea_b/x.yaml" in line for line in lines), lines


CALENDARS = {
    "impossible_date": ("CE301", ":9:28:"),
    "make_up_day_on_an_open_day": ("CE306", "it is one already"),
    "outside_the_cover": ("CE302", "is not inside covers"),
    "overlapping_closures": ("CE303", "overlaps 'Thanksgiving'"),
    "partial_day_on_a_closed_day": ("CE304", "remove one of them"),
    "unknown_kind": ("CE301", "did you mean holiday?"),
    "wrong_number_of_days": ("CE308", "100 instructional days are stated, the dates make 208"),
}


def test_every_broken_calendar_is_expected() -> None:
    assert {path.stem for path in (BROKEN / "calendars").iterdir()} == set(CALENDARS)


@pytest.mark.parametrize("name", sorted(CALENDARS))
def test_a_broken_calendar_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, words = CALENDARS[name]

    assert call("calendars", "check", str(BROKEN / "calendars" / f"{name}.yaml")) == 2
    lines = said(capsys)
    assert any(code in line and words in line for line in lines), lines


REFUSED_WHOLE = {"missing_column": "CE401", "empty_cases": "CE402", "empty_events": "CE402"}
QUARANTINED = {
    "bad_json": ("CE423", "events.csv", 3),
    "birth_date_in_the_future": ("CE416", "cases.csv", 3),
    "duplicate_case": ("CE420", "cases.csv", 3),
    "impossible_date": ("CE415", "events.csv", 3),
    "latin_1": ("CE412", "events.csv", 3),
    "nul_byte": ("CE413", "events.csv", 3),
    "unknown_attribute": ("CE424", "events.csv", 3),
    "unknown_case": ("CE421", "events.csv", 3),
    "unknown_event": ("CE422", "events.csv", 3),
    "unknown_program": ("CE419", "cases.csv", 3),
    "wrong_number_of_columns": ("CE410", "events.csv", 3),
}


def test_every_broken_case_folder_is_expected() -> None:
    assert {path.name for path in (BROKEN / "cases").iterdir()} == {*REFUSED_WHOLE, *QUARANTINED}


@pytest.mark.parametrize("name", sorted(REFUSED_WHOLE))
def test_case_files_that_cannot_be_used_are_refused_whole(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is imported, and no store is left behind."""
    store = tmp_path / "cases.db"

    assert call("import", str(BROKEN / "cases" / name), "--store", str(store)) == 2
    assert any(REFUSED_WHOLE[name] in line for line in said(capsys))
    assert not store.exists()


@pytest.mark.parametrize("name", sorted(QUARANTINED))
def test_a_broken_row_goes_to_quarantine_and_the_rest_goes_on(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three rows are read, two accepted, one kept aside with its file, line and code."""
    code, file, line = QUARANTINED[name]
    aside = tmp_path / "quarantine.csv"
    arguments = ("--store", str(tmp_path / "cases.db"), "--quarantine", str(aside))

    assert call("import", str(BROKEN / "cases" / name), *arguments) == 0
    assert "read 3: 2 accepted, 1 refused" in capsys.readouterr().out
    (row,) = aside.read_text(encoding="utf-8-sig").splitlines()[1:]
    assert f"{file},{line},{code}," in row


@pytest.mark.parametrize("name", ["truncated", "entity_bomb"])
def test_broken_ed_fi_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "cases.db"
    where = ("--state", "tx", "--district", "tx.x", "--calendar", "us.grand_bend")

    code = call(
        "import", str(BROKEN / "ed_fi" / f"{name}.xml"), "--format", "ed-fi", *where, "--store", str(store)
    )
    assert code == 2
    assert "CE440" in said(capsys)[0]
    assert not store.exists()


def test_a_line_of_ten_megabytes_is_kept_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its neighbours are imported."""
    folder = tmp_path / "long"
    shutil.copytree(BROKEN / "cases" / "unknown_case", folder)
    events = folder / "events.csv"
    first_two = events.read_text().splitlines()[:2]
    events.write_text("\n".join([*first_two, f"b1,{'x' * 10_000_000},2025-10-30,,"]) + "\n")

    assert call("import", str(folder), "--store", str(tmp_path / "cases.db"), "--dry-run") == 0
    assert "read 3: 2 accepted, 1 refused" in capsys.readouterr().out


def test_a_truncated_parquet_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    table = pa.table({"case_id": ["b1"] * 1000, "event": ["evaluation_completed"] * 1000})
    for name in ("cases", "events"):
        pq.write_table(table, folder / f"{name}.parquet")
        whole = (folder / f"{name}.parquet").read_bytes()
        (folder / f"{name}.parquet").write_bytes(whole[: len(whole) // 2])

    assert call("import", str(folder), "--store", str(tmp_path / "cases.db")) == 2
    assert "cases.parquet" in said(capsys)[0]
    assert not (tmp_path / "cases.db").exists()

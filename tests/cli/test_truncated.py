"""Exports that were cut short: errors, refused rows or a note; nothing is imported by halves in silence."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from compliance_engine.cases.generator import District, generate, write_folder
from compliance_engine.cases.importers import read_folder
from compliance_engine.cli.main import cli, run
from store_samples import AS_OF, COUNTY

ED_FI = Path(__file__).parents[2] / "fixtures" / "ed-fi-5.2-sample"
Export = Callable[[str], Path]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Write a small export in a form."""

    def write(form: str) -> Path:
        made = generate([District("tx", "tx.one", COUNTY, 12)], seed=7, until=AS_OF)
        write_folder(made, tmp_path / form, form=form)  # type: ignore[arg-type]
        return tmp_path / form

    return write


def put(
    folder: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, object], str]:
    """Import a folder; return the exit code, the counts and what was said."""
    store = str(folder.parent / "district.db")
    arguments = ["import", str(folder), "--store", store, "--json", *options]
    code = run(lambda: cli.main(args=arguments, standalone_mode=False))
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else {}, told.err


def cut(path: Path, at: int) -> None:
    path.write_bytes(path.read_bytes()[:at])


def rows_before(path: Path, at: int) -> int:
    """Return how many rows end before a byte of a file with a header."""
    return path.read_bytes()[:at].count(b"\n") - 1


def quarantined(counts: dict[str, object]) -> list[dict[str, str]]:
    with Path(str(counts["quarantine"])).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def end_of(path: Path, pattern: bytes) -> int:
    """Return the byte after the first match in the second half of a file."""
    content = path.read_bytes()
    match = re.compile(pattern).search(content, len(content) // 2)
    assert match is not None
    return match.end()


@pytest.mark.parametrize("share", [0.999, 0.5, 0.01])
@pytest.mark.parametrize("name", ["cases", "events"])
def test_parquet_that_was_cut_short_is_an_error(export: Export, capsys, name: str, share: float):
    folder = export("parquet")
    path = folder / f"{name}.parquet"
    cut(path, int(path.stat().st_size * share))
    code, _, said = put(folder, capsys)
    assert code == 2
    assert said.splitlines()[0] == f"{path}: CE403 {name}.parquet: the file is not readable Parquet"
    assert not (folder.parent / "district.db").exists()


def test_parquet_with_a_damaged_page_is_an_error(export: Export, capsys):
    folder = export("parquet")
    path = folder / "events.parquet"
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    code, _, said = put(folder, capsys)
    assert code == 2
    assert said.splitlines()[0].startswith(f"{path}: CE403 events.parquet: the file is damaged")
    assert not (folder.parent / "district.db").exists()


def test_csv_cut_within_a_row_refuses_that_row_and_says_where_it_ended(export: Export, capsys):
    folder = export("csv")
    path = folder / "events.csv"
    at = end_of(path, rb"\n[^,\n]+,[^,\n]+,")
    whole = rows_before(path, at)
    cut(path, at)
    code, counts, _ = put(folder, capsys)
    assert (code, counts["refused"], counts["accepted"]) == (0, 1, 12 + whole)
    assert [(one["line"], one["code"]) for one in quarantined(counts)] == [(str(whole + 2), "CE410")]
    assert counts["notes"] == ["events.csv ends within a line: if it was cut short, its last row is wrong"]


@pytest.mark.parametrize("plus", range(12))
def test_csv_cut_within_a_quoted_field_refuses_that_row(export: Export, capsys, plus: int):
    folder = export("csv")
    path = folder / "events.csv"
    at = end_of(path, b',"{') - 1 + plus
    whole = rows_before(path, at)
    cut(path, at)
    code, counts, _ = put(folder, capsys)
    assert (code, counts["refused"], counts["accepted"]) == (0, 1, 12 + whole)
    (row,) = quarantined(counts)
    assert row["line"] == str(whole + 2)
    assert counts["notes"]


def test_csv_whose_last_value_lost_its_end_is_taken_with_a_note(export: Export, capsys):
    """A grade of 12 cut to 1 is a grade: no reader can tell, so a note says that the file ends in a line."""
    folder = export("csv")
    path = folder / "cases.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.rstrip("\n"), encoding="utf-8")
    code, counts, _ = put(folder, capsys)
    assert (code, counts["refused"]) == (0, 0)
    assert counts["notes"] == ["cases.csv ends within a line: if it was cut short, its last row is wrong"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_whole_export_has_no_note(export: Export, capsys, form: str):
    code, counts, _ = put(export(form), capsys)
    assert (code, counts["refused"], counts["notes"]) == (0, 0, [])


def test_csv_cut_within_its_header_is_an_error(export: Export, capsys):
    folder = export("csv")
    cut(folder / "events.csv", 15)
    code, _, said = put(folder, capsys)
    assert code == 2
    assert f"{folder / 'events.csv'}:1: CE401 events.csv: the column " in said
    assert not (folder.parent / "district.db").exists()


def test_json_lines_cut_within_a_record_refuse_that_record(export: Export, capsys):
    folder = export("jsonl")
    path = folder / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    kept = len(lines) // 2
    path.write_bytes(b"".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2])
    code, counts, _ = put(folder, capsys)
    assert (code, counts["refused"], counts["accepted"]) == (0, 1, 12 + kept)
    assert [(one["line"], one["code"]) for one in quarantined(counts)] == [(str(kept + 1), "CE409")]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_wherever_a_text_is_cut_a_row_is_taken_refused_or_noted(export: Export, form: str):
    """What is left of the last line is refused, or the note speaks of it; rows before it are all taken."""
    folder = export(form)
    path = folder / f"events.{form}"
    whole, before = path.read_bytes(), read_folder(folder, received_on=AS_OF).accepted
    header = 1 if form == "csv" else 0
    for at in range(len(whole) - 200, len(whole)):
        path.write_bytes(whole[:at])
        found = read_folder(folder, received_on=AS_OF)
        ended = whole[:at].count(b"\n") - header
        half = not whole[:at].endswith(b"\n")
        assert found.read == 12 + ended + half
        assert before - len(whole[at:].splitlines()) <= found.accepted <= before
        if half and form == "csv":
            assert found.notes
        assert {row.line for row in found.quarantine} <= {ended + header + 1}


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_xml_that_was_cut_short_is_an_error(tmp_path: Path, capsys, share: float):
    folder = tmp_path / "ed_fi"
    shutil.copytree(ED_FI, folder)
    path = max(folder.glob("*.xml"), key=lambda one: one.stat().st_size)
    cut(path, int(path.stat().st_size * share))
    options = ("--state", "tx", "--district", "tx.gb", "--calendar", COUNTY)
    code, _, said = put(folder, capsys, *options)
    assert code == 2
    assert "CE440" in said
    assert str(path) in said
    assert not (tmp_path / "district.db").exists()

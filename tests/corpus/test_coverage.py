"""What of the law is encoded, as it is told in tables, pages and a map."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from compliance_engine.cli.main import cli, run
from compliance_engine.reports.coverage_pages import pages
from compliance_engine.rules.coverage import Coverage, coverage
from corpus_data import ROOT, corpus, rule_cases

PAGES = ROOT / "docs" / "law"


def covered() -> Coverage:
    return coverage(corpus(), Counter(one.rule for one in rule_cases()))


def call(*arguments: str) -> int:
    return run(lambda: cli.main(args=["rules", "coverage", *arguments], standalone_mode=False))


def test_the_pages_on_the_law_are_current() -> None:
    """Otherwise: ``compliance-engine rules coverage --pages docs/law``."""
    made = pages(corpus(), covered())
    stored = {path.name: path.read_text(encoding="utf-8") for path in PAGES.iterdir()}
    assert stored.keys() == made.keys()
    assert [name for name in made if stored[name] != made[name]] == []


def test_every_state_and_the_district_of_columbia_are_there() -> None:
    found = covered()
    assert len(found.jurisdictions) == 52
    assert set(corpus().inventories) == set(found.jurisdictions)


def test_every_jurisdiction_has_an_initial_evaluation() -> None:
    found = covered()
    assert {found.cells[where, "initial_evaluation"].source for where in found.jurisdictions} == {"state"}


def test_every_rule_belongs_to_a_duty() -> None:
    shown = {rule for cell in covered().cells.values() for rule in cell.rules}
    assert set(corpus().rules) - shown == set()


def test_the_map_has_a_tile_with_words_for_every_state() -> None:
    """Whoever does not see the map hears it: a title on each tile, all figures in the description."""
    root = ET.fromstring((PAGES / "coverage.svg").read_text(encoding="utf-8"))
    name = "{http://www.w3.org/2000/svg}"
    tiles = [
        one.findtext(f"{name}title") for one in root.iter(f"{name}g") if one.find(f"{name}title") is not None
    ]
    description = root.findtext(f"{name}desc") or ""
    assert len(tiles) == 51
    assert all(f"{tile.partition(':')[0]}: " in description for tile in tiles if tile)


def test_the_table_shows_grades_and_totals(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    out = capsys.readouterr().out
    (maryland,) = (line for line in out.splitlines() if line.startswith("MD "))
    cell = covered().cells["md", "initial_evaluation"]
    assert f" T{len(cell.rules)} " in maryland
    assert "51 jurisdictions and the federal rules" in out


def test_one_state_is_told_duty_by_duty(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--state", "WY") == 0
    out = capsys.readouterr().out
    assert "wy.idea_b.initial_evaluation" in out
    assert "left out: transition-age" in out


def test_the_grid_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    texas = next(one for one in content["jurisdictions"] if one["jurisdiction"] == "tx")
    assert "tx.idea_b.initial_evaluation" in texas["duties"]["initial_evaluation"]["rules"]


NOTES = """jurisdiction: WY
provisions:
  - {id: initial-evaluation}
  - {id: transition-age}
  - {id: age-of-majority}
  - {id: maximum-age}
"""


def test_source_notes_are_held_against_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wy.yaml").write_text(NOTES)
    assert call("--against", str(tmp_path)) == 0
    assert "none unexplained" in capsys.readouterr().out


def test_a_provision_of_the_notes_that_is_not_listed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wy.yaml").write_text(NOTES.replace("maximum-age", "meeting-notice"))
    assert call("--against", str(tmp_path)) == 2
    said = capsys.readouterr().err
    assert "wy.yaml: CE217 wy: provision meeting-notice is not in provisions.yaml" in said
    assert "CE218 wy: maximum-age is not in wy.yaml" in said

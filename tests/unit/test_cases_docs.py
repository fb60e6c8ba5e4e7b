"""The page on cases is current, and the small district it shows can be used."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from compliance_engine.cases.batch import build_batch
from compliance_engine.cases.catalogue import catalogue
from compliance_engine.cases.catalogue_docs import with_tables
from compliance_engine.cases.importers import read_folder

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "fixtures" / "small_district"


def test_the_tables_of_the_page_are_current() -> None:
    """Otherwise: ``python -m compliance_engine.cases.catalogue_docs docs/cases.md``."""
    page = (ROOT / "docs" / "cases.md").read_text(encoding="utf-8")
    assert with_tables(page, catalogue()) == page


def test_the_small_district_has_twelve_cases_and_nothing_refused() -> None:
    imported = read_folder(SMALL, received_on=date(2026, 3, 2))
    assert imported.quarantine == []
    assert imported.cases["case_id"].to_pylist() == [f"c{number:02d}" for number in range(1, 13)]


def test_the_small_district_makes_a_batch_of_three_programs() -> None:
    imported = read_folder(SMALL, received_on=date(2026, 3, 2))
    batch = build_batch(imported.cases, imported.events, as_of=date(2026, 3, 2))
    sizes = {program: hi - lo for _, program, _, lo, hi in batch.groups()}
    assert sizes == {"idea_b": 10, "part_c_transition": 1, "section_504": 1}


def test_every_case_of_the_small_district_is_explained() -> None:
    readme = (SMALL / "README.md").read_text(encoding="utf-8")
    assert all(f"| c{number:02d} |" in readme for number in range(1, 13))

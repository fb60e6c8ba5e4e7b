"""Why dates moved between two sweeps: a day, a fact, a correction, a rule, a closure, each named."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from compliance_engine.store.connect import Store
from compliance_engine.sweep.causes import Moved, causes_between, last_cause
from compliance_engine.sweep.law import read_law
from store_samples import case, consent, event, imported, new_store, put, sweep, synthetic

RULE = "tx.idea_b.initial_evaluation"
DAY = date(2025, 11, 3)
KNOWN = case("known", birth_date=date(2017, 5, 1))


def report(day: str) -> dict[str, object]:
    return event("known", "evaluation_report_completed", day, purpose="initial")


@pytest.fixture
def folders(tmp_path: Path, law_folders: tuple[Path, Path]) -> tuple[Path, Path]:
    """A copy of the small law, to change."""
    names = ("rules", "calendars")
    return tuple(
        Path(shutil.copytree(folder, tmp_path / "other" / name))
        for folder, name in zip(law_folders, names, strict=True)
    )  # type: ignore[return-value]


@pytest.fixture
def store(tmp_path: Path, database) -> Store:
    """One case: consent on 2025-09-10, and others that stay as they are."""
    made = new_store(tmp_path, synthetic("tx.one", cases=5))
    given = [consent("known", "2025-09-10", event_id="first")]
    put(made, imported([KNOWN], given))
    return made


def moved(store: Store, before, after) -> list[Moved]:
    """Return what moved in the case `known`."""
    return [one for one in causes_between(store, before.sweep, after.sweep) if one.change.case_id == "known"]


def of_rule(found: list[Moved]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(one.causes, one.details) for one in found if one.change.rule == RULE]


def test_nothing_moved_between_equal_sweeps(store: Store, law):
    assert list(causes_between(store, sweep(store, law, DAY).sweep, sweep(store, law, DAY).sweep)) == []


def test_a_deadline_that_became_overdue_did_so_by_the_day(store: Store, law):
    # consent on Sep 10: the 45th school day is Nov 14 (Sep 14 days from the 11th, Oct 22, Nov 9)
    before, after = sweep(store, law, DAY), sweep(store, law, DAY + timedelta(days=90))
    assert of_rule(moved(store, before, after)) == [(("day",), ("as of 2026-02-01 instead of 2025-11-03",))]


def test_a_new_fact_is_named_with_its_import(store: Store, law):
    before = sweep(store, law, DAY)
    put(
        store,
        imported([KNOWN], [report("2025-10-30")]),
    )
    after = sweep(store, law, DAY)
    detail = "new fact: evaluation_report_completed on 2025-10-30, import 3"
    assert of_rule(moved(store, before, after)) == [(("facts",), (detail,))]


def test_a_corrected_fact_is_called_so(store: Store, law):
    before = sweep(store, law, DAY)
    put(store, imported([KNOWN], [consent("known", "2025-09-12", event_id="second", corrects="first")]))
    found = of_rule(moved(store, before, sweep(store, law, DAY)))
    detail = "corrected fact (first): consent_to_evaluate_received on 2025-09-12, import 3"
    assert found == [(("facts",), (detail,))] * 2  # the opening of Sep 10 went, that of Sep 12 came


def test_a_changed_rule_is_named_by_its_file(store: Store, law, folders: tuple[Path, Path]):
    before = sweep(store, law, DAY)
    file = folders[0] / "tx" / "idea_b" / "initial_evaluation.yaml"
    text = file.read_text(encoding="utf-8")
    assert "45 school_days after start" in text
    file.write_text(
        text.replace("45 school_days after start", "40 school_days after start"), encoding="utf-8"
    )
    after = sweep(store, read_law(*folders), DAY)
    detail = "rules tx/idea_b/initial_evaluation.yaml: changed"
    assert of_rule(moved(store, before, after)) == [(("rules",), (detail,))]


def test_a_new_closure_is_named_by_its_calendar(store: Store, law, folders: tuple[Path, Path]):
    before = sweep(store, law, DAY)
    file = folders[1] / "us" / "example_county" / "2025-26.yaml"
    text = file.read_text(encoding="utf-8")
    closed = "unplanned:\n  - {date: 2025-10-20, kind: other, name: Water main}\n"
    assert "unplanned:" not in text
    file.write_text(text + closed, encoding="utf-8")
    found = moved(store, before, sweep(store, read_law(*folders), DAY))
    ((causes, details),) = of_rule(found)
    assert causes == ("calendars",)
    assert details == (f"calendar {file.relative_to(folders[1]).as_posix()}: changed",)


def test_the_last_cause_is_what_brought_the_new_value(store: Store, law):
    before = sweep(store, law, DAY)
    later = DAY + timedelta(days=90)
    put(
        store,
        imported([KNOWN], [report("2025-12-15")]),
    )
    found = moved(store, before, sweep(store, law, later))
    # by Feb 1 it would be overdue; that the report was finished on Dec 15 made it met late
    assert [one.causes for one in found if one.change.rule == RULE] == [("day", "facts")]
    assert [last_cause(one) for one in found if one.change.rule == RULE] == ["facts"]

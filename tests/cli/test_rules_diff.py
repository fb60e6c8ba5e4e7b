"""``rules diff``: what changed in the law, and whose dates move."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from compliance_engine.cli.main import cli, run

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "fixtures" / "small_district"
DAY = ("--as-of", "2026-03-02")


def call(*arguments: str) -> int:
    return run(lambda: cli.main(args=list(arguments), standalone_mode=False))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert call("rules", "diff", *arguments) == 0
    return capsys.readouterr().out


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """The federal rules, and the same with 50 days for the initial evaluation and without supervision."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        shutil.copytree(ROOT / "rules" / "us", folder / "us")
    file = new / "us" / "idea_b" / "initial_evaluation.yaml"
    file.write_text(file.read_text().replace("60 calendar_days after start", "50 calendar_days after start"))
    (new / "us" / "idea_b" / "supervision.yaml").unlink()
    return str(old), str(new)


def test_a_changed_rule_shows_what_was_and_what_is(
    folders: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(capsys, *folders)
    changed = out.split("changed  us.idea_b.initial_evaluation:")[1].split("\n\n")[0]
    assert "  -   due: 60 calendar days after the start" in changed
    assert "  +   due: 50 calendar days after the start" in changed
    assert "removed  us.idea_b.noncompliance_correction" in out
    assert "0 rules added, 2 rules removed, 1 rules changed" in out


def test_the_dates_of_a_folder_of_cases_move_by_ten_days(
    folders: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Six children of the small district have consented: day 50 in the place of day 60."""
    content = json.loads(said(capsys, *folders, "--cases", str(SMALL), *DAY, "--format", "json"))
    moved = {(one["case_id"], one["old_due"], one["new_due"]) for one in content["dates"]["moved"]}
    assert moved == {
        ("c01", "2025-11-01", "2025-10-22"),
        ("c02", "2025-11-07", "2025-10-28"),
        ("c03", "2026-03-21", "2026-03-11"),
        ("c04", "2026-01-30", "2026-01-20"),
        ("c05", "2025-11-14", "2025-11-04"),
        ("c06", "2025-11-30", "2025-11-20"),
    }


def test_the_dates_of_a_store_move_alike(
    folders: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "cases.db")
    assert call("import", str(SMALL), "--store", store) == 0
    capsys.readouterr()
    out = said(capsys, *folders, "--store", store, *DAY)
    assert "6 due dates move" in out
    assert "  2026-03-21 -> 2026-03-11  c03  us.idea_b.initial_evaluation  opened 2026-01-20" in out


def test_two_days_of_one_law(capsys: pytest.CaptureFixture[str]) -> None:
    """19 TAC 89.1050(j) as amended on July 18, 2023: 20 school days for 30."""
    out = said(capsys, "--from", "2023-07-17", "--to", "2023-07-18", "--state", "tx")
    assert "  -   due: 30 school days after the start" in out
    assert "  +   due: 20 school days after the start" in out
    assert "0 rules added, 0 rules removed, 3 rules changed" in out


def test_on_one_day_nothing_differs(capsys: pytest.CaptureFixture[str]) -> None:
    same = ("--from", "2023-07-18", "--to", "2023-07-18", "--state", "tx")
    out = said(capsys, *same, "--cases", str(SMALL), *DAY)
    assert "0 rules added, 0 rules removed, 0 rules changed" in out
    assert "0 due dates move, 0 change status only, 0 appear, 0 disappear" in out


def test_a_state_rule_that_takes_the_federal_one_s_place_moves_its_dates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The child of a state without rules follows the federal 60 days; with Michigan's, 30 school days.

    Consent Jan 20, 2026: Jan 21-30 8, Feb 19 (Feb 16 closed) -> 27, Mar 2, 3, 4 -> 30.
    """
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(ROOT / "rules" / "us", old / "us")
    shutil.copytree(old, new, dirs_exist_ok=True)
    shutil.copytree(ROOT / "rules" / "mi", new / "mi")
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "cases.csv").write_text(
        "case_id,state,district,calendar,program,birth_date\n"
        "m1,mi,mi.example,us.example_county,idea_b,2016-05-05\n"
    )
    (cases / "events.csv").write_text(
        "case_id,event,occurred_on,recorded_at,attributes\n"
        'm1,consent_to_evaluate_received,2026-01-20,,"{""purpose"":""initial""}"\n'
    )
    found = said(capsys, str(old), str(new), "--cases", str(cases), *DAY, "--format", "json")
    moved: list[dict[str, Any]] = json.loads(found)["dates"]["moved"]
    assert [(one["old_rule"], one["rule"], one["old_due"], one["new_due"]) for one in moved] == [
        ("us.idea_b.initial_evaluation", "mi.idea_b.initial_evaluation", "2026-03-21", "2026-03-04")
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("rules",),
        ("--from", "2023-07-17"),
        ("--from", "2023-07-17", "--to", "2023-07-18", "--cases", "."),
    ],
)
def test_what_to_compare_must_be_said(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("rules", "diff", *(str(ROOT / one) if one == "rules" else one for one in arguments)) == 2
    assert "--" in capsys.readouterr().err

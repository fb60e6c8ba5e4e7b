"""Local policy: stricter than the law, shown as policy, and never later."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from compliance_engine.cli.main import cli, run

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "fixtures" / "local_policy"
CHILD = ("--state", "tx", "--calendar", "us.example_county", "--as-of", "2025-11-20")
CONSENT = ("--event", "consent_to_evaluate_received=2025-09-02,purpose=initial", "--no-follow")
RULE = "tx.example_isd.idea_b.report_early"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def call(*arguments: str) -> int:
    return run(lambda: cli.main(args=list(arguments), standalone_mode=False))


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert call("preview", *CHILD, *CONSENT, *arguments, "--format", "json") == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_hand_counted_cases_of_a_policy_are_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("rules", "test", "--policy", str(POLICY), str(POLICY)) == 0
    assert "3 passed, 0 failed" in capsys.readouterr().out


def test_a_breach_of_policy_is_no_noncompliance(capsys: pytest.CaptureFixture[str]) -> None:
    """The report of Nov 1 is in time by law (Nov 5, 2025) and after the district's day (Oct 22)."""
    report = ("--event", "evaluation_report_completed=2025-11-01,purpose=initial")
    content = shown(capsys, *report, "--district", "tx.example_isd", "--policy", str(POLICY))
    found = {one["rule"]: one["codes"] for one in content["findings"]}
    assert found == {RULE: ["policy_breach"]}
    (one,) = (one for one in content["deadlines"] if one["rule"] == RULE)
    assert (one["authority"], one["due_on"], one["days_late"]) == ("policy", "2025-10-22", 10)


def test_the_text_says_that_it_is_policy(capsys: pytest.CaptureFixture[str]) -> None:
    own = ("--district", "tx.example_isd", "--policy", str(POLICY))
    assert call("preview", *CHILD, *CONSENT, *own) == 0
    out = capsys.readouterr().out
    assert "  policy    Example ISD board policy EHBA (synthetic)" in out
    assert "local policy, not law: a breach is not noncompliance" in out


def test_another_district_does_not_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    content = shown(capsys, "--district", "tx.other_isd", "--policy", str(POLICY))
    assert RULE not in {one["rule"] for one in content["deadlines"]}


def test_a_policy_later_than_the_law_is_refused_with_both_dates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten school days after Nov 5, 2025 (Nov 11 closed): Nov 6, 7, 10, 12, 13, 14, 17-20."""
    later = tmp_path / "policy"
    shutil.copytree(POLICY, later, ignore=shutil.ignore_patterns("*.cases.yaml"))
    file = later / "evaluation.yaml"
    file.write_text(file.read_text().replace("10 school_days before", "10 school_days after"))
    content = shown(capsys, "--district", "tx.example_isd", "--policy", str(later))
    (one,) = (one for one in content["deadlines"] if one["rule"] == RULE)
    assert (one["status"], one["undetermined_reason"], one["due_on"]) == (
        "undetermined", "policy_later_than_law", None,
    )  # fmt: skip
    (step,) = (step for step in one["derivation"] if step["step"] == "not_known")
    assert (
        "the policy says Thu 2025-11-20, the law (tx.idea_b.initial_evaluation) Wed 2025-11-05"
        in step["text"]
    )


@pytest.mark.parametrize("command", [("rules", "check"), ("preview", *CHILD)])
def test_policy_cannot_change_the_law(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "rules" / "md" / "idea_b" / "annual_review.yaml", tmp_path / "law.yaml")
    assert call(*command, "--policy", str(tmp_path)) == 2
    assert "law.yaml:1:1: CE224" in capsys.readouterr().err


def test_a_sweep_judges_by_the_policy_and_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "cases.csv").write_text(
        "case_id,state,district,calendar,program,birth_date\n"
        "p1,tx,tx.example_isd,us.example_county,idea_b,2016-05-05\n"
    )
    (cases / "events.csv").write_text(
        "case_id,event,occurred_on,recorded_at,attributes\n"
        'p1,consent_to_evaluate_received,2025-09-02,,"{""purpose"":""initial""}"\n'
        'p1,evaluation_report_completed,2025-11-01,,"{""purpose"":""initial""}"\n'
    )
    policy, store = tmp_path / "policy", str(tmp_path / "cases.db")
    shutil.copytree(POLICY, policy)
    assert call("import", str(cases), "--store", store) == 0
    assert call("sweep", "--store", store, "--as-of", "2025-11-20", "--policy", str(policy)) == 0
    assert "1  policy breach" in capsys.readouterr().out

    shutil.rmtree(policy)  # what a sweep used is in the store
    assert call("explain", "--store", store, "p1", "--rule", RULE) == 0
    out = capsys.readouterr().out
    assert "due Wed 2025-10-22  [met late, 10 days late]" in out
    assert "finding   policy breach" in out

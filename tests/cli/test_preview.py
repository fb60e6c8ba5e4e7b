"""``preview`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compliance_engine.cli.main import cli, run

LUBBOCK = ["--state", "tx", "--calendar", "tx.lubbock_cooper_isd", "--as-of", "2026-03-23"]
CONSENT = ["--event", "consent_to_evaluate_received=2026-03-23,purpose=initial"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def call(*arguments: str) -> int:
    return run(lambda: cli.main(args=["preview", *arguments], standalone_mode=False))


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    call(*arguments, "--format", "json")
    return dict(json.loads(capsys.readouterr().out))


def deadline(content: dict[str, object], rule: str) -> dict[str, object]:
    (one,) = (one for one in content["deadlines"] if one["rule"] == rule)  # type: ignore[attr-defined]
    return dict(one)


def test_consent_with_41_school_days_left_is_due_on_june_30(capsys: pytest.CaptureFixture[str]) -> None:
    """Mar 24-31 6, April 20 (3 and 6 closed), May 1-21 15: 41 days left, so June 30 (19 TAC 89.1011)."""
    one = deadline(shown(capsys, *LUBBOCK, *CONSENT), "tx.idea_b.initial_evaluation")
    assert (one["due_on"], one["variant"], one["verified"]) == ("2026-06-30", "june_30", "regulation_text")


def test_the_text_shows_day_one_the_skipped_days_and_the_days_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """March 23 is closed, so day 1 is March 24."""
    assert call(*LUBBOCK, *CONSENT) == 0
    out = capsys.readouterr().out
    for words in (
        "day 1 is Tue 2026-03-24",
        "Fri 2026-04-03  holiday",
        "41 left",
        "variant   june_30",
        "§ 89.1011",
    ):
        assert words in out


def test_what_would_follow_says_what_it_assumes(capsys: pytest.CaptureFixture[str]) -> None:
    """60 calendar days after Sep 2, 2025 is Nov 1; eligibility that day leads to an IEP meeting by Dec 1."""
    content = shown(
        capsys,
        *("--state", "us", "--calendar", "us.example_county", "--as-of", "2025-09-02"),
        *("--event", "consent_to_evaluate_received=2025-09-02,purpose=initial"),
        *("--event", "evaluation_completed=2025-09-02,purpose=initial"),
        *("--event", "eligibility_determined=2025-09-02,eligible=true,purpose=initial"),
    )
    assert deadline(content, "us.idea_b.iep_development")["due_on"] == "2025-10-02"
    annual = [one for one in content["provisional"] if one["deadline"]["rule"] == "us.idea_b.annual_review"]  # type: ignore[attr-defined]
    assert [one["deadline"]["due_on"] for one in annual] == ["2026-10-02"]
    assert "iep meeting held on 2025-10-02" in annual[0]["assuming"]


def test_every_wrong_argument_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown event, a day that does not exist, an unknown fact."""
    code = call(
        *("--state", "us", "--as-of", "2026-03-23", "--event", "consent_to_evalute_received=2026-03-23"),
        *("--event", "iep_meeting_held=2026-02-30", "--attribute", "provder=charter"),
    )
    err = capsys.readouterr().err
    assert code == 2
    assert err.count("CE702") == 3
    assert "did you mean consent_to_evaluate_received?" in err
    assert "did you mean provider?" in err


def test_a_state_without_rules_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """zz is no state."""
    assert call("--state", "zz", "--as-of", "2026-03-23") == 2
    assert "CE702 zz" in capsys.readouterr().err


def test_a_calendar_that_does_not_exist_is_refused_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """One letter is missing."""
    assert call("--state", "tx", "--calendar", "tx.lubbock_coper_isd", "--as-of", "2026-03-23", *CONSENT) == 2
    assert "did you mean tx.lubbock_cooper_isd" in capsys.readouterr().err


def test_a_kept_corpus_gives_the_same_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """The second call reads what the first kept."""
    first = shown(capsys, *LUBBOCK, *CONSENT)
    assert shown(capsys, *LUBBOCK, *CONSENT) == first


def test_a_chosen_reading_is_used_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the last student day 40 days are left, still 35 to 44: the same due day, another reading."""
    content = shown(
        capsys,
        *LUBBOCK,
        *CONSENT,
        "--reading",
        "tx.idea_b.initial_evaluation:last_instructional_day=does_not_count",
    )
    one = deadline(content, "tx.idea_b.initial_evaluation")
    assert one["readings"] == {"last_instructional_day": "does_not_count"}


def test_late_deadlines_fail_only_when_asked_to() -> None:
    """Consent of September 2025 without an evaluation is overdue in 2026."""
    given = (
        "--state",
        "us",
        "--as-of",
        "2026-03-23",
        "--event",
        "consent_to_evaluate_received=2025-09-02,purpose=initial",
    )
    assert (call(*given), call(*given, "--fail-on-violations")) == (0, 1)


EVERYWHERE = ["--state", "all", "--calendar", "us.example_county", "--as-of", "2026-03-23", *CONSENT]


def test_all_states_at_once_say_what_each_says_alone(capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, *EVERYWHERE)["deadlines"]
    by_state: dict[str, list[tuple[str, str]]] = {}
    for one in found:  # type: ignore[attr-defined]
        by_state.setdefault(one["state"], []).append((one["rule"], one["due_on"]))
    for state in ("ca", "ma", "tx"):
        alone = shown(capsys, *EVERYWHERE[2:], "--state", state, "--no-follow")["deadlines"]
        duties = [one for one in alone if one["kind"] != "information"]  # type: ignore[attr-defined]
        assert by_state[state] == [(one["rule"], one["due_on"]) for one in duties]


def test_the_table_of_all_states_names_rule_count_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Maryland: 60 days after March 23 are March 8, April 30, May 22."""
    assert call(*EVERYWHERE, "--duty", "initial_evaluation") == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("MD"))
    for words in (
        "MD  Fri 2026-05-22  ",
        "text read",
        "md.idea_b.initial_evaluation",
        "60 calendar days after the start",
    ):
        assert words in row


def test_an_unknown_kind_of_duty_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*LUBBOCK, *CONSENT, "--duty", "initial_evalution") == 2
    assert "did you mean initial_evaluation?" in capsys.readouterr().err

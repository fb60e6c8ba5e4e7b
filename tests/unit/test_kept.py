"""What is kept between runs: believed only for the same files, by whoever wrote it, and never in the way."""

from __future__ import annotations

import os
import pickle
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from compliance_engine.calendars import legal_holidays as holidays
from compliance_engine.engine import judge as judging
from compliance_engine.engine.findings_rules import Condition
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import EngineProblem
from compliance_engine.kept import keep, kept_or_made, read_kept
from findings_samples import LATE, rule, shipped, small


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def test_what_was_made_of_the_same_files_is_made_once(tmp_path: Path, folder: Path):
    made: list[int] = []
    source = tmp_path / "a.yaml"
    source.write_text("one", encoding="utf-8")

    def make() -> list[int]:
        made.append(len(made))
        return list(made)

    assert [kept_or_made(folder, list, [source], make) for _ in range(3)] == [[0]] * 3
    source.write_text("other", encoding="utf-8")
    assert kept_or_made(folder, list, [source], make) == [0, 1]
    assert kept_or_made(None, list, [source], make) == [0, 1, 2]


def test_something_of_another_kind_or_broken_is_not_believed(folder: Path):
    keep(folder, "thing", ["key"], [1])
    assert read_kept(folder, "thing", ["key"], list) == [1]
    assert read_kept(folder, "thing", ["key"], dict) is None
    assert read_kept(folder, "thing", ["other"], list) is None
    (path,) = folder.iterdir()
    for broken in (path.read_bytes()[:-3], b"", b"\x80\xff", b"text"):
        path.write_bytes(broken)
        assert read_kept(folder, "thing", ["key"], list) is None


def test_what_others_may_write_is_not_believed(folder: Path):
    keep(folder, "thing", ["key"], [1])
    (path,) = folder.iterdir()
    path.chmod(0o666)
    assert read_kept(folder, "thing", ["key"], list) is None
    path.chmod(0o600)
    folder.chmod(0o777)
    assert read_kept(folder, "thing", ["key"], list) is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert kept_or_made(tmp_path / "file", list, [], lambda: [1]) == [1]


def test_old_things_of_the_same_name_are_thrown_away(folder: Path):
    for name in ("thing", "another"):
        keep(folder, name, ["old"], [1])
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    keep(folder, "thing", ["new"], [2])
    assert read_kept(folder, "thing", ["old"], list) is None
    assert read_kept(folder, "another", ["old"], list) == [1]


def test_a_judge_asks_no_process_for_verdicts_that_were_kept(folder: Path):
    situations = [LATE, LATE | {"late_band": shipped().late_bands.names[-1]}]
    first = Judge(shipped(), kept_in=folder)
    verdicts = first.judge(situations)
    again = Judge(shipped(), kept_in=folder)
    again._judge_new = lambda waiting: pytest.fail("asked") if waiting else None
    assert again.judge(situations) == verdicts
    assert all(verdict.findings for verdict in verdicts)


def test_no_error_and_no_text_of_a_record_are_kept(folder: Path):
    late = Condition("status", "is", ("met_late", "overdue"))
    rules = small(rule("a", {"severity": "low"}, late), rule("b", {"severity": "high"}, late))
    contradiction, met = LATE, LATE | {"status": "met"}
    free = met | {"delay_code": "Jane was ill", "delay_compliant": "unknown"}
    verdicts = Judge(rules, kept_in=folder).judge([contradiction, met, free])
    assert [one.error is None for one in verdicts] == [False, True, True]
    (path,) = folder.iterdir()
    assert len(pickle.loads(path.read_bytes())) == 2
    assert b"Jane" not in path.read_bytes()


def test_without_durable_rules_it_is_the_worker_that_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(judging, "version", version)
    worker = tmp_path / "worker.py"
    worker.write_text(f"import sys\nsys.exit({judging.judge_worker.CANNOT_IMPORT})\n", encoding="utf-8")
    with pytest.raises(EngineProblem, match="CE552"):
        Judge(shipped(), worker=worker, kept_in=folder).judge([LATE])


def test_other_findings_rules_do_not_believe_kept_verdicts(folder: Path):
    Judge(shipped(), kept_in=folder).judge([LATE])
    from findings_samples import rule, small

    assert Judge(small(rule("a", {"finding": "alpha"})), kept_in=folder).judge([LATE])[0].findings == (
        "alpha",
    )


def test_legal_holidays_are_asked_for_once(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(holidays, "_folder", folder)
    holidays._of.cache_clear()
    first = holidays.legal_holidays("md", range(2020, 2030))
    holidays._of.cache_clear()
    monkeypatch.setattr(holidays, "_ask", lambda jurisdiction: pytest.fail("asked"))
    assert holidays.legal_holidays("md", range(2020, 2030)) == first
    holidays._of.cache_clear()

"""Real kills: of a process that evaluates, and of the whole command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from compliance_engine.cli.main import cli, run
from scale_samples import children, evaluated, files_of, gone, partitioned, until
from store_samples import AS_OF

SOURCE = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return partitioned(tmp_path / "records", size=10)


def test_a_killed_process_loses_and_doubles_nothing(tmp_path, law, source):
    expected = evaluated(source, tmp_path / "calm", law)
    killed: list[int] = []

    def kill(done, total, name):
        if not killed:
            killed.extend(children(os.getpid())[:1])
            os.kill(killed[0], signal.SIGKILL)

    found = evaluated(source, tmp_path / "results", law, workers=2, progress=kill)
    assert killed
    assert found.problems == ()
    assert sorted(found.done) == expected.done
    assert files_of(tmp_path / "results") == files_of(tmp_path / "calm")


def test_a_partition_that_ends_every_process_is_given_up(tmp_path, law, source, monkeypatch):
    monkeypatch.setattr("compliance_engine.scale.workers.work", _deadly)
    found = evaluated(source, tmp_path / "results", law, workers=2)
    assert [(problem.code, problem.thing) for problem in found.problems] == [("CE618", "part-00003")]
    assert len(found.done) == 7


def _deadly(job, name):
    from compliance_engine.scale.work import work

    if name == "part-00003":
        os.kill(os.getpid(), signal.SIGKILL)
    return work(job, name)


def command(source, out, law_folders, *more):
    rules, calendars = map(str, law_folders)
    given = ["evaluate", str(source), "--as-of", str(AS_OF), "--out", str(out), "--rules", rules]
    return [*given, "--calendars", calendars, *more]


def test_a_killed_command_goes_on_where_it_was(tmp_path, law, law_folders, source):
    today = date.today()  # noqa: DTZ011 - any day will do
    evaluated(source, tmp_path / "calm", law, received_on=today)
    out = tmp_path / "results"
    given = command(source, out, law_folders, "--workers", "2")
    environment = os.environ | {"PYTHONPATH": str(SOURCE / "src")}
    program = [sys.executable, "-m", "compliance_engine", *given]
    with subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stderr is not None
        assert "evaluated 1 of 8" in parent.stderr.readline()
        workers = children(parent.pid)
        parent.kill()
    assert len(workers) == 2
    assert until(lambda: all(gone(process) for process in workers))
    assert not (out / "run.json").exists()
    again = evaluated(source, out, law, workers=2)
    assert again.kept
    assert again.done
    assert len(again.kept) + len(again.done) == 8
    assert _without_day(files_of(out)) == _without_day(files_of(tmp_path / "calm"))


def _without_day(files):
    return {name: content for name, content in files.items() if not name.endswith("record.json")}


def test_a_damaged_partition_makes_exit_code_2(tmp_path, law_folders, source, capsys):
    path = source / "part-00004" / "cases.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    given = command(source, tmp_path / "results", law_folders, "--workers", "1")
    assert run(lambda: cli.main(args=given, standalone_mode=False)) == 2
    told = capsys.readouterr().err
    assert f"{path}: CE403" in told
    assert "1 problem; 7 partitions are done and kept" in told
    path.write_bytes(content)
    assert run(lambda: cli.main(args=[*given, "--format", "json"], standalone_mode=False)) == 0
    assert '"evaluated": 1' in capsys.readouterr().out
    with_violations = [*given, "--fail-on-violations"]
    assert run(lambda: cli.main(args=with_violations, standalone_mode=False)) == 1

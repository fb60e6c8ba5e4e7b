"""Runs over partitions: what is done is kept, what cannot be used is named, nothing is lost silently."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compliance_engine.cases.importers.outcome import Imported
from compliance_engine.errors import ComplianceError
from compliance_engine.scale import runs
from compliance_engine.scale.publishing import UNFINISHED
from compliance_engine.scale.runs import RUN_FILE
from scale_samples import RECEIVED, evaluated, files_of, made, partitioned, whole
from store_samples import AS_OF, new_store, sweep

NAMES = [f"part-{number:05d}" for number in range(4)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return partitioned(tmp_path / "records")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"


def codes(run) -> list[str]:
    return [problem.code for problem in run.problems]


def code_of(action) -> str:
    with pytest.raises(ComplianceError) as raised:
        action()
    (problem,) = raised.value.problems
    return problem.code


def swept(tmp_path, law):
    given = whole(made())
    number = len(given.cases) + len(given.events)
    return sweep(new_store(tmp_path, Imported(given.cases, given.events, [], number, number)), law).sweep


def test_a_run_has_the_digest_of_a_sweep(tmp_path, law, source, out):
    run, expected = evaluated(source, out, law), swept(tmp_path, law)
    assert (run.problems, run.done) == ((), NAMES)
    assert run.summary["digest"] == expected.digest
    counts = {kind: dict(found) for kind, found in expected.counts.items() if kind != "written"}
    assert run.summary["counts"] == counts
    assert json.loads((out / RUN_FILE).read_text()) == run.summary


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_partitions_may_have_any_form(tmp_path, law, source, out, form):
    expected = evaluated(source, out, law)
    other = partitioned(tmp_path / form, form=form)
    assert evaluated(other, tmp_path / "other", law).summary["digest"] == expected.summary["digest"]


def test_two_processes_write_the_same_files(tmp_path, law, source, out):
    evaluated(source, out, law)
    evaluated(source, tmp_path / "beside", law, workers=2)
    assert files_of(tmp_path / "beside") == files_of(out)


def test_the_same_run_again_does_nothing(law, source, out):
    first = evaluated(source, out, law)
    before = files_of(out)
    again = evaluated(source, out, law)
    assert (again.kept, again.done, again.summary) == (NAMES, [], first.summary)
    assert files_of(out) == before


def test_only_partitions_that_changed_are_done_again(tmp_path, law, source, out):
    evaluated(source, out, law)
    path = source / NAMES[2] / "events.parquet"
    pq.write_table(pq.read_table(path).slice(50), path)
    (out / NAMES[0] / "findings.parquet").unlink()
    again = evaluated(source, out, law)
    assert again.done == [NAMES[0], NAMES[2]]
    assert files_of(out) == files_of_new(tmp_path, law, source)


def files_of_new(tmp_path, law, source):
    evaluated(source, tmp_path / "new", law)
    return files_of(tmp_path / "new")


def test_another_question_is_asked_of_all(law, source, out):
    evaluated(source, out, law)
    assert evaluated(source, out, law, AS_OF + timedelta(days=1)).done == NAMES


def test_an_interrupted_run_goes_on_with_what_is_left(tmp_path, law, source, out):
    def stop(done, total, name):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluated(source, out, law, progress=stop)
    assert not (out / RUN_FILE).exists()
    seen: list[tuple[int, int, str]] = []
    run = evaluated(source, out, law, progress=lambda *told: seen.append(told))
    assert (run.kept, seen) == (NAMES[:1], [(n, 3, name) for n, name in enumerate(NAMES[1:], 1)])
    assert files_of(out) == files_of_new(tmp_path, law, source)


def damaged(source: Path, keep: float) -> Path:
    path = source / NAMES[1] / "events.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_truncated_partition_is_named_and_the_others_are_done(tmp_path, law, source, out, keep):
    whole_file = (source / NAMES[1] / "events.parquet").read_bytes()
    path = damaged(source, keep)
    run = evaluated(source, out, law)
    assert codes(run) == ["CE403"]
    assert str(path) in str(run.problems[0])
    assert run.done == [NAMES[0], NAMES[2], NAMES[3]]
    assert not (out / RUN_FILE).exists()
    path.write_bytes(whole_file)
    assert evaluated(source, out, law).done == [NAMES[1]]
    assert files_of(out) == files_of_new(tmp_path, law, source)


def test_a_partition_with_damage_in_its_midst_is_named(law, source, out):
    path = source / NAMES[1] / "events.parquet"
    content = bytearray(path.read_bytes())
    content[100:1500] = bytes(1400)
    path.write_bytes(bytes(content))
    run = evaluated(source, out, law, workers=2)
    assert codes(run) == ["CE403"]
    assert len(run.done) == 3


def test_a_partition_that_was_good_before_does_not_count_when_it_is_damaged(law, source, out):
    evaluated(source, out, law)
    damaged(source, 0.5)
    run = evaluated(source, out, law)
    assert codes(run) == ["CE403"]
    assert NAMES[1] not in run.summary["partitions"]
    assert not (out / RUN_FILE).exists()


def test_a_subfolder_without_events_is_named(law, source, out):
    (source / NAMES[1] / "events.parquet").unlink()
    assert codes(evaluated(source, out, law)) == ["CE403"]


def test_refused_rows_lie_beside_the_results(tmp_path, law, out):
    source = partitioned(tmp_path / "texts", form="csv")
    with (source / NAMES[1] / "events.csv").open("a") as stream:
        stream.write("nobody,consent_to_evaluate_received,2025-09-02,,\n")
    run = evaluated(source, out, law)
    assert run.problems == ()
    assert (run.summary["rows"]["refused"], run.summary["reasons"]) == (1, {"CE421": 1})
    assert run.summary["rows"]["read"] == run.summary["rows"]["accepted"] + 1
    lines = (out / NAMES[1] / "quarantine.csv").read_text().splitlines()
    assert lines[1].startswith(f"{NAMES[1]}/events.csv,")
    assert not (out / NAMES[0] / "quarantine.csv").exists()
    again = evaluated(source, out, law, received_on=RECEIVED + timedelta(days=1))
    assert again.done == [NAMES[1]]


def test_a_case_in_two_partitions_is_named(law, source, out):
    shutil.copytree(source / NAMES[2], source / "part-00009")
    run = evaluated(source, out, law)
    assert set(codes(run)) == {"CE433"}
    assert "stands in part-00002 and in part-00009" in str(run.problems[0])
    assert not (out / RUN_FILE).exists()


def test_partitions_by_hash_are_no_doubles(tmp_path, law, source, out):
    given, mixed = whole(made()), tmp_path / "mixed"
    for remainder in (0, 1):
        part = [
            table.filter(pa.array([int(one[1:]) % 2 == remainder for one in table["case_id"].to_pylist()]))
            for table in (given.cases, given.events)
        ]
        (mixed / str(remainder)).mkdir(parents=True)
        for name, table in zip(("cases", "events"), part, strict=True):
            pq.write_table(table, mixed / str(remainder) / f"{name}.parquet")
    run = evaluated(mixed, tmp_path / "other", law)
    assert run.problems == ()
    assert run.summary["digest"] == evaluated(source, out, law).summary["digest"]


def test_a_folder_with_cases_is_one_partition(law, source, out):
    run = evaluated(source / NAMES[0], out, law)
    assert (run.problems, run.done) == ((), ["whole"])


def test_a_folder_without_partitions_is_refused(tmp_path, law, source, out):
    assert code_of(lambda: evaluated(tmp_path / "nowhere", out, law)) == "CE432"
    (tmp_path / "empty" / "_temporary").mkdir(parents=True)
    assert code_of(lambda: evaluated(tmp_path / "empty", out, law)) == "CE432"
    shutil.copy(source / NAMES[0] / "cases.parquet", source)
    assert code_of(lambda: evaluated(source, out, law)) == "CE432"


def test_results_do_not_lie_among_the_records(law, source):
    assert code_of(lambda: evaluated(source, source, law)) == "CE620"
    assert code_of(lambda: evaluated(source, source / "results", law)) == "CE620"
    assert code_of(lambda: evaluated(source / NAMES[0], source, law)) == "CE620"


def test_results_of_partitions_that_are_gone_are_not_kept_silently(law, source, out):
    evaluated(source, out, law)
    shutil.rmtree(source / NAMES[3])
    assert code_of(lambda: evaluated(source, out, law)) == "CE620"


def test_other_folders_are_left_alone(law, source, out):
    (out / "photos").mkdir(parents=True)
    assert code_of(lambda: evaluated(source, out, law)) == "CE620"
    assert list((out / "photos").iterdir()) == []


def test_two_runs_into_one_folder_are_refused(law, source, out):
    codes: list[str] = []

    def another(done, total, name):
        codes.append(code_of(lambda: evaluated(source, out, law)))

    evaluated(source, out, law, progress=another)
    assert codes == ["CE620"] * 4


def test_leftovers_of_killed_workers_are_removed(law, source, out):
    (out / f"{UNFINISHED}part-00001-x").mkdir(parents=True)
    (out / f"{UNFINISHED}run.json-x").touch()
    evaluated(source, out, law)
    assert not list(out.glob(".unfinished-*"))


def test_results_that_cannot_be_written_are_named(law, source, out, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("compliance_engine.scale.publishing.sync", full)
    monkeypatch.setattr(runs, "write_whole", lambda path, content: None)
    run = evaluated(source, out, law)
    assert codes(run) == ["CE622"] * 4
    assert "No space left on device" in str(run.problems[0])
    assert not list(out.glob("*part*"))

"""Runs over a folder of partitions: each is evaluated by itself and kept when it is done."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from compliance_engine.errors import ComplianceError, Place, Problem, StoreProblem
from compliance_engine.scale.batches import digest_of_sums
from compliance_engine.scale.job import LAW_FILE, Job, law_archive, program_version
from compliance_engine.scale.overlaps import check_overlaps
from compliance_engine.scale.partitions import partition_names
from compliance_engine.scale.publishing import clear_leftovers
from compliance_engine.scale.records import RECORD_FILE, Record, counts_as_json, done_record, read_record
from compliance_engine.scale.work import Bench, Outcome
from compliance_engine.scale.workers import outcomes_beside, outcomes_here
from compliance_engine.store.sweeps import Question, Tally, add_tally
from compliance_engine.sweep.law import Law
from compliance_engine.whole_files import write_whole

RUN_FILE, LOCK_FILE = "run.json", ".lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}

Progress = Callable[[int, int, str], None]
"""Called with the partitions done, how many there are to do, and the name of the one just done."""


def _silent(done: int, total: int, name: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run.

    Attributes:
        kept: Partitions that were done before and still hold.
        done: Partitions evaluated now.
        problems: Of the partitions that could not be done; the run is finished when there is none.
        summary: What stands in `RUN_FILE`; of the partitions that are done, when not all are.
    """

    kept: Sequence[str]
    done: Sequence[str]
    problems: Sequence[Problem]
    summary: dict[str, Any]


def run_partitions(
    source: Path,
    out: Path,
    question: Question,
    law: Law,
    *,
    received_on: date,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress = _silent,
) -> Run:
    """Evaluate every partition of a folder that is not done yet.

    Args:
        source: Holds the partitions.
        out: Takes the results, one folder per partition.
        received_on: Birth dates after this day are refused.
        workers: Processes that evaluate; 1: this one does.
        scheduler: The address of a Dask cluster that evaluates instead.
        progress: Told of each partition done.

    Raises: CaseProblem CE432 for a folder without partitions, StoreProblem CE620 when `out` cannot be used,
        CE619 when the cluster cannot.
    """
    names = partition_names(source)
    _check_apart(source, out)
    if scheduler is not None:
        source, out = source.resolve(), out.resolve()
    job = Job(question, source, out, law.rules.hash, law.calendars.hash, received_on, program_version())
    with _locked(out):
        _check_out(out, names)
        clear_leftovers(out)
        kept = [name for name in names if _is_done(job, name)]
        waiting = [name for name in names if name not in set(kept)]
        if waiting:
            (out / RUN_FILE).unlink(missing_ok=True)
        write_whole(out / LAW_FILE, law_archive(law))
        problems: list[Problem] = []
        done: list[str] = []
        for outcome in _outcomes(job, waiting, law, workers, scheduler):
            problems += outcome.problems
            if not outcome.problems:
                done.append(outcome.name)
                progress(len(done), len(waiting), outcome.name)
        return _finished(job, kept, done, problems)


def _outcomes(
    job: Job, waiting: Sequence[str], law: Law, workers: int, scheduler: str | None
) -> Iterator[Outcome]:
    if not waiting:
        return iter(())
    if scheduler is not None:
        from compliance_engine.scale.cluster import outcomes_on

        return outcomes_on(job, waiting, scheduler)
    if workers == 1:
        return outcomes_here(job, waiting, Bench(law, law.judge()))
    return outcomes_beside(job, waiting, workers)


def _is_done(job: Job, name: str) -> bool:
    try:
        return done_record(job, name) is not None
    except OSError:
        return False  # its worker will say what is wrong


def _finished(job: Job, kept: list[str], done: list[str], problems: list[Problem]) -> Run:
    """Put the records together; they are read from where they lie, whoever wrote them."""
    records: dict[str, Record] = {}
    for name in sorted({*kept, *done}):
        record = read_record(job.out / name)
        if record is None or record.asked != job.asked():
            found = "its results are gone, or another run has replaced them"
            problems.append(Problem(Place(str(job.out / name)), "CE622", name, found, mend="run it again"))
        else:
            records[name] = record
    try:
        check_overlaps(job, {name: one.ids for name, one in records.items()})
    except ComplianceError as error:
        problems += error.problems
    summary = _summary(job, records)
    if not problems:
        content = json.dumps(summary, indent=1, ensure_ascii=False) + "\n"
        write_whole(job.out / RUN_FILE, content)
    return Run(kept, done, tuple(sorted(set(problems))), summary)


def _summary(job: Job, records: dict[str, Record]) -> dict[str, Any]:
    rows, reasons, counts = Counter[str](), Counter[str](), Tally()
    for record in records.values():
        rows.update(record.rows)
        reasons.update(record.reasons)
        add_tally(counts, record.counts)
    return {
        "version": 1,
        "asked": job.asked(),
        "partitions": list(records),
        "rows": dict(rows),
        "reasons": dict(sorted(reasons.items())),
        "counts": counts_as_json(counts),
        "digest": digest_of_sums(record.sums for record in records.values()),
        "warnings": sorted({text for record in records.values() for text in record.warnings}),
    }


def _check_apart(source: Path, out: Path) -> None:
    inner, outer = out.resolve(), source.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise _out_problem(out, "one of the two folders lies in the other", "another folder for the results")


def _check_out(out: Path, names: Sequence[str]) -> None:
    """See that the folder holds results of these partitions and nothing else that matters.

    Raises: StoreProblem CE620.
    """
    folders = [one for one in out.iterdir() if one.is_dir() and not one.name.startswith(".")]
    foreign = [one.name for one in folders if not (one / RECORD_FILE).is_file()]
    if foreign:
        raise _out_problem(out, f"it holds folders that are no results: {_some(foreign)}", "an empty folder")
    gone = [one.name for one in folders if one.name not in set(names)]
    if gone:
        found = f"it holds results of partitions that are not there any more: {_some(gone)}"
        raise _out_problem(out, found, mend="remove them, or give another folder")


def _some(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:5]) + (", ..." if len(names) > 5 else "")


def _out_problem(out: Path, found: str, expected: str = "", mend: str = "") -> StoreProblem:
    return StoreProblem(Problem(Place(str(out)), "CE620", "--out", found, expected, mend))


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep the folder of results for this run; a killed process lets it go.

    Raises: StoreProblem CE620 when another run has it, or it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        stream = (out / LOCK_FILE).open("w")
    except OSError as error:
        raise _out_problem(out, f"it cannot be written: {error.strerror}") from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _out_problem(out, "another process is evaluating into it", mend="wait for it") from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise _out_problem(out, f"it cannot be locked: {os.strerror(error.errno or 0)}") from error
        yield

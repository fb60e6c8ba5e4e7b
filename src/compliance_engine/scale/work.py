"""The work of one partition: read, evaluate, write. It runs in whatever process, on whatever machine."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from compliance_engine.cases.importers import read_folder
from compliance_engine.cases.importers.outcome import Imported, QuarantinedRow, write_quarantine
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import CaseProblem, ComplianceError, Place, Problem, StoreProblem
from compliance_engine.memory import settle_in
from compliance_engine.scale.batches import Results, district_sums, evaluate_tables
from compliance_engine.scale.job import LAW_FILE, Job, program_version, read_archive
from compliance_engine.scale.partitions import file_hash, input_hashes, partition_folder
from compliance_engine.scale.publishing import published
from compliance_engine.scale.records import RECORD_FILE, Record
from compliance_engine.sweep.law import Law, law_of_snapshots

QUARANTINE_FILE = "quarantine.csv"
_TABLES = ("cases", "deadlines", "findings")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a partition: it is done, or there are problems."""

    name: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Bench:
    """What a process evaluates with, partition after partition."""

    law: Law
    judge: Judge


def work(job: Job, name: str) -> Outcome:
    """Evaluate a partition in a process that may know nothing of the job yet."""
    settle_in()
    try:
        bench = _bench(job)
    except ComplianceError as error:
        return Outcome(name, error.problems)
    return evaluate_partition(job, name, bench)


def evaluate_partition(job: Job, name: str, bench: Bench) -> Outcome:
    """Read a partition, evaluate it and write what is found; problems are answered, not raised."""
    folder = partition_folder(job.source, name)
    try:
        inputs, given = _read(folder, job)
        where = str(folder)
        results = evaluate_tables(
            bench.law, bench.judge, job.question, given.cases, given.events, where=where
        )
        _write(job, name, inputs, given, results)
    except ComplianceError as error:
        return Outcome(name, error.problems)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        found = f"the results of {name} cannot be written: {reason}"
        mend = "make room or mend the folder, then run the same command again"
        return Outcome(name, (Problem(Place(str(job.out)), "CE622", name, found, mend=mend),))
    return Outcome(name)


_lock = threading.Lock()
_benches: dict[tuple[str, str, str], Bench] = {}
"""In a worker: the law of the job it last took part in."""


def _bench(job: Job) -> Bench:
    """Return the law that lies beside the results.

    Raises: StoreProblem CE619 in a worker of another version, CE622 when the law is not what it was.
    """
    path = job.out / LAW_FILE
    key = (str(path), job.rules, job.calendars)
    with _lock:
        if key not in _benches:
            if program_version() != job.program:
                found = f"a worker has {program_version()}, and this is {job.program}"
                mend = "install the same versions on all machines"
                raise StoreProblem(Problem(Place(str(job.out)), "CE619", "worker", found, mend=mend))
            _benches.clear()
            _benches[key] = _read_bench(job, path)
        return _benches[key]


def _read_bench(job: Job, path: Path) -> Bench:
    mend = "a worker must see the folder of results under the same name"
    try:
        snapshots = read_archive(path)
    except OSError as error:
        found = f"a worker cannot read it: {error.strerror}"
        raise StoreProblem(Problem(Place(str(path)), "CE622", "law", found, mend=mend)) from error
    if tuple(one.hash for one in snapshots) != (job.rules, job.calendars):
        found = "a worker finds other rules or calendars there"
        raise StoreProblem(Problem(Place(str(path)), "CE622", "law", found, mend=mend))
    with law_of_snapshots(*snapshots) as law:
        return Bench(law, law.judge(job.judges))


def _read(folder: Path, job: Job) -> tuple[dict[str, str], Imported]:
    """Return the hashes of the input files, and what they hold.

    Raises: CaseProblem as `read_folder` does, CE403 also for a file that breaks off in its midst.
    """
    try:
        return input_hashes(folder), read_folder(folder, received_on=job.received_on)
    except (pa.ArrowException, OSError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged"
        found = f"the files cannot be read to their end: {said}"
        raise CaseProblem(Problem(Place(str(folder)), "CE403", folder.name, found)) from error


def _write(job: Job, name: str, inputs: dict[str, str], given: Imported, found: Results) -> None:
    refused = [replace(row, file=f"{name}/{Path(row.file).name}") for row in given.quarantine]
    with published(job.out / name) as folder:
        for table in _TABLES:
            pq.write_table(getattr(found, table), folder / f"{table}.parquet", compression="zstd")
        if refused:
            write_quarantine(refused, folder / QUARANTINE_FILE)
        files = {path.name: (path.stat().st_size, file_hash(path)) for path in folder.iterdir()}
        record = Record(
            asked=job.asked(),
            inputs=inputs,
            received_on=job.received_on.isoformat(),
            files=files,
            rows={"read": given.read, "accepted": given.accepted, "refused": len(refused)},
            reasons=_reasons(refused),
            ids=_ends(found.cases),
            counts=found.counts,
            sums=district_sums(found.cases),
            warnings=tuple(str(problem) for problem in found.warnings),
        )
        (folder / RECORD_FILE).write_text(record.text(), encoding="utf-8")


def _reasons(refused: Sequence[QuarantinedRow]) -> dict[str, int]:
    return dict(sorted(Counter(row.code for row in refused).items()))


def _ends(cases: pa.Table) -> tuple[str, ...]:
    ends = pc.min_max(cases.column("case_id"))
    return (ends["min"].as_py(), ends["max"].as_py()) if len(cases) else ()

"""A case belongs to one partition; one that stands in two is found before the run is finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from compliance_engine.errors import CaseProblem, Place, Problem
from compliance_engine.scale.job import Job
from compliance_engine.store.seals import text_seals

_NAMED = 20


def check_overlaps(job: Job, ends: Mapping[str, Sequence[str]]) -> None:
    """See that no case stands in two partitions.

    Only partitions whose ranges of ids overlap are compared, by 64 bits an id.

    Args:
        ends: The first and the last case id of each partition, by its name.

    Raises: CaseProblem CE433 naming the cases and their partitions.
    """
    problems = [problem for group in _groups(ends) for problem in _twice(job, group)]
    if problems:
        raise CaseProblem(problems[:_NAMED])


def _groups(ends: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Yield the partitions whose ranges overlap, several at a time."""
    group: list[str] = []
    last = ""
    ranges = sorted((*two, name) for name, two in ends.items() if two)
    for low, high, name in ranges:
        if group and low > last:
            yield group
            group = []
        last = max(last, high) if group else high
        group.append(name)
    yield group


def _twice(job: Job, names: Sequence[str]) -> Iterator[Problem]:
    if len(names) < 2:
        return
    seals = np.concatenate([text_seals(_ids(job, name)) for name in names])
    distinct, number = np.unique(seals, return_counts=True)
    if len(distinct) == len(seals):
        return
    suspects = pa.array(distinct[number > 1])
    found: dict[str, list[str]] = {}
    for name in names:
        ids = _ids(job, name)
        for one in ids.filter(pc.is_in(pa.array(text_seals(ids)), value_set=suspects)).to_pylist():
            found.setdefault(one, []).append(name)
    for one, where in sorted(found.items()):
        if len(where) > 1:
            text = f"the case stands in {' and in '.join(where)}"
            mend = "keep all records of a case in one partition"
            yield Problem(Place(str(job.source / where[-1])), "CE433", one, text, mend=mend)


def _ids(job: Job, name: str) -> pa.ChunkedArray:
    return pq.read_table(job.out / name / "cases.parquet", columns=["case_id"]).column("case_id")

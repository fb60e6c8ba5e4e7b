"""The record beside the results of a partition: what was asked, of what, and what came of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compliance_engine.scale.batches import DistrictSums
from compliance_engine.scale.job import Job
from compliance_engine.scale.partitions import input_hashes, partition_folder
from compliance_engine.store.digests import lanes_from, text_of
from compliance_engine.store.sweeps import Tally

RECORD_FILE = "record.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in `RECORD_FILE`; the same for the same partition, whoever evaluated it.

    Attributes:
        asked: `Job.asked`.
        inputs: sha256 of each input file by name.
        files: Bytes and sha256 of each file of results by name.
        rows: How many rows were `read`, `accepted` and `refused`.
        reasons: Codes of refused rows.
        ids: The first and last case id, none where there is no case.
        sums: What the partition adds to the digests of its districts.
        warnings: What the evaluator could not use.
    """

    asked: Mapping[str, Any]
    inputs: Mapping[str, str]
    received_on: str
    files: Mapping[str, tuple[int, str]]
    rows: Mapping[str, int]
    reasons: Mapping[str, int]
    ids: tuple[str, ...]
    counts: Tally
    sums: DistrictSums
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        names = ("asked", "inputs", "received_on", "rows", "reasons", "ids", "warnings")
        content = {name: getattr(self, name) for name in names}
        content["files"] = {name: list(one) for name, one in sorted(self.files.items())}
        content["counts"] = counts_as_json(self.counts)
        content["districts"] = [[*names, text_of(lanes)] for names, lanes in sorted(self.sums.items())]
        return {"version": _VERSION, **content}

    def text(self) -> str:
        """Return what is written."""
        return json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n"


def counts_as_json(counts: Tally) -> dict[str, dict[str, int]]:
    """Return counts in a fixed order."""
    return {kind: dict(sorted(counter.items())) for kind, counter in sorted(counts.items())}


def read_record(folder: Path) -> Record | None:
    """Return the record of a folder of results; None where there is none that can be read."""
    try:
        content = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        if content.pop("version") != _VERSION:
            return None
        districts = content.pop("districts")
        content["sums"] = {(state, district): lanes_from(text) for state, district, text in districts}
        content["files"] = {name: (size, digest) for name, (size, digest) in content["files"].items()}
        content["counts"] = {kind: Counter(names) for kind, names in content["counts"].items()}
        content["ids"], content["warnings"] = tuple(content["ids"]), tuple(content["warnings"])
        return Record(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def done_record(job: Job, name: str) -> Record | None:
    """Return the record of a partition that needs no more work: the same was asked of the same files.

    Rows that were refused on another day are read again: a birth date may lie in the past by now.

    Raises: OSError when the input files cannot be read.
    """
    folder = job.out / name
    record = read_record(folder)
    if record is None or record.asked != job.asked():
        return None
    if record.rows["refused"] and record.received_on != job.received_on.isoformat():
        return None
    if any(_size(folder / file) != size for file, (size, _) in record.files.items()):
        return None
    return record if record.inputs == input_hashes(partition_folder(job.source, name)) else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1

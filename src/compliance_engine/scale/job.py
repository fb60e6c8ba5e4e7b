"""What is asked of every partition, and the law it is to be answered by."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compliance_engine import __version__
from compliance_engine.store.contents import Snapshot, snapshot_of
from compliance_engine.store.sweeps import Question
from compliance_engine.sweep.law import Law

LAW_FILE = "law.zip"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know; it travels between machines.

    Attributes:
        source: The folder of partitions.
        out: The folder of results; `LAW_FILE` in it holds rules and calendars.
        rules, calendars: Their hashes.
        received_on: Birth dates after this day are refused.
        program: Versions of this program and of the legal holidays.
        judges: Child processes that judge at a time.
    """

    question: Question
    source: Path
    out: Path
    rules: str
    calendars: str
    received_on: date
    program: str
    judges: int = 1

    def asked(self) -> dict[str, Any]:
        """Return all that decides about the results but the facts, as JSON."""
        question = self.question
        known_at, project_until = question.known_at, question.project_until
        return {
            "as_of": question.as_of.isoformat(),
            "known_at": None if known_at is None else known_at.isoformat(),
            "readings": {rule: dict(answers) for rule, answers in sorted(question.readings.items())},
            "project_until": None if project_until is None else project_until.isoformat(),
            "rules": self.rules,
            "calendars": self.calendars,
            "program": self.program,
        }


def program_version() -> str:
    """Return the versions of what counts here: this program and the legal holidays."""
    return f"compliance-engine {__version__}, holidays {version('holidays')}"


def law_archive(law: Law) -> bytes:
    """Return rules and calendars as a zip archive, the same bytes for the same law."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for snapshot in (law.rules, law.calendars):
            for name, data in sorted(snapshot.files.items()):
                entry = zipfile.ZipInfo(f"{snapshot.kind}/{name}", _LONG_AGO)
                archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def read_archive(path: Path) -> tuple[Snapshot, Snapshot]:
    """Return the rules and calendars of an archive.

    Raises: OSError when it cannot be read.
    """
    files: dict[str, dict[str, bytes]] = {"rules": {}, "calendars": {}}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                kind, _, rest = name.partition("/")
                files[kind][rest] = archive.read(name)
    except (zipfile.BadZipFile, KeyError) as error:
        raise OSError(0, "it is not what was written", str(path)) from error
    return snapshot_of("rules", files["rules"]), snapshot_of("calendars", files["calendars"])

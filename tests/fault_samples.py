"""A small site with records, a law and a store, and what its store holds."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from commands import Commands, Ended
from compliance_engine.cases.generator import District, Generated, generate, write_folder
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.store import results, sweeps
from compliance_engine.store.connect import open_store
from compliance_engine.store.tables import metadata
from store_samples import AS_OF, COUNTY, consent, copy_law

FIRST, LATER = "2026-02-02", "2026-03-16"
REPORT = "violations.html"
STEPS = ("import", "sweep", "import more", "sweep later", "report")
_KEPT = ("districts", "cases", "case_versions", "events", "deadlines", "findings", "verdicts", "case_states")


@dataclass(frozen=True)
class Content:
    """What a store holds, without the numbers that count attempts.

    Attributes:
        rows: How many rows the tables have that no attempt may add to.
        found: Digest, counts, deadlines and findings of the last finished sweep.
    """

    rows: dict[str, int]
    found: tuple[Any, ...]


@dataclass(frozen=True)
class Site:
    """A folder to work in, and where its store lies."""

    folder: Path
    store: str
    commands: Commands

    def run(self, *arguments: object, **how: Any) -> Ended:
        return self.commands.run(*arguments, folder=self.folder, store=self.store, **how)

    def step(self, name: str, **how: Any) -> Ended:
        """Do one of the steps of a night."""
        return self.run(*self.arguments(name), **how)

    def arguments(self, name: str) -> list[str]:
        store = ("--store", self.store)
        law = ("--rules", "rules", "--calendars", "calendars")
        known = {
            "import": ["import", "records", *store],
            "import more": ["import", "more", *store],
            "sweep": ["sweep", "--as-of", FIRST, *store, *law],
            "sweep later": ["sweep", "--as-of", LATER, *store, *law],
            "report": ["report", "violations", *store, "--output", REPORT],
            "verify": ["audit", "verify", *store],
        }
        return known[name]

    def steps(self, names: Iterable[str]) -> None:
        """Do steps of which none may fail."""
        for name in names:
            ended = self.step(name)
            assert ended.code == 0, (name, ended.err)

    def verify(self, *options: str) -> None:
        """Make sure that the audit finds nothing wrong."""
        ended = self.run(*self.arguments("verify"), *(options or ("--quick",)))
        assert ended.code == 0, ended.out + ended.err

    def content(self) -> Content:
        store = open_store(self.store)
        try:
            with store.read() as connection:
                count = sa.select(sa.func.count())
                rows = {
                    name: connection.execute(count.select_from(metadata.tables[name])).scalar_one()
                    for name in _KEPT
                }
                return Content(rows, _found(connection, sweeps.last_finished(connection)))
        finally:
            store.close()

    def digest(self) -> str | None:
        """Return the digest of the sweep that readers see."""
        found = self.content().found
        return found[0] if found else None


def _found(connection: sa.Connection, last: sweeps.Sweep | None) -> tuple[Any, ...]:
    if last is None:
        return ()
    tables = results.read_deadlines(connection, last), results.read_findings(connection, last)
    counts = {kind: dict(tally) for kind, tally in last.counts.items() if kind != "written"}
    return last.digest, counts, *(table.to_pylist() for table in tables)


def write_site(folder: Path) -> None:
    """Write records of three districts, a later export with a fourth and with new events, and a law."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_law(folder)
    first = _made("one", "two", "three", seed=7)
    _write(folder / "records", *first)
    cases, events = _made("four", seed=8)
    named = [[row | {"case_id": f"four-{row['case_id']}"} for row in rows] for rows in (cases, events)]
    known = first[0][::3]
    ids = {row["case_id"] for row in known}
    events = [row for row in first[1] if row["case_id"] in ids] + named[1]
    _write(folder / "more", known + named[0], events + [consent(one, "2026-02-03") for one in sorted(ids)])


def _made(*districts: str, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    made = generate([District("tx", f"tx.{name}", COUNTY, 9) for name in districts], seed=seed, until=AS_OF)
    return made.cases.to_pylist(), made.events.to_pylist()


def _write(folder: Path, cases: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    tables = pa.Table.from_pylist(cases, CASES), pa.Table.from_pylist(events, EVENTS)
    write_folder(Generated(*tables), folder)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Have a disk of its own lie in a folder; the test is skipped where that is not permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if not shutil.which("mount"):
        pytest.skip("there is no mount command")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, *, leave: int) -> Path:
    """Fill a disk up to a few bytes; return the file that does."""
    path = folder / "ballast"
    room = os.statvfs(folder)
    path.write_bytes(bytes(room.f_bavail * room.f_frsize - leave))
    return path

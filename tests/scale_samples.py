"""Folders of partitions, and processes to be killed, for the tests of scale."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa

from compliance_engine.cases.generator import District, Generated, generate_partitions, write_folder
from compliance_engine.scale.runs import LOCK_FILE, Run, run_partitions
from compliance_engine.store.sweeps import Question
from compliance_engine.sweep.law import Law
from store_samples import AS_OF, COUNTY

RECEIVED = date(2026, 2, 3)
DISTRICTS = [District("tx", f"tx.{name}", COUNTY, 25) for name in ("one", "three", "two")]


def made(size: int = 20) -> list[Generated]:
    """Return 75 cases of three districts in partitions that cut through them."""
    return list(generate_partitions(DISTRICTS, seed=7, until=AS_OF, size=size))


def whole(parts: list[Generated]) -> Generated:
    cases, events = ([getattr(part, name) for part in parts] for name in ("cases", "events"))
    return Generated(pa.concat_tables(cases), pa.concat_tables(events))


def partitioned(folder: Path, size: int = 20, form: str = "parquet") -> Path:
    for number, part in enumerate(made(size)):
        write_folder(part, folder / f"part-{number:05d}", form=form)  # type: ignore[arg-type]
    return folder


def evaluated(source: Path, out: Path, law: Law, as_of: date = AS_OF, **how: object) -> Run:
    how = {"received_on": RECEIVED, "workers": 1} | how
    return run_partitions(source, out, Question(as_of), law, **how)  # type: ignore[arg-type]


def files_of(out: Path) -> dict[str, bytes]:
    """Return all that a run wrote."""
    paths = (path for path in sorted(out.rglob("*")) if path.is_file() and path.name != LOCK_FILE)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def children(process: int) -> list[int]:
    """Return the processes that another one started and that evaluate."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [number for number in map(int, listed.split()) if "spawn_main" in _command_of(number)]


def _command_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(holds: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something holds; return whether it does."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()

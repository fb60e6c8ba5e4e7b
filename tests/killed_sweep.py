"""Sweeps a store and is killed after the first district, as by a power cut; for the tests of resuming."""

from __future__ import annotations

import os
import signal
import sys
from datetime import date
from pathlib import Path

from compliance_engine.store.connect import open_store
from compliance_engine.sweep import lots
from compliance_engine.sweep.law import read_law
from store_samples import process, sweep


def die(done: int, total: int, name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    path, rules, calendars, as_of = sys.argv[1:]
    lots.CHUNK = 1
    law = read_law(Path(rules), Path(calendars))
    sweep(open_store(path), law, date.fromisoformat(as_of), progress=die, process=process(number=os.getpid()))

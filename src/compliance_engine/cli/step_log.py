"""A log of what a long command does: one line of JSON for each step, for programs that watch it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

Log = Callable[[str, Mapping[str, Any]], None]


@contextmanager
def step_log(path: Path | None, clock: Callable[[], datetime]) -> Iterator[Log]:
    """Give a way to note steps at the end of a file; nothing is noted for None.

    Where the disk is full later, that is said once, and the command goes on.

    Raises: UsageProblem CE703 when the file cannot be written.
    """
    if path is None:
        yield lambda step, facts: None
        return
    try:
        file = path.open("ab", buffering=0)
    except OSError as error:
        from compliance_engine.errors import Place, Problem, UsageProblem

        found = f"cannot be written: {error.strerror}"
        raise UsageProblem(Problem(Place("--log"), "CE703", str(path), found)) from error
    with file:
        yield _Steps(file, clock).note


class _Steps:
    def __init__(self, file: IO[bytes], clock: Callable[[], datetime]) -> None:
        self._file, self._clock, self._broken = file, clock, False

    def note(self, step: str, facts: Mapping[str, Any]) -> None:
        line = {"at": self._clock().isoformat(), "step": step, **facts}
        try:
            self._file.write(json.dumps(line, default=_plain).encode() + b"\n")
        except OSError as error:
            if not self._broken:
                click.echo(f"--log: {error.strerror}; the steps that follow may be missing", err=True)
            self._broken = True


def _plain(value: Any) -> str:
    return str(value.isoformat())

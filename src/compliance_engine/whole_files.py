"""Writes files whole or not at all: a process that is killed and a disk that is full leave no half of one."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

UNFINISHED = ".unfinished-"
"""How names of files begin that a killed process left behind."""


def write_whole(path: Path, content: str | bytes, *, encoding: str = "utf-8") -> None:
    """Write a file beside its place, then move it there; line ends of a text are written as they are.

    What is no plain file (a pipe, a device) is written directly.

    Raises: OSError; what stood in the place before stands there still.
    """
    data = content.encode(encoding) if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(f"{UNFINISHED}{target.name}-{os.getpid()}")
    try:
        part.write_bytes(data)
        sync(part)
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # not every file system can do this for a folder
        sync(target.parent)


def sync(path: Path) -> None:
    """See that a file or folder is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

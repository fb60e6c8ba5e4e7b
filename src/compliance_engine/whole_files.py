"""Writes files whole or not at all: a process that is killed and a disk that is full leave no half of one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_whole(path: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write a text beside its place, then move it there; line ends are written as they are.

    What is no plain file (a pipe, a device) is written directly.

    Raises: OSError; what stood in the place before stands there still.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding=encoding, newline="")
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding=encoding, newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

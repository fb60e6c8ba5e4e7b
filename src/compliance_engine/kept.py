"""Keeps what was read and checked between runs, so that a command for one child need not read it all anew.

The key covers every file's name, size and time of change, and the versions of this package and of Python: a
touched file is read again. Things are kept only after every check has passed. The kept form is Python's own
(pickle), so a file is believed only if it and its folder belong to the caller and nobody else may write them.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from compliance_engine import __version__

T = TypeVar("T")


def kept_or_made(cache: Path | None, kind: type[T], files: Iterable[Path], make: Callable[[], T]) -> T:
    """Return what was kept for these files, or make and keep it.

    Args:
        cache: The folder in which things are kept; None keeps nothing.
        kind: What is kept; anything else is not believed.
        files: All that it is made from.
        make: Makes it; its errors are the caller's.
    """
    if cache is None:
        return make()
    path = cache / f"{kind.__name__.lower()}-{_key(files)}.pickle"
    found = _read(path)
    if isinstance(found, kind):
        return found
    made = make()
    _keep(path, made)
    return made


def _key(files: Iterable[Path]) -> str:
    package = Path(__file__).parent
    code = [package, *(package / name for name in ("calendars", "rules", "cases"))]
    digest = hashlib.sha256(f"{__version__} {sys.version}".encode())
    for path in (*files, *(module for folder in code for module in sorted(folder.glob("*.py")))):
        status = path.stat()
        digest.update(f"{path.absolute()}:{status.st_size}:{status.st_mtime_ns};".encode())
    return digest.hexdigest()[:32]


def _read(path: Path) -> object:
    try:
        if not (_own(path) and _own(path.parent)):
            return None
        return pickle.loads(path.read_bytes())
    except (OSError, pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError):
        return None


def _own(path: Path) -> bool:
    status = path.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return False
    return not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _keep(path: Path, made: object) -> None:
    """Keep something; a folder that cannot be written is no error, things are only read again."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(pickle.dumps(made, protocol=5))
        Path(file.name).replace(path)
    except OSError:
        return

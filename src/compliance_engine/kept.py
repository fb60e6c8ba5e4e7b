"""Keeps what was read, checked or found between runs, so that a command need not do it all anew.

The key covers what it was made of (of files: name, size and time of change), and the versions of this
package, its code and Python: a touched file is read again. Things are kept only after every check has passed.
The kept form is Python's own (pickle), so a file is believed only if it and its folder belong to the caller
and nobody else may write them.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TypeVar

from compliance_engine import __version__

T = TypeVar("T")
_CODE = ("calendars", "rules", "cases", "engine")
_BROKEN = (
    *(OSError, EOFError, ImportError, LookupError, AttributeError, TypeError, ValueError),
    pickle.UnpicklingError,
)
"""What reading a file that is broken, or not there, may raise."""
_OLD = 30 * 24 * 3600
"""Seconds after which what was made of other files or by other code is thrown away."""


def kept_or_made(folder: Path | None, kind: type[T], files: Iterable[Path], make: Callable[[], T]) -> T:
    """Return what was kept for these files, or make and keep it.

    Args:
        folder: Where things are kept; None keeps nothing.
        kind: What is kept; anything else is not believed.
        files: All that it is made from.
        make: Makes it; its errors are the caller's.
    """
    if folder is None:
        return make()
    name, key = kind.__name__.lower(), [_as_it_stands(path) for path in files]
    found = read_kept(folder, name, key, kind)
    if found is None:
        found = make()
        keep(folder, name, key, found)
    return found


def read_kept(folder: Path, name: str, key: Iterable[str], kind: type[T]) -> T | None:
    """Return what was kept under a name and a key, None when there is nothing that can be believed."""
    path = _path(folder, name, key)
    try:
        if not (_own(path) and _own(path.parent)):
            return None
        found = pickle.loads(path.read_bytes())
    except _BROKEN:
        return None
    return found if isinstance(found, kind) else None


def keep(folder: Path, name: str, key: Iterable[str], made: object) -> None:
    """Keep something; a folder that cannot be written is no error, things are only made again."""
    path = _path(folder, name, key)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(pickle.dumps(made, protocol=5))
        Path(file.name).replace(path)
        _throw_away_old(folder, name, path.stat().st_mtime - _OLD)
    except OSError:
        return


def _path(folder: Path, name: str, key: Iterable[str]) -> Path:
    text = "\n".join([_code(), *key])
    return folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}.pickle"


@cache
def _code() -> str:
    package = Path(__file__).parent
    modules = (sorted(one.glob("*.py")) for one in (package, *(package / name for name in _CODE)))
    return "\n".join([__version__, sys.version, *(_as_it_stands(path) for some in modules for path in some)])


def _as_it_stands(path: Path) -> str:
    status = path.stat()
    return f"{path.absolute()}:{status.st_size}:{status.st_mtime_ns}"


def _own(path: Path) -> bool:
    status = path.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return False
    return not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _throw_away_old(folder: Path, name: str, before: float) -> None:
    for path in folder.glob(f"{name}-*.pickle"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)

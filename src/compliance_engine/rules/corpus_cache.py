"""Keeps a checked corpus between runs, so that a command for one child need not read all rules anew.

The key covers every file's name, size and time of change, and the versions of this package and of Python: a
touched rule is read again. A corpus is kept only after every check has passed. The kept form is Python's own
(pickle), so a file is believed only if it and its folder belong to the caller and nobody else may write them.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from compliance_engine import __version__
from compliance_engine.rules.loader import FEDERAL, Corpus


def corpus_files(folder: Path, jurisdictions: Collection[str] | None) -> list[Path]:
    """Return the files a corpus of some jurisdictions (None: all) is read from, sorted."""
    tops = (
        [folder]
        if jurisdictions is None
        else [folder / name for name in sorted({*jurisdictions, FEDERAL}) if (folder / name).is_dir()]
    )
    return sorted(
        path for top in tops for path in top.rglob("*.yaml") if not path.name.endswith(".cases.yaml")
    )


def kept_path(cache: Path, folder: Path, files: Iterable[Path], code: Iterable[Path]) -> Path:
    """Return where the corpus of these files is (or would be) kept.

    Args:
        code: Source files whose change makes kept corpora useless.
    """
    digest = hashlib.sha256(f"{__version__} {sys.version} {folder.resolve()}".encode())
    for path in (*files, *code):
        status = path.stat()
        digest.update(f"{path}:{status.st_size}:{status.st_mtime_ns};".encode())
    return cache / f"rules-{digest.hexdigest()[:32]}.pickle"


def read_kept(path: Path) -> Corpus | None:
    """Return a kept corpus, or None when there is none that can be believed."""
    try:
        if not (_own(path) and _own(path.parent)):
            return None
        found = pickle.loads(path.read_bytes())
    except (OSError, pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError):
        return None
    return found if isinstance(found, Corpus) else None


def _own(path: Path) -> bool:
    status = path.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return False
    return not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def keep(path: Path, corpus: Corpus) -> None:
    """Keep a corpus; a folder that cannot be written is no error, the rules are only read again."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(pickle.dumps(corpus, protocol=5))
        Path(file.name).replace(path)
    except OSError:
        return

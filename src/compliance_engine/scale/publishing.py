"""Results appear whole or not at all: a folder is filled beside its place and moved there."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from compliance_engine.whole_files import UNFINISHED, sync

REPLACED = ".replaced-"


@contextmanager
def published(target: Path) -> Iterator[Path]:
    """Give an empty folder; what is put there stands at `target` afterwards, if nothing goes wrong.

    What stood at `target` before is replaced. Whoever is killed meanwhile leaves either the old or the new
    results there, or none, and perhaps a folder that `clear_leftovers` removes.

    Raises: OSError when it cannot be written.
    """
    made = _beside(target, UNFINISHED)
    try:
        made.mkdir()
        yield made
        for path in made.iterdir():
            sync(path)
        sync(made)
        _move(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    sync(target.parent)


def _move(made: Path, target: Path) -> None:
    while True:
        if target.exists():
            away = _beside(target, REPLACED)
            with suppress(FileNotFoundError):  # somebody else was quicker
                target.rename(away)
            shutil.rmtree(away, ignore_errors=True)
        try:
            made.rename(target)
        except OSError:
            if not target.exists():
                raise
        else:
            return


def clear_leftovers(folder: Path) -> None:
    """Remove what killed workers left behind."""
    for path in folder.iterdir():
        if path.name.startswith((UNFINISHED, REPLACED)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _beside(path: Path, why: str) -> Path:
    return path.with_name(f"{why}{path.name}-{secrets.token_hex(8)}")

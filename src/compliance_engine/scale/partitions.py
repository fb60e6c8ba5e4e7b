"""A folder of partitions: each subfolder is a canonical folder of whole cases."""

from __future__ import annotations

import hashlib
from pathlib import Path

from compliance_engine.cases.importers.sources import SUFFIXES
from compliance_engine.errors import CaseProblem, Place, Problem

WHOLE = "whole"
"""The name of the only partition of a folder that holds cases and events itself."""
_FILES = tuple(f"{name}{suffix}" for name in ("cases", "events") for suffix in SUFFIXES)
_BLOCK = 1 << 20


def partition_names(folder: Path) -> list[str]:
    """Return the names of the partitions of a folder, sorted.

    Every subfolder is one, but for those whose name begins with a dot or an underscore.

    Raises: CaseProblem CE432 when there is no partition, or files of cases lie beside subfolders.
    """
    if not folder.is_dir():
        raise _problem(folder, "there is no such folder")
    found = [one.name for one in folder.iterdir() if one.is_dir() and one.name[0] not in "._"]
    if not input_files(folder):
        if not found:
            raise _problem(folder, "it holds no partition", "subfolders with cases and events")
        return sorted(found)
    if found:
        mend = "move the files into a subfolder of their own"
        raise _problem(folder, "files of cases or events lie beside subfolders", mend=mend)
    return [WHOLE]


def partition_folder(folder: Path, name: str) -> Path:
    """Return where a partition lies."""
    return folder if name == WHOLE and input_files(folder) else folder / name


def input_files(folder: Path) -> list[Path]:
    """Return the files of cases and events in a folder."""
    return [folder / name for name in _FILES if (folder / name).is_file()]


def input_hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file of cases and events in a folder, by name.

    Raises: OSError when one cannot be read.
    """
    return {path.name: file_hash(path) for path in input_files(folder)}


def file_hash(path: Path) -> str:
    """Return the sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _problem(folder: Path, found: str, expected: str = "", mend: str = "") -> CaseProblem:
    return CaseProblem(Problem(Place(str(folder)), "CE432", "partitions", found, expected, mend))

"""Finds the shipped rules and calendars, and names their content by a hash.

Packaged data is looked for first, then the checkout: an editable install carries no packaged copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from compliance_engine.errors import FileProblem, Place, Problem


def rules_folder(given: Path | None = None) -> Path:
    """Return the folder of rules: the given one, the packaged one, or the checkout's.

    Raises: FileProblem CE110 when there is no such folder.
    """
    return _folder("rules", given)


def calendars_folder(given: Path | None = None) -> Path:
    """Return the folder of calendars: the given one, the packaged one, or the checkout's.

    Raises: FileProblem CE110 when there is no such folder.
    """
    return _folder("calendars", given)


def _folder(name: str, given: Path | None) -> Path:
    if given is not None:
        candidates = [given]
    else:
        package = Path(str(resources.files("compliance_engine")))
        candidates = [package / "_data" / name, package.parents[1] / name]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    places = " or ".join(str(candidate) for candidate in candidates)
    raise FileProblem(
        Problem(
            place=Place(str(candidates[0])),
            code="CE110",
            thing=name,
            found=f"no folder of {name} at {places}",
            mend=f"give the folder that holds the {name}",
        )
    )


def content_hash(paths: Iterable[Path]) -> str:
    """Return a sha256 hex digest over the names and bytes of files and folders.

    A folder stands for all files below it. Names are relative to the folder given (a file given by itself
    goes by its bare name), so the same content has the same hash wherever it lies; order does not matter.
    """
    named: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            found = (file for file in path.rglob("*") if file.is_file() and not _hidden(file, path))
            named.extend((file.relative_to(path).as_posix(), file) for file in found)
        else:
            named.append((path.name, path))
    digest = hashlib.sha256()
    for name, content in sorted((name, file.read_bytes()) for name, file in named):
        digest.update(f"{len(name.encode())}:{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _hidden(file: Path, folder: Path) -> bool:
    parts = file.relative_to(folder).parts
    return any(part.startswith(".") or part == "__pycache__" for part in parts)

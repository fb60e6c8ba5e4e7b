"""Folders of rules and calendars, kept by content so that an old sweep can be computed again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from compliance_engine.store.tables import contents, snapshot_files, snapshots

Kind = Literal["rules", "calendars"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The YAML files of a folder.

    Attributes:
        files: Bytes by relative name.
        hash: Digest of the names and bytes; the same content has the same hash wherever it lies.
    """

    kind: Kind
    files: Mapping[str, bytes]
    hash: str


def take_snapshot(kind: Kind, folder: Path, policy: Path | None = None) -> Snapshot:
    """Read what decides about dates and findings: all YAML files but the cases beside rules.

    Args:
        policy: A folder of local policy, kept below ``local_policy``.
    """
    found = _yaml_files(folder)
    if policy is not None:
        found |= {f"local_policy/{name}": content for name, content in _yaml_files(policy).items()}
    return snapshot_of(kind, found)


def _yaml_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.yaml"))
        if not path.name.endswith(".cases.yaml")
    }


def snapshot_of(kind: Kind, files: Mapping[str, bytes]) -> Snapshot:
    """Return the snapshot of some files."""
    digest = hashlib.sha256(kind.encode())
    for name, content in sorted(files.items()):
        digest.update(f"{len(name.encode())}:{name}:{len(content)}:".encode())
        digest.update(content)
    return Snapshot(kind, dict(files), digest.hexdigest())


def keep_snapshot(connection: sa.Connection, snapshot: Snapshot) -> None:
    """Keep a snapshot, once."""
    query = sa.select(snapshots.c.hash).where(snapshots.c.hash == snapshot.hash)
    if connection.execute(query).first():
        return
    connection.execute(snapshots.insert().values(hash=snapshot.hash, kind=snapshot.kind))
    known = set(connection.execute(sa.select(contents.c.hash)).scalars())
    for name, content in snapshot.files.items():
        number = hashlib.sha256(content).hexdigest()
        if number not in known:
            connection.execute(contents.insert().values(hash=number, bytes=content))
            known.add(number)
        connection.execute(snapshot_files.insert().values(snapshot=snapshot.hash, name=name, content=number))


def read_snapshot(connection: sa.Connection, kind: Kind, number: str) -> Snapshot:
    """Return a snapshot that was kept."""
    query = sa.select(snapshot_files.c.name, contents.c.bytes).join(contents)
    rows = connection.execute(query.where(snapshot_files.c.snapshot == number)).all()
    return Snapshot(kind, dict(rows), number)


def write_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Write the files of a snapshot below a folder."""
    for name, content in snapshot.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

"""The chain over imports and finished sweeps: each link holds a digest of all before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from compliance_engine.store.tables import chain

Kind = Literal["import", "sweep"]


@dataclass(frozen=True, slots=True)
class Link:
    """One link.

    Attributes:
        kind, number: The import or sweep.
        digest: Of its rows.
        head: Of this link and all before it, as the store keeps it.
        expected: The head that follows from the links before it.
    """

    kind: Kind
    number: int
    digest: str
    head: str
    expected: str


def add_link(connection: sa.Connection, kind: Kind, number: int, digest: str) -> str:
    """Add a link; return the new head."""
    query = sa.select(chain.c.link, chain.c.head).order_by(chain.c.link.desc()).limit(1)
    last = connection.execute(query).first()
    link, before = (0, "") if last is None else last
    head = next_head(before, kind, number, digest)
    values = {"link": link + 1, "kind": kind, "number": number, "digest": digest, "head": head}
    connection.execute(chain.insert().values(**values))
    return head


def head_at(connection: sa.Connection, kind: Kind, number: int) -> str | None:
    """Return the head when an import or sweep was the last link; None when there is no such link."""
    query = sa.select(chain.c.head).where(chain.c.kind == kind, chain.c.number == number)
    return connection.execute(query).scalar()


def next_head(before: str, kind: str, number: int, digest: str) -> str:
    """Return the head after one more link; the form never changes, since stores keep what it made."""
    return hashlib.sha256(f"{before}:{kind}:{number}:{digest}".encode()).hexdigest()


def links(connection: sa.Connection) -> Iterator[Link]:
    """Yield all links in order."""
    before = ""
    for row in connection.execute(sa.select(chain).order_by(chain.c.link)).mappings():
        expected = next_head(before, row["kind"], row["number"], row["digest"])
        yield Link(row["kind"], row["number"], row["digest"], row["head"], expected)
        before = row["head"]

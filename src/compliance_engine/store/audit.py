"""Whether the facts, rules and calendars of a store are what was put into it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import sqlalchemy as sa

from compliance_engine.dates import to_date
from compliance_engine.store.chain import Kind as LinkKind
from compliance_engine.store.chain import links
from compliance_engine.store.connect import Store
from compliance_engine.store.contents import read_snapshot, snapshot_of
from compliance_engine.store.sealed import events_of, seals_of, versions_of
from compliance_engine.store.seals import IMPORT_ROW, SWEEP_ROW, as_signed, row_digest
from compliance_engine.store.tables import contents, imports, snapshot_files, snapshots, sweeps
from compliance_engine.store.words import all_words

Kind = Literal["event", "case", "import", "sweep", "chain", "rules", "calendars", "deadline", "finding"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written.

    Attributes:
        kind: What it is.
        thing: Which one.
        found: What is wrong with it.
    """

    kind: Kind
    thing: str
    found: str


def check_facts(store: Store) -> Iterator[Fault]:
    """Yield what is wrong with imports: events and cases that were changed, taken away or added."""
    with store.read() as connection:
        texts = all_words(connection)
        query = sa.select(imports.c.import_id, imports.c.digest).order_by(imports.c.import_id)
        for number, digest in connection.execute(query).all():
            yield from _check_import(connection, number, digest, texts)


def _check_import(
    connection: sa.Connection, number: int, digest: str, texts: dict[int, str]
) -> Iterator[Fault]:
    events, versions = events_of(connection, number), versions_of(connection, number)
    of_events, of_versions, found = seals_of(events, versions, texts)
    wrong = False
    changed = f"is not as import {number} wrote it"
    for row in np.flatnonzero(as_signed(of_events) != events.column("seal").to_numpy()).tolist():
        wrong = True
        event = events.slice(row, 1).to_pylist()[0]
        name = texts.get(event["event"], "an unknown event")
        yield Fault("event", f"{event['case_id']}: {name} on {to_date(event['occurred_on'])}", changed)
    for row in np.flatnonzero(as_signed(of_versions) != versions.column("seal").to_numpy()).tolist():
        wrong = True
        yield Fault("case", versions.column("case_id")[row].as_py(), changed)
    if found != digest and not wrong:
        lost = "events or cases were added, taken away or sealed anew"
        yield Fault("import", f"import {number}", lost)


def check_chain(store: Store) -> Iterator[Fault]:
    """Yield what is wrong with the chain: imports and sweeps that were changed, taken away or added."""
    with store.read() as connection:
        rows: dict[tuple[LinkKind, int], str] = {}
        for row in connection.execute(sa.select(imports)).mappings():
            rows["import", row["import_id"]] = row_digest(row, IMPORT_ROW)
        for row in connection.execute(sa.select(sweeps).where(sweeps.c.state == "finished")).mappings():
            rows["sweep", row["sweep"]] = row_digest(row, SWEEP_ROW)
        for link in links(connection):
            name = f"{link.kind} {link.number}"
            now = rows.pop((link.kind, link.number), None)
            if now is None:
                yield Fault(link.kind, name, "is in the chain and no longer in the store")
            elif now != link.digest:
                yield Fault(link.kind, name, "its row is not as it was written")
            if link.head != link.expected:
                yield Fault("chain", name, "this link, or one before it, was changed or taken away")
    for kind, number in rows:
        yield Fault(kind, f"{kind} {number}", "is in the store and not in the chain")


def check_snapshots(store: Store) -> Iterator[Fault]:
    """Yield the rule and calendar files that were changed, and folders that lack or gained some."""
    with store.read() as connection:
        wrong = {
            number
            for number, content in connection.execute(sa.select(contents.c.hash, contents.c.bytes))
            if hashlib.sha256(content).hexdigest() != number
        }
        for number, kind in connection.execute(sa.select(snapshots.c.hash, snapshots.c.kind)).all():
            query = sa.select(snapshot_files.c.name).where(
                snapshot_files.c.snapshot == number, snapshot_files.c.content.in_(wrong)
            )
            names = connection.execute(query.order_by(snapshot_files.c.name)).scalars().all()
            for name in names:
                yield Fault(kind, name, f"is not the file that {kind} {number[:12]} were read from")
            files = read_snapshot(connection, kind, number).files
            if not names and snapshot_of(kind, files).hash != number:
                yield Fault(kind, f"{kind} {number[:12]}", "files were added or taken away")

"""Seals, a chain over imports and sweeps, states of cases, no row-wise foreign keys.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from alembic import op

from compliance_engine.store.chain import next_head
from compliance_engine.store.sealed import events_of, seals_of, versions_of
from compliance_engine.store.seals import IMPORT_ROW, SWEEP_ROW, Seals, as_signed, row_digest

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LARGE = ("case_versions", "events", "deadlines", "findings")
_ENDED = ("deadlines", "findings")
_SEALED = ("case_versions", "events")
_BATCH = 200_000
_PRIMARY = 2


_KEYS = {
    "case_key": "cases.case_key",
    "import_id": "imports.import_id",
    "verdict": "verdicts.verdict",
    **dict.fromkeys(("valid_from", "valid_to"), "sweeps.sweep"),
    **dict.fromkeys(
        ("event", "attributes", "rule", "variant", "excuse", "reason", "about", "finding"), "words.word"
    ),
}
"""What a column of a large table pointed to in 0001."""
_WITHOUT_NULL = "case_key import_id event_number id event occurred_on rule nth status flags finding verdict"
_NOT_NULL = frozenset([*_WITHOUT_NULL.split(), "valid_from", "seal"])
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("recorded_at", "seal"), sa.BigInteger),
    **dict.fromkeys(("calendar", "event_id", "corrects", "retracts"), sa.Text),
    **dict.fromkeys(("event_number", "id"), _NUMBER),
}
_TABLES = {
    "case_versions": "case_key import_id recorded_at calendar birth_day grade attributes seal",
    "events": "case_key event_number event occurred_on recorded_at attributes event_id corrects retracts "
    "import_id seal",
    "deadlines": "case_key id rule opened_on nth due_on met_on closed_on status days_late version variant "
    "excuse reason about flags valid_from valid_to",
    "findings": "case_key id rule opened_on nth finding verdict valid_from valid_to",
}
"""The columns of the large tables; the first two are the primary key."""


def _columns(table: str, *, keys: bool) -> list[sa.Column[Any]]:
    """Return the columns of a large table as in 0001 (with foreign keys, without seals) or in 0002."""
    names = [name for name in _TABLES[table].split() if not (keys and name == "seal")]
    return [
        sa.Column(
            name,
            _TYPES.get(name, sa.Integer),
            *([sa.ForeignKey(_KEYS[name])] if keys and name in _KEYS else []),
            primary_key=index < _PRIMARY,
            nullable=name not in _NOT_NULL,
            autoincrement=False,
        )
        for index, name in enumerate(names)
    ]


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


_NEW: dict[str, Callable[[], list[Any]]] = {
    "import_cases": lambda: [_key("import_id"), _key("case_key")],
    "laws": lambda: [
        _key("law"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("calendar", sa.Text),
        sa.Column("hash", sa.Text, nullable=False),
        sa.UniqueConstraint("hash"),
    ],
    "case_states": lambda: [
        _key("case_key"),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("district_key", "sweep", "law")),
        sa.Column("next_change_on", sa.Integer),
        sa.Column("digest", sa.BigInteger),
    ],
}


def upgrade() -> None:
    """Rebuild the large tables, seal what they hold, and begin the chain."""
    op.add_column("imports", sa.Column("digest", sa.Text))
    for name, columns in _NEW.items():
        op.create_table(name, *columns(), sqlite_with_rowid=name == "laws")
    chain = op.create_table(
        "chain",
        sa.Column("link", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.UniqueConstraint("kind", "number"),
    )
    for name in _LARGE:
        _rebuild(name, keys=False, fill=name not in _SEALED)
    _seal()
    for name in _SEALED:
        op.drop_table(f"{name}_before")
    _link(chain)
    op.execute(
        "INSERT INTO import_cases (import_id, case_key) "
        "SELECT import_id, case_key FROM events UNION SELECT import_id, case_key FROM case_versions"
    )
    op.drop_table("properties")


def downgrade() -> None:
    """Bring back the tables of 0001; seals and chain go, facts and results stay."""
    for name in reversed(_LARGE):
        _rebuild(name, keys=True)
    for name in ("chain", *_NEW):
        op.drop_table(name)
    op.drop_column("imports", "digest")
    properties = op.create_table(
        "properties",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.bulk_insert(properties, [{"name": "schema_version", "value": "1"}])


def _rebuild(name: str, *, keys: bool, fill: bool = True) -> None:
    """Make a table anew beside the old one, move the rows over, and drop the old one (if filled)."""
    if name in _ENDED:
        op.drop_index(f"{name}_ended", name)
    op.rename_table(name, f"{name}_before")
    columns = _columns(name, keys=keys)
    op.create_table(name, *columns, sqlite_with_rowid=False)
    if name in _ENDED:
        where = sa.text("valid_to IS NOT NULL")
        op.create_index(f"{name}_ended", name, ["valid_to"], sqlite_where=where, postgresql_where=where)
    if fill:
        listed = ", ".join(column.name for column in columns)
        op.execute(f"INSERT INTO {name} ({listed}) SELECT {listed} FROM {name}_before")
        op.drop_table(f"{name}_before")


def _seal() -> None:
    """Move events and versions of cases over with their seals, import by import."""
    bind = op.get_bind()
    texts: dict[int, str] = {row[0]: row[1] for row in bind.execute(sa.text("SELECT word, text FROM words"))}
    for number in bind.execute(sa.text("SELECT import_id FROM imports ORDER BY import_id")).scalars().all():
        events = events_of(bind, number, table="events_before", sealed=False)
        versions = versions_of(bind, number, table="case_versions_before", sealed=False)
        of_events, of_versions, digest = seals_of(events, versions, texts)
        _fill("events", events, of_events)
        _fill("case_versions", versions, of_versions)
        values = {"digest": digest, "number": number}
        bind.execute(sa.text("UPDATE imports SET digest = :digest WHERE import_id = :number"), values)


def _fill(name: str, rows: pa.Table, seals: Seals) -> None:
    columns: list[sa.ColumnClause[Any]] = [sa.column(column.name) for column in _columns(name, keys=False)]
    insert = sa.insert(sa.table(name, *columns))
    sealed = rows.append_column("seal", pa.array(as_signed(seals))).select([one.name for one in columns])
    for part in sealed.to_batches(max_chunksize=_BATCH):
        op.get_bind().execute(insert, part.to_pylist())


def _link(chain: sa.Table) -> None:
    """Link the imports, and each finished sweep after the last import it knew."""
    bind = op.get_bind()
    imports = bind.execute(sa.text("SELECT * FROM imports")).mappings().all()
    sweeps = bind.execute(sa.text("SELECT * FROM sweeps WHERE state = 'finished'")).mappings().all()
    things = [
        (row["import_id"], 0, "import", row["import_id"], row_digest(row, IMPORT_ROW)) for row in imports
    ]
    things += [
        (row["last_import"], row["sweep"], "sweep", row["sweep"], row_digest(row, SWEEP_ROW))
        for row in sweeps
    ]
    head = ""
    for link, (_, _, kind, number, digest) in enumerate(sorted(things), start=1):
        head = next_head(head, kind, number, digest)
        values = {"link": link, "kind": kind, "number": number, "digest": digest, "head": head}
        bind.execute(chain.insert().values(**values))

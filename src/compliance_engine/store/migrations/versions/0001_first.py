"""The first tables: facts, sweeps, deadlines and findings.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

metadata = sa.MetaData()
_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _word(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey("words.word"), nullable=nullable)


def _sweep(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey("sweeps.sweep"), nullable=nullable)


properties = sa.Table(
    "properties",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

words = sa.Table(
    "words",
    metadata,
    sa.Column("word", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False, unique=True),
)

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("import_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("recorded_at", sa.BigInteger),
    *(
        sa.Column(name, sa.Integer, nullable=False)
        for name in (
            "read",
            "accepted",
            "refused",
            "new_cases",
            "changed_cases",
            "known_cases",
            "conflicting_cases",
            "new_events",
            "known_events",
            "conflicting_events",
        )
    ),
    sqlite_autoincrement=True,
)

districts = sa.Table(
    "districts",
    metadata,
    sa.Column("district_key", sa.Integer, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("district", sa.Text, nullable=False),
    sa.UniqueConstraint("state", "district"),
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("case_key", sa.Integer, primary_key=True),
    sa.Column("case_id", sa.Text, nullable=False, unique=True),
    sa.Column(
        "district_key", sa.Integer, sa.ForeignKey("districts.district_key"), nullable=False, index=True
    ),
    sa.Column("program", sa.Text, nullable=False),
)

case_versions = sa.Table(
    "case_versions",
    metadata,
    sa.Column("case_key", sa.Integer, sa.ForeignKey("cases.case_key"), primary_key=True),
    sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.import_id"), primary_key=True),
    sa.Column("recorded_at", sa.BigInteger),
    sa.Column("calendar", sa.Text),
    sa.Column("birth_day", sa.Integer),
    sa.Column("grade", sa.Integer),
    _word("attributes"),
    sqlite_with_rowid=False,
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("case_key", sa.Integer, sa.ForeignKey("cases.case_key"), primary_key=True),
    sa.Column("event_number", _Number, primary_key=True, autoincrement=False),
    _word("event", nullable=False),
    sa.Column("occurred_on", sa.Integer, nullable=False),
    sa.Column("recorded_at", sa.BigInteger),
    _word("attributes"),
    sa.Column("event_id", sa.Text),
    sa.Column("corrects", sa.Text),
    sa.Column("retracts", sa.Text),
    sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.import_id"), nullable=False),
    sqlite_with_rowid=False,
)

contents = sa.Table(
    "contents",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
)

snapshot_files = sa.Table(
    "snapshot_files",
    metadata,
    sa.Column("snapshot", sa.Text, sa.ForeignKey("snapshots.hash"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, sa.ForeignKey("contents.hash"), nullable=False),
)

sweeps = sa.Table(
    "sweeps",
    metadata,
    sa.Column("sweep", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("as_of", sa.Integer, nullable=False),
    sa.Column("known_at", sa.BigInteger),
    sa.Column("readings", sa.Text, nullable=False),
    sa.Column("project_until", sa.Integer),
    sa.Column("last_import", sa.Integer, nullable=False),
    sa.Column("engine_version", sa.Text, nullable=False),
    sa.Column("rules", sa.Text, sa.ForeignKey("snapshots.hash"), nullable=False),
    sa.Column("calendars", sa.Text, sa.ForeignKey("snapshots.hash"), nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("finished_at", sa.BigInteger),
    sa.Column("counts", sa.Text),
    sa.Column("digest", sa.Text),
    sqlite_autoincrement=True,
)

sweep_parts = sa.Table(
    "sweep_parts",
    metadata,
    sa.Column("sweep", sa.Integer, sa.ForeignKey("sweeps.sweep"), primary_key=True),
    sa.Column("district_key", sa.Integer, sa.ForeignKey("districts.district_key"), primary_key=True),
    sa.Column("counts", sa.Text),
    sa.Column("digest", sa.Text),
)

sweep_lock = sa.Table(
    "sweep_lock",
    metadata,
    sa.Column("lock", sa.Integer, sa.CheckConstraint("lock = 1"), primary_key=True),
    _sweep("sweep"),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("taken_at", sa.BigInteger, nullable=False),
)

deadlines = sa.Table(
    "deadlines",
    metadata,
    sa.Column("case_key", sa.Integer, sa.ForeignKey("cases.case_key"), primary_key=True),
    sa.Column("id", _Number, primary_key=True, autoincrement=False),
    _word("rule", nullable=False),
    sa.Column("opened_on", sa.Integer),
    sa.Column("nth", sa.Integer, nullable=False),
    sa.Column("due_on", sa.Integer),
    sa.Column("met_on", sa.Integer),
    sa.Column("closed_on", sa.Integer),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("days_late", sa.Integer),
    sa.Column("version", sa.Integer),
    _word("variant"),
    _word("excuse"),
    _word("reason"),
    _word("about"),
    sa.Column("flags", sa.Integer, nullable=False),
    _sweep("valid_from"),
    _sweep("valid_to", nullable=True),
    sqlite_with_rowid=False,
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("verdict", sa.Integer, primary_key=True),
    sa.Column("content", sa.Text, nullable=False, unique=True),
)

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("case_key", sa.Integer, sa.ForeignKey("cases.case_key"), primary_key=True),
    sa.Column("id", _Number, primary_key=True, autoincrement=False),
    _word("rule", nullable=False),
    sa.Column("opened_on", sa.Integer),
    sa.Column("nth", sa.Integer, nullable=False),
    _word("finding", nullable=False),
    sa.Column("verdict", sa.Integer, sa.ForeignKey("verdicts.verdict"), nullable=False),
    _sweep("valid_from"),
    _sweep("valid_to", nullable=True),
    sqlite_with_rowid=False,
)

for _table in (deadlines, findings):
    # rows lie by case, and a district is read through its cases; what a sweep ended is found by this
    sa.Index(
        f"{_table.name}_ended",
        _table.c.valid_to,
        sqlite_where=_table.c.valid_to.is_not(None),
        postgresql_where=_table.c.valid_to.is_not(None),
    )


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind())
    values = {"name": "schema_version", "value": "1"}
    op.get_bind().execute(properties.insert().values(**values))


def downgrade() -> None:
    """Take them away, with all they hold."""
    metadata.drop_all(op.get_bind())

"""The tables of the store. `docs/store.md` describes them for readers of the database.

Days are whole numbers since 1970-01-01, moments are microseconds since 1970-01-01 (UTC). Texts that repeat
(event types, attributes, rule ids, reasons) are kept once in `words`. The large tables (events, deadlines,
findings) have no foreign keys: a database checks them row by row, which costs more than the rest of a sweep;
`audit verify` checks what they say. A change here needs a migration (`migrations/versions`).
"""

from __future__ import annotations

import sqlalchemy as sa

REVISION = "0002"
"""The newest migration, whose tables these are."""

metadata = sa.MetaData()
_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _word(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


alembic_version = sa.Table(
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), primary_key=True),
)
"""One row: the migration up to which the tables are."""

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
    sa.Column("digest", sa.Text),
    sqlite_autoincrement=True,
)
"""One row per import; `digest` covers the events and versions of cases it added."""

import_cases = sa.Table(
    "import_cases",
    metadata,
    sa.Column("import_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("case_key", sa.Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""The cases of which an import brought something new."""

districts = sa.Table(
    "districts",
    metadata,
    sa.Column("district_key", sa.Integer, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("district", sa.Text, nullable=False),
    sa.UniqueConstraint("state", "district"),
)
"""The parts of the store that a sweep commits by themselves."""

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
"""What never changes about a case; another district or program is another case."""

case_versions = sa.Table(
    "case_versions",
    metadata,
    sa.Column("case_key", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("import_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("recorded_at", sa.BigInteger),
    sa.Column("calendar", sa.Text),
    sa.Column("birth_day", sa.Integer),
    sa.Column("grade", sa.Integer),
    _word("attributes"),
    sa.Column("seal", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What may change about a case; `recorded_at` null: known since ever."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("case_key", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("event_number", _Number, primary_key=True, autoincrement=False),
    _word("event", nullable=False),
    sa.Column("occurred_on", sa.Integer, nullable=False),
    sa.Column("recorded_at", sa.BigInteger),
    _word("attributes"),
    sa.Column("event_id", sa.Text),
    sa.Column("corrects", sa.Text),
    sa.Column("retracts", sa.Text),
    sa.Column("import_id", sa.Integer, nullable=False),
    sa.Column("seal", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Dated facts, kept by case; a later record corrects or retracts an earlier one by its `event_id`.

`seal` is a digest of the row, so that a changed one can be named.
"""

contents = sa.Table(
    "contents",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
)
"""The bytes of rule and calendar files, each content once."""

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
)
"""Folders of rules or calendars as some sweep used them."""

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
"""`state` is running, finished or abandoned; readers look at the last finished one."""

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("link", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("head", sa.Text, nullable=False),
    sa.UniqueConstraint("kind", "number"),
)
"""Imports and finished sweeps in order: `digest` covers the row of one, `head` all links up to this one."""

sweep_parts = sa.Table(
    "sweep_parts",
    metadata,
    sa.Column("sweep", sa.Integer, sa.ForeignKey("sweeps.sweep"), primary_key=True),
    sa.Column("district_key", sa.Integer, sa.ForeignKey("districts.district_key"), primary_key=True),
    sa.Column("counts", sa.Text),
    sa.Column("digest", sa.Text),
)
"""The districts of a sweep; `digest` null: not done yet."""

sweep_lock = sa.Table(
    "sweep_lock",
    metadata,
    sa.Column("lock", sa.Integer, sa.CheckConstraint("lock = 1"), primary_key=True),
    sa.Column("sweep", sa.Integer, sa.ForeignKey("sweeps.sweep"), nullable=False),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("taken_at", sa.BigInteger, nullable=False),
)
"""At most one row: who is sweeping."""

deadlines = sa.Table(
    "deadlines",
    metadata,
    sa.Column("case_key", sa.Integer, primary_key=True, autoincrement=False),
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
    sa.Column("valid_from", sa.Integer, nullable=False),
    sa.Column("valid_to", sa.Integer),
    sqlite_with_rowid=False,
)
"""Deadlines as change rows: true from the sweep `valid_from` until before `valid_to` (null: still).

`nth` tells openings of one rule on one day apart, from 0. `days_late` null: counted from the due day to the
day of the sweep, so that an overdue deadline is not a new row every night. `about` belongs to `reason`.
"""

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("verdict", sa.Integer, primary_key=True),
    sa.Column("content", sa.Text, nullable=False, unique=True),
)
"""Distinct verdicts of the findings rules, as JSON: conclusions, rules that fired, or why there is none."""

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("case_key", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", _Number, primary_key=True, autoincrement=False),
    _word("rule", nullable=False),
    sa.Column("opened_on", sa.Integer),
    sa.Column("nth", sa.Integer, nullable=False),
    _word("finding", nullable=False),
    sa.Column("verdict", sa.Integer, nullable=False),
    sa.Column("valid_from", sa.Integer, nullable=False),
    sa.Column("valid_to", sa.Integer),
    sqlite_with_rowid=False,
)
"""Findings as change rows, each of the deadline with the same case, rule, opening and number."""

laws = sa.Table(
    "laws",
    metadata,
    sa.Column("law", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("calendar", sa.Text),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
)
"""The rules of a state with one calendar, as cases were evaluated under them."""

case_states = sa.Table(
    "case_states",
    metadata,
    sa.Column("case_key", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("district_key", sa.Integer, nullable=False),
    sa.Column("sweep", sa.Integer, nullable=False),
    sa.Column("law", sa.Integer, nullable=False),
    sa.Column("next_change_on", sa.Integer),
    sa.Column("digest", sa.BigInteger),
    sqlite_with_rowid=False,
)
"""Under which law each case was last evaluated, until when that holds, and what came of it.

`sweep` is the one that last found any of this otherwise; `digest` null: nothing came of it. A later sweep
evaluates again what this does not answer for.
"""

_ended = [
    # rows lie by case, and a district is read through its cases; what a sweep ended is found by this
    sa.Index(f"{_table.name}_ended", _table.c.valid_to, sqlite_where=_table.c.valid_to.is_not(None))
    for _table in (deadlines, findings)
]


def create_tables(connection: sa.Connection) -> None:
    """Create the tables of a new store."""
    if connection.dialect.name == "postgresql":
        for index in _ended:  # said here: all of SQLAlchemy's part for PostgreSQL is read to say it
            index.dialect_kwargs["postgresql_where"] = index.dialect_kwargs["sqlite_where"]
    metadata.create_all(connection, checkfirst=True)


def of_case(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that joins a table without foreign keys to `cases`."""
    return table.c.case_key == cases.c.case_key

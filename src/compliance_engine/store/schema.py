"""Bringing the tables of a store to another version, with all they hold."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from compliance_engine.store.connect import FIRST_REVISION, Store, revision_of
from compliance_engine.store.tables import REVISION, alembic_version

MIGRATIONS = Path(__file__).parent / "migrations"


def versions() -> list[str]:
    """Return all versions there are, oldest first."""
    return sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def version_of(store: Store) -> str | None:
    """Return the version of a store's tables."""
    with store.read() as connection:
        return revision_of(connection, sa.inspect(connection).get_table_names())


def migrate(store: Store, to: str = REVISION) -> tuple[str, str]:
    """Bring the tables to a version, in one transaction.

    Args:
        store: Opened with `any_version`.
        to: The migration up to which they shall be.

    Returns: The version before and after.
    Raises: StoreProblem CE602 when something goes wrong; the store is as it was.
    """
    with store.write() as connection:
        present = set(sa.inspect(connection).get_table_names())
        before = revision_of(connection, present)
        assert before is not None, "a store was opened"
        if "alembic_version" not in present:
            alembic_version.create(connection)
            connection.execute(alembic_version.insert().values(version_num=FIRST_REVISION))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        if before == to:
            return before, to
        (command.upgrade if before <= to else command.downgrade)(config, to)
    return before, to

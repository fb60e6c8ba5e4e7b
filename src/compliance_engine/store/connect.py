"""Opening a store: a file (SQLite), or the URL of a SQLite or PostgreSQL database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from compliance_engine.errors import Place, Problem, StoreProblem
from compliance_engine.store.tables import REVISION, alembic_version, create_tables

BUSY_SECONDS = 30
_WRITERS = 0x43454E47  # the advisory lock that writers of one PostgreSQL schema hold
_MEMORY_MAP = 1 << 28
_PAGES_AHEAD = 10_000
"""Pages of 4 KiB that may wait in the log before they come into the file: a small night does it once."""
_PAGES_KIB = 64_000
_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_TRUNCATE")
FIRST_REVISION = "0001"  # of stores made before migrations were noted in them


@dataclass(frozen=True, slots=True)
class Store:
    """An open store.

    Attributes:
        name: What messages call it: the path or URL as given, without a password.
        engine: The database.
        any_version: Whether tables of another version are accepted: for migrations alone.
    """

    name: str
    engine: sa.Engine
    any_version: bool = False

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection whose reads all see one state of the store."""
        with self._problems(), self.engine.connect() as fresh:
            connection = fresh
            if self.engine.dialect.name == "postgresql":
                connection = fresh.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection that alone writes; what was done is kept only if nothing goes wrong."""
        with (
            self._problems(),
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def problem(
        self, code: str, found: str, *, thing: str = "", expected: str = "", mend: str = ""
    ) -> StoreProblem:
        """Return an exception about this store."""
        return StoreProblem(Problem(Place(self.name), code, thing, found, expected, mend))

    @contextmanager
    def _problems(self) -> Iterator[None]:
        dialect = self.engine.dialect
        try:
            yield
        except DBAPIError as error:
            raise _problem_of(self, error.orig or error) from error
        except dialect.loaded_dbapi.Error as error:  # of a cursor used without SQLAlchemy: COPY, fetchmany
            raise _problem_of(self, error) from error


def open_store(given: str | Path, *, create: bool = False, any_version: bool = False) -> Store:
    """Open a store.

    Args:
        given: A path, or a database URL (``sqlite:///...``, ``postgresql://...``).
        create: Make the file and its tables if there are none.
        any_version: Accept tables of another version, to migrate them.

    Raises: StoreProblem CE601 when there is no such file, CE602 when it is no store or cannot be used, CE603
        when another version of this program made it.
    """
    text = str(given)
    url = _url(text)
    name = text if "://" not in text else sa.make_url(text).render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and url.database:
        _check_file(Path(url.database), name, create=create)
    engine = _engine(url, name)
    store = Store(name, engine, any_version)
    try:
        _check_tables(store, create=create)
    except BaseException:
        store.close()
        raise
    return store


def _url(text: str) -> sa.URL:
    if "://" not in text:
        return sa.URL.create("sqlite", database=text)
    url = sa.make_url(text)
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def _engine(url: sa.URL, name: str) -> sa.Engine:
    known = {"sqlite": _prepare, "postgresql": _prepare_postgresql}
    backend = url.get_backend_name()
    if backend not in known:
        found, expected = f"no store can be kept in {backend}", "a file, or sqlite:// or postgresql://"
        raise StoreProblem(Problem(Place(name), "CE602", "store", found, expected))
    try:
        engine = sa.create_engine(url, pool_pre_ping=backend == "postgresql")
    except ModuleNotFoundError as error:
        mend = "install compliance-engine[postgres]"
        raise StoreProblem(
            Problem(Place(name), "CE602", "store", f"{error.name} is not installed", mend=mend)
        ) from error
    sa.event.listen(engine, "connect", known[backend])
    sa.event.listen(engine, "begin", _begin if backend == "sqlite" else _begin_postgresql)
    return engine


def _check_file(path: Path, name: str, *, create: bool) -> None:
    mend = "import a case history first, or check the path"
    try:
        there = path.exists()
    except PermissionError as error:
        found, mend = "its folder may not be entered", "check the rights of the folders above it"
        raise StoreProblem(Problem(Place(name), "CE602", "store", found, mend=mend)) from error
    if not there and not create:
        raise StoreProblem(Problem(Place(name), "CE601", "store", "there is no such file", mend=mend))
    if path.is_dir() or not path.parent.is_dir():
        found = "it is a folder" if path.is_dir() else "its folder does not exist"
        raise StoreProblem(Problem(Place(name), "CE601", "store", found, "a file that is a store"))


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    """Set up a new SQLite connection; transactions are begun by `_begin` alone."""
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        f"wal_autocheckpoint = {_PAGES_AHEAD}",
        "foreign_keys = ON",
        f"cache_size = -{_PAGES_KIB}",
        f"mmap_size = {_MEMORY_MAP}",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    """Begin; a writer takes the lock at once, so that it never has to give up half-way."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(connection: Any, _: Any) -> None:
    """Set up a new PostgreSQL connection: how long a writer waits, and moments in UTC."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {max(1, BUSY_SECONDS * 1000)}")  # 0 would be for ever
        cursor.execute("SET timezone = 'UTC'")
    connection.commit()


def _begin_postgresql(connection: sa.Connection) -> None:
    """Let one writer in at a time, as SQLite does; readers never wait."""
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS}, hashtext(current_schema()))")


def _check_tables(store: Store, *, create: bool) -> None:
    with store.read() as connection:
        present = set(sa.inspect(connection).get_table_names())
        version = revision_of(connection, present)
    if not present and create:
        with store.write() as connection:
            create_tables(connection)
            if connection.execute(sa.select(alembic_version)).first() is None:
                connection.execute(alembic_version.insert().values(version_num=REVISION))
        return
    if version is None:
        mend = "give another file" if present else "import a case history first"
        raise store.problem("CE602", "it holds no store of this program", thing="store", mend=mend)
    if version != REVISION and not store.any_version:
        found = f"its tables are of version {version}"
        mend = "use a newer version of this program"
        if version < REVISION:
            mend = f"make a copy, then: compliance-engine store upgrade --store {store.name}"
        raise store.problem("CE603", found, thing="store", expected=f"version {REVISION}", mend=mend)


def revision_of(connection: sa.Connection, present: Collection[str]) -> str | None:
    """Return up to which migration the tables are; None where they are no store of ours."""
    if "alembic_version" in present and "sweeps" in present:
        return connection.execute(sa.select(alembic_version.c.version_num)).scalar()
    return FIRST_REVISION if {"properties", "sweeps"} <= set(present) else None


def _problem_of(store: Store, error: BaseException) -> StoreProblem:
    text = str(error).strip().partition("\n")[0]
    if any(word in text for word in ("locked", "busy", "lock timeout")):
        found = f"another program has been writing for {BUSY_SECONDS} seconds"
        return store.problem("CE604", found, thing="store", mend="try again when it has ended")
    if store.engine.dialect.name == "postgresql":
        mend = _mend_postgresql(error)
    else:
        mend = _mend_sqlite(error, Path(store.engine.url.database or ""))
    return store.problem("CE602", f"the database says: {text}", thing="store", mend=mend)


def _mend_postgresql(error: BaseException) -> str:
    if getattr(error, "sqlstate", None) == "53100":
        return "make room on the disk of the database, then run the command again"
    return "check that the database runs, the address, and the rights of the user"


def _mend_sqlite(error: BaseException, path: Path) -> str:
    kind = getattr(error, "sqlite_errorname", "")
    if kind in _NO_ROOM:
        return "make room on its disk (or raise the limit of file sizes), then run the command again"
    if kind.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
        if path.exists() and not os.access(path, os.R_OK):
            return "check the rights of the file: you may not read it"
        if path.exists() and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
            return "check the rights of the -wal and -shm files beside it: another user may have left them"
        return (
            "SQLite keeps two files beside a store even to read it: make the folder and the file writable, "
            "or copy the store to a folder of your own"
        )
    return "check the file, the free space and the rights to write"

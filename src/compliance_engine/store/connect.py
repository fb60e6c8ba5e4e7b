"""Opening a store: a file (SQLite) or a database URL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from compliance_engine.errors import Place, Problem, StoreProblem
from compliance_engine.store.tables import SCHEMA_VERSION, metadata, properties

BUSY_SECONDS = 30
_MEMORY_MAP = 1 << 28
_PAGES_KIB = 64_000


@dataclass(frozen=True, slots=True)
class Store:
    """An open store.

    Attributes:
        name: What messages call it: the path or URL as given, without a password.
        engine: The database.
    """

    name: str
    engine: sa.Engine

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection whose reads all see one state of the store."""
        with self._problems(), self.engine.connect() as connection, connection.begin():
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
        try:
            yield
        except DBAPIError as error:
            raise _problem_of(self.name, error) from error


def open_store(given: str | Path, *, create: bool = False) -> Store:
    """Open a store.

    Args:
        given: A path, or a database URL (``sqlite:///...``).
        create: Make the file and its tables if there are none.

    Raises: StoreProblem CE601 when there is no such file, CE602 when it is no store or cannot be used, CE603
        when another version of this program made it.
    """
    text = str(given)
    url = sa.make_url(text) if "://" in text else sa.URL.create("sqlite", database=text)
    name = text if "://" not in text else url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and url.database:
        _check_file(Path(url.database), name, create=create)
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
    store = Store(name, engine)
    try:
        _check_tables(store, create=create)
    except BaseException:
        store.close()
        raise
    return store


def _check_file(path: Path, name: str, *, create: bool) -> None:
    mend = "import a case history first, or check the path"
    if not path.exists() and not create:
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


def _check_tables(store: Store, *, create: bool) -> None:
    with store.read() as connection:
        present = set(sa.inspect(connection).get_table_names())
    if not present and create:
        with store.write() as connection:
            metadata.create_all(connection, checkfirst=True)
            if connection.execute(sa.select(properties.c.value)).first() is None:
                connection.execute(
                    properties.insert().values(name="schema_version", value=str(SCHEMA_VERSION))
                )
        return
    if "properties" not in present:
        mend = "give another file" if present else "import a case history first"
        raise store.problem("CE602", "it holds no store of this program", thing="store", mend=mend)
    with store.read() as connection:
        query = sa.select(properties.c.value).where(properties.c.name == "schema_version")
        version = connection.execute(query).scalar()
    if version != str(SCHEMA_VERSION):
        found = f"its tables are version {version}"
        mend = "use the version of the program that made it, or import anew"
        raise store.problem("CE603", found, thing="store", expected=f"version {SCHEMA_VERSION}", mend=mend)


def _problem_of(name: str, error: DBAPIError) -> StoreProblem:
    text = str(error.orig)
    if "locked" in text or "busy" in text:
        found, mend = (
            f"another program has been writing for {BUSY_SECONDS} seconds",
            "try again when it has ended",
        )
        return StoreProblem(Problem(Place(name), "CE604", "store", found, mend=mend))
    mend = "check the file, the free space and the rights to write"
    return StoreProblem(Problem(Place(name), "CE602", "store", f"the database says: {text}", mend=mend))

"""Opening stores: what is no store is refused, and what is one is set up to be safe."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from compliance_engine.errors import StoreProblem
from compliance_engine.store import connect
from compliance_engine.store.connect import open_store
from compliance_engine.store.tables import alembic_version, cases, words
from store_samples import address, case, imported, new_store, put


def code_of(action):
    with pytest.raises(StoreProblem) as raised:
        action()
    (problem,) = raised.value.problems
    return problem.code


@pytest.mark.sqlite_only
def test_a_file_that_is_not_there_is_not_made_to_be_read(tmp_path: Path):
    assert code_of(lambda: open_store(tmp_path / "none.db")) == "CE601"
    assert not (tmp_path / "none.db").exists()


@pytest.mark.sqlite_only
def test_a_folder_is_no_store(tmp_path: Path):
    assert code_of(lambda: open_store(tmp_path)) == "CE601"


@pytest.mark.sqlite_only
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one " * 50, encoding="utf-8")
    before = path.read_bytes()
    assert code_of(lambda: open_store(path, create=True)) == "CE602"
    assert path.read_bytes() == before


@pytest.mark.sqlite_only
def test_a_database_of_another_program_is_refused(tmp_path: Path):
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE invoices (number INTEGER)")
    connection.close()
    assert code_of(lambda: open_store(tmp_path / "other.db", create=True)) == "CE602"


def test_a_store_of_another_version_is_refused(tmp_path: Path):
    store = new_store(tmp_path)
    with store.write() as connection:
        connection.execute(alembic_version.update().values(version_num="9999"))
    assert code_of(lambda: open_store(address(tmp_path))) == "CE603"


@pytest.mark.sqlite_only
def test_a_store_by_url_is_the_store_by_path(tmp_path: Path):
    new_store(tmp_path, imported([case("a")], []))
    with open_store(f"sqlite:///{tmp_path / 'facts.db'}").read() as connection:
        assert connection.execute(sa.select(cases.c.case_id)).scalars().all() == ["a"]


def test_what_fails_half_way_leaves_nothing(tmp_path: Path):
    store = new_store(tmp_path)

    def fail():
        with store.write() as connection:
            connection.execute(words.insert().values(word=1, text="half"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as connection:
        assert connection.execute(sa.select(words.c.text)).scalars().all() == []


def test_a_reader_is_not_held_up_by_a_writer(tmp_path: Path):
    store = new_store(tmp_path)
    with store.write() as writer:
        writer.execute(words.insert().values(word=1, text="half"))
        with store.read() as connection:
            assert connection.execute(sa.select(words.c.text)).scalars().all() == []


def test_a_second_writer_is_told_that_another_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0)
    store = new_store(tmp_path)
    with store.write():
        assert code_of(lambda: put(store, imported([case("a")], []))) == "CE604"

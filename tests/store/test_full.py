"""Disks without room: the store stays as it was, and the same command succeeds when there is room."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import Ended
from fault_samples import REPORT, STEPS, Content, Site, fill, small_disk

pytestmark = pytest.mark.sqlite_only
CHANGING = STEPS[:4]
LOCATED = re.compile(r"^\S+\.db: CE602 store: the database says: .+; make room on its disk", re.MULTILINE)


def check_refused(ended: Ended) -> None:
    """Make sure that a command ended for want of room, and says so in its place."""
    assert ended.code == 2, ended.err
    assert LOCATED.search(ended.err), ended.err
    assert "Traceback" not in ended.err


def again(site: Site, name: str) -> None:
    """Do a step again; the lock of a sweep may have stayed, which the operator is told."""
    ended = site.step(name)
    if name.startswith("sweep") and ended.code == 2:
        assert "CE610" in ended.err, ended.err
        ended = site.run(*site.arguments(name), "--take-over")
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("name", CHANGING)
def test_a_store_whose_files_may_not_grow_is_left_as_it_was(site: Site, calm: dict[str, Content], name: str):
    chosen = random.Random(name)
    site.steps(CHANGING[: CHANGING.index(name)])
    before = Path(site.store).exists() and site.content()
    size = os.path.getsize(site.store) if before else 0
    # below 32 KiB not even the shared index of the log can be made
    for most in (chosen.randint(4096, 32_768), 33_000, chosen.randint(33_000, 90_000), size + 4096):
        ended = site.step(name, file_bytes=most)
        if ended.code == 0:  # a log that is smaller than the store fits
            assert most > 33_000
            break
        check_refused(ended)
        if before:
            assert site.content() == before
            site.verify()
    again(site, name)
    assert site.content() == calm[name]
    site.verify()


@pytest.fixture
def disk(site: Site) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = site.folder / "disk"
    folder.mkdir()
    with small_disk(folder, "2m"):
        yield folder


@pytest.mark.parametrize("name", CHANGING)
def test_a_full_disk_leaves_the_store_as_it_was(site: Site, disk: Path, calm: dict[str, Content], name: str):
    small = Site(site.folder, str(disk / "district.db"), site.commands)
    small.steps(CHANGING[: CHANGING.index(name)])
    before = Path(small.store).exists() and small.content()
    ballast = fill(disk, leave=random.Random(name).randint(40, 60) * 1024)
    check_refused(small.step(name))
    ballast.unlink()
    if before:
        assert small.content() == before
        small.verify()
    again(small, name)
    assert small.content() == calm[name]
    small.verify()


def test_a_report_for_which_there_is_no_room_leaves_the_old_one(site: Site, disk: Path):
    site.steps(STEPS[:2])
    target = disk / REPORT
    target.write_text("the old one", encoding="utf-8")
    ballast = fill(disk, leave=40 * 1024)
    command = ("report", "violations", "--store", site.store, "--output", target)
    ended = site.run(*command)
    assert (ended.code, ended.err.splitlines()) == (
        2,
        [
            f"{target}: CE703 report: cannot be written: No space left on device",
            "1 problem; nothing was changed.",
        ],
    )
    assert sorted(path.name for path in disk.iterdir()) == ["ballast", REPORT]
    assert target.read_text(encoding="utf-8") == "the old one"
    ballast.unlink()
    assert site.run(*command).code == 0
    assert target.read_text(encoding="utf-8").endswith("</html>\n")


def test_a_report_is_printed_whole_or_the_want_of_room_is_said(site: Site):
    site.steps(STEPS[:2])
    ended = site.run("report", "violations", "--store", site.store, "--output", "-", file_bytes=40_000)
    assert ended.code == 2
    assert "standard output: CE703 output: cannot be written: File too large; make room" in ended.err


def test_an_import_whose_quarantine_finds_no_room_says_that_it_is_kept(site: Site):
    events = site.folder / "records" / "events.csv"
    events.write_text(events.read_text(encoding="utf-8") + "c000001,unheard_of\n", encoding="utf-8")
    ended = site.run(*site.arguments("import"), "--quarantine", "/dev/full")
    assert ended.code == 2
    assert ended.err.splitlines() == [
        "/dev/full: CE703 quarantine: cannot be written: No space left on device; "
        "import again with another --quarantine; what was imported is not added twice",
        "1 problem; what was accepted is kept as import 1.",
    ]
    again(site, "import")
    assert site.content().rows["cases"] == 27

"""Commands that start at one moment, and stores that others hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import Asked
from compliance_engine.cli.main import cli, run
from compliance_engine.store import connect
from fault_samples import STEPS, Content, Site
from store_samples import opened


def together(site: Site, *names: str) -> list[tuple[int, str]]:
    asked = [Asked(site.arguments(name), str(site.folder)) for name in names]
    return [(ended.code, ended.err) for ended in site.commands.together(*asked)]


def test_two_first_imports_at_one_moment_make_one_store(site: Site, calm: dict[str, Content]):
    assert [code for code, _ in together(site, "import", "import")] == [0, 0]
    assert site.content() == calm["import"]
    site.verify()


@pytest.mark.parametrize("step", [1, 3], ids=["whole", "incremental"])
def test_of_two_sweeps_at_one_moment_one_is_refused_or_comes_after(
    site: Site, calm: dict[str, Content], step: int
):
    name = STEPS[step]
    site.steps(STEPS[:step])
    ended = together(site, name, name)
    assert 0 in [code for code, _ in ended]
    for code, said in ended:
        assert code == 0 or (code == 2 and "CE610 sweep: sweep " in said), said
    assert site.content() == calm[name]
    site.verify()


def test_an_import_and_a_sweep_at_one_moment_do_not_disturb_one_another(site: Site, calm: dict[str, Content]):
    site.steps(STEPS[:2])
    ended = together(site, "sweep later", "import more", "report")
    assert [code for code, _ in ended] == [0, 0, 0], ended
    site.steps(["sweep later"])
    assert site.content() == calm["sweep later"]
    site.verify()


@pytest.mark.parametrize("name", ["import more", "sweep later"])
def test_a_store_that_another_writes_is_said_to_be_busy(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
):
    site.steps(STEPS[:2])
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0)
    monkeypatch.chdir(site.folder)
    before = site.content()
    store = opened(site.store)
    with store.write():
        code = run(lambda: cli.main(args=site.arguments(name), standalone_mode=False))
    said = capsys.readouterr().err
    assert code == 2
    assert ": CE604 store: another program has been writing for 0 seconds; try again" in said
    assert site.content() == before
    site.steps([name])


def test_readers_work_while_another_writes(site: Site):
    site.steps(STEPS[:2])
    store = opened(site.store)
    with store.write():
        site.steps(["report", "verify"])
    assert Path(site.folder, "violations.html").exists()

"""The two databases that the tests of stores run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import postgresql
from commands import Commands
from fault_samples import STEPS, Content, Site, write_site
from store_samples import OPEN, address


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with postgresql.running() as url:
        yield url


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test on both databases, one marked `sqlite_only` or `postgresql_only` on that one alone."""
    kinds = ["sqlite", "postgresql"]
    only = [kind for kind in kinds if metafunc.definition.get_closest_marker(f"{kind}_only")]
    metafunc.parametrize("database", only or kinds, indirect=True)


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The kind of database the test's stores lie in."""
    if request.param == "postgresql":
        monkeypatch.setattr(postgresql, "server", request.getfixturevalue("postgresql_url"))
    yield request.param
    while OPEN:
        OPEN.pop().close()
    if request.param == "postgresql":
        postgresql.drop_schemas()


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    served = Commands()
    yield served
    served.close()


@pytest.fixture
def site(tmp_path: Path, commands: Commands, database: str) -> Site:
    """A folder with records and a law, and a store that is not made yet."""
    write_site(tmp_path)
    return Site(tmp_path, address(tmp_path), commands)


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory, commands: Commands) -> dict[str, Content]:
    """What a store holds after each step of a night that nothing disturbed."""
    folder = tmp_path_factory.mktemp("calm")
    write_site(folder)
    undisturbed = Site(folder, str(folder / "calm.db"), commands)
    found = {}
    for name in STEPS:
        undisturbed.steps([name])
        found[name] = undisturbed.content()
    undisturbed.verify("--format", "text")
    return found

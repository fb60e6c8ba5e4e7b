"""One small law for all tests of scale, and stores that are closed when a test ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance_engine.sweep.law import Law, read_law
from store_samples import OPEN, copy_law


@pytest.fixture(scope="session")
def law_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return copy_law(tmp_path_factory.mktemp("law"))


@pytest.fixture(scope="session")
def law(law_folders: tuple[Path, Path]) -> Law:
    return read_law(*law_folders)


@pytest.fixture(autouse=True)
def _closed_stores() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()

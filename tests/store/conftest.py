"""One small law for all tests of stores, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from compliance_engine.sweep.law import Law, read_law
from store_samples import copy_law


@pytest.fixture(scope="session")
def law_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return copy_law(tmp_path_factory.mktemp("law"))


@pytest.fixture(scope="session")
def law(law_folders: tuple[Path, Path]) -> Law:
    return read_law(*law_folders)

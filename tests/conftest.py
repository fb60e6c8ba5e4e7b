"""A small law read once, and Hypothesis profiles.

They are quick and the same every time; HYPOTHESIS_PROFILE=thorough looks for bugs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile(
    "quick", max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW
)
settings.register_profile(
    "thorough",
    max_examples=5000,
    deadline=None,
    database=None,
    suppress_health_check=_SLOW,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def law_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from store_samples import copy_law

    return copy_law(tmp_path_factory.mktemp("law"))


@pytest.fixture(scope="session")
def law(law_folders: tuple[Path, Path]) -> Any:
    from compliance_engine.sweep.law import read_law

    return read_law(*law_folders)

"""Stores that are closed when a test ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store_samples import OPEN


@pytest.fixture(autouse=True)
def _closed_stores() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()

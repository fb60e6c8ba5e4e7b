"""How a process that evaluates many cases treats memory: it keeps what it will need again."""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache

_NEW_OBJECTS, _YOUNG, _MIDDLE = 200_000, 20, 100
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 256 * 2**20
_LARGEST_KEPT = 32 * 2**20
"""The most that glibc takes for this setting."""


def collect_seldom() -> None:
    """Let Python look for cycles less often: rows come by the ten thousand and are in none."""
    gc.set_threshold(_NEW_OBJECTS, _YOUNG, _MIDDLE)


@cache
def settle_in() -> None:
    """Prepare this process to evaluate chunk after chunk.

    It looks for cycles seldom, and keeps up to 256 MiB that it has freed for the next chunk rather than give
    them back. Asking the system for pages again costs more than a tenth of the time of a chunk, and a third
    where Dask sets glibc to give back everything (``MALLOC_TRIM_THRESHOLD_``). Other C libraries are left as
    they are.
    """
    import pyarrow as pa

    collect_seldom()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
    pa.set_memory_pool(pa.system_memory_pool())

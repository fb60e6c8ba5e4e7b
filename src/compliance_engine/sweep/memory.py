"""What a process that evaluates chunk after chunk does with memory it no longer needs."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 256 * 2**20
_LARGEST_KEPT = 32 * 2**20
"""The most that glibc takes for this setting."""


@cache
def keep_freed_memory() -> None:
    """Let this process keep up to 256 MiB that it has freed, for the next chunk, rather than give it back.

    Asking the system for pages again costs more than a tenth of the time of a chunk, and a third where Dask
    sets glibc to give back everything (``MALLOC_TRIM_THRESHOLD_``). Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
    pa.set_memory_pool(pa.system_memory_pool())

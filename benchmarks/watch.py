"""What a process and those it started use of memory and of the processors, looked at while they run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import psutil

_SECONDS_BETWEEN = 0.1


class Watch:
    """Looks at a process and those below it until it is left.

    Attributes:
        together: The largest sum of their memory in MiB, without pages of files, which the system may drop.
        largest: The most memory of one of those below in MiB, with pages of files.
    """

    def __init__(self, process: int | None = None) -> None:
        self.together = self.largest = 0.0
        self._top = psutil.Process(process or os.getpid())
        self._before = self._processor_seconds()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def processor_seconds(self) -> float:
        """Return what all of them used since this began, of a process that is still there."""
        return self._processor_seconds() - self._before

    def _processor_seconds(self) -> float:
        times = [sum(one.cpu_times()[:4]) for one in self._all()]  # of those that ended: with their parents
        return float(sum(times))

    def _all(self) -> Iterator[psutil.Process]:
        with suppress(psutil.Error):
            yield self._top
            yield from self._top.children(recursive=True)

    def _watch(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN):
            together = 0.0
            for one in self._all():
                with suppress(psutil.Error):
                    memory = one.memory_info()
                    together += (memory.rss - memory.shared) / 2**20
                    if one is not self._top:
                        self.largest = max(self.largest, memory.rss / 2**20)
            self.together = max(self.together, together)

"""How a long command tells how far it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Progress = Callable[[int, int, str], None]


@contextmanager
def progress(*, quiet: bool, done_word: str = "swept", doing: str = "sweeping") -> Iterator[Progress]:
    """Give a way to tell of parts done: a bar on a terminal, lines otherwise, on standard error."""
    if quiet:
        yield lambda done, total, name: None
        return
    if not sys.stderr.isatty():
        yield lambda done, total, name: click.echo(f"{done_word} {done} of {total}: {name}", err=True)
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)

"""The top of the command line. Commands are imported when they are used, so that ``--help`` stays quick."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from compliance_engine import __version__
from compliance_engine.cli.exit_codes import BAD_INPUT
from compliance_engine.memory import collect_seldom

if TYPE_CHECKING:
    from compliance_engine.errors import Problem

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
COMMANDS = {
    "import": (
        "cases_commands",
        "import_command",
        "Read case histories into the store; refused rows go to quarantine.",
    ),
    "sweep": (
        "sweep_commands",
        "sweep_command",
        "Evaluate every case of the store as of a day, and judge the findings.",
    ),
    "evaluate": (
        "evaluate_command",
        "evaluate_command",
        "Evaluate a folder of partitions without a store, here or on a cluster.",
    ),
    "preview": (
        "preview_commands",
        "preview_command",
        "Show every date that follows from the events of one child.",
    ),
    "explain": ("explain_commands", "explain_command", "List the days behind a stored deadline."),
    "report": ("report_commands", "report_group", "Write reports of the last sweep."),
    "audit": ("audit_commands", "audit_group", "Check what the store holds; why two sweeps differ."),
    "store": ("store_commands", "store_group", "Bring a store to another version of its tables."),
    "rules": ("rules_commands", "rules_group", "Check, test, show and list the rules."),
    "calendars": ("calendars_commands", "calendars_group", "Check and show school calendars."),
    "generate": ("cases_commands", "generate_command", "Make a synthetic district to try things on."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"compliance_engine.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="compliance-engine")
def cli() -> None:
    """Due dates and violations under IDEA and Section 504, with their working.

    Everything stays on this machine: no network, no telemetry. Exit codes: 0 clean, 1 violations found
    (with --fail-on-violations) or a test failed, 2 bad input or usage.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; problems are printed one per line, without a traceback."""
    _buffer_output()
    collect_seldom()
    code = run(lambda: cli.main(args=arguments, prog_name="compliance-engine", standalone_mode=False))
    try:
        sys.stdout.flush()
    except OSError:  # said already; what could not be printed is not tried again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    gc.freeze()  # the end of a process is no time to look for cycles
    sys.exit(code)


def _buffer_output() -> None:
    """Buffer standard output even where PYTHONUNBUFFERED is set: what a full disk refuses is lost then."""
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        buffered = io.BufferedWriter(raw)
        sys.stdout = io.TextIOWrapper(buffered, sys.stdout.encoding, sys.stdout.errors, line_buffering=True)


def _no_room(error: OSError) -> Problem:
    from compliance_engine.errors import Place, Problem

    name = "standard output" if error.filename is None else str(error.filename)
    mend = "make room on the disk; what the command did to the store is kept"
    return Problem(Place(name), "CE703", "output", f"cannot be written: {error.strerror}", mend=mend)


def run(action: Callable[[], Any]) -> int:
    """Run an action and return the exit code it ends with."""
    from compliance_engine.errors import ComplianceError

    try:
        result = action()
    except ComplianceError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        count = len(error.problems)
        kept = error.kept or "nothing was changed"
        click.echo(f"{count} problem{'s' if count > 1 else ''}; {kept}.", err=True)
        return BAD_INPUT
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return BAD_INPUT
    except BrokenPipeError:
        return 0
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        click.echo(str(_no_room(error)), err=True)
        return BAD_INPUT
    return result if isinstance(result, int) else 0

"""What an import returns: the accepted tables, and each refused row with its place and reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from compliance_engine.whole_files import write_whole

QUARANTINE_HEADER = ("file", "line", "code", "reason", "raw")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, order=True, slots=True)
class QuarantinedRow:
    """One refused row.

    Attributes:
        file: The file as the user gave it.
        line: Line in a text file, row number in Parquet, record number in XML; from 1.
        code: The error code, CE4xx.
        reason: Why; never holds names or birth dates.
        raw: The row as it stood, shortened; it may hold whatever the file held.
    """

    file: str
    line: int
    code: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Imported:
    """An import: ``read == accepted + len(quarantine)``.

    Attributes:
        cases: Columns of `tables.CASES`.
        events: Columns of `tables.EVENTS`.
        quarantine: Sorted by file and line.
        read: Rows (records) read.
        accepted: Rows (records) taken.
        notes: What the source does not say and the reader assumed, one line each.
    """

    cases: pa.Table
    events: pa.Table
    quarantine: list[QuarantinedRow]
    read: int
    accepted: int
    notes: tuple[str, ...] = field(default=())


def write_quarantine(rows: Iterable[QuarantinedRow], path: Path) -> None:
    """Write refused rows as CSV.

    A cell that a spreadsheet could take for a formula is preceded by an apostrophe; line ends and NULs within
    a cell are written as escapes, so that one refused row is one line.

    Raises: OSError when the file cannot be written; it is written whole or not at all.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(QUARANTINE_HEADER)
    for row in rows:
        writer.writerow([_safe(row.file), row.line, row.code, _safe(row.reason), _safe(row.raw)])
    write_whole(path, stream.getvalue())


def _safe(text: str) -> str:
    shown = text.replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\0")
    risky = text.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA)
    return f"'{shown}" if risky else shown

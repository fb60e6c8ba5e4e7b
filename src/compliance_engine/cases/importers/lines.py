"""Lines of a text file in blocks, screened byte by byte: one bad line never costs its neighbours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from compliance_engine.dates import BoolArray
from compliance_engine.errors import CaseProblem, Place, Problem

LONGEST_LINE = 10_000_000
BLOCK = 1 << 23
_SHOWN = 2000
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
LineNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that cannot be used, and why."""

    line: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of UTF-8 text.

    Attributes:
        text: The lines, each ended by a line feed.
        lines: int64[n], the number of each line in its file, from 1.
        refused: Lines left out.
    """

    text: bytes
    lines: LineNumbers
    refused: list[Refused]


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises: CaseProblem CE403 when it cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseProblem(
            Problem(Place(str(path)), "CE403", path.name, f"cannot be read: {reason}")
        ) from error


def ends_with_line(path: Path) -> bool:
    """Return whether the last byte of a file is a line feed, or it has none.

    Raises: CaseProblem CE403 when the file cannot be read.
    """
    with open_file(path) as stream:
        if not stream.seek(0, os.SEEK_END):
            return True
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def read_blocks(path: Path, *, quoted: bool, block: int = BLOCK) -> Iterator[Block]:
    """Yield the lines of a file, about `block` bytes at a time.

    Args:
        quoted: Whether double quotes must be balanced within a line (CSV).

    Raises: CaseProblem CE403 when the file cannot be read.
    """
    number = 1
    with open_file(path) as stream:
        for text, skipped in _whole_lines(stream, block):
            if skipped:
                found = Refused(number, "CE411", f"the line is longer than {LONGEST_LINE} bytes")
                yield Block(b"", np.zeros(0, dtype=np.int64), [found])
                number += 1
            else:
                yield _screen(text, number, quoted=quoted)
                number += text.count(b"\n")


def raw_lines(path: Path, numbers: set[int]) -> dict[int, str]:
    """Return some lines of a file as text, shortened; bytes that are not UTF-8 are escaped."""
    if not numbers:
        return {}
    found = {}
    with open_file(path) as stream:
        for number, line in enumerate(stream, start=1):
            if number in numbers:
                text = line[:_SHOWN].rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")
                found[number] = text.removeprefix("\ufeff") if number == 1 else text
    return found


def _whole_lines(stream: BinaryIO, block: int) -> Iterator[tuple[bytes, bool]]:
    """Yield (lines, False), and (b"", True) for each line too long to hold."""
    carry, skipping, first = b"", False, True
    while True:
        read = stream.read(block)
        if first:
            read, first = read.removeprefix(b"\xef\xbb\xbf"), False
        if skipping:
            end = read.find(b"\n")
            if end < 0 and read:
                continue
            yield b"", True
            read, skipping = read[end + 1 :] if end >= 0 else b"", False
            if not read and end < 0:
                return
        elif not read:
            if carry:
                yield carry + b"\n", False
            return
        data = carry + read
        cut = data.rfind(b"\n") + 1
        carry = data[cut:]
        if cut:
            yield data[:cut], False
        if len(carry) > LONGEST_LINE:
            carry, skipping = b"", True


def _screen(text: bytes, number: int, *, quoted: bool) -> Block:
    """Leave out blank lines and lines that no reader could place."""
    octets = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(octets == _NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    good: BoolArray = np.ones(len(ends), dtype=np.bool_)
    blank = (lengths == 0) | ((lengths == 1) & (octets[starts] == _RETURN))
    good &= ~blank
    refused: list[Refused] = []

    def refuse(rows: npt.NDArray[np.intp], code: str, reason: str) -> None:
        refused.extend(Refused(number + row, code, reason) for row in rows.tolist() if good[row])
        good[rows] = False

    long = f"the line is longer than {LONGEST_LINE} bytes"
    refuse(np.flatnonzero(lengths > LONGEST_LINE), "CE411", long)
    if 0 in text:
        refuse(_lines_of(np.flatnonzero(octets == 0), ends), "CE413", "the line holds a NUL byte")
    if _RETURN in text:
        returns = np.flatnonzero(octets == _RETURN)
        stray = returns[octets[returns + 1] != _NEWLINE]
        reason = "a carriage return stands within the line"
        refuse(_lines_of(stray, ends), "CE413", reason)
    for row, reason in _not_utf8(text, octets, starts, ends):
        refuse(np.asarray([row]), "CE412", reason)
    if quoted and _QUOTE in text:
        quotes = np.searchsorted(np.flatnonzero(octets == _QUOTE), ends)
        odd = np.diff(quotes, prepend=0) % 2 == 1
        reason = "a double quote is not closed on the same line"
        refuse(np.flatnonzero(odd), "CE429", reason)
    lines = number + np.flatnonzero(good)
    if not good.all():
        text = octets[np.repeat(good, lengths + 1)].tobytes()
    return Block(text, lines, refused)


def _lines_of(offsets: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    return np.unique(np.searchsorted(ends, offsets))


def _not_utf8(
    text: bytes, octets: npt.NDArray[np.uint8], starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]
) -> Iterator[tuple[int, str]]:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return
    for row in _lines_of(np.flatnonzero(octets > 127), ends).tolist():
        line = text[starts[row] : ends[row]]
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            guess = "; the file may be Latin-1 or Windows-1252: save it as UTF-8"
            yield row, f"byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not UTF-8{guess}"

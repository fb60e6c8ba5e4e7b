"""CSV, JSON Lines and Parquet as chunks of text columns under canonical names."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from compliance_engine.cases.importers.lines import (
    BLOCK,
    Block,
    LineNumbers,
    Refused,
    ends_with_line,
    open_file,
    raw_lines,
    read_blocks,
)
from compliance_engine.errors import CaseProblem, Place, Problem, did_you_mean

SUFFIXES = (".csv", ".jsonl", ".parquet")
_LONGEST_HEADER = 100_000
_NAMES_OF_PEOPLE = frozenset(
    {"name", "first_name", "last_name", "middle_name", "full_name", "student_name", "ssn", "last_surname"}
)
_RAW_SHOWN = 2000
_BATCH = 200_000  # rows of Parquet at a time


@dataclass(frozen=True, slots=True)
class Layout:
    """What a canonical file holds.

    Attributes:
        needed: Columns that must be there.
        optional: Columns that may be there.
        synonyms: Other headings, in lower case with underscores.
        open: Whether further columns are facts of the row rather than mistakes.
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    synonyms: Mapping[str, str]
    open: bool

    @property
    def known(self) -> tuple[str, ...]:
        """All canonical columns."""
        return (*self.needed, *self.optional)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        columns: Text columns (null where there is nothing) by canonical name; Arrow timestamps stay.
        lines: int64[n], the place of each row in the file.
        refused: Rows left out already.
    """

    columns: dict[str, pa.Array]
    lines: LineNumbers
    refused: list[Refused]

    def column(self, name: str) -> pa.Array:
        """Return a column, all null when the file lacks it."""
        found = self.columns.get(name)
        return pa.nulls(len(self.lines), pa.string()) if found is None else found


@dataclass(frozen=True, slots=True)
class Source:
    """One file and the way to read it."""

    path: Path
    layout: Layout
    block: int = BLOCK

    def chunks(self) -> Iterator[Chunk]:
        """Yield the file's rows in order.

        Raises: CaseProblem for a file that cannot be read at all, or lacks a column.
        """
        readers: dict[str, Callable[[], Iterator[Chunk]]] = {
            ".csv": self._csv,
            ".jsonl": self._json_lines,
            ".parquet": self._parquet,
        }
        return readers[self.path.suffix]()

    def raw(self, lines: set[int]) -> dict[int, str]:
        """Return rows as they stand in the file, shortened."""
        if self.path.suffix != ".parquet":
            return raw_lines(self.path, lines)
        found: dict[int, str] = {}
        if lines:
            first = 1
            for batch in _batches(_open_parquet(self.path), self.path):
                inside = [line for line in lines if first <= line < first + len(batch)]
                for line in inside:
                    row = batch.slice(line - first, 1).to_pylist()[0]
                    found[line] = json.dumps(row, default=str, ensure_ascii=False)[:_RAW_SHOWN]
                first += len(batch)
        return found

    def notes(self) -> Iterator[str]:
        """Yield what a reader of the counts should know of the file itself."""
        if self.path.suffix == ".csv" and not ends_with_line(self.path):
            yield f"{self.path.name} ends within a line: if it was cut short, its last row is wrong"

    def _csv(self) -> Iterator[Chunk]:
        names = canonical_names(_csv_header(self.path), self.layout, self.path)
        for number, block in enumerate(read_blocks(self.path, quoted=True, block=self.block)):
            yield _csv_chunk(_without_header(block) if number == 0 else block, names)

    def _json_lines(self) -> Iterator[Chunk]:
        with open_file(self.path) as stream:
            _refuse_empty(self.path, stream.read(1))
        for block in read_blocks(self.path, quoted=False, block=self.block):
            yield _json_chunk(block, self.layout, self.path)

    def _parquet(self) -> Iterator[Chunk]:
        file = _open_parquet(self.path)
        names = canonical_names(file.schema_arrow.names, self.layout, self.path)
        first = 1
        for batch in _batches(file, self.path):
            columns = {
                name: _as_text(column, self.path, name)
                for name, column in zip(names, batch.columns, strict=True)
            }
            lines = np.arange(first, first + len(batch), dtype=np.int64)
            yield Chunk(columns, lines, [])
            first += len(batch)


def canonical_names(header: Sequence[str], layout: Layout, path: Path) -> list[str]:
    """Return the canonical name of each heading.

    Raises: CaseProblem CE401 for a missing or unknown column or one heading twice, CE407 for names of people.
    """
    place = Place(str(path), 1)
    names = [_plain(word) for word in header]
    names = [layout.synonyms.get(name, name) for name in names]
    problems = []
    for name in layout.needed:
        if name not in names:
            others = [other for other in names if other not in layout.known]
            near = did_you_mean(name, others).replace("did you mean", "is it").removesuffix("?")
            mend = f"{near}?" if near else ""
            accepted = ", ".join(layout.known)
            found = f"the column {name} is missing"
            problems.append(Problem(place, "CE401", path.name, found, accepted, mend))
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.append(Problem(place, "CE401", path.name, f"the column {name} stands here twice"))
        elif name in _NAMES_OF_PEOPLE:
            found = f"column {index + 1} holds names or numbers of people"
            problems.append(Problem(place, "CE407", path.name, found, mend="leave it out"))
        elif name not in layout.known and not (layout.open and re.fullmatch(r"[a-z][a-z0-9_]*", name)):
            shown = f"column {index + 1} is unknown"
            mend = did_you_mean(name, layout.known) or "leave it out"
            problems.append(Problem(place, "CE401", path.name, shown, ", ".join(layout.known), mend))
    if problems:
        raise CaseProblem(problems)
    return names


def _plain(heading: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", heading.strip())
    return re.sub(r"[\s\-]+", "_", words).lower()


def _refuse_empty(path: Path, content: bytes) -> None:
    if not content:
        raise CaseProblem(Problem(Place(str(path)), "CE402", path.name, "the file is empty"))


def _csv_header(path: Path) -> list[str]:
    with open_file(path) as stream:
        line = stream.readline(_LONGEST_HEADER)
    _refuse_empty(path, line.strip())
    place = Place(str(path), 1)
    if b"\0" in line:
        found = "the first line holds NUL bytes, as UTF-16 does"
        raise CaseProblem(Problem(place, "CE412", path.name, found, mend="save the file as UTF-8"))
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        found = f"byte {error.start + 1} of the first line is not UTF-8"
        raise CaseProblem(Problem(place, "CE412", path.name, found, mend="save the file as UTF-8")) from error
    if "," not in text and (";" in text or "\t" in text):
        found = "the columns are not separated by commas"
        raise CaseProblem(Problem(place, "CE401", path.name, found, mend="save the file with commas"))
    return next(csv.reader([text.replace("\r", " ")]))


def _without_header(block: Block) -> Block:
    """Drop the first line, which was read already."""
    if not len(block.lines) or block.lines[0] != 1:
        return Block(block.text, block.lines, [one for one in block.refused if one.line != 1])
    return Block(block.text[block.text.index(b"\n") + 1 :], block.lines[1:], block.refused)


def _csv_chunk(block: Block, names: list[str]) -> Chunk:
    if not len(block.lines):
        return Chunk({}, block.lines, block.refused)
    wrong: list[tuple[int, int]] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        wrong.append((row.number, row.actual_columns))
        return "skip"

    table = pa_csv.read_csv(
        pa.BufferReader(block.text),
        # one block and no threads: only then does Arrow number the rows it refuses
        read_options=pa_csv.ReadOptions(
            column_names=names, use_threads=False, block_size=min(len(block.text) + 1, 2**31 - 1)
        ),
        parse_options=pa_csv.ParseOptions(
            invalid_row_handler=skip, newlines_in_values=False, ignore_empty_lines=False
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=True,
        ),
    )
    lines = block.lines
    refused = list(block.refused)
    if wrong:
        rows = np.asarray([number - 1 for number, _ in wrong])
        for row, (_, actual) in zip(rows.tolist(), wrong, strict=True):
            reason = f"the row has {actual} columns, the header {len(names)}"
            refused.append(Refused(int(lines[row]), "CE410", reason))
        lines = np.delete(lines, rows)
    columns = {name: table.column(name).combine_chunks() for name in names}
    return Chunk({name: _one_chunk(column) for name, column in columns.items()}, lines, refused)


def _one_chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def _json_chunk(block: Block, layout: Layout, path: Path) -> Chunk:
    refused = list(block.refused)
    rows: list[dict[str, Any]] = []
    kept: list[int] = []
    headings: dict[str, str] = {}
    for line, text in zip(block.lines.tolist(), block.text.splitlines(), strict=True):
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            refused.append(Refused(line, "CE409", "the line is not a JSON object"))
            continue
        row = {headings.get(key) or _heading(key, headings, layout): value for key, value in record.items()}
        unknown = [] if layout.open else [name for name in row if name not in layout.known]
        if unknown:
            mend = did_you_mean(unknown[0], layout.known)
            reason = "; ".join(part for part in (f"expected {', '.join(layout.known)}", mend) if part)
            refused.append(Refused(line, "CE408", f"the record has an unknown key; {reason}"))
            continue
        kept.append(line)
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if layout.open:
        canonical_names([*layout.needed, *(n for n in names if n not in layout.needed)], layout, path)
    columns = {name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in names}
    return Chunk(columns, np.asarray(kept, dtype=np.int64), refused)


def _heading(key: str, headings: dict[str, str], layout: Layout) -> str:
    name = _plain(key)
    headings[key] = layout.synonyms.get(name, name)
    return headings[key]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _open_parquet(path: Path) -> pq.ParquetFile:
    with open_file(path):
        pass
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        found = "the file is not readable Parquet"
        raise CaseProblem(Problem(Place(str(path)), "CE403", path.name, found)) from error


def _batches(file: pq.ParquetFile, path: Path) -> Iterator[pa.RecordBatch]:
    batches = file.iter_batches(batch_size=_BATCH)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            found = "the file is damaged: its rows cannot be read"
            raise CaseProblem(Problem(Place(str(path)), "CE403", path.name, found)) from error
        if batch is None:
            return
        yield batch


def _as_text(column: pa.Array, path: Path, name: str) -> pa.Array:
    """Return a column as text; timestamps stay, nested values become JSON."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column
    if pa.types.is_map(kind):
        return pa.array(
            [None if row is None else json.dumps(dict(row)) for row in column.to_pylist()], pa.string()
        )
    if pa.types.is_nested(kind):
        rows = column.to_pylist()
        given = [
            {k: v for k, v in row.items() if v is not None} if isinstance(row, dict) else row for row in rows
        ]
        return pa.array([None if row is None else json.dumps(row, default=str) for row in given], pa.string())
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        found = f"the column {name} is {kind}, which is no text"
        raise CaseProblem(Problem(Place(str(path)), "CE403", path.name, found)) from error

"""Records that stand in a file twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compliance_engine.cases.importers.rows import EventRows
from compliance_engine.dates import BoolArray, IntArray

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def repeated(rows: EventRows, case: IntArray, good: BoolArray) -> Iterator[tuple[int, str, str]]:
    """Yield (row, code, reason) for each good row that repeats an earlier one.

    CE426: every column is equal. CE431: the event id is that of an earlier event of the case.
    """
    identity = _codes(rows.pointers[0])
    columns: list[npt.NDArray[np.int32] | npt.NDArray[np.int64]] = [
        case,
        rows.rank,
        rows.day,
        rows.recorded,
        rows.attributes,
        identity,
        *(_codes(column) for column in rows.pointers[1:]),
    ]
    same = set()
    for row, first in _repeats([column[good] for column in columns], np.flatnonzero(good)):
        same.add(row)
        yield row, "CE426", f"the same event stands already on line {rows.lines[first]}"
    named = good & (identity >= 0)
    if named.any():
        for row, first in _repeats([case[named], identity[named]], np.flatnonzero(named)):
            if row not in same:
                reason = f"the event_id is already that of line {rows.lines[first]}"
                yield row, "CE431", f"{reason}; a changed record needs its own event_id and `corrects`"


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    if column.null_count == len(column):
        return np.full(len(column), -1, dtype=np.int64)
    encoded = column.combine_chunks().dictionary_encode()
    codes: npt.NDArray[np.int64] = (
        encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return codes


def _repeats(
    columns: Sequence[npt.NDArray[np.int32] | npt.NDArray[np.int64]], rows: npt.NDArray[np.intp]
) -> Iterator[tuple[int, int]]:
    """Yield (row, first row) of rows equal in all columns, in row order.

    Args:
        columns: Integer columns of the rows looked at.
        rows: Their row numbers, rising.
    """
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(np.int64).view(np.uint64)) * _MIX
        mixed ^= mixed >> _SHIFT
    order = np.argsort(mixed)
    ordered = mixed[order]
    equal = ordered[1:] == ordered[:-1]
    suspects = np.unique(np.concatenate([order[1:][equal], order[:-1][equal]]))
    firsts: dict[tuple[int, ...], int] = {}
    keys = zip(*(column[suspects].tolist() for column in columns), strict=True)
    for row, key in zip(rows[suspects].tolist(), keys, strict=True):
        first = firsts.setdefault(key, row)
        if first != row:
            yield row, first

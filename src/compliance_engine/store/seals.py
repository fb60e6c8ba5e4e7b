"""Digests of stored rows: a changed event can be named, and what a case came to can be compared.

A seal is 64 bits over the columns of a row, texts by their own digest, so that it does not depend on the
numbers that texts have in one store. It finds what was changed by accident or in passing; whoever changes a
row and its seal is found by the digest of the import, and whoever changes that too by the chain. The form of
a seal never changes: a store keeps those it made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa

Seals = npt.NDArray[np.uint64]
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xA5A5A5A5A5A5A5A5)


def text_seal(text: str) -> int:
    """Return the digest of a text, 64 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def text_seals(column: pa.ChunkedArray | pa.Array) -> Seals:
    """Return the digest of each text of a column, uint64[n]; null has one of its own."""
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = flat.cast(pa.string()).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):  # an empty column has no chunk to combine
        return np.zeros(0, np.uint64)
    table = np.array([*map(text_seal, encoded.dictionary.to_pylist()), int(_NULL)], np.uint64)
    place: npt.NDArray[np.int32] = encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
    return table[place]


def number_seals(column: pa.ChunkedArray | pa.Array) -> Seals:
    """Return whole numbers as uint64[n], null as a value of its own."""
    values = column.cast(pa.int64())
    missing = np.asarray(values.is_null())
    filled = values.fill_null(0).to_numpy()
    return np.where(missing, _NULL, filled.view(np.uint64) if filled.dtype == np.int64 else filled)


def word_seals(column: pa.ChunkedArray | pa.Array, texts: Mapping[int, str]) -> Seals:
    """Return the digests of texts given by their numbers in a store, uint64[n]; null has one of its own."""
    numbers = np.maximum(column.cast(pa.int64()).fill_null(-1).to_numpy(), -1) + 1
    used = np.flatnonzero(np.bincount(numbers, minlength=1))
    table = np.full(used[-1] + 1 if len(used) else 1, _NULL)
    for place in used[used > 0].tolist():
        table[place] = text_seal(texts.get(place - 1, f"word {place - 1}"))
    seals: Seals = table[numbers]
    return seals


def mixed(columns: Sequence[Seals]) -> Seals:
    """Return one digest per row over its columns, in their order, uint64[n]."""
    total = np.zeros(len(columns[0]), np.uint64)
    with np.errstate(over="ignore"):
        for number, column in enumerate(columns):
            value = column + _STEP * np.uint64(number + 1)
            value = (value ^ (value >> np.uint64(30))) * _MIX[0]
            value = (value ^ (value >> np.uint64(27))) * _MIX[1]
            total = (total ^ value ^ (value >> np.uint64(31))) * _MIX[0] + _STEP
            total ^= total >> np.uint64(29)
    return total


def as_signed(seals: Seals) -> npt.NDArray[np.int64]:
    """Return digests as a database keeps them, int64[n]."""
    return seals.view(np.int64)


EVENT_COLUMNS = ("event", "occurred_on", "recorded_at", "attributes", "event_id", "corrects", "retracts")
"""What a seal of an event covers, after the id of its case."""


def event_seals(rows: pa.Table, case_ids: pa.ChunkedArray, texts: Mapping[int, str]) -> Seals:
    """Return the seal of each event.

    Args:
        rows: Columns of `EVENT_COLUMNS`; event and attributes as numbers of words.
        case_ids: The id of each event's case.
        texts: The words by number.
    """
    return mixed(
        [
            text_seals(case_ids),
            word_seals(rows.column("event"), texts),
            number_seals(rows.column("occurred_on")),
            number_seals(rows.column("recorded_at")),
            word_seals(rows.column("attributes"), texts),
            *(text_seals(rows.column(name)) for name in ("event_id", "corrects", "retracts")),
        ]
    )


VERSION_TEXTS = ("case_id", "state", "district", "program", "calendar")
VERSION_NUMBERS = ("recorded_at", "birth_day", "grade")


def version_seals(rows: pa.Table, texts: Mapping[int, str]) -> Seals:
    """Return the seal of each version of a case.

    Args:
        rows: Columns of `VERSION_TEXTS` and `VERSION_NUMBERS`, and attributes as numbers of words.
        texts: The words by number.
    """
    columns = [text_seals(rows.column(name)) for name in VERSION_TEXTS]
    columns += [number_seals(rows.column(name)) for name in VERSION_NUMBERS]
    return mixed([*columns, word_seals(rows.column("attributes"), texts)])


def import_digest(events: Seals, versions: Seals) -> str:
    """Return the digest of what an import added: its events by their numbers, and versions of cases."""
    found = hashlib.sha256(f"events:{len(events)}:cases:{len(versions)}:".encode())
    found.update(events.astype("<u8").tobytes())
    found.update(np.sort(versions).astype("<u8").tobytes())
    return found.hexdigest()


IMPORT_ROW = (
    "import_id", "source", "form", "received_at", "recorded_at", "read", "accepted", "refused", "new_cases",
    "changed_cases", "known_cases", "conflicting_cases", "new_events", "known_events", "conflicting_events",
    "digest",
)  # fmt: skip
SWEEP_ROW = (
    "sweep", "as_of", "known_at", "readings", "project_until", "last_import", "engine_version", "rules",
    "calendars", "started_at", "finished_at", "counts", "digest",
)  # fmt: skip
"""What a link of the chain says of an import and of a sweep."""


def row_digest(row: sa.RowMapping, names: Sequence[str]) -> str:
    """Return the digest of a row of an import or sweep, which includes that of its contents."""
    return hashlib.sha256(json.dumps([row[name] for name in names]).encode()).hexdigest()

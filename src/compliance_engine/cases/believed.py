"""Which records of a case history are believed at a moment: corrections, retractions, what was not known."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.dates import BoolArray, IntArray, to_day
from compliance_engine.errors import CaseProblem, Place, Problem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_IN_US = 86_400_000_000


def believed(
    rows: IntArray, events: pa.Table, *, as_of: date, known_at: datetime | None
) -> tuple[IntArray, pa.Table]:
    """Leave out what is not believed, then what lies after `as_of`.

    A record is known from `recorded_at`, or from the start (UTC) of the day it occurred where that is null.
    Of the records that correct or retract one event, the one recorded last counts: a correction stands in the
    event's place, a retraction leaves nothing. Taking back a correction does not bring the first record back.

    Args:
        rows: Case of each event, int32[m].
        events: Columns of `tables.EVENTS`.
        known_at: With a time zone; None believes every record.

    Returns: The rows and events that remain.
    Raises: CaseProblem CE406 when `known_at` has no time zone.
    """
    days = events.column("occurred_on").cast(pa.int32()).to_numpy()
    recorded = _recorded(events, days)
    keep: BoolArray = np.ones(len(days), dtype=np.bool_)
    if known_at is not None:
        keep &= recorded <= _microseconds(known_at)
    pointers = [events.column(name) for name in ("corrects", "retracts")]
    if any(column.null_count < len(column) for column in pointers):
        keep &= ~_superseded(rows, events, recorded, keep)
    keep &= days <= to_day(as_of)
    if keep.all():
        return rows, events
    return rows[keep], events.filter(pa.array(keep))


def _microseconds(known_at: datetime) -> int:
    if known_at.tzinfo is None:
        found = "a moment without a time zone"
        raise CaseProblem(Problem(Place("known_at"), "CE406", "known_at", found, mend="add Z or +00:00"))
    elapsed = known_at.astimezone(UTC) - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def _recorded(events: pa.Table, days: IntArray) -> npt.NDArray[np.int64]:
    column = events.column("recorded_at")
    if column.null_count == len(column):
        return days.astype(np.int64) * _DAY_IN_US
    moments = column.cast(pa.int64())
    known = pc.is_valid(moments).to_numpy()
    return np.where(known, moments.fill_null(0).to_numpy(), days.astype(np.int64) * _DAY_IN_US)


def _superseded(
    rows: IntArray, events: pa.Table, recorded: npt.NDArray[np.int64], visible: BoolArray
) -> BoolArray:
    """Return which records another visible record replaces or withdraws, and the retractions themselves."""
    retracts = pc.is_valid(events.column("retracts")).to_numpy()
    corrects = pc.is_valid(events.column("corrects")).to_numpy()
    gone: BoolArray = retracts.copy()
    pointing = np.flatnonzero((retracts | corrects) & visible)
    target = pc.coalesce(events.column("retracts"), events.column("corrects")).take(pa.array(pointing))
    keys = list(zip(rows[pointing].tolist(), target.to_pylist(), strict=True))
    named = pc.is_in(events.column("event_id"), value_set=target.combine_chunks()).to_numpy()
    candidates = np.flatnonzero(named)
    ids = events.column("event_id").take(pa.array(candidates)).to_pylist()
    targets = set(keys)
    owners = zip(candidates.tolist(), rows[candidates].tolist(), ids, strict=True)
    gone[[index for index, row, event_id in owners if (row, event_id) in targets]] = True
    order = _tie_breaks(events, pointing)
    last: dict[tuple[int, str], tuple[int, tuple[str, ...], int]] = {}
    for index, key, tie in zip(pointing.tolist(), keys, order, strict=True):
        claim = (int(recorded[index]), tie, index)
        best = last.get(key)
        if best is None or claim[:2] > best[:2]:
            if best is not None:
                gone[best[2]] = True
            last[key] = claim
        else:
            gone[index] = True
    return gone


def _tie_breaks(events: pa.Table, pointing: npt.NDArray[np.intp]) -> list[tuple[str, ...]]:
    """Return a text per record that orders those recorded at one moment, whatever the input order."""
    columns = ("retracts", "event_id", "event", "occurred_on", "attributes")
    picked = events.select(columns).take(pa.array(pointing)).to_pylist()
    return [tuple("" if row[name] is None else str(row[name]) for name in columns) for row in picked]

"""What one sweep found otherwise than the sweep before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from compliance_engine.dates import NO_DAY, IntArray
from compliance_engine.engine.changes import Change, day_or_none, kind_of
from compliance_engine.engine.columns import Status
from compliance_engine.store.bulk import among, read_table
from compliance_engine.store.states import otherwise_after
from compliance_engine.store.sweeps import Sweep
from compliance_engine.store.tables import cases, deadlines, of_case
from compliance_engine.store.words import texts_of

_NO_DAY = int(NO_DAY)
_FEW = 10_000
_ROW = pa.schema(
    [
        ("case_id", pa.string()),
        *((name, pa.int32()) for name in ("rule", "opened_on", "nth", "due_on", "status")),
    ]
)


def read_changes(
    connection: sa.Connection, before: Sweep, after: Sweep, changed: IntArray | None = None
) -> list[Change]:
    """Return every deadline that differs between two finished sweeps, sorted by case, rule and opening.

    Args:
        changed: The cases of which rows began since, where they are known.
    """
    low, high = deadlines.c.valid_from, deadlines.c.valid_to
    ended = (low <= before.number) & (high > before.number) & (high <= after.number)
    began = (low > before.number) & (low <= after.number) & (high.is_(None) | (high > after.number))
    pairs: dict[tuple[str, int, int, int], list[tuple[int, int] | None]] = {}
    # a case with new rows came out otherwise since and is known by that; old rows have an index of their own
    key = deadlines.c.case_key
    if changed is not None and len(changed) <= _FEW:
        of_cases = among(key, changed)
    else:
        of_cases = [otherwise_after(connection, before.number, key)]
    for side, rows in ((0, ended), *((1, began & some) for some in of_cases)):
        for case_id, rule, opened, nth, due, status in _rows(connection, rows):
            pair = pairs.setdefault((case_id, rule, opened, nth), [None, None])
            pair[side] = (due, status)
    texts = texts_of(connection, np.array([rule for _, rule, _, _ in pairs], np.int32))
    found = []
    for (case_id, rule, opened, nth), (old, new) in pairs.items():
        about = (case_id, texts[rule], day_or_none(opened), nth)
        days = (None if old is None else day_or_none(old[0]), None if new is None else day_or_none(new[0]))
        statuses = (
            None if old is None else Status(old[1]).word,
            None if new is None else Status(new[1]).word,
        )
        found.append(Change(*about, kind_of(old, new), *days, *statuses))
    return sorted(found, key=lambda one: (one.case_id, one.rule, one.opened_on or date.min, one.nth))


def _rows(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterator[tuple[Any, ...]]:
    columns = [sa.func.coalesce(deadlines.c[name], _NO_DAY) for name in _ROW.names[1:]]
    query = sa.select(cases.c.case_id, *columns).join_from(deadlines, cases, of_case(deadlines)).where(which)
    table = read_table(connection, query, _ROW)
    return zip(*(column.to_pylist() for column in table.columns), strict=True)

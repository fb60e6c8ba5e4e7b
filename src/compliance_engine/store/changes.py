"""What one sweep found otherwise than the sweep before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import sqlalchemy as sa

from compliance_engine.dates import NO_DAY, to_date
from compliance_engine.engine.columns import Status
from compliance_engine.store.bulk import read_table
from compliance_engine.store.sweeps import Sweep
from compliance_engine.store.tables import cases, deadlines
from compliance_engine.store.words import all_words

Kind = Literal["moved", "status", "appeared", "disappeared", "other"]
KINDS: tuple[Kind, ...] = ("moved", "status", "appeared", "disappeared", "other")
_NO_DAY = int(NO_DAY)
_ROW = pa.schema(
    [
        ("case_id", pa.string()),
        *((name, pa.int32()) for name in ("rule", "opened_on", "nth", "due_on", "status")),
    ]
)


@dataclass(frozen=True, order=True, slots=True)
class Change:
    """A deadline that is not what it was.

    Attributes:
        kind: `moved` when the due day differs, `status` when only the status does (and perhaps more), `other`
            when neither does (met on another day, another excuse, ...).
        old_due, old_status: Before; None when it was not there.
        new_due, new_status: Now; None when it is gone.
    """

    case_id: str
    rule: str
    opened_on: date | None
    nth: int
    kind: Kind
    old_due: date | None = None
    new_due: date | None = None
    old_status: str | None = None
    new_status: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the change as plain data."""
        names = ("old_due", "new_due", "opened_on")
        days = {name: None if (day := getattr(self, name)) is None else day.isoformat() for name in names}
        texts = {
            name: getattr(self, name) for name in ("case_id", "rule", "old_status", "new_status", "kind")
        }
        return {**texts, **days}


def read_changes(connection: sa.Connection, before: Sweep, after: Sweep) -> list[Change]:
    """Return every deadline that differs between two finished sweeps, sorted by case, rule and opening."""
    low, high = deadlines.c.valid_from, deadlines.c.valid_to
    ended = (low <= before.number) & (high > before.number) & (high <= after.number)
    began = (low > before.number) & (low <= after.number) & (high.is_(None) | (high > after.number))
    texts = all_words(connection)
    pairs: dict[tuple[str, int, int, int], list[tuple[int, int] | None]] = {}
    for side, rows in enumerate((ended, began)):
        for case_id, rule, opened, nth, due, status in _rows(connection, rows):
            pair = pairs.setdefault((case_id, rule, opened, nth), [None, None])
            pair[side] = (due, status)
    found = []
    for (case_id, rule, opened, nth), (old, new) in pairs.items():
        about = (case_id, texts[rule], _day(opened), nth)
        days = (None if old is None else _day(old[0]), None if new is None else _day(new[0]))
        statuses = (
            None if old is None else Status(old[1]).word,
            None if new is None else Status(new[1]).word,
        )
        found.append(Change(*about, _kind(old, new), *days, *statuses))
    return sorted(found, key=lambda one: (one.case_id, one.rule, one.opened_on or date.min, one.nth))


def _rows(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterator[tuple[Any, ...]]:
    columns = [sa.func.coalesce(deadlines.c[name], _NO_DAY) for name in _ROW.names[1:]]
    query = sa.select(cases.c.case_id, *columns).join_from(deadlines, cases).where(which)
    table = read_table(connection, query, _ROW)
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _kind(old: tuple[int, int] | None, new: tuple[int, int] | None) -> Kind:
    if old is None:
        return "appeared"
    if new is None:
        return "disappeared"
    if old[0] != new[0]:
        return "moved"
    return "status" if old[1] != new[1] else "other"


def _day(day: int) -> date | None:
    return None if day == NO_DAY else to_date(day)

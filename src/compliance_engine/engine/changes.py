"""What became of deadlines between two evaluations: moved, changed, appeared, disappeared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.dates import NO_DAY, IntArray, to_date
from compliance_engine.engine.columns import Status
from compliance_engine.engine.evaluate import Evaluation

Kind = Literal["moved", "status", "appeared", "disappeared", "other"]
KINDS: tuple[Kind, ...] = ("moved", "status", "appeared", "disappeared", "other")
_KEY = ["case_id", "duty", "opened_on", "nth"]
_SHOWN = ("rule", "due_on", "status")


@dataclass(frozen=True, order=True, slots=True)
class Change:
    """A deadline that is not what it was.

    Attributes:
        kind: `moved` when the due day differs, `status` when only the status does (and perhaps more), `other`
            when neither does (met on another day, another excuse, ...).
        old_due, old_status: Before; None when it was not there.
        new_due, new_status: Now; None when it is gone.
        old_rule: The rule it came from before, where that is another.
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
    old_rule: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the change as plain data."""
        names = ("old_due", "new_due", "opened_on")
        days = {name: None if (day := getattr(self, name)) is None else day.isoformat() for name in names}
        texts = {
            name: getattr(self, name)
            for name in ("case_id", "rule", "old_rule", "old_status", "new_status", "kind")
        }
        return {**texts, **days}


def kinds_of(
    old_due: IntArray, old_status: IntArray, new_due: IntArray, new_status: IntArray
) -> npt.NDArray[np.int8]:
    """Return what kind of change each is, as a place in `KINDS`.

    Args:
        old_due, old_status, new_due, new_status: Of each deadline before and now; a status `NO_DAY` where it
            was not there.
    """
    which = (old_status == NO_DAY, new_status == NO_DAY, old_due != new_due, old_status != new_status)
    places = [KINDS.index(kind) for kind in ("appeared", "disappeared", "moved", "status")]
    return np.select(which, places, KINDS.index("other")).astype(np.int8)


def day_or_none(day: int) -> date | None:
    """Return a day number as a date, NO_DAY as None."""
    return None if day == NO_DAY else to_date(day)


def changes_between(before: Evaluation, after: Evaluation) -> list[Change]:
    """Return the deadlines that differ between two evaluations of the same cases, sorted by case.

    A state's rule and the federal one it replaces are the same duty: a case that passes from one to the other
    has a deadline that moved, not one that went and one that came.
    """
    old, new = _table(before), _table(after)
    joined = old.join(new, keys=_KEY, join_type="full outer", left_suffix="_old", right_suffix="_new")
    same = pc.and_(
        pc.equal(joined["due_on_old"], joined["due_on_new"]),
        pc.equal(joined["status_old"], joined["status_new"]),
    )
    differ = joined.filter(pc.invert(pc.fill_null(same, False)))
    names = ("due_on_old", "status_old", "due_on_new", "status_new")
    sides = [differ[name].cast(pa.int32()).fill_null(int(NO_DAY)).to_numpy() for name in names]
    rows = zip(differ.to_pylist(), kinds_of(*sides).tolist(), strict=True)
    found = [_change(row, KINDS[kind]) for row, kind in rows]
    return sorted(found, key=lambda one: (one.case_id, one.rule, one.opened_on or date.min, one.nth))


def _change(row: dict[str, Any], kind: Kind) -> Change:
    rule = row["rule_new"] or row["rule_old"]
    return Change(
        case_id=row["case_id"],
        rule=rule,
        opened_on=day_or_none(row["opened_on"]),
        nth=row["nth"],
        kind=kind,
        old_due=_day(row["due_on_old"]),
        new_due=_day(row["due_on_new"]),
        old_status=_word(row["status_old"]),
        new_status=_word(row["status_new"]),
        old_rule=row["rule_old"] if row["rule_old"] not in (None, rule) else None,
    )


def _day(day: int | None) -> date | None:
    return None if day is None else day_or_none(day)


def _word(status: int | None) -> str | None:
    return None if status is None else Status(status).word


def _table(evaluation: Evaluation) -> pa.Table:
    return pa.concat_tables([*_tables(evaluation), _EMPTY])


_EMPTY = pa.schema(
    [
        ("case_id", pa.string()),
        ("duty", pa.string()),
        ("opened_on", pa.int32()),
        ("nth", pa.int32()),
        ("rule", pa.string()),
        ("due_on", pa.int32()),
        ("status", pa.int8()),
    ]
).empty_table()


def _tables(evaluation: Evaluation) -> Iterator[pa.Table]:
    for block in evaluation.blocks:
        rule, outcome, size = block.rule.rule, block.outcome, len(block)
        if not size:
            continue
        case, opened = block.cases(), outcome.openings.day
        fresh = np.ones(size, bool)
        fresh[1:] = (case[1:] != case[:-1]) | (opened[1:] != opened[:-1])
        place = np.arange(size, dtype=np.int32)
        nth = place - np.maximum.accumulate(np.where(fresh, place, 0))
        columns = [
            pa.array(evaluation.batch.case_id[case], pa.string()),
            pa.repeat(pa.scalar(rule.overrides[0] if rule.overrides else rule.id), size),
            pa.array(opened),
            pa.array(nth.astype(np.int32)),
            pa.repeat(pa.scalar(rule.id), size),
            pa.array(outcome.due),
            pa.array(outcome.status.astype(np.int8)),
        ]
        yield pa.table(columns, schema=_EMPTY.schema)

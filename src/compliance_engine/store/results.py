"""Deadlines and findings as change rows: a sweep writes what changed, readers see one finished sweep."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.dates import NO_DAY, IntArray, to_day
from compliance_engine.store.bulk import Readable, insert_rows, insert_table, next_number, read_table
from compliance_engine.store.facts import Chosen
from compliance_engine.store.sweeps import Sweep
from compliance_engine.store.tables import cases, deadlines, districts, findings, of_case, verdicts
from compliance_engine.store.wording import WORDED, worded_deadlines, worded_findings
from compliance_engine.store.words import named_texts, texts_of

_NUMBER = pa.int32()
DEADLINE_ROWS = pa.schema(
    [
        (name, _NUMBER)
        for name in (
            "case_key",
            "rule",
            "opened_on",
            "nth",
            "due_on",
            "met_on",
            "closed_on",
            "status",
            "days_late",
            "version",
            "variant",
            "excuse",
            "reason",
            "about",
            "flags",
        )
    ]
)
"""What is compared from night to night: numbers, `NO_DAY` for null; texts as numbers of words."""

FINDING_ROWS = pa.schema(
    [(name, _NUMBER) for name in ("case_key", "rule", "opened_on", "nth", "finding", "verdict")]
)
KEY = ("case_key", "rule", "opened_on", "nth")
_BATCH = 500
_ROWS_OF_SWEEP = 1 << 32
"""The id of a row tells it from others of its case; no sweep begins so many rows at a time."""
_NULL = int(NO_DAY)


def changes_of(before: pa.Table, now: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return which rows of some cases are new, sorted by case, and which hold no longer.

    Args:
        before: What the store holds of the cases (`stored_rows`).
        now: What holds now, columns of `DEADLINE_ROWS` or `FINDING_ROWS`, each row once, sorted by case.

    Returns: Columns as of `now`; case_key and id.
    """
    if not len(before):
        return now, before.select(["case_key", "id"])
    names = now.column_names
    ended = before.join(now, names, join_type="left anti").select(["case_key", "id"])
    began = now.join(before.select(names), names, join_type="left anti").sort_by("case_key")
    return began, ended


def write_changes(
    connection: sa.Connection, table: sa.Table, sweep: int, began: pa.Table, ended: pa.Table
) -> None:
    """Write the rows that a sweep found new, and those that hold no longer.

    Args:
        table: `deadlines` or `findings`.
        began, ended: As `changes_of` returns them.
    """
    _end(connection, table, sweep, ended)
    if len(began):
        columns = {name: _with_null(began.column(name)) for name in began.column_names}
        columns["id"] = pa.array(sweep * _ROWS_OF_SWEEP + np.arange(len(began), dtype=np.int64))
        columns["valid_from"] = pa.array(np.full(len(began), sweep, np.int32))
        insert_table(connection, table, pa.table(columns))


def _end(connection: sa.Connection, table: sa.Table, sweep: int, rows: pa.Table) -> None:
    if not len(rows):
        return
    row = (table.c.case_key == sa.bindparam("of_case")) & (table.c.id == sa.bindparam("row_id"))
    pairs = zip(rows.column("case_key").to_pylist(), rows.column("id").to_pylist(), strict=True)
    given = [{"of_case": case, "row_id": number} for case, number in sorted(pairs)]
    connection.execute(table.update().where(row).values(valid_to=sweep), given)


def stored_rows(
    connection: Readable, table: sa.Table, which: Chosen, *, sweep: int | None = None
) -> pa.Table:
    """Return the rows of some cases: those that hold still, or as in a sweep.

    Returns: Columns of `DEADLINE_ROWS` or `FINDING_ROWS`, and id.
    """
    schema = DEADLINE_ROWS if table is deadlines else FINDING_ROWS
    holds = table.c.valid_to.is_(None) if sweep is None else _in_sweep(table, sweep)
    columns = [
        sa.func.coalesce(table.c[name], _NULL) if table.c[name].nullable else table.c[name]
        for name in schema.names
    ]
    query = sa.select(*columns, table.c.id).where(holds)
    if which.keys is None:
        query = query.join_from(cases, table, of_case(table))
    fields = schema.append(pa.field("id", pa.int64()))
    conditions = which.conditions(table.c.case_key)
    return pa.concat_tables([read_table(connection, query.where(one), fields) for one in conditions])


def _in_sweep(table: sa.Table, sweep: int) -> sa.ColumnElement[bool]:
    later = sa.or_(table.c.valid_to.is_(None), table.c.valid_to > sweep)
    return sa.and_(table.c.valid_from <= sweep, later)


def _with_null(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(column, _NULL), pa.scalar(None, _NUMBER), column)


class Verdicts:
    """The numbers of verdicts, within one writing transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Return the number of each verdict text; new ones are kept."""
        given = list(texts)
        found: dict[str, int] = {}
        distinct = list(dict.fromkeys(given))
        for at in range(0, len(distinct), _BATCH):
            query = sa.select(verdicts.c.content, verdicts.c.verdict)
            some = query.where(verdicts.c.content.in_(distinct[at : at + _BATCH]))
            found.update(self._connection.execute(some).all())
        new = [content for content in distinct if content not in found]
        first = next_number(self._connection, verdicts.c.verdict)
        numbered = [(first + index, content) for index, content in enumerate(new)]
        insert_rows(self._connection, verdicts, ("verdict", "content"), numbered)
        found.update((content, number) for number, content in numbered)
        return [found[content] for content in given]


def verdict_contents(connection: Readable, numbers: IntArray) -> dict[int, str]:
    """Return verdict texts by their numbers."""
    return named_texts(connection, verdicts.c.verdict, verdicts.c.content, np.unique(numbers))


def read_deadlines(
    connection: sa.Connection, sweep: Sweep, *, case_id: str | None = None, only: Collection[str] = ()
) -> pa.Table:
    """Return the deadlines as one finished sweep found them.

    Args:
        case_id: Only those of one case.
        only: Only those of these districts; all when empty.

    Returns: Columns of `wording.DEADLINES`, sorted by case, rule and opening.
    """
    table = _read(connection, deadlines, DEADLINE_ROWS.names, sweep.number, case_id, only)
    texts = texts_of(connection, *(table.column(name) for name in WORDED))
    return _sorted(worded_deadlines(table, texts, to_day(sweep.question.as_of)))


def read_findings(
    connection: sa.Connection, sweep: Sweep, *, case_id: str | None = None, only: Collection[str] = ()
) -> pa.Table:
    """Return the findings as one finished sweep found them.

    Returns: Columns of `wording.FINDINGS`, sorted by case, rule and opening.
    """
    table = _read(connection, findings, FINDING_ROWS.names, sweep.number, case_id, only)
    texts = texts_of(connection, table.column("rule"), table.column("finding"))
    said = verdict_contents(connection, table.column("verdict").to_numpy())
    return _sorted(worded_findings(table, texts, said))


def _read(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    sweep: int,
    case_id: str | None,
    only: Collection[str],
) -> pa.Table:
    about = (cases.c.case_id, districts.c.state, districts.c.district, cases.c.program)
    query = sa.select(*about, *(table.c[name] for name in names)).join_from(table, cases, of_case(table))
    of_district = cases.c.district_key == districts.c.district_key
    query = query.join(districts, of_district).where(_in_sweep(table, sweep))
    if case_id is not None:
        query = query.where(cases.c.case_id == case_id)
    if only:
        named = districts.c.district.in_(sorted(only))
        keys = sa.select(cases.c.case_key).join(districts, of_district).where(named).subquery()
        low, high = (sa.select(end(keys.c.case_key)).scalar_subquery() for end in (sa.func.min, sa.func.max))
        query = query.where(named, table.c.case_key.between(low, high))
    fields = [*((column.name, pa.string()) for column in about), *((name, _NUMBER) for name in names)]
    return read_table(connection, query, pa.schema(fields))


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in ("case_id", "rule", "opened_on", "nth")])

"""Rows of results in words: numbers become texts, days become dates."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.dates import NO_DAY
from compliance_engine.engine.columns import Flag, Status
from compliance_engine.store.words import decode

ABOUT_CASE = ("case_id", "state", "district", "program")
WORDED = ("rule", "variant", "excuse", "reason", "about")
"""Columns of deadlines that are numbers of words."""
_TEXT, _DAY, _NUMBER = pa.string(), pa.date32(), pa.int32()

DEADLINES = pa.schema(
    [
        *((name, _TEXT) for name in (*ABOUT_CASE, "rule")),
        *((name, _DAY) for name in ("opened_on", "due_on", "met_on", "closed_on")),
        ("nth", _NUMBER),
        ("status", _TEXT),
        ("days_late", _NUMBER),
        ("version", _NUMBER),
        *((name, _TEXT) for name in WORDED[1:]),
        *((str(flag.name).lower(), pa.bool_()) for flag in Flag),
    ]
)
"""Deadlines in words: `version` is the place among the rule's versions, `days_late` that of the day asked."""

FINDINGS = pa.schema(
    [
        *((name, _TEXT) for name in (*ABOUT_CASE, "rule")),
        ("opened_on", _DAY),
        ("nth", _NUMBER),
        *((name, _TEXT) for name in ("finding", "severity", "basis", "child_level", "certainty")),
        ("rules", pa.list_(_TEXT)),
        ("error", _TEXT),
    ]
)
"""Findings in words: rule, opened_on and nth name the deadline; `rules` are the findings rules that fired."""


def without_marks(table: pa.Table) -> pa.Table:
    """Return rows of numbers with nulls in place of `NO_DAY`."""
    columns = [
        pc.if_else(pc.equal(column, int(NO_DAY)), pa.scalar(None, _NUMBER), column)
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def worded_deadlines(table: pa.Table, words: Mapping[int, str], as_of: int) -> pa.Table:
    """Return deadlines in words, columns of `DEADLINES`.

    Args:
        table: Columns of `ABOUT_CASE` as texts, and of `results.DEADLINE_ROWS`, null where there is nothing.
        words: Texts by number.
        as_of: The day asked, days since 1970-01-01: a count that nothing stopped runs to it.
    """
    columns = {name: table.column(name) for name in ABOUT_CASE}
    columns |= {name: decode(table.column(name), words) for name in WORDED}
    columns |= {
        name: table.column(name).cast(_DAY) for name in ("opened_on", "due_on", "met_on", "closed_on")
    }
    columns |= {name: table.column(name) for name in ("nth", "version")}
    status = table.column("status").combine_chunks()
    columns["status"] = pa.array([one.word for one in Status], _TEXT).take(status)
    running = pc.fill_null(pc.subtract(as_of, table.column("due_on")), 0)
    columns["days_late"] = pc.coalesce(table.column("days_late"), running).cast(_NUMBER)
    for flag in Flag:
        columns[str(flag.name).lower()] = pc.not_equal(pc.bit_wise_and(table.column("flags"), int(flag)), 0)
    return pa.table([columns[name] for name in DEADLINES.names], schema=DEADLINES)


def worded_findings(table: pa.Table, words: Mapping[int, str], verdicts: Mapping[int, str]) -> pa.Table:
    """Return findings in words, columns of `FINDINGS`.

    Args:
        table: Columns of `ABOUT_CASE` as texts, and of `results.FINDING_ROWS`.
        words, verdicts: Texts by number.
    """
    numbers = table.column("verdict").unique()
    said = [json.loads(verdicts[number]) for number in numbers.to_pylist()]
    place = pc.index_in(table.column("verdict"), value_set=numbers).combine_chunks()
    columns = {name: table.column(name) for name in (*ABOUT_CASE, "nth")}
    columns |= {name: decode(table.column(name), words) for name in ("rule", "finding")}
    columns["opened_on"] = table.column("opened_on").cast(_DAY)
    for name in ("severity", "basis", "child_level", "certainty"):
        columns[name] = pa.array([one["conclusions"].get(name) for one in said], _TEXT).take(place)
    columns["rules"] = pa.array([one["rules"] for one in said], pa.list_(_TEXT)).take(place)
    columns["error"] = pa.array([one["error"] for one in said], _TEXT).take(place)
    return pa.table([columns[name] for name in FINDINGS.names], schema=FINDINGS)

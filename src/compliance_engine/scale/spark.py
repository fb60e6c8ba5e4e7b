"""Cases that lie in Spark, evaluated where they lie by ``mapInArrow`` (the extra ``spark``).

Each row that reaches a worker is a whole case with its events: every Arrow batch can be evaluated by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import Place, Problem, UsageProblem
from compliance_engine.memory import settle_in
from compliance_engine.scale.batches import (
    CASE_RESULTS,
    Results,
    digest_of_sums,
    district_sums,
    evaluate_tables,
)
from compliance_engine.store.contents import Snapshot
from compliance_engine.store.sweeps import Question
from compliance_engine.store.wording import ABOUT_CASE, DEADLINES, FINDINGS
from compliance_engine.sweep.law import Law, law_of_snapshots

_EVENTS = "events"
_SUMS = pa.schema([("state", pa.string()), ("district", pa.string()), ("lanes", pa.list_(pa.int64()))])


def _of_case(schema: pa.Schema) -> pa.DataType:
    return pa.list_(pa.struct([field for field in schema if field.name not in ABOUT_CASE]))


SPARK_RESULTS = CASE_RESULTS.append(pa.field("deadlines", _of_case(DEADLINES))).append(
    pa.field("findings", _of_case(FINDINGS))
)
"""One row per case, with its deadlines and its findings as lists."""


def evaluate_frames(cases: Any, events: Any, law: Law, question: Question) -> Any:
    """Evaluate cases that lie in Spark.

    Args:
        cases: A DataFrame with columns of `cases.tables.CASES`, each case once.
        events: A DataFrame with columns of `cases.tables.EVENTS`; columns that may be null may be absent.

    Returns: A DataFrame with columns of `SPARK_RESULTS`; keep it (`persist`, or write it) before asking it
        more than one thing, since Spark evaluates anew for each.

    Raises: UsageProblem CE704 where pyspark is not installed. Tasks fail with the problems of `build_batch`.
    """
    functions, types = _pyspark()
    used = [field.name for field in EVENTS if field.name in events.columns and field.name != "case_id"]
    listed = functions.collect_list(functions.struct(*used)).alias(_EVENTS)
    joined = cases.join(events.groupBy("case_id").agg(listed), "case_id", "left")
    evaluate = partial(_batches, _Work(law.rules, law.calendars, question))
    return joined.mapInArrow(evaluate, types.from_arrow_schema(SPARK_RESULTS))


def digest_of_frame(results: Any) -> str:
    """Return the digest of all results: that of a sweep of the same cases with the same law and question.

    Args:
        results: What `evaluate_frames` returned.
    """
    _, types = _pyspark()
    needed = results.select(*CASE_RESULTS.names)
    rows = needed.mapInArrow(_summed, types.from_arrow_schema(_SUMS)).collect()
    parts = [{(one[0], one[1]): np.array(one[2], np.int64).view(np.uint64)} for one in rows]
    return digest_of_sums(parts)


def _pyspark() -> tuple[Any, Any]:
    try:
        from pyspark.sql import functions
        from pyspark.sql.pandas import types
    except ModuleNotFoundError as error:
        found, mend = f"{error.name} is not installed", "install compliance-engine[spark]"
        raise UsageProblem(Problem(Place("spark"), "CE704", "pyspark", found, mend=mend)) from error
    return functions, types


@dataclass(frozen=True, slots=True)
class _Work:
    """What travels to the workers; the law is read once in each of their processes."""

    rules: Snapshot
    calendars: Snapshot
    question: Question


_known: dict[tuple[str, str], tuple[Law, Judge]] = {}
"""In a worker: the law it last evaluated by."""


def _batches(work: _Work, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    key = (work.rules.hash, work.calendars.hash)
    if key not in _known:
        settle_in()
        _known.clear()
        with law_of_snapshots(work.rules, work.calendars) as law:
            _known[key] = law, law.judge(workers=1)
    law, judge = _known[key]
    for batch in batches:
        cases, events = _tables(pa.Table.from_batches([batch]))
        results = evaluate_tables(law, judge, work.question, cases, events, where="Spark")
        yield from _nested(results).to_batches()


def _tables(joined: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the canonical tables of whole cases."""
    cases = joined.drop_columns(_EVENTS)
    lists = joined.column(_EVENTS).combine_chunks()
    parents, values = pc.list_parent_indices(lists), pc.list_flatten(lists)
    ids = joined.column("case_id").combine_chunks().take(parents)
    fields = {field.name: pc.struct_field(values, field.name) for field in values.type}
    events = pa.table({"case_id": ids, **fields})
    return cases.select([name for name in CASES.names if name in cases.column_names]), events


def _nested(results: Results) -> pa.Table:
    nested = results.cases
    for name, table in (("deadlines", results.deadlines), ("findings", results.findings)):
        place = pc.index_in(table.column("case_id"), value_set=nested.column("case_id").combine_chunks())
        counts = np.bincount(place.to_numpy(), minlength=len(nested))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        own = table.drop_columns(list(ABOUT_CASE)).combine_chunks()
        columns = [_whole(column) for column in own.columns]
        rows = pa.StructArray.from_arrays(columns, fields=list(own.schema))
        lists = pa.ListArray.from_arrays(pa.array(offsets), rows)
        nested = nested.append_column(name, lists)
    return nested.cast(SPARK_RESULTS)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays([pa.array([], column.type), *column.chunks])


def _summed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        sums = district_sums(pa.Table.from_batches([batch]))
        rows = [
            {"state": state, "district": district, "lanes": lanes.view(np.int64).tolist()}
            for (state, district), lanes in sums.items()
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=_SUMS)

"""The canonical Arrow tables: one row per case, one row per dated fact."""

from __future__ import annotations

import pyarrow as pa

from compliance_engine.errors import CaseProblem, Place, Problem

CASES = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("district", pa.string(), nullable=False),
        pa.field("calendar", pa.string(), nullable=True),
        pa.field("program", pa.string(), nullable=False),
        pa.field("birth_date", pa.date32(), nullable=True),
        pa.field("grade", pa.int32(), nullable=True),
        pa.field("attributes", pa.string(), nullable=True),
    ]
)
"""Cases; `grade` is 0 for kindergarten and -1 for pre-kindergarten, `attributes` a JSON object of scalars."""

EVENTS = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("occurred_on", pa.date32(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", "UTC"), nullable=True),
        pa.field("attributes", pa.string(), nullable=True),
        pa.field("event_id", pa.string(), nullable=True),
        pa.field("corrects", pa.string(), nullable=True),
        pa.field("retracts", pa.string(), nullable=True),
    ]
)
"""Events; `recorded_at` null: known since `occurred_on`; `corrects` and `retracts` name an `event_id`."""


def conform(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """Return the table with the columns of a schema, in its order; absent nullable columns become null.

    Raises: CaseProblem CE450 for a missing column, a null where none may be, or a type that does not fit.
    """
    columns, problems = [], []
    for field in schema:
        if field.name not in table.column_names:
            if not field.nullable:
                problems.append(f"the column {field.name} is missing")
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
            continue
        column = table.column(field.name)
        try:
            columns.append(column if column.type == field.type else column.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            problems.append(f"the column {field.name} is {column.type}, not {field.type}")
            continue
        if not field.nullable and column.null_count:
            problems.append(f"the column {field.name} lacks {column.null_count} values")
    if problems:
        raise CaseProblem(Problem(Place(name), "CE450", "table", found) for found in problems)
    return pa.table(columns, schema=schema)

"""Synthetic districts of any size: the same seed gives the same histories, and nobody's.

The histories are plausible, not representative: most duties are met on time, some late, some are open, some
have an excuse. Days are weekdays; what a district's calendar closes is not looked at: part of the mix.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from compliance_engine.cases import synthetic_histories as histories
from compliance_engine.cases.catalogue import canonical_json
from compliance_engine.cases.synthetic_log import YEAR, Days, Log
from compliance_engine.cases.tables import CASES
from compliance_engine.dates import IntArray, to_day

_CATEGORY_SHARE = (0.33, 0.19, 0.16, 0.13, 0.06, 0.07, 0.06)
_PLACEMENTS = ("regular_class", "resource_room", "separate_class", "separate_school")
_PLACEMENT_SHARE = (0.67, 0.17, 0.13, 0.03)


@dataclass(frozen=True, slots=True)
class District:
    """One synthetic district.

    Attributes:
        calendar: A calendar reference; not read here.
    """

    state: str
    district: str
    calendar: str
    cases: int


@dataclass(frozen=True, slots=True)
class Generated:
    """Synthetic cases and events: columns of `tables.CASES` and `tables.EVENTS`, sorted by case and day."""

    cases: pa.Table
    events: pa.Table


def generate(
    districts: Sequence[District],
    *,
    seed: int | Sequence[int],
    until: date,
    years: int = 4,
    first: int = 1,
) -> Generated:
    """Make synthetic cases with their histories.

    Args:
        districts: How many cases of which district; ids run on over all of them.
        seed: The same seed and arguments give the same tables.
        until: The last day on which anything happens.
        years: How far back referrals reach; established cases began up to four years before.
        first: The number in the first id.
    """
    n = sum(one.cases for one in districts)
    rng = np.random.default_rng(seed)
    log = Log(n, rng, np.full(n, to_day(until), dtype=np.int64))
    program = log.pick((0.86, 0.11, 0.03))
    people = histories.People.draw(log, program, to_day(until), years)
    histories.idea_b(log, people, program == 0)
    histories.section_504(log, people, program == 1)
    histories.part_c_transition(log, people, program == 2)
    ids = case_ids(n, first)
    return Generated(_case_table(log, districts, ids, program, people.birth, until), log.table(ids))


def generate_partitions(
    districts: Sequence[District], *, seed: int, until: date, years: int = 4, size: int
) -> Iterator[Generated]:
    """Make synthetic cases in parts of `size` cases, one part in memory at a time; as `generate` does.

    Each part has a chance of its own, so its cases are not those that `generate` makes of the same districts.
    """
    waiting = list(districts)
    first, part = 1, 0
    while waiting:
        some: list[District] = []
        room = size
        while waiting and room:
            taken = min(room, waiting[0].cases)
            some.append(replace(waiting[0], cases=taken))
            room -= taken
            waiting[0] = replace(waiting[0], cases=waiting[0].cases - taken)
            if not waiting[0].cases:
                waiting.pop(0)
        yield generate(some, seed=[seed, part], until=until, years=years, first=first)
        first, part = first + size - room, part + 1


def case_ids(n: int, first: int = 1) -> pa.Array:
    """Return `n` ids: c000001 and so on."""
    numbers = pc.utf8_lpad(pa.array(np.arange(first, first + n)).cast(pa.string()), 6, "0")
    return pc.binary_join_element_wise("c", numbers, "")


def _case_table(
    log: Log, districts: Sequence[District], ids: pa.Array, program: Days, birth: Days, until: date
) -> pa.Table:
    of_district = np.repeat(np.arange(len(districts)), [one.cases for one in districts])
    age = (to_day(until) - birth) / YEAR
    grade: IntArray = np.clip(age - 5.4, -1, 12).astype(np.int32)
    objects = [
        canonical_json({"category": category, "placement": placement})
        for category in histories.CATEGORIES
        for placement in _PLACEMENTS
    ]
    picked = log.pick(_CATEGORY_SHARE) * len(_PLACEMENTS) + log.pick(_PLACEMENT_SHARE)
    picked = np.where(program == 0, picked, len(objects))

    def of(names: list[str]) -> pa.Array:
        return pa.array(names, pa.string()).take(pa.array(of_district))

    columns = [
        ids,
        of([one.state for one in districts]),
        of([one.district for one in districts]),
        of([one.calendar for one in districts]),
        pa.array(["idea_b", "section_504", "part_c_transition"]).take(pa.array(program)),
        pa.array(birth.astype(np.int32)).cast(pa.date32()),
        pa.array(grade),
        pa.array([*objects, None], pa.string()).take(pa.array(picked)),
    ]
    return pa.table(columns, schema=CASES)


def write_folder(
    generated: Generated, folder: Path, *, form: Literal["csv", "jsonl", "parquet"] = "csv"
) -> None:
    """Write ``cases`` and ``events`` as the canonical folder; it is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("cases", generated.cases), ("events", generated.events)):
        path = folder / f"{name}.{form}"
        if form == "parquet":
            pq.write_table(table, path)
        elif form == "csv":
            _write_csv(_as_texts(table), path)
        else:
            rows = _as_texts(table).to_pylist()
            lines = [json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in rows]
            path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _as_texts(table: pa.Table) -> pa.Table:
    """Return the table without empty columns, moments written with a Z."""
    kept = [name for name in table.column_names if table.column(name).null_count < max(len(table), 1)]
    columns = []
    for name in kept:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            seconds = column.cast(pa.timestamp("us")).cast(pa.timestamp("s"), safe=False).cast(pa.string())
            column = pc.binary_join_element_wise(pc.replace_substring(seconds, " ", "T"), "Z", "")
        elif pa.types.is_date(column.type):
            column = column.cast(pa.string())
        columns.append(column)
    return pa.table(columns, names=kept)


def _write_csv(table: pa.Table, path: Path) -> None:
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    with path.open("wb") as stream:
        stream.write((",".join(table.column_names) + "\n").encode())
        pa_csv.write_csv(table, stream, write_options=options)

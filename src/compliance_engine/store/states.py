"""How cases stood when they were last evaluated: what an incremental sweep need not evaluate again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.dates import NEVER, BoolArray, IntArray, to_day
from compliance_engine.store.bulk import Readable, alike, among, insert_table, next_number, read_table
from compliance_engine.store.facts import Chosen
from compliance_engine.store.seals import Seals, as_signed
from compliance_engine.store.sweeps import Sweep
from compliance_engine.store.tables import case_states, case_versions, cases, import_cases, laws

LawHash = Callable[[str, str | None], str]
"""Gives the hash of a state's rules with a calendar."""
_DIGEST = pa.schema([("case_key", pa.int32()), ("digest", pa.int64())])
_WHOLE = pa.schema(
    [
        *((name, pa.int32()) for name in ("case_key", "district_key", "law", "next_change_on")),
        ("digest", pa.int64()),
    ]
)
_STATE = pa.schema([("district_key", pa.int32()), ("case_key", pa.int32())])


def stale_cases(
    connection: sa.Connection, before: Sweep, sweep: Sweep, hash_of: LawHash
) -> dict[int, IntArray]:
    """Return the cases of which the state of an earlier sweep does not answer for this one, by district.

    Those are cases without a state, with new facts, evaluated under rules or a calendar that are no longer
    the same, and those whose deadlines change by themselves by the day asked about.
    """
    listed = sa.select(laws.c.law, laws.c.state, laws.c.calendar, laws.c.hash)
    other = [
        law for law, state, calendar, own in connection.execute(listed) if hash_of(state, calendar) != own
    ]
    state = case_states.c
    come: sa.ColumnElement[bool] = state.next_change_on <= to_day(sweep.question.as_of)
    if other:  # SQLite would look into an empty list for each case
        come |= state.law.in_(other)
    by_state = sa.select(state.district_key, state.case_key).where(come)
    by_import = sa.select(cases.c.district_key, cases.c.case_key)
    by_import = by_import.join_from(import_cases, cases, import_cases.c.case_key == cases.c.case_key)
    since = (import_cases.c.import_id > before.last_import) & (import_cases.c.import_id <= sweep.last_import)
    queries = [by_state, by_import.where(since)]
    if not _complete(connection):
        lost = sa.select(cases.c.district_key, cases.c.case_key)
        lost = lost.join_from(cases, case_states, state.case_key == cases.c.case_key, isouter=True)
        queries.append(lost.where(state.case_key.is_(None)))
    pairs = pa.concat_tables([read_table(connection, query, _STATE) for query in queries])
    district, key = (pairs.column(name).to_numpy() for name in _STATE.names)
    return {
        int(one): np.unique(key[district == one]).astype(np.int32) for one in np.unique(district).tolist()
    }


def _complete(connection: sa.Connection) -> bool:
    """Return whether every case has a state; they are lost by migrations and by abandoned sweeps."""
    counted = (sa.select(sa.func.count()).select_from(table) for table in (cases, case_states))
    number, known = (connection.execute(query).scalar_one() for query in counted)
    return bool(number == known)


def otherwise_after(
    connection: sa.Connection, sweep: int, key: sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """Return a condition that holds for all cases that a later sweep found otherwise, and for few others."""
    state = case_states.c
    if _complete(connection):
        return key.in_(sa.select(state.case_key).where(state.sweep > sweep))
    return key.not_in(sa.select(state.case_key).where(state.sweep <= sweep))


def law_numbers(
    connection: sa.Connection, pairs: Sequence[tuple[str, str | None]], hash_of: LawHash
) -> Mapping[tuple[str, str | None], int]:
    """Return the number of the law of each state and calendar; new ones are kept."""
    known = dict(connection.execute(sa.select(laws.c.hash, laws.c.law)).all())
    found = {}
    number = next_number(connection, laws.c.law)
    for state, calendar in sorted(set(pairs), key=str):
        own = hash_of(state, calendar)
        if own not in known:
            known[own] = number
            values = {"law": number, "state": state, "calendar": calendar, "hash": own}
            connection.execute(laws.insert().values(**values))
            number += 1
        found[state, calendar] = known[own]
    return found


def write_states(
    connection: sa.Connection,
    sweep: int,
    districts: IntArray,
    keys: IntArray,
    law: IntArray,
    next_change: IntArray,
    digests: tuple[IntArray, Seals],
    which: Chosen,
) -> None:
    """Keep the states of cases that were evaluated; of single ones, only what is no longer as it was.

    Args:
        districts, law, next_change: int32[n], for each of `keys`.
        digests: The keys of the cases that have any rows, and their digests.
        which: The cases, as they were chosen.
    """
    present, signed = _digests(keys, digests)
    columns = (
        pa.array(keys),
        pa.array(districts),
        pa.array(law),
        pa.array(next_change, mask=next_change == NEVER),
        pa.array(signed, mask=~present),
    )
    rows = pa.table(columns, schema=_WHOLE)
    if which.keys is not None:
        rows = _unlike(connection, rows)
        which = replace(which, keys=rows.column("case_key").to_numpy())
    for condition in which.conditions(case_states.c.case_key, case_states.c.district_key):
        connection.execute(case_states.delete().where(condition))
    rows = rows.append_column("sweep", pa.array(np.full(len(rows), sweep, np.int32)))
    insert_table(connection, case_states, rows)


def _unlike(connection: sa.Connection, rows: pa.Table) -> pa.Table:
    """Return those of some states that the store does not hold already."""
    query = sa.select(*(case_states.c[name] for name in _WHOLE.names))
    keys = rows.column("case_key").to_numpy()
    parts = [
        read_table(connection, query.where(part), _WHOLE) for part in among(case_states.c.case_key, keys)
    ]
    known = pa.concat_tables(parts)
    place = pc.index_in(rows.column("case_key"), value_set=known.column("case_key").combine_chunks())
    same = place.is_valid().to_numpy()
    for name in _WHOLE.names:
        same &= alike(rows.column(name), known.column(name).take(place))
    return rows.filter(pa.array(~same))


def _digests(keys: IntArray, digests: tuple[IntArray, Seals]) -> tuple[BoolArray, npt.NDArray[np.int64]]:
    """Return which of some cases have a digest, and the digest of each, 0 for none."""
    place = np.searchsorted(digests[0], keys)
    present = place < len(digests[0])
    present[present] = digests[0][place[present]] == keys[present]
    signed = np.zeros(len(keys), np.int64)
    signed[present] = as_signed(digests[1])[place[present]]
    return present, signed


def unlike_before(
    connection: Readable, keys: IntArray, digests: tuple[IntArray, Seals]
) -> tuple[IntArray, IntArray]:
    """Return those of some cases of which something else came than before, and those that have no state.

    Args:
        keys: Ascending.
        digests: What came of them now: the keys of those that have any rows, and their digests.
    """
    columns = sa.select(case_states.c.case_key, case_states.c.digest)
    parts = [
        read_table(connection, columns.where(part), _DIGEST) for part in among(case_states.c.case_key, keys)
    ]
    before = pa.concat_tables(parts).sort_by("case_key")
    known, was = before.column("case_key").to_numpy(), before.column("digest")
    present, signed = _digests(known, digests)
    had = was.is_valid().to_numpy()
    same = (present == had) & (signed == was.fill_null(0).to_numpy())
    return np.setdiff1d(keys, known[same]).astype(np.int32), np.setdiff1d(keys, known).astype(np.int32)


def known_cases(connection: sa.Connection, keys: IntArray, sweep: Sweep) -> IntArray:
    """Return those of some cases that an earlier sweep, which believed every record, knew."""
    query = sa.select(case_versions.c.case_key).distinct()
    query = query.where(case_versions.c.import_id <= sweep.last_import)
    schema = pa.schema([("case_key", pa.int32())])
    parts = [
        read_table(connection, query.where(part), schema) for part in among(case_versions.c.case_key, keys)
    ]
    return np.asarray(pa.concat_tables(parts).column("case_key").to_numpy(), np.int32)

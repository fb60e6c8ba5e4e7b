"""The life of a sweep: who may begin, which districts are done, and when readers see it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from compliance_engine.dates import to_date, to_day
from compliance_engine.errors import StoreProblem
from compliance_engine.store.bulk import next_number, to_microseconds, to_moment
from compliance_engine.store.chain import add_link
from compliance_engine.store.connect import Store
from compliance_engine.store.contents import Snapshot, keep_snapshot
from compliance_engine.store.facts import District, last_import, read_districts
from compliance_engine.store.seals import SWEEP_ROW, row_digest
from compliance_engine.store.tables import (
    case_states,
    deadlines,
    districts,
    findings,
    sweep_lock,
    sweep_parts,
    sweeps,
)

Readings = Mapping[str, Mapping[str, str]]
Tally = dict[str, Counter[str]]
"""Counts by kind (`statuses`, `findings`, ...) and name; they add up over districts."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a sweep asks.

    Attributes:
        as_of: The day whose truth is asked.
        known_at: The moment up to which records are believed; None believes all.
        readings: Answers to open questions of law.
        project_until: Last day to which calendars are projected; None for published years only.
    """

    as_of: date
    known_at: datetime | None = None
    readings: Readings = field(default_factory=dict)
    project_until: date | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """Who sweeps, and since when."""

    number: int
    host: str
    moment: datetime


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep.

    Attributes:
        last_import: Later imports do not exist for it.
        rules, calendars: Hashes of the snapshots it used.
        counts: Totals; empty while it runs.
        digest: Digest of all its results, equal for equal results; None while it runs.
    """

    number: int
    state: Literal["running", "finished", "abandoned"]
    question: Question
    last_import: int
    engine_version: str
    rules: str
    calendars: str
    started_at: datetime
    finished_at: datetime | None
    counts: Tally
    digest: str | None


def begin(
    store: Store,
    question: Question,
    rules: Snapshot,
    calendars: Snapshot,
    process: Process,
    *,
    engine_version: str,
    take_over: bool = False,
) -> Sweep:
    """Begin a sweep; an interrupted one is abandoned and what it wrote is taken back.

    Raises: StoreProblem CE610 while another process sweeps this store (unless `take_over`), CE613 when the
        store holds no case.
    """
    with store.write() as connection:
        _check_lock(store, connection, take_over=take_over)
        for number in (
            connection.execute(sa.select(sweeps.c.sweep).where(sweeps.c.state == "running")).scalars().all()
        ):
            _take_back(connection, number)
        parts = [one.key for one in read_districts(connection)]
        if not parts:
            raise store.problem(
                "CE613", "it holds no case", thing="sweep", mend="import a case history first"
            )
        for snapshot in (rules, calendars):
            keep_snapshot(connection, snapshot)
        values = {
            "state": "running",
            "as_of": to_day(question.as_of),
            "known_at": None if question.known_at is None else to_microseconds(question.known_at),
            "readings": json.dumps(question.readings, sort_keys=True),
            "project_until": None if question.project_until is None else to_day(question.project_until),
            "last_import": last_import(connection),
            "engine_version": engine_version,
            "rules": rules.hash,
            "calendars": calendars.hash,
            "started_at": to_microseconds(process.moment),
        }
        number = next_number(connection, sweeps.c.sweep)
        connection.execute(sweeps.insert().values(sweep=number, **values))
        rows = [{"sweep": number, "district_key": key} for key in parts]
        connection.execute(sweep_parts.insert(), rows)
        _lock(connection, number, process)
        return find(connection, number)


def resume(store: Store, process: Process, *, take_over: bool = False) -> Sweep:
    """Go on with the sweep that was interrupted.

    Raises: StoreProblem CE610 while another process sweeps (unless `take_over`), CE611 when none was
        interrupted.
    """
    with store.write() as connection:
        _check_lock(store, connection, take_over=take_over)
        number = connection.execute(
            sa.select(sa.func.max(sweeps.c.sweep)).where(sweeps.c.state == "running")
        ).scalar()
        if number is None:
            mend = "leave out --resume"
            raise store.problem("CE611", "no sweep was interrupted", thing="sweep", mend=mend)
        _lock(connection, number, process)
        return find(connection, number)


def waiting_districts(connection: sa.Connection, sweep: int) -> list[District]:
    """Return the districts of a sweep that are not done, sorted by state and name."""
    query = sa.select(sweep_parts.c.district_key).where(
        sweep_parts.c.sweep == sweep, sweep_parts.c.digest.is_(None)
    )
    waiting = set(connection.execute(query).scalars())
    return [one for one in read_districts(connection) if one.key in waiting]


def parts_of_sweep(
    connection: sa.Connection, sweep: int, chosen: Sequence[int] | None = None
) -> dict[int, tuple[Tally, str]]:
    """Return the counts and digest of each district that is done in a sweep."""
    query = sa.select(sweep_parts.c.district_key, sweep_parts.c.counts, sweep_parts.c.digest)
    query = query.where(sweep_parts.c.sweep == sweep, sweep_parts.c.digest.is_not(None))
    if chosen is not None:
        query = query.where(sweep_parts.c.district_key.in_(chosen))
    return {key: (_from_text(counts), digest) for key, counts, digest in connection.execute(query)}


def finish_districts(
    store: Store,
    connection: sa.Connection,
    sweep: int,
    process: Process,
    done: Mapping[int, tuple[Tally, str]],
) -> None:
    """Note that districts are done, with counts and digests, in the transaction that wrote their results.

    Raises: StoreProblem CE612 when another process has taken the sweep over.
    """
    _check_mine(store, connection, sweep, process)
    row = (sweep_parts.c.sweep == sweep) & (sweep_parts.c.district_key == sa.bindparam("district"))
    values: dict[str, Any] = {"counts": sa.bindparam("tally"), "digest": sa.bindparam("found")}
    given = [
        {"district": key, "tally": _as_text(counts), "found": digest}
        for key, (counts, digest) in done.items()
    ]
    connection.execute(sweep_parts.update().where(row).values(**values), given)


def finish(store: Store, sweep: int, process: Process, moment: datetime) -> Sweep:
    """Let readers see a sweep whose districts are all done.

    Raises: StoreProblem CE612 when another process has taken the sweep over.
    """
    with store.write() as connection:
        _check_mine(store, connection, sweep, process)
        joined = sa.select(
            districts.c.state, districts.c.district, sweep_parts.c.counts, sweep_parts.c.digest
        )
        query = joined.join_from(sweep_parts, districts).where(sweep_parts.c.sweep == sweep)
        totals: Tally = {}
        parts = connection.execute(query).all()
        for _, _, counts, _ in parts:
            add_tally(totals, _from_text(counts))
        digest = digest_of_parts((state, district, own) for state, district, _, own in parts)
        values = {"state": "finished", "finished_at": to_microseconds(moment), "counts": _as_text(totals)}
        connection.execute(sweeps.update().where(sweeps.c.sweep == sweep).values(digest=digest, **values))
        row = connection.execute(sa.select(sweeps).where(sweeps.c.sweep == sweep)).mappings().one()
        add_link(connection, "sweep", sweep, row_digest(row, SWEEP_ROW))
        connection.execute(sweep_lock.delete())
        return find(connection, sweep)


def digest_of_parts(parts: Iterable[tuple[str, str, str]]) -> str:
    """Return the digest of a sweep from those of its districts: state, name, digest."""
    lines = sorted(json.dumps(part) for part in parts)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def let_go(store: Store, sweep: int, process: Process) -> None:
    """Give up the lock of a sweep that stops half-way, so that it can be resumed without force.

    Where the store cannot be written any more the lock stays; why the sweep stopped is what is to be told.
    """
    with suppress(StoreProblem), store.write() as connection:
        mine = (sweep_lock.c.sweep == sweep) & (sweep_lock.c.process == process.number)
        connection.execute(sweep_lock.delete().where(mine, sweep_lock.c.host == process.host))


def find(connection: sa.Connection, number: int) -> Sweep:
    """Return a sweep by its number; KeyError when there is none."""
    row = connection.execute(sa.select(sweeps).where(sweeps.c.sweep == number)).mappings().first()
    if row is None:
        raise KeyError(number)
    return _sweep(row)


def last_finished(connection: sa.Connection, *, before: int | None = None) -> Sweep | None:
    """Return the sweep that readers see, or the one that finished before another."""
    query = sa.select(sweeps).where(sweeps.c.state == "finished").order_by(sweeps.c.sweep.desc()).limit(1)
    if before is not None:
        query = query.where(sweeps.c.sweep < before)
    row = connection.execute(query).mappings().first()
    return None if row is None else _sweep(row)


def finished_sweeps(connection: sa.Connection) -> list[Sweep]:
    """Return all finished sweeps in their order."""
    query = sa.select(sweeps).where(sweeps.c.state == "finished").order_by(sweeps.c.sweep)
    return [_sweep(row) for row in connection.execute(query).mappings()]


def sweep_asked(store: Store, connection: sa.Connection, number: int | None) -> Sweep:
    """Return a finished sweep by number, the last one for None.

    Raises: StoreProblem CE614 when there is no such sweep.
    """
    found = last_finished(connection)
    if found is None:
        raise store.problem("CE614", "no sweep has finished", thing="sweep", mend="run a sweep first")
    if number is None:
        return found
    query = sa.select(sweeps).where(sweeps.c.sweep == number, sweeps.c.state == "finished")
    row = connection.execute(query).mappings().first()
    if row is None:
        expected = f"the number of a finished sweep, at most {found.number}"
        raise store.problem("CE614", f"there is no finished sweep {number}", thing="sweep", expected=expected)
    return _sweep(row)


def add_tally(totals: Tally, more: Tally) -> None:
    """Add counts to totals."""
    for kind, counter in more.items():
        totals.setdefault(kind, Counter()).update(counter)


def _sweep(row: sa.RowMapping) -> Sweep:
    known_at, project = row["known_at"], row["project_until"]
    question = Question(
        to_date(row["as_of"]),
        None if known_at is None else to_moment(known_at),
        json.loads(row["readings"]),
        None if project is None else to_date(project),
    )
    finished = row["finished_at"]
    return Sweep(
        row["sweep"],
        row["state"],
        question,
        row["last_import"],
        row["engine_version"],
        row["rules"],
        row["calendars"],
        to_moment(row["started_at"]),
        None if finished is None else to_moment(finished),
        _from_text(row["counts"]),
        row["digest"],
    )


def _as_text(counts: Tally) -> str:
    return json.dumps({kind: dict(sorted(counter.items())) for kind, counter in sorted(counts.items())})


def _from_text(text: str | None) -> Tally:
    return {kind: Counter(names) for kind, names in json.loads(text or "{}").items()}


def _lock(connection: sa.Connection, sweep: int, process: Process) -> None:
    connection.execute(sweep_lock.delete())
    values: dict[str, Any] = {"lock": 1, "sweep": sweep, "process": process.number, "host": process.host}
    connection.execute(sweep_lock.insert().values(taken_at=to_microseconds(process.moment), **values))


def _check_lock(store: Store, connection: sa.Connection, *, take_over: bool) -> None:
    row = connection.execute(sa.select(sweep_lock)).mappings().first()
    if row is not None and not take_over:
        since = to_moment(row["taken_at"]).isoformat(timespec="seconds")
        found = f"sweep {row['sweep']} is run by process {row['process']} on {row['host']} since {since}"
        mend = (
            "wait for it; if that process is gone, --take-over begins anew and --take-over --resume goes on"
        )
        raise store.problem("CE610", found, thing="sweep", mend=mend)


def _check_mine(store: Store, connection: sa.Connection, sweep: int, process: Process) -> None:
    row = connection.execute(sa.select(sweep_lock)).mappings().first()
    holder = None if row is None else (row["sweep"], row["process"], row["host"])
    if holder != (sweep, process.number, process.host):
        found = f"sweep {sweep} was taken over by another process; this one stops and keeps nothing more"
        raise store.problem("CE612", found, thing="sweep")


def _take_back(connection: sa.Connection, sweep: int) -> None:
    """Remove what an unfinished sweep wrote, and mark it as abandoned."""
    for table in (deadlines, findings):
        connection.execute(table.delete().where(table.c.valid_from == sweep))
        connection.execute(table.update().where(table.c.valid_to == sweep).values(valid_to=None))
    connection.execute(case_states.delete().where(case_states.c.sweep == sweep))
    connection.execute(sweeps.update().where(sweeps.c.sweep == sweep).values(state="abandoned"))

"""Sweeps made again from the facts, rules and calendars they used, and compared row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from compliance_engine import __version__
from compliance_engine.dates import NO_DAY, IntArray, to_date
from compliance_engine.errors import ComplianceError
from compliance_engine.store.audit import Fault, Kind, check_chain, check_facts, check_snapshots
from compliance_engine.store.connect import Store
from compliance_engine.store.digests import stands_for
from compliance_engine.store.facts import districts_of, read_districts
from compliance_engine.store.results import KEY, stored_rows, verdict_contents
from compliance_engine.store.seals import Seals
from compliance_engine.store.sweeps import Sweep, digest_of_parts
from compliance_engine.store.tables import cases, deadlines, findings, sweep_parts
from compliance_engine.store.wording import WORDED
from compliance_engine.store.words import Fixed, named_texts, texts_of
from compliance_engine.sweep.law import law_of
from compliance_engine.sweep.lots import Lot, lots, whole_parts
from compliance_engine.sweep.pool import Evaluator
from compliance_engine.sweep.rows import Rows, Texts, case_digests

Progress = Callable[[str], None]


def _silent(what: str) -> None:
    """Say nothing."""


def verify(
    store: Store, sweeps: list[Sweep], *, evaluate: bool = True, progress: Progress = _silent
) -> Iterator[Fault]:
    """Yield everything in a store that is not as it was written, and not as it follows from the facts.

    Args:
        sweeps: The finished sweeps to make again.
        evaluate: False compares the stored rows with the digests alone, without evaluating anything.
        progress: Told what is being looked at.
    """
    for name, check in (
        ("facts", check_facts),
        ("chain", check_chain),
        ("rules and calendars", check_snapshots),
    ):
        progress(name)
        yield from check(store)
    for sweep in sweeps:
        progress(f"sweep {sweep.number} as of {sweep.question.as_of}")
        yield from verify_sweep(store, sweep, evaluate=evaluate)


def verify_sweep(store: Store, sweep: Sweep, *, evaluate: bool = True) -> Iterator[Fault]:
    """Yield the rows of a sweep that are not what follows from its facts, rules and calendars."""
    with store.read() as connection:
        parts = _parts(connection, sweep.number)
        districts = [one for one in read_districts(connection) if one.key in parts]
        todo = list(lots(connection, whole_parts(connection, districts)))
    if digest_of_parts((one.state, one.district, parts[one.key]) for one in districts) != sweep.digest:
        yield Fault("sweep", f"sweep {sweep.number}", "the digest of a district or of the sweep was changed")
    if not evaluate:
        for lot in todo:
            yield from _compare(store, sweep, lot, parts, None)
        return
    try:
        with law_of(store, sweep) as law:
            judge = law.judge()
            again = Evaluator(store.read, sweep, law.engine(sweep.question), judge)
            for lot in todo:
                yield from _compare(store, sweep, lot, parts, again)
    except ComplianceError as error:
        yield Fault("sweep", f"sweep {sweep.number}", f"cannot be made again: {error}")


def _parts(connection: sa.Connection, sweep: int) -> dict[int, str]:
    query = sa.select(sweep_parts.c.district_key, sweep_parts.c.digest)
    return dict(connection.execute(query.where(sweep_parts.c.sweep == sweep)).all())


def _compare(
    store: Store, sweep: Sweep, lot: Lot, parts: Mapping[int, str], again: Evaluator | None
) -> Iterator[Fault]:
    """Yield what is wrong with the rows of some districts."""
    names = {one.key: f"sweep {sweep.number}, {one.name}" for one in lot.districts}
    digests: dict[int, list[Seals]] = {key: [] for key in names}
    faulty = set()
    for chunk in lot.chunks:
        with store.read() as connection:
            tables = [
                stored_rows(connection, one, chunk, sweep=sweep.number) for one in (deadlines, findings)
            ]
            stored = Rows(*(table.drop_columns("id") for table in tables))
            words, verdicts = _words(connection, stored)
            rows = stored
            if again is not None:
                found = again.found(connection, chunk)
                rows = found.rows.numbered(
                    *(
                        numbering.numbers(own.texts.values())
                        for numbering, own in ((words, found.words), (verdicts, found.verdicts))
                    )
                )
            keys = _cases_in(stored, rows)
            ids = named_texts(connection, cases.c.case_key, cases.c.case_id, keys)
            district = districts_of(connection, keys)
        texts = Texts(ids, words.texts, verdicts.texts)
        for case, fault in _faults(stored, rows, texts, {key: names[one] for key, one in district.items()}):
            faulty.add(district[case])
            yield fault
        keys, seals = case_digests(rows, texts)
        of = np.array([district[key] for key in keys.tolist()], np.int32)
        for key in names:
            digests[key].append(seals[of == key])
    for key, name in names.items():
        if key not in faulty and not stands_for(parts[key], np.concatenate([_NONE, *digests[key]])):
            by = f"engine {sweep.engine_version}; this is {__version__}"
            yield Fault("sweep", name, _UNEQUAL[again is None].format(by=by))


_NONE = np.zeros(0, np.uint64)
_UNEQUAL = ("its digest is not that of its rows (made by {by})", "its rows are not those the sweep wrote")


def _words(connection: sa.Connection, rows: Rows) -> tuple[Fixed, Fixed]:
    """Return the numbers of the texts and verdicts of some rows, and others for what is in none of them."""
    verdicts = verdict_contents(connection, rows.findings.column("verdict").to_numpy())
    return Fixed(texts_of(connection, *rows.worded())), Fixed(verdicts)


def _cases_in(*some: Rows) -> IntArray:
    return np.unique(np.concatenate([table.column("case_key").to_numpy() for rows in some for table in rows]))


def _faults(stored: Rows, again: Rows, texts: Texts, where: Mapping[int, str]) -> Iterator[tuple[int, Fault]]:
    """Yield the rows that differ, each with its case."""
    pairs: list[tuple[Kind, pa.Table, pa.Table]] = [
        ("deadline", stored.deadlines, again.deadlines),
        ("finding", stored.findings, again.findings),
    ]
    for kind, before, now in pairs:
        yield from _differences(kind, before, now, texts, where)


def _differences(
    kind: Kind, stored: pa.Table, again: pa.Table, texts: Texts, where: Mapping[int, str]
) -> Iterator[tuple[int, Fault]]:
    names = stored.column_names
    only = stored.join(again, names, join_type="left anti").to_pylist()
    missing = again.join(stored, names, join_type="left anti").to_pylist()
    key = KEY if kind == "deadline" else (*KEY, "finding")
    expected = {tuple(row[name] for name in key): row for row in missing}
    for row in only:
        follows = expected.pop(tuple(row[name] for name in key), None)
        yield row["case_key"], Fault(kind, _thing(row, texts, where), _difference(row, follows, texts))
    for row in expected.values():
        said = "follows from the facts and is not stored"
        yield row["case_key"], Fault(kind, _thing(row, texts, where), said)


def _thing(row: Mapping[str, int], texts: Texts, where: Mapping[int, str]) -> str:
    opened, case = _say("opened_on", row["opened_on"], texts), row["case_key"]
    rule = _say("rule", row["rule"], texts)
    finding = f" {_say('finding', row['finding'], texts)}" if "finding" in row else ""
    return f"{where[case]}: {texts.cases[case]} {rule} of {opened}{finding}"


def _difference(stored: Mapping[str, int], again: Mapping[str, int] | None, texts: Texts) -> str:
    if again is None:
        return "is stored and does not follow from the facts"
    said = [
        f"{name} is {_say(name, value, texts)} and should be {_say(name, again[name], texts)}"
        for name, value in stored.items()
        if value != again[name]
    ]
    return "; ".join(said)


_DAYS = ("opened_on", "due_on", "met_on", "closed_on")


def _say(name: str, value: int, texts: Texts) -> Any:
    if value == NO_DAY:
        return "none"
    if name in _DAYS:
        return to_date(value)
    if name == "status":
        from compliance_engine.engine.columns import Status

        return Status(value).word if value in set(Status) else value
    if name in (*WORDED, "finding"):
        return texts.words.get(value, f"word {value}")
    return value

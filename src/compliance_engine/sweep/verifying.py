"""Sweeps made again from the facts, rules and calendars they used, and compared row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from compliance_engine import __version__
from compliance_engine.dates import NO_DAY, to_date
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import ComplianceError
from compliance_engine.store.audit import Fault, Kind, check_chain, check_facts, check_snapshots
from compliance_engine.store.connect import Store
from compliance_engine.store.facts import District, read_districts
from compliance_engine.store.results import KEY, stored_rows, verdict_contents
from compliance_engine.store.sweeps import Sweep, digest_of_parts
from compliance_engine.store.tables import cases, deadlines, findings, sweep_parts
from compliance_engine.store.words import Fixed, all_words
from compliance_engine.sweep.law import law_of
from compliance_engine.sweep.rows import Rows, Texts, digest, rows_of
from compliance_engine.sweep.runner import Part, evaluate_parts, lots

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
    if digest_of_parts((one.state, one.district, parts[one.key]) for one in districts) != sweep.digest:
        yield Fault("sweep", f"sweep {sweep.number}", "the digest of a district or of the sweep was changed")
    if not evaluate:
        for district in districts:
            yield from _compare(store, sweep, district, parts[district.key], None)
        return
    try:
        with law_of(store, sweep) as law:
            judge, engine = Judge(law.findings), law.engine(sweep.question)
            for some in lots([Part(one) for one in districts]):
                made = evaluate_parts(store, sweep, engine, judge, some)
                with store.read() as connection:
                    texts = _texts(connection)
                numbering = Fixed(texts.words), Fixed(texts.verdicts)
                rows = rows_of(made.evaluation, made.judged, made.keys, *numbering)
                texts = replace(texts, words=numbering[0].texts, verdicts=numbering[1].texts)
                for one in (part.district for part in some):
                    again = _Again(rows.of_cases(made.facts.keys[made.facts.districts == one.key]), texts)
                    yield from _compare(store, sweep, one, parts[one.key], again)
    except ComplianceError as error:
        yield Fault("sweep", f"sweep {sweep.number}", f"cannot be made again: {error}")


@dataclass(frozen=True, slots=True)
class _Again:
    """The rows of a district, evaluated again."""

    rows: Rows
    texts: Texts


def _parts(connection: sa.Connection, sweep: int) -> dict[int, str]:
    query = sa.select(sweep_parts.c.district_key, sweep_parts.c.digest)
    return dict(connection.execute(query.where(sweep_parts.c.sweep == sweep)).all())


def _texts(connection: sa.Connection) -> Texts:
    ids = dict(connection.execute(sa.select(cases.c.case_key, cases.c.case_id)).all())
    return Texts(ids, all_words(connection), verdict_contents(connection))


def _compare(
    store: Store, sweep: Sweep, district: District, expected: str, again: _Again | None
) -> Iterator[Fault]:
    with store.read() as connection:
        tables = {
            table.name: stored_rows(connection, table, district.key, sweep=sweep.number)
            for table in (deadlines, findings)
        }
        texts = _texts(connection)
    stored = Rows(tables["deadlines"].drop_columns("id"), tables["findings"].drop_columns("id"))
    name = f"sweep {sweep.number}, {district.name}"
    if again is None:
        if digest(stored, texts) != expected:
            yield Fault("sweep", name, "its rows are not those the sweep wrote")
        return
    faults = 0
    pairs: list[tuple[Kind, pa.Table, pa.Table]] = [
        ("deadline", stored.deadlines, again.rows.deadlines),
        ("finding", stored.findings, again.rows.findings),
    ]
    for kind, before, now in pairs:
        for fault in _differences(kind, before, now, again.texts, name):
            faults += 1
            yield fault
    if not faults and digest(again.rows, again.texts) != expected:
        by = f"engine {sweep.engine_version}; this is {__version__}"
        yield Fault("sweep", name, f"its digest is not that of its rows (made by {by})")


def _differences(kind: Kind, stored: pa.Table, again: pa.Table, texts: Texts, where: str) -> Iterator[Fault]:
    names = stored.column_names
    only = stored.join(again, names, join_type="left anti").to_pylist()
    missing = again.join(stored, names, join_type="left anti").to_pylist()
    key = KEY if kind == "deadline" else (*KEY, "finding")
    expected = {tuple(row[name] for name in key): row for row in missing}
    for row in only:
        follows = expected.pop(tuple(row[name] for name in key), None)
        yield Fault(kind, _thing(row, texts, where), _difference(row, follows, texts))
    for row in expected.values():
        yield Fault(kind, _thing(row, texts, where), "follows from the facts and is not stored")


def _thing(row: Mapping[str, int], texts: Texts, where: str) -> str:
    opened = _say("opened_on", row["opened_on"], texts)
    finding = f" {texts.words[row['finding']]}" if "finding" in row else ""
    return f"{where}: {texts.cases[row['case_key']]} {texts.words[row['rule']]} of {opened}{finding}"


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
_WORDS = ("rule", "variant", "excuse", "reason", "about", "finding")


def _say(name: str, value: int, texts: Texts) -> Any:
    if value == NO_DAY:
        return "none"
    if name in _DAYS:
        return to_date(value)
    if name == "status":
        from compliance_engine.engine.columns import Status

        return Status(value).word if value in set(Status) else value
    if name in _WORDS:
        return texts.words.get(value, f"word {value}")
    return value

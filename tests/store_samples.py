"""Small histories, stores and a small law for the tests of stores and sweeps."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

import postgresql
from compliance_engine.cases.generator import District, generate
from compliance_engine.cases.importers.outcome import Imported
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.data_files import calendars_folder, rules_folder
from compliance_engine.engine.judge import Judge
from compliance_engine.store.connect import Store, open_store
from compliance_engine.store.events import ImportReport, add
from compliance_engine.store.facts import Chosen, Facts, last_import, read_districts, read_facts
from compliance_engine.store.sweeps import Process, Question
from compliance_engine.sweep.law import Law
from compliance_engine.sweep.runner import Finished, run_sweep

NOW = datetime(2026, 2, 2, 12, tzinfo=UTC)
AS_OF = date(2026, 2, 2)
COUNTY = "us.example_county"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def case(
    case_id: str, *, district: str = "tx.one", calendar: str = COUNTY, **more: object
) -> dict[str, object]:
    facts = {
        "case_id": case_id,
        "state": "tx",
        "district": district,
        "calendar": calendar,
        "program": "idea_b",
    }
    return facts | more


def event(
    case_id: str, name: str, day: str, *, recorded_at: str | None = None, **more: object
) -> dict[str, object]:
    pointers = {key: more.pop(key) for key in ("event_id", "corrects", "retracts") if key in more}
    facts = {"case_id": case_id, "event": name, "occurred_on": date.fromisoformat(day)}
    facts["attributes"] = json.dumps(more, sort_keys=True) if more else None
    return facts | {"recorded_at": recorded_at and moment(recorded_at)} | pointers


def consent(case_id: str, day: str, **more: object) -> dict[str, object]:
    return event(case_id, "consent_to_evaluate_received", day, purpose="initial", **more)


def imported(cases: list[dict[str, object]], events: list[dict[str, object]]) -> Imported:
    number = len(cases) + len(events)
    tables = pa.Table.from_pylist(cases, CASES), pa.Table.from_pylist(events, EVENTS)
    return Imported(*tables, [], number, number)


def synthetic(*districts: str, cases: int = 40, until: date = AS_OF, seed: int = 7) -> Imported:
    made = generate([District("tx", name, COUNTY, cases) for name in districts], seed=seed, until=until)
    number = len(made.cases) + len(made.events)
    return Imported(made.cases, made.events, [], number, number)


def put(store: Store, what: Imported, *, received_at: datetime = NOW, **more: object) -> ImportReport:
    return add(store, what, source="sample", form="canonical", received_at=received_at, **more)  # type: ignore[arg-type]


def new_store(folder: Path, what: Imported | None = None, name: str = "facts.db") -> Store:
    store = opened(address(folder, name), create=True)
    if what is not None:
        put(store, what)
    return store


OPEN: list[Store] = []
"""The stores that the running test opened; its fixture closes them."""


def opened(where: str, **how: bool) -> Store:
    """Open a store until the test ends."""
    OPEN.append(open_store(where, **how))
    return OPEN[-1]


def address(folder: Path, name: str = "facts.db") -> str:
    """Return where a store of a test lies: a file, or a schema of the PostgreSQL server in use."""
    if postgresql.server is None:
        return str(folder / name)
    return postgresql.schema(f"{folder.name}_{name}")


def facts(store: Store, *, known_at: datetime | None = None, until_import: int | None = None) -> Facts:
    with store.read() as connection:
        which = Chosen(tuple(one.key for one in read_districts(connection)))
        until = last_import(connection) if until_import is None else until_import
        return read_facts(connection, which, known_at=known_at, until_import=until)


def copy_law(folder: Path) -> tuple[Path, Path]:
    """Copy the federal and Texan rules and two synthetic calendars; return the two folders."""
    for part in ("us", "tx"):
        shutil.copytree(rules_folder() / part, folder / "rules" / part)
    for part in ("us/example_county", "us/example_snow"):
        shutil.copytree(calendars_folder() / part, folder / "calendars" / part)
    return folder / "rules", folder / "calendars"


def process(number: int = 1, host: str = "here") -> Process:
    return Process(number, host, NOW)


_JUDGES: dict[str, Judge] = {}


def judge_of(law: Law) -> Judge:
    """Return one judge per set of findings rules, which remembers what it has judged."""
    return _JUDGES.setdefault(str(law.findings), Judge(law.findings))


def sweep(store: Store, law: Law, as_of: date = AS_OF, **more: object) -> Finished:
    known_at = more.pop("known_at", None)
    question = Question(as_of, known_at)  # type: ignore[arg-type]
    who, judge = more.pop("process", process()), more.pop("judge", None) or judge_of(law)
    return run_sweep(store, question, law, who, clock=lambda: NOW, judge=judge, **more)  # type: ignore[arg-type]

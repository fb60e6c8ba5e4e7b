"""Imports: cases and dated facts are added, never changed; what is known already is not added twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.cases.importers.outcome import Imported, QuarantinedRow
from compliance_engine.dates import BoolArray
from compliance_engine.store.bulk import alike, insert_table, next_number, to_microseconds
from compliance_engine.store.chain import add_link
from compliance_engine.store.connect import Store
from compliance_engine.store.known import EVENT, VERSION, known_cases, known_events, last_versions, not_in
from compliance_engine.store.seals import (
    IMPORT_ROW,
    VERSION_NUMBERS,
    as_signed,
    event_seals,
    import_digest,
    row_digest,
    version_seals,
)
from compliance_engine.store.tables import case_versions, cases, districts, events, import_cases, imports
from compliance_engine.store.words import Words

_IDENTITY = ("state", "district", "program")
_FACTS = ("calendar", "birth_day", "grade", "attributes")
_OTHER_CASE = "the case_id is known with another state, district or program; each case needs an id of its own"
_OTHER_EVENT = (
    "the event_id is already that of another event of the case; "
    "a changed record needs its own event_id and `corrects`"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows of one kind; the numbers add up to the rows that were read well."""

    new: int = 0
    changed: int = 0
    known: int = 0
    conflicting: int = 0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        number: Number of the import; None when nothing was kept.
        read, accepted, refused: Rows (records) of the files, as the reader counted them.
        conflicts: Rows that read well but contradict what the store holds.
    """

    number: int | None
    read: int
    accepted: int
    refused: int
    cases: Counts
    events: Counts
    conflicts: tuple[QuarantinedRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        names = ("number", "read", "accepted", "refused")
        counts = {"cases": asdict(self.cases), "events": asdict(self.events)}
        return {name: getattr(self, name) for name in names} | counts


class _DryRunError(Exception):
    """Ends the transaction of a dry run."""


def add(
    store: Store,
    imported: Imported,
    *,
    source: str,
    form: str,
    received_at: datetime,
    recorded_at: datetime | None = None,
    dry_run: bool = False,
) -> ImportReport:
    """Add what an importer read; all of it or, when something fails, nothing.

    A case is known by its id. Its calendar, birth date, grade and attributes may change: that is a new
    version. An event is known when one with the same case, type, day, attributes, id and pointers is.

    Args:
        source: What was read, as the user named it.
        form: The format it was in.
        received_at: Now, with a time zone; changed cases count as recorded then unless `recorded_at` says.
        recorded_at: When records that do not say so themselves were recorded; None takes an event as known
            since its day, and the first version of a case as known since ever.
        dry_run: Count, and keep nothing.
    """
    report: ImportReport | None = None
    try:
        with store.write() as connection:
            run = _Import(connection, imported, source, received_at, recorded_at)
            report = run.run(form)
            if dry_run:
                raise _DryRunError
    except _DryRunError:
        assert report is not None
        return ImportReport(None, *(getattr(report, name) for name in ImportReport.__slots__[1:]))
    return report


class _Import:
    def __init__(
        self,
        connection: sa.Connection,
        imported: Imported,
        source: str,
        received_at: datetime,
        recorded_at: datetime | None,
    ) -> None:
        self.connection = connection
        self.imported = imported
        self.source = source
        self.received = to_microseconds(received_at)
        self.recorded = None if recorded_at is None else to_microseconds(recorded_at)
        self.words = Words(connection)
        self.number = next_number(connection, imports.c.import_id)
        self.conflicts: list[QuarantinedRow] = []
        self.sealed_events = self.sealed_versions = np.zeros(0, np.uint64)
        self.digest: str | None = None
        self.touched = np.zeros(0, np.int32)
        self.with_events: list[npt.NDArray[np.int32]] = []

    def run(self, form: str) -> ImportReport:
        """Add the cases, then their events, and note the import."""
        given = self.imported.cases
        known = known_cases(self.connection, given.column("case_id").to_pylist())
        self._note(form, Counts(), Counts())
        good, counts = self._conflicting_cases(given, known)
        kept = given.filter(pa.array(good))
        keys, added = self._new_cases(kept, known)
        counted, changed = self._versions(self._case_rows(kept, keys), added, kept)
        case_counts = Counts(added, changed, counted - changed, counts)
        event_counts = self._events(kept.column("case_id"), keys, known)
        self.digest = import_digest(self.sealed_events, self.sealed_versions)
        self._note(form, case_counts, event_counts)
        self._link()
        touched = np.unique(np.concatenate([self.touched, *self.with_events]))
        rows = {"import_id": np.full(len(touched), self.number, np.int32), "case_key": touched}
        insert_table(self.connection, import_cases, pa.table(rows))
        imported = self.imported
        return ImportReport(
            self.number,
            imported.read,
            imported.accepted,
            len(imported.quarantine),
            case_counts,
            event_counts,
            tuple(self.conflicts),
        )

    def _note(self, form: str, case_counts: Counts, event_counts: Counts) -> None:
        imported = self.imported
        values = {
            "read": imported.read,
            "accepted": imported.accepted,
            "refused": len(imported.quarantine),
            "new_cases": case_counts.new,
            "changed_cases": case_counts.changed,
            "known_cases": case_counts.known,
            "conflicting_cases": case_counts.conflicting,
            "new_events": event_counts.new,
            "known_events": event_counts.known,
            "conflicting_events": event_counts.conflicting,
            "digest": self.digest,
        }
        of_this = imports.c.import_id == self.number
        if self.connection.execute(sa.select(imports.c.import_id).where(of_this)).first():
            self.connection.execute(imports.update().where(of_this).values(**values))
            return
        about = {
            "source": self.source,
            "form": form,
            "received_at": self.received,
            "recorded_at": self.recorded,
        }
        self.connection.execute(imports.insert().values(import_id=self.number, **about, **values))

    def _conflicting_cases(self, given: pa.Table, known: pa.Table) -> tuple[BoolArray, int]:
        """Return which cases do not contradict a known case, and how many do."""
        row = pc.index_in(given.column("case_id"), value_set=known.column("case_id").combine_chunks())
        good = np.ones(len(given), np.bool_)
        for name in _IDENTITY:
            before = known.column(name).take(row)
            same = pc.fill_null(pc.equal(before, given.column(name)), True)
            good &= same.to_numpy()
        wrong = np.flatnonzero(~good)
        for case in given.select(["case_id", *_IDENTITY]).take(pa.array(wrong)).to_pylist():
            self._refuse("CE605", _OTHER_CASE, case)
        return good, len(wrong)

    def _refuse(self, code: str, reason: str, row: Mapping[str, Any]) -> None:
        raw = json.dumps({name: value for name, value in row.items() if value is not None}, default=str)
        self.conflicts.append(QuarantinedRow(self.source, 0, code, reason, raw))

    def _new_cases(self, kept: pa.Table, known: pa.Table) -> tuple[npt.NDArray[np.int32], int]:
        """Add the cases that are new; return the key of each case and how many were added."""
        row = pc.index_in(kept.column("case_id"), value_set=known.column("case_id").combine_chunks())
        keys = known.column("case_key").take(row).fill_null(-1).to_numpy().astype(np.int32)
        new = np.flatnonzero(keys < 0)
        first = next_number(self.connection, cases.c.case_key)
        keys[new] = np.arange(first, first + len(new), dtype=np.int32)
        fresh = kept.take(pa.array(new))
        rows = {
            "case_key": pa.array(keys[new]),
            "case_id": fresh.column("case_id"),
            "district_key": self._districts(fresh),
            "program": fresh.column("program"),
        }
        insert_table(self.connection, cases, pa.table(rows))
        return keys, len(new)

    def _districts(self, fresh: pa.Table) -> pa.Array:
        query = sa.select(districts.c.state, districts.c.district, districts.c.district_key)
        known = {(state, district): key for state, district, key in self.connection.execute(query)}
        number = next_number(self.connection, districts.c.district_key)
        pairs = list(
            zip(fresh.column("state").to_pylist(), fresh.column("district").to_pylist(), strict=True)
        )
        for pair in sorted(set(pairs) - set(known)):
            known[pair] = number
            values = {"district_key": number, "state": pair[0], "district": pair[1]}
            self.connection.execute(districts.insert().values(**values))
            number += 1
        return pa.array([known[pair] for pair in pairs], pa.int32())

    def _case_rows(self, kept: pa.Table, keys: npt.NDArray[np.int32]) -> pa.Table:
        columns = {
            "case_key": pa.array(keys),
            "calendar": kept.column("calendar"),
            "birth_day": kept.column("birth_date").cast(pa.int32()),
            "grade": kept.column("grade"),
            "attributes": self.words.encode(kept.column("attributes")),
        }
        return pa.table(columns)

    def _versions(self, given: pa.Table, added: int, kept: pa.Table) -> tuple[int, int]:
        """Add versions of cases that are new or changed; return how many were known before, and changed."""
        keys = given.column("case_key").to_numpy()
        latest = last_versions(self.connection, keys) if added < len(given) else VERSION.empty_table()
        row = pc.index_in(given.column("case_key"), value_set=latest.column("case_key").combine_chunks())
        new = pc.is_null(row).to_numpy()
        differs = np.zeros(len(given), np.bool_)
        for name in _FACTS:
            differs |= ~alike(latest.column(name).take(row), given.column(name))
        changed = differs & ~new
        last = latest.column("recorded_at").take(row)
        rows = given.append_column("recorded_at", self._moments(new, last))
        rows = rows.append_column("import_id", pa.array(np.full(len(given), self.number, np.int32)))
        mask = pa.array(new | changed)
        rows, kept = rows.filter(mask), kept.filter(mask)
        self.touched = rows.column("case_key").to_numpy()
        named = pa.table({name: kept.column(name) for name in ("case_id", *_IDENTITY)})
        for name in ("calendar", *VERSION_NUMBERS, "attributes"):
            named = named.append_column(name, rows.column(name))
        self.sealed_versions = version_seals(named, self.words.texts())
        seals = pa.array(as_signed(self.sealed_versions))
        insert_table(self.connection, case_versions, rows.append_column("seal", seals))
        return len(given) - added, int(changed.sum())

    def _moments(self, new: BoolArray, last: pa.ChunkedArray) -> pa.Array:
        """Return when versions count as recorded; a change never before what it changes (`last`).

        Whatever the clock says: of two versions the one recorded later holds.
        """
        if self.recorded is not None:
            return pa.array(np.full(len(new), self.recorded, np.int64))
        never = np.iinfo(np.int64).min
        moments = np.maximum(self.received, pc.fill_null(last, never).to_numpy())
        return pa.array(moments, mask=new)

    def _events(self, ids: pa.ChunkedArray, keys: npt.NDArray[np.int32], known: pa.Table) -> Counts:
        """Add the events that are new."""
        table = self.imported.events
        row = pc.index_in(table.column("case_id"), value_set=ids.combine_chunks())
        lost = pc.is_null(row).to_numpy()
        for event in table.filter(pa.array(lost)).select(["case_id", "event", "occurred_on"]).to_pylist():
            self._refuse("CE605", "its case contradicts the store", event)
        table, row = table.filter(pa.array(~lost)), row.filter(pa.array(~lost))
        rows = self._event_rows(table, keys[row.to_numpy()])
        old = np.intersect1d(keys, known.column("case_key").to_numpy())
        before = known_events(self.connection, old) if len(old) else EVENT.empty_table()
        picked, clashes = self._event_ids(not_in(rows, before), before, rows, table)
        first = next_number(self.connection, events.c.event_number)
        order = picked[np.argsort(rows.column("case_key").to_numpy()[picked], kind="stable")]
        new = rows.take(pa.array(order))
        recorded = table.column("recorded_at").cast(pa.int64()).take(pa.array(order))
        if self.recorded is not None:
            recorded = recorded.fill_null(self.recorded)
        new = new.append_column("recorded_at", recorded)
        new = new.append_column("event_number", pa.array(np.arange(first, first + len(new), dtype=np.int64)))
        new = new.append_column("import_id", pa.array(np.full(len(new), self.number, np.int32)))
        self.with_events.append(new.column("case_key").to_numpy())
        case_ids = table.column("case_id").take(pa.array(order))
        self.sealed_events = event_seals(new, case_ids, self.words.texts())
        seals = pa.array(as_signed(self.sealed_events))
        insert_table(self.connection, events, new.append_column("seal", seals))
        return Counts(len(new), 0, len(table) - len(new) - clashes, clashes + int(lost.sum()))

    def _link(self) -> None:
        """Link the import to the chain."""
        query = sa.select(imports).where(imports.c.import_id == self.number)
        row = self.connection.execute(query).mappings().one()
        add_link(self.connection, "import", self.number, row_digest(row, IMPORT_ROW))

    def _event_rows(self, table: pa.Table, keys: npt.NDArray[np.int32]) -> pa.Table:
        columns = [
            pa.array(keys),
            self.words.encode(table.column("event")),
            table.column("occurred_on").cast(pa.int32()),
            self.words.encode(table.column("attributes")),
            *(table.column(name) for name in ("event_id", "corrects", "retracts")),
        ]
        return pa.table(columns, schema=EVENT)

    def _event_ids(
        self, fresh: npt.NDArray[np.int64], before: pa.Table, rows: pa.Table, table: pa.Table
    ) -> tuple[npt.NDArray[np.int64], int]:
        """Leave out new events whose id is already that of another event of the case.

        Args:
            fresh: The numbers of the new ones of `rows`, which are those of `table`.
        """
        if rows.column("event_id").null_count == len(rows) or not len(before):
            return fresh, 0
        names = ["case_key", "event_id"]
        named = before.filter(before.column("event_id").is_valid()).select(names)
        given = rows.select(names).take(pa.array(fresh)).append_column("number", pa.array(fresh))
        clashing = np.sort(given.join(named, names, join_type="left semi").column("number").to_numpy())
        shown = ["case_id", "event", "occurred_on", "event_id"]
        for event in table.select(shown).take(pa.array(clashing)).to_pylist():
            self._refuse("CE606", _OTHER_EVENT, event)
        return np.setdiff1d(fresh, clashing), len(clashing)

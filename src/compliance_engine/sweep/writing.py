"""Writing what a sweep found: a lot of districts in one transaction, with their counts and digests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import sqlalchemy as sa

from compliance_engine.dates import IntArray
from compliance_engine.errors import Place, Problem
from compliance_engine.store import sweeps
from compliance_engine.store.connect import Store
from compliance_engine.store.digests import lanes_from, lanes_of, text_of
from compliance_engine.store.facts import Chosen, districts_of
from compliance_engine.store.results import Verdicts, write_changes
from compliance_engine.store.seals import Seals
from compliance_engine.store.states import known_cases, law_numbers, write_states
from compliance_engine.store.sweeps import Process, Sweep, Tally, add_tally
from compliance_engine.store.tables import cases, deadlines, findings
from compliance_engine.store.words import Words, named_texts
from compliance_engine.sweep.found import Changed
from compliance_engine.sweep.law import LawHashes
from compliance_engine.sweep.lots import Lot
from compliance_engine.sweep.pool import Answer
from compliance_engine.sweep.rows import change_counts, count_nothing

_NAMED = 5
_WRITTEN = ("cases_evaluated", "deadlines_began", "deadlines_ended", "findings_began", "findings_ended")


@dataclass(slots=True)
class Writer:
    """Writes the lots of one sweep.

    Attributes:
        before: The sweep that finished before it.
        expected: In a full sweep, the cases that `before` does not answer for; None: nothing is checked.
        known: Counts and digest of each district in `before`.
        warnings: What the evaluator could not use, and what an incremental sweep would have missed.
        moved: Of each chunk written, the cases of which deadlines began or ended; not of a first sweep.
    """

    store: Store
    sweep: Sweep
    process: Process
    hashes: LawHashes
    before: Sweep | None
    expected: Mapping[int, IntArray] | None
    known: Mapping[int, tuple[Tally, str]]
    warnings: list[Problem] = field(default_factory=list)
    moved: list[IntArray] = field(default_factory=list)

    def changed(self) -> IntArray:
        """Return the cases of which deadlines began or ended."""
        return np.unique(np.concatenate([np.zeros(0, np.int32), *self.moved]))

    def write(self, lot: Lot, answers: Iterator[Answer]) -> dict[str, Counter[str]]:
        """Write what was found for the cases of some districts, and that the districts are done.

        Returns: What was written, by the name of the district.
        """
        first = next(answers, None)  # before the transaction begins: it may take long to come
        with self.store.write() as connection:
            written = _Lot(self, connection, lot)
            if first is not None:
                for which, (found, warnings) in zip(lot.chunks, chain([first], answers), strict=True):
                    self.warnings += warnings
                    written.add(which, found)
            sweeps.finish_districts(
                self.store, connection, self.sweep.number, self.process, written.finished()
            )
        return {one.name: written.written[one.key] for one in lot.districts}

    def check(self, connection: sa.Connection, lot: Lot, changed: IntArray, districts: IntArray) -> None:
        """Warn of cases that came out otherwise although the sweep before should have answered for them.

        Args:
            changed, districts: Cases of which rows changed, and the district of each.
        """
        if self.expected is None:
            return
        for district in lot.districts:
            stale = self.expected.get(district.key, np.zeros(0, np.int32))
            wrong = np.setdiff1d(changed[districts == district.key], stale)
            if not len(wrong):
                continue
            ids = named_texts(connection, cases.c.case_key, cases.c.case_id, wrong[:_NAMED])
            named = ", ".join(sorted(ids.values()))
            found = f"{len(wrong)} cases an incremental sweep would have left as they were: {named}"
            mend = "please report this; sweep with --full until it is mended"
            self.warnings.append(Problem(Place(self.store.name), "CE617", district.name, found, mend=mend))


class _Lot:
    """A lot being written.

    Attributes:
        counts, digests: Of each district; at first as in `before` where only some cases are evaluated.
    """

    def __init__(self, writer: Writer, connection: sa.Connection, lot: Lot) -> None:
        self.writer, self.connection, self.lot = writer, connection, lot
        self.words, self.verdicts = Words(connection), Verdicts(connection)
        nothing = count_nothing(), text_of(lanes_of(np.zeros(0, np.uint64)))
        before = {
            one.key: nothing if lot.whole else writer.known.get(one.key, nothing) for one in lot.districts
        }
        self.counts: dict[int, Tally] = {
            key: {kind: Counter(own) for kind, own in counts.items()} for key, (counts, _) in before.items()
        }
        self.digests = {key: digest for key, (_, digest) in before.items()}
        self.written: dict[int, Counter[str]] = {key: Counter(dict.fromkeys(_WRITTEN, 0)) for key in before}

    def add(self, which: Chosen, found: Changed) -> None:
        """Write what was found for some cases."""
        self._tally("cases_evaluated", found.districts)
        words, verdicts = self.words.numbers(found.words), self.verdicts.numbers(found.verdicts)
        numbers, districts = [], []
        sides = zip((deadlines, findings), found.began.numbered(words, verdicts), found.ended, strict=True)
        for table, began, ended in sides:
            write_changes(self.connection, table, self.writer.sweep.number, began, ended)
            for name, rows in (("began", began), ("ended", ended)):
                numbers.append(rows.column("case_key").to_numpy())
                districts.append(district_of(self.connection, numbers[-1], found))
                self._tally(f"{table.name}_{name}", districts[-1])
        of_changed = np.concatenate(districts)
        if self.writer.before is not None:
            self.writer.moved.append(np.unique(np.concatenate(numbers[:2])))
        self.writer.check(self.connection, self.lot, np.concatenate(numbers), of_changed)
        self._states(which, found)
        self._totals(found)

    def _tally(self, name: str, districts: IntArray) -> None:
        for key, number in zip(
            *(side.tolist() for side in np.unique(districts, return_counts=True)), strict=True
        ):
            self.written[key][name] += number

    def _states(self, which: Chosen, found: Changed) -> None:
        numbers = law_numbers(self.connection, found.laws, self.writer.hashes.of)
        law = np.array([numbers[pair] for pair in found.laws], np.int32)[found.law]
        rows = (found.districts, found.keys, law, found.next_change, found.digests)
        write_states(self.connection, self.writer.sweep.number, *rows, which)

    def _totals(self, found: Changed) -> None:
        for district, came in found.came.items():
            self._add(district, came.lanes)
            if self.lot.whole:
                add_tally(self.counts[district], came.counts)
        if self.lot.whole:
            return
        for district, went in found.went.items():
            came = found.came[district]
            self.counts[district] = change_counts(self.counts[district], went.counts, came.counts)
            self._add(district, np.uint64(0) - went.lanes)
        for district in self._new_cases(found).tolist():
            self.counts[district]["totals"]["cases"] += 1

    def _add(self, district: int, lanes: Seals) -> None:
        self.digests[district] = text_of(lanes_from(self.digests[district]) + lanes)

    def _new_cases(self, found: Changed) -> IntArray:
        """Return the district of each case that the sweep before did not know."""
        before = self.writer.before
        assert before is not None
        new = found.fresh
        if len(new):  # an abandoned sweep may have taken its state away
            new = np.setdiff1d(new, known_cases(self.connection, new, before))
        return found.districts[np.searchsorted(found.keys, new)]

    def finished(self) -> dict[int, tuple[Tally, str]]:
        """Return the counts and the digest of each district."""
        return {
            key: (counts | {"written": self.written[key]}, self.digests[key])
            for key, counts in self.counts.items()
        }


def district_of(connection: sa.Connection, keys: IntArray, found: Changed) -> IntArray:
    """Return the district of each of some cases, most of which were found."""
    place = np.searchsorted(found.keys, keys)
    place[place == len(found.keys)] = 0
    known = np.zeros(len(keys), np.bool_)
    if len(found.keys):
        known = found.keys[place] == keys
    districts = np.zeros(len(keys), np.int32)
    districts[known] = found.districts[place[known]]
    if not known.all():
        others = districts_of(connection, np.unique(keys[~known]))
        districts[~known] = [others[key] for key in keys[~known].tolist()]
    return districts

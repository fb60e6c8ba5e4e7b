"""Why deadlines of two sweeps differ: the day, the facts, the rules or the calendars, one at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from compliance_engine.cases.batch import build_batch
from compliance_engine.dates import IntArray, to_date
from compliance_engine.engine.changes import Change, day_or_none
from compliance_engine.store.bulk import among
from compliance_engine.store.changes import Changes, read_changes
from compliance_engine.store.connect import Store
from compliance_engine.store.contents import read_snapshot
from compliance_engine.store.facts import Chosen, Facts, read_facts
from compliance_engine.store.sweeps import Sweep
from compliance_engine.store.tables import case_versions, cases, events, of_case
from compliance_engine.store.words import all_words
from compliance_engine.sweep.law import Law, law_of

_CASES_AT_ONCE = 10_000
Cause = Literal["day", "facts", "rules", "calendars"]
_Key = tuple[str, str, Any, int]
_Value = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Moved:
    """A deadline that differs between two sweeps.

    Attributes:
        causes: What made the difference, the last the one that brought the new value; empty where none of
            them does (another version of this program computed one of the sweeps).
        details: The facts, rule files or calendars behind it.
    """

    change: Change
    causes: tuple[Cause, ...]
    details: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self.change.as_json(), "causes": list(self.causes), "details": list(self.details)}


def causes_between(store: Store, before: Sweep, after: Sweep) -> Iterator[Moved]:
    """Yield every deadline that differs between two finished sweeps, with what made it differ.

    The cases are evaluated as in the first sweep; then its day, its facts, its rules and its calendars are
    replaced by those of the second, one after the other.
    """
    with store.read() as connection:
        changes = read_changes(connection, before, after)
    if not len(changes):
        return
    with ExitStack() as stack:
        laws = [stack.enter_context(law_of(store, sweep)) for sweep in (before, after)]
        causes = _Causes(_Stages(store, before, after), laws, _files(store, before, after))
        for some in changes.by_cases(_CASES_AT_ONCE):
            yield from causes.of(some)


_CAUSES: tuple[Cause, ...] = ("day", "facts", "rules", "calendars")


def last_cause(moved: Moved) -> str:
    """Return what brought a deadline to its new value."""
    return moved.causes[-1] if moved.causes else "unexplained"


@dataclass(frozen=True, slots=True)
class _Stages:
    store: Store
    before: Sweep
    after: Sweep

    def evaluated(self, laws: Sequence[Law], which: Chosen) -> Iterator[dict[_Key, _Value]]:
        """Yield what each deadline is, first as in the first sweep, last as in the second."""
        old, new = laws
        first, second = self.before.question, self.after.question
        facts = [self._facts(sweep, which) for sweep in (self.before, self.after)]
        later = replace(first, as_of=second.as_of)
        known = replace(later, known_at=second.known_at)
        ruled = replace(known, readings=second.readings)
        mixed = replace(old, corpus=new.corpus)
        yield self._values(old, first, facts[0])
        yield self._values(old, later, facts[0])
        yield self._values(old, known, facts[1])
        yield self._values(mixed, ruled, facts[1])
        yield self._values(new, second, facts[1])

    def _facts(self, sweep: Sweep, which: Chosen) -> Facts:
        known_at, until = sweep.question.known_at, sweep.last_import
        with self.store.read() as connection:
            return read_facts(connection, which, known_at=known_at, until_import=until)

    def _values(self, law: Law, question: Any, facts: Facts) -> dict[_Key, _Value]:
        batch = build_batch(
            facts.cases, facts.events, as_of=question.as_of, known_at=question.known_at, where="audit"
        )
        found: dict[_Key, _Value] = {}
        for block in law.engine(question).evaluate(batch).blocks:
            outcome = block.outcome
            columns = (block.cases(), outcome.openings.day, outcome.due, outcome.status)
            seen: Counter[tuple[int, int]] = Counter()
            for case, opened, due, status in zip(*(column.tolist() for column in columns), strict=True):
                nth = seen[case, opened]
                seen[case, opened] += 1
                found[str(batch.case_id[case]), block.rule.id, day_or_none(opened), nth] = (due, status)
        return found


@dataclass(frozen=True, slots=True)
class _Causes:
    """Finds what made deadlines differ, of some cases at a time."""

    stages: _Stages
    laws: Sequence[Law]
    files: _Files

    def of(self, changes: Changes) -> Iterator[Moved]:
        """Yield each deadline with what made it differ."""
        keys = changes.of_cases()
        values = list(self.stages.evaluated(self.laws, Chosen((), keys=keys)))
        detail = _Details(self.stages, self.files, keys)
        for change in changes:
            key = (change.case_id, change.rule, change.opened_on, change.nth)
            seen = [stage.get(key) for stage in values]
            causes = tuple(cause for index, cause in enumerate(_CAUSES) if seen[index] != seen[index + 1])
            yield Moved(change, causes, tuple(detail.of(change, causes)))


class _Details:
    """Says which facts, files and days lie between two sweeps, of some cases."""

    def __init__(self, stages: _Stages, files: _Files, keys: IntArray) -> None:
        self.before, self.after = stages.before, stages.after
        self.rules, self.calendars = files
        with stages.store.read() as connection:
            self.facts = _new_facts(connection, self.before.last_import, self.after.last_import, keys)
            self.calendar_of = _calendars(connection, keys)

    def of(self, change: Change, causes: Sequence[Cause]) -> Iterator[str]:
        for cause in causes:
            if cause == "day":
                yield f"as of {self.after.question.as_of} instead of {self.before.question.as_of}"
            elif cause == "facts":
                yield from self._facts(change.case_id)
            elif cause == "rules":
                yield from self._files(self.rules, (change.rule, change.old_rule), "rules")
                if self.before.question.readings != self.after.question.readings:
                    yield "other answers to open questions of law"
            else:
                yield from self._files(self.calendars, (self.calendar_of.get(change.case_id),), "calendar")

    def _facts(self, case_id: str) -> Iterator[str]:
        if self.before.question.known_at != self.after.question.known_at:
            yield f"known at {self.after.question.known_at or 'any time'}"
        yield from self.facts.get(case_id, ())

    def _files(
        self, changed: Mapping[str, tuple[bytes, bytes]], names: Sequence[str | None], what: str
    ) -> Iterator[str]:
        """Name the changed files that speak of one of some names; all of them when none does."""
        texts = [name.encode() for name in names if name]
        own = [
            file for file, sides in changed.items() if any(text in side for text in texts for side in sides)
        ]
        for file in own or changed:
            old, new = changed[file]
            how = "new" if not old else "changed" if new else "gone"
            yield f"{what} {file}: {how}"


def _new_facts(connection: sa.Connection, low: int, high: int, keys: IntArray) -> dict[str, list[str]]:
    """Return in words what imports after `low` up to `high` brought, by case."""
    found: dict[str, list[str]] = defaultdict(list)
    texts = all_words(connection)
    between = (events.c.import_id > low) & (events.c.import_id <= high)
    columns = (events.c.event, events.c.occurred_on, events.c.corrects, events.c.retracts, events.c.import_id)
    query = sa.select(cases.c.case_id, *columns).join_from(events, cases, of_case(events)).where(between)
    for some in among(events.c.case_key, keys):
        rows = connection.execute(query.where(some).order_by(events.c.event_number))
        for case_id, event, day, corrects, retracts, number in rows:
            how = f"corrected fact ({corrects})" if corrects else "new fact"
            how = f"retracted fact ({retracts})" if retracts else how
            found[case_id].append(f"{how}: {texts[event]} on {to_date(day)}, import {number}")
    changed = (case_versions.c.import_id > low) & (case_versions.c.import_id <= high)
    versions = sa.select(cases.c.case_id, case_versions.c.import_id)
    versions = versions.join_from(case_versions, cases, of_case(case_versions)).where(changed)
    for some in among(case_versions.c.case_key, keys):
        for case_id, number in connection.execute(versions.where(some)):
            found[case_id].append(f"the case itself, import {number}")
    return found


def _calendars(connection: sa.Connection, keys: IntArray) -> dict[str, str]:
    query = sa.select(cases.c.case_id, case_versions.c.calendar)
    query = query.join_from(case_versions, cases, of_case(case_versions)).order_by(case_versions.c.import_id)
    found: dict[str, str] = {}
    for some in among(case_versions.c.case_key, keys):
        found.update((case_id, name) for case_id, name in connection.execute(query.where(some)) if name)
    return found


_Changed = Mapping[str, tuple[bytes, bytes]]
_Files = tuple[_Changed, _Changed]
"""Changed files of rules and of calendars, with their bytes on either side."""


def _files(store: Store, before: Sweep, after: Sweep) -> _Files:
    with store.read() as connection:
        return (
            _changed(connection, "rules", before.rules, after.rules),
            _changed(connection, "calendars", before.calendars, after.calendars),
        )


def _changed(
    connection: sa.Connection, kind: Literal["rules", "calendars"], old: str, new: str
) -> dict[str, tuple[bytes, bytes]]:
    """Return the files that differ between two snapshots, with their bytes on either side."""
    if old == new:
        return {}
    before, after = (read_snapshot(connection, kind, number).files for number in (old, new))
    pairs = {name: (before.get(name, b""), after.get(name, b"")) for name in sorted({*before, *after})}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def describe(moved: Moved) -> str:
    """Return one line, or a few, about a deadline that moved."""
    change = moved.change
    old, new = (
        "none" if status is None else f"{status.replace('_', ' ')}, due {due or 'unknown'}"
        for status, due in ((change.old_status, change.old_due), (change.new_status, change.new_due))
    )
    head = f"{change.case_id} {change.rule} of {change.opened_on or 'unknown'}: {old} -> {new}"
    if not moved.causes:
        return f"{head}\n    not by day, facts, rules or calendars: another version of this program"
    return "\n".join([head, *(f"    {detail}" for detail in moved.details)])

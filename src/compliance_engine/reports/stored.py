"""The violations report of a stored sweep: its deadlines and findings, and their working made again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from compliance_engine.cases.batch import build_batch
from compliance_engine.dates import NO_DAY
from compliance_engine.engine.deadline import CitationOut, Deadline
from compliance_engine.engine.delay_reasons import Proposal, proposals
from compliance_engine.engine.evaluate import DeadlineBlock, Engine, Evaluation, reason_text
from compliance_engine.engine.expressions import text_day
from compliance_engine.reports.build import report_of_ordered
from compliance_engine.reports.context import report_context
from compliance_engine.reports.model import Provenance, ViolationReport
from compliance_engine.reports.rows import ReportHeader, ReportRow
from compliance_engine.reports.working import Derivation
from compliance_engine.rules.rulebook import RuleInForce
from compliance_engine.store.connect import Store
from compliance_engine.store.facts import Chosen, read_districts, read_facts
from compliance_engine.store.results import read_deadlines, read_findings
from compliance_engine.store.sweeps import Sweep
from compliance_engine.store.tables import districts, sweep_parts
from compliance_engine.sweep.judging import NOT_JUDGED, delay_codes
from compliance_engine.sweep.law import law_of

Key = tuple[str, str, date | None, int]
"""Case, rule, day of opening, and which of the openings of that day."""
_ROWS_AT_ONCE = 5000
_SAME = ("due_on", "met_on", "status", "days_late")
_SHOWN = ("basis", "child_level", "certainty")


def report_of_sweep(
    store: Store, sweep: Sweep, *, title: str, only: Collection[str] = (), with_working: bool = True
) -> ViolationReport:
    """Return the violations report of a finished sweep, by the rules and calendars it used.

    Args:
        only: Only these districts; all when empty.
        with_working: Whether findings carry their working, which costs some milliseconds each.
    """
    with store.read() as connection:
        stored, found = (read(connection, sweep, only=only) for read in (read_deadlines, read_findings))
        cases = _cases(connection, sweep, only)
    with law_of(store, sweep) as law:
        findings: dict[Key, list[dict[str, Any]]] = defaultdict(list)
        for one in found.to_pylist():
            findings[_key(one)].append(one)
        engine = law.engine(sweep.question)
        again = _Again(store, sweep, engine, {key[0] for key in findings})
        header = ReportHeader(
            title=title,
            made_from=_provenance(store, sweep),
            context=report_context(law.corpus, law.findings),
            cases=cases,
            with_working=with_working,
        )
        rules: dict[tuple[str, str, str], Mapping[str, RuleInForce]] = {}
        rows = (_row(one, findings.get(_key(one), []), engine, rules, again) for one in _rows(stored))
        return report_of_ordered(rows, header)


def _texts(texts: Collection[str]) -> pa.Array:
    return pa.array(sorted(texts), pa.string())


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows as a report has them, never many at once."""
    order = ("case_id", "rule", "opened_on", "due_on", "nth")
    keys = table.select(order)
    for place, name in enumerate(order[2:4], 2):  # no day comes first
        days = keys.column(name).cast(pa.int32()).fill_null(int(NO_DAY))
        keys = keys.set_column(place, name, days)
    ordered = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in order])
    for at in range(0, len(ordered), _ROWS_AT_ONCE):
        yield from table.take(ordered.slice(at, _ROWS_AT_ONCE)).to_pylist()


def _cases(connection: sa.Connection, sweep: Sweep, only: Collection[str]) -> int:
    """Return how many cases the sweep looked at."""
    if not only:
        return sweep.counts.get("totals", Counter())["cases"]
    query = sa.select(sweep_parts.c.counts).join_from(sweep_parts, districts)
    counts = connection.execute(
        query.where(sweep_parts.c.sweep == sweep.number, districts.c.district.in_(only))
    ).scalars()
    return sum(json.loads(text or "{}").get("totals", {}).get("cases", 0) for text in counts)


def _provenance(store: Store, sweep: Sweep) -> Provenance:
    name = store.name if "://" in store.name else PurePath(store.name).name
    return Provenance(
        store=name,
        sweep=sweep.number,
        as_of=sweep.question.as_of,
        known_at=sweep.question.known_at,
        engine_version=sweep.engine_version,
        rules_hash=sweep.rules,
        calendars_hash=sweep.calendars,
    )


def _key(row: Mapping[str, Any]) -> Key:
    return row["case_id"], row["rule"], row["opened_on"], row["nth"]


def _row(
    stored: dict[str, Any],
    found: list[dict[str, Any]],
    engine: Engine,
    rules: dict[tuple[str, str, str], Mapping[str, RuleInForce]],
    again: _Again,
) -> ReportRow:
    book = stored["state"], stored["program"], stored["district"]
    if book not in rules:
        rules[book] = {rule.id: rule for rule in engine.rulebook(*book).rules}
    deadline = _deadline(stored, rules[book][stored["rule"]])
    if not found:
        return ReportRow(deadline, stored["district"])
    first = found[0]
    key, place = _key(stored), (stored["state"], stored["district"])
    return ReportRow(
        deadline,
        stored["district"],
        finding_codes=tuple(one["finding"] for one in found if one["finding"] != NOT_JUDGED),
        severity=first["severity"],
        conclusions={name: first[name] for name in _SHOWN if first[name] is not None},
        delay_code=again.delay_code(place, key),
        proposals=lambda: again.proposals(place, key),
        working=lambda: again.working(place, key, stored),
        error=first["error"],
        birth_date=again.birth_date(place, key),
    )


def _deadline(stored: Mapping[str, Any], in_force: RuleInForce) -> Deadline:
    rule, index = in_force.rule, stored["version"]
    version = None if index is None or index < 0 else rule.versions[index]
    citations = tuple(CitationOut(ref=one.ref, url=one.url) for one in version.citations) if version else ()
    code = stored["reason"]
    same = ("case_id", "program", "status", "opened_on", "due_on", "met_on", "closed_on", "days_late")
    marks = ("variant", "excuse", "too_early", "capped", "projected", "incomplete_calendar")
    return Deadline(
        **{name: stored[name] for name in (*same, *marks)},
        rule=rule.id,
        overrides=rule.overrides,
        title=rule.title,
        jurisdiction=in_force.jurisdiction,
        kind=rule.kind,
        authority=rule.authority,
        undetermined_reason=code,
        reason=reason_text(code, stored["about"] or "") if code else None,
        citation=citations[0] if citations else None,
        citations=citations,
        verified=version.verified if version else None,
        readings=dict(in_force.chosen),
        notes=rule.notes,
    )


@dataclass(slots=True)
class _District:
    """A district's cases with findings, evaluated again."""

    evaluation: Evaluation
    places: dict[Key, tuple[DeadlineBlock, int]]
    codes: dict[int, tuple[Any, list[str]]] = field(default_factory=dict)


class _Again:
    """Evaluates cases with findings again, district by district, when something is first asked of one."""

    def __init__(self, store: Store, sweep: Sweep, engine: Engine, cases: Collection[str]) -> None:
        self.store, self.sweep, self.engine = store, sweep, engine
        self.cases = _texts(cases)
        self.done: dict[tuple[str, str], _District] = {}
        with store.read() as connection:
            self.districts = {(one.state, one.district): one for one in read_districts(connection)}

    def working(self, place: tuple[str, str], key: Key, stored: Mapping[str, Any]) -> Derivation:
        """Return the steps of a deadline; none when it comes out otherwise than the sweep had it."""
        block, row = self._place(place, key)
        if block is None:
            return ()
        evaluation = self._district(place).evaluation
        now = evaluation.describe(block, row, working=False)
        if any(getattr(now, name) != stored[name] for name in _SAME):
            return ()
        return [step.as_json() for step in evaluation.working(block, row)]

    def proposals(self, place: tuple[str, str], key: Key) -> tuple[Proposal, ...]:
        """Return the state's codes that the facts of a deadline fit."""
        block, row = self._place(place, key)
        return () if block is None else proposals(self._district(place).evaluation, block, row)

    def delay_code(self, place: tuple[str, str], key: Key) -> str | None:
        """Return the delay code recorded for a deadline."""
        block, row = self._place(place, key)
        if block is None:
            return None
        district = self._district(place)
        if id(block) not in district.codes:
            district.codes[id(block)] = delay_codes(district.evaluation.batch, block)
        codes, texts = district.codes[id(block)]
        return texts[int(codes[row]) - 1] if codes[row] > 0 else None

    def birth_date(self, place: tuple[str, str], key: Key) -> date | None:
        """Return the birth date of a deadline's case, to be withheld."""
        block, row = self._place(place, key)
        if block is None:
            return None
        return text_day(self._district(place).evaluation.batch.birth_day[int(block.cases()[row])])

    def _place(self, place: tuple[str, str], key: Key) -> tuple[DeadlineBlock | None, int]:
        return self._district(place).places.get(key, (None, 0))

    def _district(self, place: tuple[str, str]) -> _District:
        if place not in self.done:
            self.done[place] = self._evaluate(place)
        return self.done[place]

    def _evaluate(self, place: tuple[str, str]) -> _District:
        question = self.sweep.question
        which = Chosen((self.districts[place].key,))
        with self.store.read() as connection:
            facts = read_facts(
                connection, which, known_at=question.known_at, until_import=self.sweep.last_import
            )
        cases, events = (
            table.filter(pc.is_in(table.column("case_id"), value_set=self.cases))
            for table in (facts.cases, facts.events)
        )
        batch = build_batch(cases, events, as_of=question.as_of, known_at=question.known_at, where=place[1])
        evaluation = self.engine.evaluate(batch)
        return _District(evaluation, _places(evaluation))


def _places(evaluation: Evaluation) -> dict[Key, tuple[DeadlineBlock, int]]:
    places: dict[Key, tuple[DeadlineBlock, int]] = {}
    for block in evaluation.blocks:
        seen: dict[tuple[int, int], int] = {}
        days = block.outcome.openings.day.tolist()
        for row, (case, day) in enumerate(zip(block.cases().tolist(), days, strict=True)):
            nth = seen[case, day] = seen.get((case, day), -1) + 1
            places[str(evaluation.batch.case_id[case]), block.rule.id, text_day(day), nth] = (block, row)
    return places

"""The evaluator: one pure function from a batch of cases to deadlines, for one case or millions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from compliance_engine.calendars.day_tables import DayTables
from compliance_engine.calendars.loader import CalendarLibrary
from compliance_engine.calendars.models import Calendar
from compliance_engine.cases.columns import CaseBatch
from compliance_engine.dates import NEVER, BoolArray, IntArray, to_day
from compliance_engine.engine.clocks import run_openings, run_rule
from compliance_engine.engine.columns import REASONS, Flag, Reasons, Status
from compliance_engine.engine.deadline import CitationOut, Deadline
from compliance_engine.engine.derivation import NotKnown, Opened, Step
from compliance_engine.engine.expressions import text_day
from compliance_engine.engine.frame import Frame, Outcome, View
from compliance_engine.engine.selection import Selections
from compliance_engine.errors import CalendarProblem, Problem
from compliance_engine.rules.loader import Corpus
from compliance_engine.rules.rulebook import Readings, Rulebook, RuleInForce, rulebook
from compliance_engine.rules.starts import OnAllOf, OnCount, OnEvent, OnSilence

BLOCK = 65_536
"""Cases evaluated at a time: small enough for buffers to be reused, large enough for NumPy."""


@dataclass(slots=True)
class DeadlineBlock:
    """Deadlines of one rule for a run of cases.

    Attributes:
        first_case: Row in the batch of the outcome's case 0.
        outcome: Columns, one row per deadline.
    """

    rulebook: Rulebook
    rule: RuleInForce
    first_case: int
    outcome: Outcome

    def __len__(self) -> int:
        return len(self.outcome.openings)

    def cases(self) -> IntArray:
        """Return the row of each deadline's case in the batch, int32[k]."""
        return np.asarray(self.outcome.openings.case + np.int32(self.first_case))


@dataclass(slots=True)
class Engine:
    """Rules, calendars and a day; evaluates batches.

    Args:
        corpus: The rules.
        library: The calendars.
        as_of: The day whose truth is asked.
        known_on: Closures announced later are not known; None knows them all.
        readings: Answers to open questions of law; defaults for the rest.
        project: Makes a calendar longer (by projecting later years), or None.
    """

    corpus: Corpus
    library: CalendarLibrary
    as_of: date
    known_on: date | None = None
    readings: Readings = field(default_factory=dict)
    project: Callable[[Calendar], Calendar] | None = None
    _rulebooks: dict[tuple[str, str, str | None], Rulebook] = field(default_factory=dict)
    _tables: dict[tuple[tuple[str | None, str], ...], DayTables] = field(default_factory=dict)
    _calendars: dict[str, Calendar | None] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)

    def evaluate(self, batch: CaseBatch, *, rules: frozenset[str] | None = None) -> Evaluation:
        """Return the deadlines of every case of a batch.

        Args:
            batch: Cases and events, as believed.
            rules: Only these rules (and those they need); None for all.
        """
        evaluation = Evaluation(self, batch, Reasons(), np.full(len(batch), NEVER))
        for book, lo, hi in self._groups(batch):
            for low in range(lo, hi, BLOCK):
                view = self._view(batch, book, low, min(low + BLOCK, hi), evaluation.reasons)
                for rule in _wanted(book, rules):
                    outcome = run_rule(view, rule)
                    view.outcomes[rule.id] = outcome
                    _flag_calendar(view, rule, outcome)
                    evaluation.blocks.append(DeadlineBlock(book, rule, low, outcome))
                for outcome in view.outcomes.values():
                    outcome.compact()
                evaluation.next_change[low : low + len(view.next_change)] = view.next_change
        return evaluation

    def view_of_case(self, batch: CaseBatch, row: int, reasons: Reasons) -> View:
        """Return a view of one case alone."""
        state, program = batch.text("state", row), batch.text("program", row)
        return self._view(
            batch, self.rulebook(state, program, batch.text("district", row)), row, row + 1, reasons
        )

    def rulebook(self, state: str, program: str, district: str) -> Rulebook:
        """Return the rulebook of a district; districts without rules of their own share one."""
        own = any(loaded.district == district for loaded in self.corpus.rules.values())
        key = (state, program, district if own else None)
        if key not in self._rulebooks:
            self._rulebooks[key] = rulebook(
                self.corpus, state, program, district=key[2], readings=self.readings
            )
        return self._rulebooks[key]

    def _groups(self, batch: CaseBatch) -> Iterator[tuple[Rulebook, int, int]]:
        """Yield runs of cases with the same rulebook."""
        current: Rulebook | None = None
        low = high = 0
        for state, program, district, lo, hi in batch.groups():
            book = self.rulebook(state, program, district)
            if book is not current:
                if current is not None:
                    yield current, low, high
                current, low = book, lo
            high = hi
        if current is not None:
            yield current, low, high

    def _view(self, batch: CaseBatch, book: Rulebook, lo: int, hi: int, reasons: Reasons) -> View:
        part = batch.slice(lo, hi)
        tables, calendar = self._day_tables(part, book.state)
        never = np.full(len(part), NEVER)
        return View(part, calendar, book, tables, to_day(self.as_of), reasons, Selections(part), never)

    def _day_tables(self, batch: CaseBatch, state: str) -> tuple[DayTables, IntArray]:
        """Return day tables for the calendars a batch may name, and each case's index in them."""
        refs: tuple[str | None, ...] = (*batch.calendar_refs, None)
        pairs = tuple((ref, state) for ref in refs)
        if pairs not in self._tables:
            calendars = [None if ref is None else self._calendar(ref) for ref in refs]
            states = [state] * len(refs)
            self._tables[pairs] = DayTables(calendars, self.corpus.counts, self.known_on, states=states)
        index = np.where(batch.calendar < 0, np.int32(len(refs) - 1), batch.calendar)
        return self._tables[pairs], index.astype(np.int32)

    def _calendar(self, ref: str) -> Calendar | None:
        if ref not in self._calendars:
            try:
                found = self.library.resolve(ref)
                self._calendars[ref] = self.project(found) if self.project else found
            except CalendarProblem as error:
                self.warnings += error.problems
                self._calendars[ref] = None
        return self._calendars[ref]


@dataclass(slots=True)
class Evaluation:
    """The deadlines of a batch."""

    engine: Engine
    batch: CaseBatch
    reasons: Reasons
    next_change: IntArray
    """int32[n_cases], the first day after `as_of` on which a case may have other deadlines though no event
    is added (that an overdue one is a day later does not count); `NEVER` where there is none."""
    blocks: list[DeadlineBlock] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(block) for block in self.blocks)

    def deadlines(self, *, working: bool = True) -> Iterator[Deadline]:
        """Yield every deadline, by case and then in the order of the rulebook.

        Args:
            working: Whether to make the derivation of each, which costs about a millisecond.
        """
        for block in self.blocks:
            for row in range(len(block)):
                yield self.describe(block, row, working=working)

    def describe(self, block: DeadlineBlock, row: int, *, working: bool = True) -> Deadline:
        """Return one row as a deadline, with its working if asked for."""
        case = int(block.cases()[row])
        steps = self.working(block, row) if working else ()
        return _deadline(block, row, str(self.batch.case_id[case]), self.reasons, steps)

    def alone(self, block: DeadlineBlock, row: int) -> tuple[Frame, Outcome]:
        """Return one row evaluated by itself, with notes taken on the way: its frame and what came of it."""
        case = int(block.cases()[row])
        view = self.engine.view_of_case(self.batch, case, Reasons())
        for rule in _wanted(block.rulebook, frozenset({block.rule.id})):
            view.outcomes[rule.id] = run_rule(view, rule)
        nth = row - int(np.searchsorted(block.outcome.openings.case, block.outcome.openings.case[row]))
        frame = Frame(view, block.rule, view.outcomes[block.rule.id].openings.take(np.array([nth])))
        frame.trace = _opening_steps(frame)
        return frame, run_openings(frame)

    def working(self, block: DeadlineBlock, row: int) -> tuple[Step, ...]:
        """Return the steps by which one row was reached, evaluating its case alone and taking notes."""
        frame, outcome = self.alone(block, row)
        steps = frame.trace or []
        if outcome.status[0] == Status.UNDETERMINED and not any(isinstance(step, NotKnown) for step in steps):
            reason = frame.view.reasons.listed[int(outcome.reason[0])]
            steps.append(NotKnown(reason.code, reason_text(reason.code, reason.about)))
        return tuple(steps)


def _wanted(book: Rulebook, rules: frozenset[str] | None) -> list[RuleInForce]:
    if rules is None:
        return list(book.rules)
    needed = book.needed(rules)
    return [rule for rule in book.rules if rule.id in needed]


def _opening_steps(frame: Frame) -> list[Step]:
    day = text_day(frame.openings.day[0])
    return [] if day is None else [Opened(day, _cause(frame.rule))]


def _cause(rule: RuleInForce) -> str:
    start = rule.rule.starts_on
    if isinstance(start, OnEvent | OnAllOf):
        joint = " or " if isinstance(start, OnEvent) else " and "
        return joint.join(map(str, start.patterns))
    if isinstance(start, OnSilence):
        return f"no answer after {start.after}"
    if isinstance(start, OnCount):
        return f"{start.of} reaching {start.reaches}"
    return {"OnBirth": "birth", "OnSchoolYear": "a school year", "OnDue": "the due day of another duty"}[
        type(start).__name__
    ]


def reason_text(code: str, about: str) -> str:
    """Return a reason in words."""
    return REASONS[code] + (f" ({about})" if about else "")


def _flag_calendar(view: View, rule: RuleInForce, outcome: Outcome) -> None:
    if not len(outcome.openings) or not rule.uses_calendar(view.tables.counts):
        return
    calendar = view.calendar[outcome.openings.case]
    incomplete = _uses_incomplete(view, calendar, outcome)
    outcome.flags[incomplete] |= np.uint8(Flag.INCOMPLETE_CALENDAR)
    projected = view.tables.uses_projected(calendar, outcome.openings.day, outcome.due)
    outcome.flags[projected] |= np.uint8(Flag.PROJECTED)


def _uses_incomplete(view: View, calendar: IntArray, outcome: Outcome) -> BoolArray:
    """Return which rows touch a school year of which only key dates are known."""
    some = view.tables.uses_incomplete(calendar)
    rows = np.flatnonzero(some)
    if not len(rows):
        return some
    width = max((len(one.years) for one in view.tables.calendars if one), default=0) + 1
    flags = np.zeros((len(view.tables.calendars), width), bool)
    for index, one in enumerate(view.tables.calendars):
        for year, school_year in enumerate(one.years if one else ()):
            flags[index, year] = not school_year.complete
    used = [view.tables.year_index(calendar[rows], day[rows]) for day in (outcome.openings.day, outcome.due)]
    some[rows] = np.logical_or.reduce([flags[calendar[rows], year] for year in used])
    return some


def _deadline(
    block: DeadlineBlock, row: int, case_id: str, reasons: Reasons, steps: tuple[Step, ...]
) -> Deadline:
    outcome, rule = block.outcome, block.rule.rule
    index = int(outcome.version[row])
    version = rule.versions[index] if index >= 0 else None
    variant, excuse = int(outcome.variant[row]), int(outcome.excuse[row])
    status, flags = Status(int(outcome.status[row])), int(outcome.flags[row])
    reason = reasons.listed[int(outcome.reason[row])] if status is Status.UNDETERMINED else None
    citations = tuple(CitationOut(ref=one.ref, url=one.url) for one in version.citations) if version else ()
    return Deadline(
        case_id=case_id,
        rule=rule.id,
        overrides=rule.overrides,
        title=rule.title,
        program=block.rulebook.program,
        jurisdiction=block.rule.jurisdiction,
        kind=rule.kind,
        authority=rule.authority,
        status=status.word,
        opened_on=text_day(outcome.openings.day[row]),
        due_on=text_day(outcome.due[row]),
        met_on=text_day(outcome.met[row]),
        closed_on=text_day(outcome.closed[row]),
        days_late=int(outcome.days_late[row]),
        variant=version.variants[variant].id if version and variant >= 0 else None,
        excuse=version.exceptions[excuse].id if version and excuse >= 0 else None,
        undetermined_reason=reason.code if reason else None,
        reason=reason_text(reason.code, reason.about) if reason and reason.code else None,
        too_early=bool(flags & Flag.TOO_EARLY),
        capped=bool(flags & Flag.CAPPED),
        projected=bool(flags & Flag.PROJECTED),
        incomplete_calendar=bool(flags & Flag.INCOMPLETE_CALENDAR),
        citation=citations[0] if citations else None,
        citations=citations,
        verified=version.verified if version else None,
        readings=dict(block.rule.chosen),
        notes=rule.notes,
        derivation=tuple(step.as_json() for step in steps),
    )

"""What the evaluator knows while it works: a view of one batch, and a frame of openings of one rule."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from compliance_engine.calendars.day_tables import DayTables
from compliance_engine.cases.columns import CaseBatch, EventColumn
from compliance_engine.dates import BoolArray, IntArray
from compliance_engine.engine.columns import Reasons
from compliance_engine.engine.derivation import Step
from compliance_engine.engine.selection import RANKS, Selections
from compliance_engine.rules.rulebook import Rulebook, RuleInForce


@dataclass(slots=True)
class Openings:
    """Openings of one rule, sorted by case and moment.

    Attributes:
        case: int32[k], row of the case in the batch.
        day: int32[k].
        moment: int32[k].
        source: Which of `columns` the opening event is in, int8[k]; None where no event opened the duty.
        row: Row within that column, int32[k].
        reason: Why an opening is not certain, int32[k], or None.
        previous: Moment of the opening before in the same case, int32[k], NO_DAY for the first; only
            for rules that look backward.
    """

    case: IntArray
    day: IntArray
    moment: IntArray
    columns: tuple[EventColumn, ...] = ()
    source: np.ndarray | None = None
    row: IntArray | None = None
    reason: IntArray | None = None
    previous: IntArray | None = None

    def __len__(self) -> int:
        return len(self.case)

    def take(self, rows: np.ndarray) -> Openings:
        """Return the openings at `rows` (indices or a mask)."""
        return Openings(
            self.case[rows],
            self.day[rows],
            self.moment[rows],
            self.columns,
            None if self.source is None else self.source[rows],
            None if self.row is None else self.row[rows],
            None if self.reason is None else self.reason[rows],
            None if self.previous is None else self.previous[rows],
        )


@dataclass(slots=True)
class Outcome:
    """What the evaluator found for the openings of one rule.

    Attributes:
        openings: The openings.
        due: int32[k], NO_DAY where there is none.
        met: int32[k], NO_DAY where it has not been met.
        closed: int32[k], the day a closing event ended the duty, NO_DAY for none.
        status: uint8[k], of `Status`.
        days_late: int32[k].
        version: int8[k], index into the rule's versions; -1 for none.
        variant: int8[k], index into the version's variants; -1 for none, `NOT_CHOSEN` where it is not known.
        excuse: int8[k], index into the version's exceptions; -1 for none.
        reason: int32[k], number of the reason for `undetermined`; 0 for none.
        flags: uint8[k], of `Flag`.
    """

    openings: Openings
    due: IntArray
    met: IntArray
    closed: IntArray
    status: np.ndarray
    days_late: IntArray
    version: np.ndarray
    variant: np.ndarray
    excuse: np.ndarray
    reason: IntArray
    flags: np.ndarray

    def compact(self) -> None:
        """Let go of what only the evaluation needed, and of columns that say the same in every row."""
        self.openings = Openings(self.openings.case, self.openings.day, self.openings.moment)
        for name in ("closed", "days_late", "version", "variant", "excuse", "reason", "flags"):
            column = getattr(self, name)
            if len(column) and (column == column[0]).all():
                setattr(self, name, np.broadcast_to(column[0], len(column)))

    def take(self, rows: np.ndarray) -> Outcome:
        """Return the rows at `rows`."""
        arrays = (getattr(self, name)[rows] for name in self.__slots__[1:])
        return Outcome(self.openings.take(rows), *arrays)


@dataclass(slots=True)
class View:
    """One rulebook's cases within a batch, and everything evaluated for them so far."""

    batch: CaseBatch
    calendar: IntArray
    """int32[n_cases], index of each case's calendar in the day tables; -1 where it has none."""
    rulebook: Rulebook
    tables: DayTables
    as_of: int
    reasons: Reasons
    selections: Selections
    next_change: IntArray
    """int32[n_cases], the first day after `as_of` on which a case may have other deadlines though no event
    is added; `NEVER` where there is none."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def changes_on(self, case: IntArray, day: IntArray) -> None:
        """Note the days, where they are yet to come, from which on cases may turn out otherwise."""
        later = day > self.as_of
        np.minimum.at(self.next_change, case[later], day[later])

    def outcome(self, rule_id: str) -> Outcome | None:
        """Return what was found for a rule, or for the one that replaces it here."""
        return self.outcomes.get(self.rulebook.resolve(rule_id))


@dataclass(slots=True)
class Frame:
    """Rows being evaluated under one version of one rule.

    Attributes:
        due: The due days so far, for expressions and conditions that look at them.
        met_moment: The moments at which the duty was met, for conditions that look that far.
        standing: Rows without a due day because their clock is paused; it lies after the day asked about.
        count_start: Whether the anchor itself is day 1 of forward counts.
        trace: Steps of the working, recorded when there is exactly one row; None otherwise.
    """

    view: View
    rule: RuleInForce
    openings: Openings
    due: IntArray | None = None
    met_moment: IntArray | None = None
    standing: BoolArray | None = None
    count_start: bool = False
    trace: list[Step] | None = None
    _calendar: IntArray | None = None

    @property
    def case(self) -> IntArray:
        """Row of the case in the batch, int32[k]."""
        return self.openings.case

    @property
    def calendar(self) -> IntArray:
        """Index of the case's calendar in the day tables, int32[k]."""
        if self._calendar is None:
            self._calendar = self.view.calendar[self.openings.case]
        return self._calendar

    def __len__(self) -> int:
        return len(self.openings)

    def take(self, rows: np.ndarray) -> Frame:
        """Return the frame of some of the rows."""
        return Frame(
            self.view,
            self.rule,
            self.openings.take(rows),
            None if self.due is None else self.due[rows],
            None if self.met_moment is None else self.met_moment[rows],
            None if self.standing is None else self.standing[rows],
            self.count_start,
            self.trace,
        )

    def with_due(self, due: IntArray) -> Frame:
        """Return the frame with other due days so far."""
        return replace(self, due=due)

    def record(self, step: Step) -> None:
        """Note a step of the working, where someone asked for it."""
        if self.trace is not None:
            self.trace.append(step)

    def unit(self, word: str) -> str:
        """Return the key of the day count that a unit means in this rule."""
        return self.rule.units[word]


def start_of_day(day: IntArray) -> IntArray:
    """Return the moment before all events of each day."""
    return np.asarray(day * np.int32(RANKS) - np.int32(1), dtype=np.int32)

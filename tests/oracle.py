"""The oracle: the rule language of `docs/rule-language.md`, word by word, for one case, day after day.

Slow and naive on purpose: no columns, no tables, nothing of the evaluator, which the tests hold against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from compliance_engine.rules.expressions import DueOf, Hours, walk
from compliance_engine.rules.loader import Corpus
from compliance_engine.rules.models import Rule
from compliance_engine.rules.patterns import EventPattern
from compliance_engine.rules.rulebook import Readings, rulebook
from oracle_days import NaiveDays
from oracle_due import Clock, NotInForce, NotKnown
from oracle_history import Fact, History, any_known, matches, matches_any
from oracle_openings import Opening, openings
from oracle_terms import first_match


@dataclass(frozen=True)
class Found:
    """What the oracle says of one opening."""

    rule: str
    opened_on: date | None
    due_on: date | None = None
    met_on: date | None = None
    status: str = "undetermined"
    days_late: int = 0
    variant: str | None = None
    excuse: str | None = None
    too_early: bool = False
    capped: bool = False
    chose: bool = True
    """Whether it is known which variant applies."""


@dataclass
class Oracle:
    """One case, as of a day.

    Args:
        days: The days of the case's calendar, if they were looked at before.
    """

    corpus: Corpus
    history: History
    as_of: date
    readings: Readings = field(default_factory=dict)
    days: NaiveDays | None = None

    def __post_init__(self) -> None:
        history = self.history
        self.book = rulebook(
            self.corpus, history.state, history.program, district=history.district, readings=self.readings
        )
        self.in_force = {one.id: one for one in self.book.rules}
        self.events = history.until(self.as_of)
        self.days = self.days or NaiveDays(history.calendar, history.state, self.corpus.counts)
        self.results: dict[str, list[Found]] = {}

    def evaluate(self, rules: Iterable[str] | None = None) -> dict[str, list[Found]]:
        """Every opening of every rule (or of those named and what they need), by rule."""
        wanted = None if rules is None else self.book.needed(frozenset(rules))
        for rule_id, rule in self.in_force.items():
            if wanted is None or rule_id in wanted:
                self._evaluate(rule.rule)
        return self.results

    def closed_by(self, rule: Rule) -> Sequence[EventPattern]:
        return self.book.closed_by if rule.closed_by is None else rule.closed_by

    def latest_of(self, rule_id: str, opening: Opening) -> Found | None:
        """The other duty's latest opening on or before this one."""
        if opening.day is None:
            return None
        before = [
            one
            for one in self.results.get(self.book.resolve(rule_id), ())
            if one.opened_on is not None and one.opened_on <= opening.day
        ]
        return before[-1] if before else None

    def _evaluate(self, rule: Rule) -> None:
        found = openings(self, rule)
        found = [
            replace(one, previous=before.order if before else None)
            for before, one in zip([None, *found], found, strict=False)
        ]
        if rule.opens != "each":
            found = found[:1] if rule.opens == "first" else found[-1:]
        results = [_Duty(self, rule, opening).result() for opening in found]
        self.results[rule.id] = [one for one in results if one is not None]


class _Duty(Clock):
    """One opening of one rule, to its end."""

    early_by_the_clock: bool = False

    def result(self) -> Found | None:
        """What becomes of it; None if it does not open."""
        # there is no due day yet: a window through it goes on to the day asked about
        applies = replace(self.scene, paused=True).holds(self.rule.applies_when)
        if applies is False:
            return None
        try:
            self.find_due()
        except NotInForce:
            return None
        except NotKnown:
            self.due = None
        if self.opening.unsure:
            self.due = self.variant = None
        found = self._ending()
        return replace(found, status="undetermined") if applies is None else found

    # --- how it ended
    def _ending(self) -> Found:
        due, rule = self.due, self.rule
        met, doubtful = self._met()
        closed, perhaps = self._closed()
        if met and closed and closed.order < met.order and (due is None or closed.day <= due):
            met = None
        found = Found(
            rule.id,
            self.opening.day,
            due,
            met.day if met else None,
            variant=self.variant,
            chose=self.chose and not self.opening.unsure,
        )
        found = replace(found, capped=self.capped, **self._status(met, closed))
        if found.status not in ("not_applicable", "undetermined"):
            by_the_clock = self._by_the_clock(met)
            if by_the_clock is False and rule.kind == "deadline":
                found = replace(found, status="met_late", days_late=1)
            self.early_by_the_clock = by_the_clock is False and rule.kind == "not_before"
            doubtful = doubtful and found.status != "pending"  # perhaps met, but not late either way
            if doubtful or by_the_clock is None or self._may_be_closed(perhaps, met):
                found = replace(found, status="undetermined")
        found = replace(found, too_early=self._too_early(met) or self.early_by_the_clock)
        return self._excused(found, met)

    def _status(self, met: Fact | None, closed: Fact | None) -> dict[str, str | int]:
        due, as_of, rule = self.due, self.oracle.as_of, self.rule
        if due is None:
            if self.paused or self._waits():
                return {"status": "met" if met else "not_applicable" if closed else "paused"}
            return {"status": "undetermined"}
        if rule.kind == "not_before":
            if met or due <= as_of:
                return {"status": "met"}
            return {"status": "not_applicable" if closed else "pending"}
        until = met.day if met else closed.day if closed else as_of
        if rule.met_looking == "backward" and not met and self.opening.day:
            until = min(until, max(self.opening.day, due))
        late = max((until - due).days, 0)
        if rule.kind == "information":
            late = 0 if met else late
            return {"status": "met" if met else "not_applicable" if closed or late else "pending"}
        if met:
            return {"status": "met_late" if late else "met", "days_late": late}
        if late:
            return {"status": "overdue", "days_late": late}
        return {"status": "not_applicable" if closed else "pending"}

    def _waits(self) -> bool:
        """Whether the due day rests on that of another duty, which is paused."""
        if self.opening.unsure or self.version is None or self.opening.day is None:
            return False
        others = [node.rule for node in walk(self.version.due) if isinstance(node, DueOf)]
        found = [self.oracle.latest_of(one, self.opening) for one in others]
        return any(one is not None and one.status == "paused" for one in found)

    def _by_the_clock(self, met: Fact | None) -> bool | None:
        """Whether a duty counted in hours and met on its last day was met in time."""
        hours = self.version is not None and any(isinstance(node, Hours) for node in walk(self._clock()))
        if met is None or met.day != self.due or not hours or self.rule.kind == "information":
            return True
        begun = self.opening.event.attributes.get("at") if self.opening.event else None
        done = [one.attributes.get("at") for one in self._meeting() if one.day == met.day]
        times = [str(one) for one in done if one is not None]
        if self.rule.kind == "not_before":
            decided = begun is not None and any(time < str(begun) for time in times)
        else:
            decided = begun is not None and any(time <= str(begun) for time in times)
        if decided:
            return self.rule.kind != "not_before"
        return None if begun is None or None in done else self.rule.kind == "not_before"

    def _clock(self) -> object:
        """The expression that gave the due day."""
        assert self.version is not None
        return next((one.due for one in self.version.variants if one.id == self.variant), self.version.due)

    def _too_early(self, met: Fact | None) -> bool:
        if met is None or self.version is None:
            return False
        firsts = [self.due] if self.rule.kind == "not_before" else []
        if self.version.not_before is not None:
            firsts.append(replace(self.scene, due=self.due).day(self.version.not_before))
        return any(first is not None and met.day < first for first in firsts)

    def _excused(self, found: Found, met: Fact | None) -> Found:
        scene = replace(self.scene, due=self.due, met=met, paused=self.paused or self._waits())
        for exception in self.version.exceptions if self.version else ():
            if exception.effect == "due":
                continue
            holds = scene.holds(exception.when)
            late = found.status in ("met_late", "overdue")
            if holds is None and late:
                found = replace(found, status="undetermined")
            if not holds:
                continue
            if exception.effect == "not_applicable":
                return replace(
                    found, status="not_applicable", days_late=0, excuse=exception.id, too_early=False
                )
            if exception.effect == "met":
                if late or found.status == "pending":
                    found = replace(found, status="met", days_late=0, excuse=found.excuse or exception.id)
            elif late:
                found = replace(found, excuse=found.excuse or exception.id)
        return found

    def _closed(self) -> tuple[Fact | None, Fact | None]:
        """What closed it, and the first event that may have."""
        if self.rule.met_looking == "backward":
            return None, None
        later = [one for one in self.oracle.events if one.order > self.opening.order]
        patterns = self.oracle.closed_by(self.rule)
        perhaps = [one for one in later if matches_any(patterns, one) is None]
        return first_match(patterns, later), perhaps[0] if perhaps else None

    def _may_be_closed(self, perhaps: Fact | None, met: Fact | None) -> bool:
        """Whether an event that may have closed it leaves open whether the duty was still owed."""
        if perhaps is None or (met is not None and met.order <= perhaps.order):
            return False
        return self.due is None or perhaps.day <= self.due

    def _meeting(self) -> list[Fact]:
        """The events among which the one that meets it is looked for."""
        rule, events, opening = self.rule, self.oracle.events, self.opening
        if rule.met_looking == "backward":
            after = opening.previous
            found = [one for one in events if after is None or one.order > after]
            found = [one for one in found if opening.day is not None and one.day <= opening.day]
        elif rule.met_looking == "forward_same_day":
            found = [one for one in events if opening.day is None or one.day >= opening.day]
        else:
            found = [one for one in events if one.order > opening.order]
        return [one for one in found if matches_any(rule.met_by.patterns, one) is not False]

    def _met(self) -> tuple[Fact | None, bool]:
        """The event that met it, and whether another one, not saying enough, may have done so in time."""
        if self.rule.met_looking == "in_effect":
            return self._in_effect()
        found = [self._first_of(pattern) for pattern in self.rule.met_by.patterns]
        if not self.rule.met_by.needs_all:
            sure = min((one for one, _ in found if one), key=lambda one: one.order, default=None)
            perhaps = min((one for _, one in found if one), key=lambda one: one.order, default=None)
            return sure, self._perhaps_sooner(sure, perhaps)
        if not all(sure or perhaps for sure, perhaps in found):
            return None, False
        done = [sure for sure, _ in found if sure]
        last = max(done, key=lambda one: one.order) if len(done) == len(found) else None
        return last, any(self._perhaps_sooner(sure, perhaps) for sure, perhaps in found)

    def _first_of(self, pattern: EventPattern) -> tuple[Fact | None, Fact | None]:
        events = self._meeting()
        perhaps = [one for one in events if matches(pattern, one) is None]
        return first_match([pattern], events), perhaps[0] if perhaps else None

    def _perhaps_sooner(self, sure: Fact | None, perhaps: Fact | None) -> bool:
        if perhaps is None:
            return False
        if sure is None:
            return True
        return perhaps.order < sure.order and (self.due is None or sure.day > self.due)

    def _in_effect(self) -> tuple[Fact | None, bool]:
        """The plan in effect on the due day, if it qualifies; else the first that does afterwards."""
        rule, events, due = self.rule, self.oracle.events, self.due
        assert rule.superseded_by is not None
        if due is None:
            return None, False
        after = [one for one in events if one.day > due]
        later = first_match(rule.met_by.patterns, after)
        perhaps_good = perhaps_replaced = False
        for moment in sorted({one.order for one in events if one.day <= due}, reverse=True):
            plans = [one for one in events if one.order == moment]
            good = any_known(matches_any(rule.met_by.patterns, one) for one in plans)
            replaced = any_known(matches(rule.superseded_by, one) for one in plans)
            if good:
                return first_match(rule.met_by.patterns, plans), perhaps_replaced
            perhaps_good |= good is None
            perhaps_replaced |= replaced is None
            if replaced:
                break
        doubtful = [one for one in after if matches_any(rule.met_by.patterns, one) is None]
        sooner = bool(doubtful) and (later is None or doubtful[0].order < later.order)
        return later, perhaps_good or sooner

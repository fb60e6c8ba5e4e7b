"""The law in force and the due day of one opening; part of the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from compliance_engine.rules.expressions import Choice, Offset
from compliance_engine.rules.models import (
    AbsenceExtension,
    Agreement,
    Counting,
    ExtendedBy,
    Pause,
    Roll,
    Rule,
    Variant,
    Version,
)
from oracle_days import DAY
from oracle_history import END_OF_DAY, Order, matches, matches_any
from oracle_openings import Opening
from oracle_terms import Scene, first_match

if TYPE_CHECKING:
    from oracle import Oracle


class NotKnown(Exception):
    """Something that the due day rests on is not known."""


class NotInForce(Exception):
    """The law did not hold."""


@dataclass
class Clock:
    """The clock of one opening of one rule."""

    oracle: Oracle
    rule: Rule
    opening: Opening
    due: date | None = None
    paused: bool = False
    capped: bool = False
    variant: str | None = None
    chose: bool = False
    version: Version | None = None

    def __post_init__(self) -> None:
        self.scene = Scene(self.oracle, self.rule.id, self.opening)

    # --- the law
    def find_due(self) -> None:
        versions, day = self.rule.versions, self.opening.day
        if self.rule.version_chosen_by == "due":
            self.version = self._version_by_due()
        elif day is None:
            self.version = versions[-1]
        else:
            self.version = self._in_force(day)
        if self.version is None:
            raise NotInForce
        self.due = self._due(self.version)
        if self.rule.tightens:
            law = self.oracle.latest_of(self.rule.tightens, self.opening)
            if law and law.due_on and self.due and law.due_on < self.due:
                raise NotKnown  # a policy may not allow more time than the law

    def _in_force(self, day: date) -> Version | None:
        versions = self.rule.versions
        for version, following in zip(versions, [*versions[1:], None], strict=True):
            begins = version.effective_from or date.min
            ends = version.ends or (following.effective_from - DAY if following else date.max)
            if begins <= day <= ends:
                return version
        return None

    def _version_by_due(self) -> Version:
        """The latest version in force on the due day that it gives itself."""
        chosen, dues = None, []
        for version in () if self.opening.unsure else self.rule.versions:
            try:
                dues.append(Clock(self.oracle, self.rule, self.opening)._due(version))
            except NotKnown:
                dues.append(None)
            if dues[-1] is not None and self._in_force(dues[-1]) is version:
                chosen = version
        if chosen is not None:
            return chosen
        if not any(dues):
            return self.rule.versions[-1]
        if all(due is not None and self._in_force(due) is None for due in dues):
            raise NotInForce
        raise NotKnown

    # --- the due day
    def _due(self, version: Version) -> date | None:
        """The due day; None where it is not known, or while the clock stands still."""
        self.chose = False
        chosen: Version | Variant = self._variant(version) or version
        self.chose = True
        try:
            due = self._regular(version, chosen)
        except NotKnown:
            due = None
        for exception in version.exceptions:
            if exception.due is not None:
                scene = replace(self.scene, due=due, paused=self.paused)
                holds = scene.holds(exception.when)
                if holds is not False:
                    due = scene.day(exception.due) if holds else None
        return due

    def _regular(self, version: Version, chosen: Version | Variant) -> date | None:
        """The due day without exceptions."""
        counting = chosen.counting or version.counting
        rolls = version.rolls if chosen.rolls is None else chosen.rolls
        extended = version.extended_by if chosen.extended_by is None else chosen.extended_by
        scene = replace(self.scene, start_day=counting.day_one == "start_day")
        running = self._lengthened(chosen.due, extended, scene)
        if running is None:
            self.paused = True
            return None
        due = self._rolled(running, counting, rolls)
        if isinstance(extended, ExtendedBy) and extended.agreement:
            due = self._agreed(extended.agreement, due)
        return due

    def _lengthened(self, tree: Any, extended: ExtendedBy | str | None, scene: Scene) -> date | None:
        """The end of a period that grows by absences and pauses; None while it stands still."""
        if not isinstance(extended, ExtendedBy):
            return self._known(scene.day(tree))
        if isinstance(tree, Choice) and extended.unit is None:
            return self._chosen(tree, extended, scene)
        due = self._known(scene.day(tree))
        runs = isinstance(tree, Offset) and not tree.before
        if extended.unit is None and not runs:
            return due
        key = self.scene.key(extended.unit or (tree.unit if runs else "calendar_days"))
        after = self._known(scene.day(tree.anchor)) if runs else self.opening.day
        if runs and scene.start_day and after:
            after -= DAY
        if extended.absences:
            due = self._absences(extended.absences, due, key, after)
        return self._without_pauses(extended.pauses, due, key, after) if extended.pauses else due

    def _chosen(self, tree: Choice, extended: ExtendedBy, scene: Scene) -> date | None:
        known, unknown, paused = [], False, False
        for member in tree.of:
            try:
                day = self._lengthened(member, extended, scene)
            except NotKnown:
                unknown = True
                continue
            paused |= day is None
            known += [] if day is None else [day]
        if known and (tree.kind == "earliest_known" or not (unknown or paused)):
            return max(known) if tree.kind == "latest" else min(known)
        if paused:
            return None
        raise NotKnown

    def _variant(self, version: Version) -> Variant | None:
        """The first variant whose condition holds; "due" in it is the version's own due day."""
        scene = replace(self.scene, start_day=version.counting.day_one == "start_day")
        scene = replace(self.scene, due=scene.day(version.due)) if version.variants else scene
        for variant in version.variants:
            if self._sure(scene.holds(variant.when)):
                self.variant = variant.id
                return variant
        return None

    def _known(self, day: date | None) -> date:
        if day is None:
            raise NotKnown
        return day

    def _sure(self, answer: bool | None) -> bool:
        if answer is None:
            raise NotKnown
        return answer

    def _absences(self, absences: AbsenceExtension, base: date, key: str, after: date | None) -> date:
        """The end of a period that grows with the absences within it."""
        if not self._sure(replace(self.scene, due=base).holds(absences.when)):
            return base
        due, added = base, 0
        while True:
            absent = self.scene.absent(due, self.scene.key(absences.unit), after)
            if absent is None:
                raise NotKnown
            spared = (absences.at_least or 0) - 1 if absences.above is None else absences.above
            more = 0 if absent <= spared else absent if absences.add == "all" else absent - spared
            if more == added:
                return due
            added = more
            due = self._known(self.oracle.days.step(key, base, added))

    def _without_pauses(
        self, pauses: Sequence[Pause], due: date, key: str, after: date | None
    ) -> date | None:
        """The due day later by the days of the pauses that begin by then; None while one of them lasts."""
        base, left_out = due, set[date]()
        for begins, ends in self._paused_times(pauses):
            if begins > due:
                continue
            if ends is None:
                return None
            span = {begins + (offset + 1) * DAY for offset in range((ends - begins).days)}
            span = {day for day in span if after is None or day > after}
            left_out |= {day for day in span if self._sure(self.oracle.days.counts(key, day))}
            due = self._known(self.oracle.days.step(key, base, len(left_out)))
        return due

    def _paused_times(self, pauses: Sequence[Pause]) -> list[tuple[date, date | None]]:
        """Day of the beginning and of the end of each pause, in order of their beginnings."""
        found: list[tuple[Order, date | None]] = []
        for pause in pauses:
            over = self.opening.order
            for event in self.oracle.events:
                if event.order > over and matches(pause.from_, event):
                    later = [one for one in self.oracle.events if one.order > event.order]
                    end = first_match([pause.until], later)
                    over = end.order if end else (date.max, END_OF_DAY)
                    found.append((event.order, end.day if end else None))
        return [(order[0], end) for order, end in sorted(found, key=lambda pair: pair[0])]

    def _rolled(self, due: date, counting: Counting, rolls: Sequence[Roll]) -> date:
        if counting.last_day_off != "stays":
            way, _, unit = counting.last_day_off.partition("_")
            due = self._known(self.oracle.days.snap(self.scene.key(unit), due, forward=way == "next"))
        for roll in rolls:
            if self._sure(self._off(roll.when, due)):
                due = self._known(replace(self.scene, due=due).day(roll.to))
        return due

    def _off(self, when: str, due: date) -> bool | None:
        days = self.oracle.days
        if when == "on_weekend":
            return due.weekday() >= 5
        if when == "on_legal_holiday":
            return days.is_holiday(due)
        if when == "in_summer":
            return days.between_years(due)
        return None if not days.covered(due) else due not in days.school_days

    def _agreed(self, agreement: Agreement, base: date) -> date:
        """The last day agreed by agreements of which each was made by the due day as it then stood."""
        due, names = base, {self.rule.id, *self.rule.overrides}
        names |= {name.rpartition(".")[2] for name in names}
        for event in self.oracle.events:
            matched = matches_any(agreement.event.patterns, event)
            named = event.attributes.get("rule")
            if matched is False or event.day < self.scene.day_of_start() or named not in {None, *names}:
                continue
            if agreement.made_by == "due" and event.day > due:
                continue
            if not self._sure(replace(self.scene, due=base).holds(agreement.when)):
                continue
            until = event.date_of("until")
            if matched is None or named is None or until is None:
                raise NotKnown
            due = max(until, base)
        if agreement.cap is not None and due > base:
            cap = self._known(replace(self.scene, due=base).day(agreement.cap))
            if due > cap:
                due, self.capped = max(cap, base), True
        return due

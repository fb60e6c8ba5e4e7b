"""The clock of one rule: from openings to due days, what met or closed them, and their status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compliance_engine.dates import NO_DAY, IntArray, to_date, to_day
from compliance_engine.engine import derivation as working
from compliance_engine.engine.columns import FALSE, NOT_CHOSEN, TRUE, UNKNOWN
from compliance_engine.engine.conditions import answers_of
from compliance_engine.engine.ending import end_duties
from compliance_engine.engine.expressions import days_of, other_outcome
from compliance_engine.engine.extensions import branch_due
from compliance_engine.engine.frame import Frame, Openings, Outcome, View
from compliance_engine.engine.openings import open_duties
from compliance_engine.rules.conditions import Happened
from compliance_engine.rules.expressions import Due, walk
from compliance_engine.rules.models import Variant, Version
from compliance_engine.rules.rulebook import RuleInForce


def run_rule(view: View, rule: RuleInForce) -> Outcome:
    """Evaluate a rule over every case of a view."""
    openings = open_duties(view, rule)
    return run_openings(Frame(view, rule, openings))


def run_openings(frame: Frame) -> Outcome:
    """Evaluate a rule over given openings: conditions of application, versions, clocks, endings."""
    if not len(frame):
        return _blank(frame.openings)
    rule = frame.rule.rule
    frame, doubtful = _applicable(frame)
    chosen = (
        _versions_by_due(frame)
        if rule.version_chosen_by == "due"
        else _versions_by(frame, frame.openings.day)
    )
    if (chosen == _NOT_IN_FORCE).any():
        keep = np.flatnonzero(chosen != _NOT_IN_FORCE)
        frame, chosen = frame.take(keep), chosen[keep]
        doubtful = None if doubtful is None else doubtful[keep]
    outcome = _blank(frame.openings)
    outcome.version[:] = chosen
    for index, version in enumerate(rule.versions):
        rows = np.flatnonzero(chosen == index)
        if len(rows) == len(frame):
            outcome = _run_version(frame, version, outcome)
        elif len(rows):
            part = _run_version(frame.take(rows), version, outcome.take(rows))
            _put(outcome, rows, part)
    _no_version(frame, outcome)
    if doubtful is not None:
        unknown = doubtful != 0
        outcome.reason = np.where(unknown, doubtful, outcome.reason)
        outcome.status[unknown] = 6
        outcome.days_late[unknown] = 0
    return outcome


def _blank(openings: Openings) -> Outcome:
    size = len(openings)
    none = np.full(size, NO_DAY)
    return Outcome(
        openings=openings,
        due=none,
        met=none.copy(),
        closed=none.copy(),
        status=np.full(size, 6, np.uint8),
        days_late=np.zeros(size, np.int32),
        version=np.zeros(size, np.int8),
        variant=np.full(size, NOT_CHOSEN, np.int8),
        excuse=np.full(size, -1, np.int8),
        reason=np.zeros(size, np.int32),
        flags=np.zeros(size, np.uint8),
    )


def _put(outcome: Outcome, rows: np.ndarray, part: Outcome) -> None:
    for name in Outcome.__slots__[1:]:
        getattr(outcome, name)[rows] = getattr(part, name)


def _applicable(frame: Frame) -> tuple[Frame, IntArray | None]:
    """Return the rows to which the rule applies, and why it is not known of some of them."""
    condition = frame.rule.rule.applies_when
    if condition is None or not len(frame):
        return frame, None
    truth = answers_of(condition, frame)
    keep = np.flatnonzero(truth.answer != FALSE)
    doubtful = None
    if truth.reason is not None:
        doubtful = np.where(truth.answer == UNKNOWN, truth.reason, np.int32(0))[keep]
    return frame.take(keep), doubtful


_NOT_KNOWN, _NOT_IN_FORCE = np.int8(-1), np.int8(-2)


def _versions_by(frame: Frame, day: IntArray) -> np.ndarray:
    """Return the version in force on each day; a day that is not known takes the last."""
    versions = frame.rule.rule.versions
    chosen = np.where(day == NO_DAY, np.int8(len(versions) - 1), _NOT_IN_FORCE)
    for index, version in enumerate(versions):
        low = -(2**31) if version.effective_from is None else to_day(version.effective_from)
        chosen[(day >= low) & (day != NO_DAY)] = index
    # an earlier version does not come back when a later one ends
    for index, version in enumerate(versions):
        if version.ends is not None:
            chosen[(chosen == index) & (day > to_day(version.ends))] = _NOT_IN_FORCE
    return chosen


def _versions_by_due(frame: Frame) -> np.ndarray:
    """Return the latest version in force on the due day that it gives itself.

    Where none of the versions' due days falls under any version, the rule was not in force; where each falls
    under another, which one holds is not known. A due day that cannot be told takes the last version.
    """
    versions = frame.rule.rule.versions
    chosen = np.full(len(frame), _NOT_IN_FORCE)
    silent = replace(frame, trace=None)
    unknown = np.ones(len(frame), bool)
    for index, version in enumerate(versions):
        due = _due_days(silent, version)[0].due
        assert due is not None
        held = _versions_by(frame, due)
        known = due != NO_DAY
        unknown &= ~known
        # a due day that is not known may fall anywhere
        chosen[(~known | (held >= 0)) & (chosen < 0)] = _NOT_KNOWN
        chosen[known & (held == index)] = index
    chosen[unknown] = len(versions) - 1
    return chosen


def _no_version(frame: Frame, outcome: Outcome) -> None:
    missing = outcome.version == _NOT_KNOWN
    if missing.any():
        number = frame.view.reasons.number("no_version_in_force", frame.rule.id)
        outcome.reason = np.where(missing & (outcome.reason == 0), np.int32(number), outcome.reason)


def _run_version(frame: Frame, version: Version, outcome: Outcome) -> Outcome:
    _record_choice(frame, version)
    frame, paused, outcome = _due_days_into(frame, version, outcome)
    return end_duties(frame, version, outcome, paused)


def _record_choice(frame: Frame, version: Version) -> None:
    if frame.trace is None:
        return
    rule = frame.rule.rule
    if len(rule.versions) > 1 or version.effective_from is not None:
        frame.record(working.VersionUsed(version.effective_from, rule.version_chosen_by))
    for reading in rule.readings:
        option = frame.rule.chosen[reading.id]
        frame.record(working.ReadingUsed(reading.question, option, option == reading.default))


def _due_days_into(frame: Frame, version: Version, outcome: Outcome) -> tuple[Frame, np.ndarray, Outcome]:
    timed, paused, found = _due_days(frame, version)
    assert timed.due is not None
    outcome.variant, outcome.flags, outcome.reason = found
    timed = _never_later_than_law(timed, outcome)
    assert timed.due is not None
    outcome.due = timed.due
    return timed, paused, outcome


def _never_later_than_law(frame: Frame, outcome: Outcome) -> Frame:
    """Refuse a local policy's due day that falls after that of the law it is to tighten."""
    law = frame.rule.rule.tightens
    assert frame.due is not None
    if law is None:
        return frame
    rows, other = other_outcome(frame, law)
    if other is None or not len(other.due):
        return frame
    lawful = np.where(rows >= 0, other.due[rows], NO_DAY)
    later = (frame.due != NO_DAY) & (lawful != NO_DAY) & (frame.due > lawful)
    if not later.any():
        return frame
    number = np.int32(frame.view.reasons.number("policy_later_than_law", law))
    outcome.reason = np.where(later, number, outcome.reason)
    if frame.trace is not None:
        own, theirs = (working.day_text(to_date(int(days[0]))) for days in (frame.due, lawful))
        frame.record(
            working.NotKnown("policy_later_than_law", f"the policy says {own}, the law ({law}) {theirs}")
        )
    return frame.with_due(np.where(later, NO_DAY, frame.due))


def _due_days(
    frame: Frame, version: Version
) -> tuple[Frame, np.ndarray, tuple[np.ndarray, np.ndarray, IntArray]]:
    """Return the frame with due days, where the clock is paused, and (variant, flags, reason)."""
    variant, reason = _choose_variants(frame, version.variants, version)
    variant[reason != 0] = NOT_CHOSEN
    due = np.full(len(frame), NO_DAY)
    flags, paused = np.zeros(len(frame), np.uint8), np.zeros(len(frame), bool)
    for index, branch in enumerate([None, *version.variants]):
        rows = np.flatnonzero((variant == index - 1) & (reason == 0))
        if not len(rows) and len(frame):
            continue
        whole = len(rows) == len(frame)
        part = frame if whole else frame.take(rows)
        if branch is not None:
            part.record(working.VariantUsed(branch.id, branch.title or ""))
        result = branch_due(part, version, branch)
        if whole:
            due, flags, paused, reason = (
                result.due.day,
                result.flags,
                result.paused,
                _reasons(result.due.reason, len(frame)),
            )
        else:
            due[rows], flags[rows], paused[rows] = result.due.day, result.flags, result.paused
            reason[rows] = _reasons(result.due.reason, len(rows))
    if frame.openings.reason is not None:
        uncertain = frame.openings.reason != 0
        reason, due = np.where(uncertain, frame.openings.reason, reason), np.where(uncertain, NO_DAY, due)
        variant[uncertain] = NOT_CHOSEN
    return frame.with_due(due), paused, (variant, flags, reason)


def _looks_at_due(node: object) -> bool:
    return isinstance(node, Due) or (isinstance(node, Happened) and node.through == "due")


def _reasons(reason: IntArray | None, size: int) -> IntArray:
    return np.zeros(size, np.int32) if reason is None else reason


def _choose_variants(
    frame: Frame, variants: Sequence[Variant], version: Version
) -> tuple[np.ndarray, IntArray]:
    """Return the variant of each row (-1 the version's own due day) and why a choice is not known."""
    chosen, reason = np.full(len(frame), -1, np.int8), np.zeros(len(frame), np.int32)
    if not variants or not len(frame):
        return chosen, reason
    asked = frame
    if any(_looks_at_due(node) for variant in variants for node in walk(variant.when)):
        base = days_of(
            version.due, replace(frame, trace=None, count_start=version.counting.day_one == "start_day")
        )
        asked = frame.with_due(base.day)
    open_rows = np.ones(len(frame), bool)
    for index, variant in enumerate(variants):
        if not open_rows.any():
            break
        truth = answers_of(variant.when, asked)
        chosen[open_rows & (truth.answer == TRUE)] = index
        doubtful = open_rows & (truth.answer == UNKNOWN)
        if doubtful.any() and truth.reason is not None:
            reason[doubtful] = truth.reason[doubtful]
        open_rows &= truth.answer == FALSE
    return chosen, reason

"""The five duties written by hand in NumPy: what the rules of `rules/` cost without a rule language.

It knows the events, the columns and the law by name, handles nothing else, and works in blocks with the same
arrays the engine gets. Its results are compared with the engine's in the same run.
"""

from __future__ import annotations

import numpy as np

BLOCK = 65_536
NONE = np.int32(-(2**31))
MET, LATE, PENDING, OVERDUE, NOT_APPLICABLE, UNDETERMINED = 0, 1, 2, 3, 5, 6
PAD = 4000


class SchoolDays:
    """Prefix sums of school days over calendars that all cover the same days."""

    def __init__(self, school_days: list[np.ndarray], low: int, high: int) -> None:
        self.low, self.span = low, high - low
        self.position = np.empty((len(school_days), self.span), np.int32)
        parts, at = [], 0
        for index, days in enumerate(school_days):
            open_days = np.zeros(self.span, bool)
            open_days[days - low] = True
            self.position[index] = np.cumsum(open_days) - 1 + at
            parts += [days, np.full(PAD, NONE)]
            at += len(days) + PAD
        self.flat = self.position.ravel()
        self.days = np.concatenate(parts).astype(np.int32)

    def after(self, calendar: np.ndarray, day: np.ndarray, count: int) -> np.ndarray:
        inside = (day >= self.low) & (day < self.low + self.span)
        at = calendar * np.int32(self.span) + np.where(inside, day - np.int32(self.low), 0)
        return np.where(inside, self.days[self.flat[at] + np.int32(count)], NONE)


class Events:
    """Events of one kind: offsets by case, day, and a moment that orders them."""

    def __init__(self, offsets, day, rank, keep=None) -> None:
        self.case = np.repeat(np.arange(len(offsets) - 1, dtype=np.int32), np.diff(offsets))
        self.offsets, self.day, self.rank = offsets, day, rank
        if keep is not None:
            total = np.zeros(len(keep) + 1, np.int32)
            np.cumsum(keep, out=total[1:])
            self.offsets, self.case, self.day = total[offsets], self.case[keep], day[keep]
        self.moment = self.day * np.int32(512) + np.int32(rank)


def merged(parts: list[Events], n: int) -> Events:
    key = np.concatenate([(part.case.astype(np.int64) << 32) + part.moment for part in parts])
    order = np.argsort(key, kind="stable")
    result = Events.__new__(Events)
    result.case = np.concatenate([part.case for part in parts])[order]
    result.day = np.concatenate([part.day for part in parts])[order]
    result.moment = np.concatenate([part.moment for part in parts])[order]
    result.offsets = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(result.case, minlength=n), out=result.offsets[1:])
    return result


def next_after(events: Events, case: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    day, when = np.full(len(case), NONE), np.full(len(case), NONE)
    at, end = events.offsets[case], events.offsets[case + 1]
    rows = np.flatnonzero(at < end)
    at, end, moment = at[rows], end[rows], moment[rows]
    while len(rows):
        here = events.moment[at]
        later = here > moment
        day[rows[later]], when[rows[later]] = events.day[at[later]], here[later]
        at = at + np.int32(1)
        on = np.flatnonzero(~later & (at < end))
        rows, at, end, moment = rows[on], at[on], end[on], moment[on]
    return day, when


def last_by(events: Events, case: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    day, when = np.full(len(case), NONE), np.full(len(case), NONE)
    first, at = events.offsets[case], events.offsets[case + 1] - np.int32(1)
    rows = np.flatnonzero(at >= first)
    first, at, moment = first[rows], at[rows], moment[rows]
    while len(rows):
        here = events.moment[at]
        early = here <= moment
        day[rows[early]], when[rows[early]] = events.day[at[early]], here[early]
        at = at - np.int32(1)
        on = np.flatnonzero(~early & (at >= first))
        rows, at, first, moment = rows[on], at[on], first[on], moment[on]
    return day, when


def settle(due, met, met_moment, closed, closed_moment, as_of):
    closed = np.where((closed != NONE) & (met_moment != NONE) & (met_moment <= closed_moment), NONE, closed)
    met = np.where((closed != NONE) & (met_moment > closed_moment) & (closed <= due), NONE, met)
    is_met, is_closed = met != NONE, closed != NONE
    reached = np.where(is_met, met, np.where(is_closed, closed, as_of))
    late = reached > due
    status = np.where(
        is_met, late, np.where(late, OVERDUE, np.where(is_closed, NOT_APPLICABLE, PENDING))
    ).astype(np.uint8)
    status[due == NONE] = UNDETERMINED
    days = np.where(late & (due != NONE), reached - due, 0).astype(np.int32)
    return met, status, days


def anniversaries(years: int) -> np.ndarray:
    days = np.arange(-25_567, 54_786).astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    target = month + 12 * years
    last = (target + 1).astype("datetime64[D]") - target.astype("datetime64[D]") - np.timedelta64(1, "D")
    return (target.astype("datetime64[D]") + np.minimum(days - month.astype("datetime64[D]"), last)).astype(
        np.int32
    )


def five_duties(batch, ranks: dict[str, int], school: SchoolDays, as_of: int):
    """Return for each duty the list of blocks (case, start, due, met, status, days late)."""
    shift = {years: anniversaries(years) for years in (1, 3, 16)}
    base = np.int32(25_567)
    results = {name: [] for name in ("initial", "iep", "annual", "triennial", "transition")}
    codes = {name: {text: code for code, text in enumerate(batch.vocab[name])} for name in ("purpose",)}
    initial, review = codes["purpose"]["initial"], codes["purpose"].get("annual_review", -2)
    for low in range(0, len(batch), BLOCK):
        part = batch.slice(low, min(low + BLOCK, len(batch)))
        n, calendar = len(part), part.calendar

        def column(name, keep=None, part=part):
            events = part.events[name]
            return Events(
                events.offsets, events.day, ranks[name], None if keep is None else keep(events.attributes)
            )

        consent = column("consent_to_evaluate_received", lambda a: a["purpose"] == initial)
        evaluated = column("evaluation_completed")
        evaluated_initial = column("evaluation_completed", lambda a: a["purpose"] == initial)
        eligible = column("eligibility_determined", lambda a: a["eligible"] == 1)
        ineligible = column("eligibility_determined", lambda a: a["eligible"] == 0)
        first_iep = column("iep_meeting_held", lambda a: a["purpose"] == initial)
        reviewed = column("iep_meeting_held", lambda a: a["purpose"] == review)
        plans = column("iep_meeting_held", lambda a: (a["purpose"] == initial) | (a["purpose"] == review))
        planned = column(
            "iep_meeting_held",
            lambda a: ((a["purpose"] == initial) | (a["purpose"] == review)) & (a["transition_plan"] == 1),
        )
        gone = [
            column(name)
            for name in ("exited", "consent_to_services_revoked", "transferred_out")
            if name in part.events
        ]
        moved = merged(gone, n) if gone else None
        closing = merged([*gone, ineligible], n)

        def put(name, opened, due, met, met_moment, closings, low=low):
            closed, closed_moment = next_after(closings, opened.case, opened.moment)
            met, status, days = settle(due, met, met_moment, closed, closed_moment, as_of)
            results[name].append((opened.case + np.int32(low), opened.day, due, met, status, days))

        due = np.minimum(school.after(calendar[consent.case], consent.day, 45), consent.day + np.int32(90))
        put("initial", consent, due, *next_after(evaluated_initial, consent.case, consent.moment), moved)
        put(
            "iep",
            eligible,
            eligible.day + np.int32(30),
            *next_after(first_iep, eligible.case, eligible.moment),
            closing,
        )
        put(
            "annual",
            plans,
            shift[1][plans.day + base],
            *next_after(reviewed, plans.case, plans.moment),
            closing,
        )
        put(
            "triennial",
            evaluated,
            shift[3][evaluated.day + base],
            *next_after(evaluated, evaluated.case, evaluated.moment),
            closing,
        )
        once = np.flatnonzero(np.diff(first_iep.case, prepend=-1))
        opened = Events.__new__(Events)
        opened.case, opened.day, opened.moment = (
            first_iep.case[once],
            first_iep.day[once],
            first_iep.moment[once],
        )
        birth = part.birth_day[opened.case]
        sixteen = np.where(birth == NONE, NONE, shift[16][np.where(birth == NONE, 0, birth) + base])
        due = np.where(sixteen == NONE, NONE, np.maximum(sixteen, opened.day))
        limit = np.where(due == NONE, NONE, due * np.int32(512) + np.int32(511))
        good_day, good = last_by(planned, opened.case, limit)
        any_plan = merged([planned, plans], n)
        _, last = last_by(any_plan, opened.case, limit)
        later_day, later = next_after(planned, opened.case, limit)
        in_force = (good != NONE) & (good == last)
        unknown = due == NONE
        met = np.where(unknown, NONE, np.where(in_force, good_day, later_day))
        put("transition", opened, due, met, np.where(unknown, NONE, np.where(in_force, good, later)), closing)
    return results

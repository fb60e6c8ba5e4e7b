"""How synthetic cases run: referral to services, reviews, reevaluations, removals, exits. See `generator`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compliance_engine.cases.synthetic_log import NEVER, YEAR, Days, Log, weekday
from compliance_engine.dates import BoolArray, to_date

CATEGORIES = (
    "specific_learning_disability",
    "speech_or_language_impairment",
    "other_health_impairment",
    "autism",
    "emotional_disturbance",
    "intellectual_disability",
    "developmental_delay",
)
INITIAL = {"purpose": "initial"}
REEVALUATION = {"purpose": "reevaluation"}
_DELAY_REASONS = ("child_unavailable", "staff_shortage", "parent_delay", "scheduling", "other")
_EXIT_REASONS = ("graduated", "no_longer_eligible", "dropped_out", "aged_out", "moved")


@dataclass(frozen=True, slots=True)
class People:
    """Birth and first referral of every case, int64[n]."""

    birth: Days
    referral: Days

    @classmethod
    def draw(cls, log: Log, program: Days, until: int, years: int) -> People:
        """Draw ages and referral days; some cases are long established, some have just begun."""
        established = log.chance(0.45)
        back = log.rng.integers(0, int(years * YEAR), log.n)
        back = np.where(established, back + log.rng.integers(0, int(4 * YEAR), log.n), back)
        referral = until - back
        day_of_year = (referral % YEAR).astype(np.int64)
        in_summer = (day_of_year > 165) & (day_of_year < 235)
        referral = weekday(np.where(in_summer, referral - 80, referral))
        age = 3.2 + 11.5 * log.rng.beta(1.6, 2.6, log.n)
        birth = referral - (age * YEAR).astype(np.int64)
        toddlers = until - log.rng.integers(int(2.4 * YEAR), int(4.5 * YEAR), log.n)
        return cls(np.where(program == 2, toddlers, birth), referral)


def only(mask: BoolArray, days: Days) -> Days:
    """Return the days of some cases, `NEVER` for the others."""
    return np.where(mask, days, NEVER)


def idea_b(log: Log, people: People, mine: BoolArray) -> None:
    """Histories under IDEA Part B."""
    start = only(mine, people.referral)
    arrived = mine & log.chance(0.04)
    sources = (
        log.pick((0.55, 0.35, 0.10)),
        [{"source": s, "written": True} for s in ("teacher", "parent", "physician")],
    )
    log.add("referral_received", only(~arrived, start), sources)
    log.add("procedural_safeguards_notice_sent", only(~arrived & log.chance(0.97), start))
    log.add("parent_guide_provided", log.later(only(~arrived & log.chance(0.95), start), 1, 10))
    log.add("prior_written_notice_sent", log.later(only(~arrived, start), 2, 14), {"about": "evaluation"})
    consent = _consent(log, only(~arrived, start))
    done = _evaluation(log, consent)
    eligible = _eligibility(log, done)
    initial = log.later(eligible, 0, 28)
    initial = np.where(log.chance(0.06), log.later(initial, 10, 40), initial)
    _iep_meeting(log, people, initial, "initial")
    _arrivals(log, people, only(arrived, start))
    services = _services(log, initial)
    in_force = np.where(arrived, log.later(only(arrived, start), 5, 30), services)
    _exits(log, people, in_force)
    _reviews(log, people, in_force)
    _reevaluations(log, np.where(arrived, start - 400, done))
    _majority(log, people, in_force)
    _discipline(log, in_force)
    _disputes(log, in_force)


def _consent(log: Log, referral: Days) -> Days:
    asked = log.later(referral, 3, 18)
    log.add("consent_to_evaluate_requested", asked, INITIAL)
    consent = log.later(asked, 0, 16)
    refused = log.chance(0.03)
    log.add("consent_to_evaluate_refused", only(refused, consent), INITIAL)
    silent = log.chance(0.02)
    consent = only(~refused & ~silent, consent)
    log.add("consent_to_evaluate_received", consent, INITIAL)
    return consent


def _evaluation(log: Log, consent: Days) -> Days:
    """Evaluate most on time, a tenth late, a few never; return the day of completion."""
    took = log.rng.integers(34, 59, log.n)
    late = log.chance(0.10)
    took = np.where(late, log.rng.integers(61, 110, log.n), took)
    absent = log.chance(0.08)
    school_days = log.rng.integers(1, 15, log.n)
    away = only(absent, log.later(consent, 5, 25))
    log.add("student_absent", away, (school_days, [{"school_days": days} for days in range(15)]))
    took = np.where(absent, took + school_days, took)
    missing = log.chance(0.01)
    log.add("child_not_produced", only(missing, log.later(consent, 20, 50)), {"reason": "did_not_attend"})
    agreed = late & log.chance(0.15)
    _extensions(log, only(agreed, consent))
    done = np.where(consent >= NEVER, NEVER, weekday(consent + took))
    done = only(~missing, done)
    reasons = (log.pick((0.3, 0.3, 0.2, 0.1, 0.1)), [{"reason_code": reason} for reason in _DELAY_REASONS])
    log.add("evaluation_delayed", only(late & log.chance(0.6), done - 3), reasons)
    report = log.later(done, 0, 4)
    log.add("evaluation_completed", done, INITIAL)
    log.add("evaluation_report_completed", report, INITIAL)
    log.add("evaluation_report_provided", log.later(report, 0, 5), INITIAL)
    return report


def _extensions(log: Log, consent: Days) -> None:
    """Agree on another day within the running period; it ends on one of a few days, to keep texts few."""
    until = (consent + 90) // 7 * 7
    known = np.unique(until[consent < NEVER])
    choice = np.searchsorted(known, np.minimum(until, known[-1] if len(known) else 0))
    objects = [{"rule": "initial_evaluation", "until": to_date(int(day)).isoformat()} for day in known]
    if objects:
        log.add("extension_agreed", log.later(consent, 30, 50), (choice, objects))


def _eligibility(log: Log, report: Days) -> Days:
    decided = log.later(report, 1, 18)
    eligible = log.chance(0.87)
    category = log.rng.integers(0, len(CATEGORIES), log.n)
    objects = [{"eligible": True, "category": one, "purpose": "initial"} for one in CATEGORIES]
    objects.append({"eligible": False, "purpose": "initial"})
    log.add("eligibility_determined", decided, (np.where(eligible, category, len(CATEGORIES)), objects))
    return only(eligible, decided)


def _iep_meeting(log: Log, people: People, days: Days, purpose: str) -> None:
    """Hold a meeting; its IEP plans the transition from about 15 on, with rare exceptions."""
    old_enough = (days - people.birth > 15.2 * YEAR) & log.chance(0.96)
    objects = [{"purpose": purpose, "transition_plan": planned} for planned in (False, True)]
    notice = np.where(days >= NEVER, NEVER, weekday(days - log.rng.integers(5, 16, log.n)))
    log.add("iep_meeting_noticed", notice, {"purpose": purpose})
    log.add("iep_meeting_held", days, (old_enough.astype(np.int64), objects))
    log.add("iep_provided_to_parent", log.later(days, 0, 7))


def _arrivals(log: Log, people: People, days: Days) -> None:
    log.add("transferred_in", days, {"with_iep": True})
    log.add("enrolled", days, {"with_iep": True})
    log.add("records_requested", log.later(days, 0, 4), {"by": "lea"})
    log.add("prior_iep_received", log.later(days, 3, 12))
    log.add("comparable_services_started", log.later(days, 0, 6))
    _iep_meeting(log, people, log.later(days, 12, 38), "transfer")


def _services(log: Log, initial: Days) -> Days:
    answer = log.later(initial, 0, 9)
    refused = log.chance(0.02)
    log.add("consent_to_services_refused", only(refused, answer))
    log.add("consent_to_services_received", only(~refused, answer))
    services = log.later(only(~refused, answer), 0, 8)
    log.add("services_started", services)
    return services


def _exits(log: Log, people: People, in_force: Days) -> None:
    """End some cases; nothing happens to them afterwards."""
    grown = people.birth + np.where(log.chance(0.9), 6750, 7900)
    some = only(log.chance(0.14), log.later(in_force, 200, 2200))
    end = weekday(np.where(in_force >= NEVER, NEVER, np.minimum(grown, some)))
    end = np.where(end < in_force, NEVER, end)
    kind = np.where(end == weekday(grown), 0, log.pick((0.0, 0.45, 0.35, 0.05, 0.15)))
    log.add("summary_of_performance_provided", only((kind == 0) & log.chance(0.93), end))
    log.add("transferred_out", only(kind == 2, end), {"to_state": "other"})
    log.add("consent_to_services_revoked", only(kind == 3, end))
    exits = (np.maximum(kind, 0), [{"reason": reason} for reason in _EXIT_REASONS])
    log.add("exited", only((kind != 2) & (kind != 3), end), exits)
    log.last_day = np.minimum(log.last_day, end)


def _reviews(log: Log, people: People, in_force: Days) -> None:
    """Review each year, a few days early, sometimes late, rarely not at all."""
    last = in_force
    while (last < log.last_day).any():
        took = log.rng.integers(330, 366, log.n)
        took = np.where(log.chance(0.05), log.rng.integers(368, 430, log.n), took)
        took = np.where(log.chance(0.01), log.rng.integers(600, 800, log.n), took)
        last = np.where(last >= NEVER, NEVER, weekday(last + took - 2))
        _iep_meeting(log, people, last, "annual_review")
        amended = only(log.chance(0.12), log.later(last, 30, 200))
        log.add("iep_meeting_held", amended, {"purpose": "amendment", "transition_plan": False})
        log.add("procedural_safeguards_notice_sent", only(log.chance(0.96), last))


def _reevaluations(log: Log, evaluated: Days) -> None:
    """Evaluate again within three years, sometimes late, sometimes waived."""
    last = evaluated
    while (last < log.last_day).any():
        took = np.where(
            log.chance(0.07), log.rng.integers(1100, 1200, log.n), log.rng.integers(1000, 1094, log.n)
        )
        last = np.where(last >= NEVER, NEVER, weekday(last + took - 2))
        waived = log.chance(0.08)
        log.add("reevaluation_waived", only(waived, last - 7), {"written": True})
        consent = np.where(last >= NEVER, NEVER, weekday(last - log.rng.integers(40, 70, log.n)))
        log.add("consent_to_evaluate_received", only(~waived, consent), REEVALUATION)
        log.add("evaluation_completed", only(~waived, last), REEVALUATION)
        log.add("evaluation_report_completed", only(~waived, last), REEVALUATION)
        decided = log.later(only(~waived, last), 1, 20)
        log.add("eligibility_determined", decided, {"eligible": True, "purpose": "reevaluation"})


def _majority(log: Log, people: People, in_force: Days) -> None:
    told = weekday(people.birth + (log.rng.uniform(16.2, 17.1, log.n) * YEAR).astype(np.int64))
    told = np.where((in_force >= NEVER) | (told < in_force), NEVER, told)
    log.add("age_of_majority_notice_given", told, {"to": "both"})


def _discipline(log: Log, in_force: Days) -> None:
    troubled = log.chance(0.05)
    day = log.later(only(troubled, in_force), 30, 700)
    for _ in range(4):
        length = log.rng.integers(1, 7, log.n)
        log.add("removal", day, (length, [{"school_days": days} for days in range(7)]))
        day = only(log.chance(0.6), log.later(day, 15, 60))
    decided = log.later(only(troubled & log.chance(0.3), in_force), 720, 900)
    log.add("placement_change_decided", decided, {"kind": "suspension"})
    reviewed = np.where(log.chance(0.85), log.later(decided, 3, 12), log.later(decided, 16, 30))
    result = (log.pick((0.5, 0.5)), [{"manifestation": True}, {"manifestation": False}])
    log.add("manifestation_determined", only(log.chance(0.97), reviewed), result)


def _disputes(log: Log, in_force: Days) -> None:
    filed = log.later(only(log.chance(0.004), in_force), 60, 900)
    log.add("due_process_complaint_received", filed, {"by": "parent", "expedited": False})
    log.add("resolution_meeting_held", log.later(filed, 5, 18))
    log.add("resolution_period_ended", log.later(filed, 28, 30))
    log.add("hearing_decision_mailed", log.later(filed, 60, 85))
    complaint = log.later(only(log.chance(0.004), in_force), 60, 900)
    log.add("state_complaint_received", complaint)
    log.add("state_decision_issued", log.later(complaint, 45, 66))


def section_504(log: Log, people: People, mine: BoolArray) -> None:
    """Histories under Section 504."""
    start = only(mine, people.referral)
    log.add("section_504_referral_received", start, {"source": "parent"})
    consent = log.later(start, 2, 20)
    log.add("section_504_consent_received", consent)
    evaluated = log.later(consent, 20, 70)
    log.add("section_504_evaluation_completed", evaluated)
    decided = log.later(evaluated, 0, 15)
    eligible = log.chance(0.9)
    objects = [{"eligible": False}, {"eligible": True}]
    log.add("section_504_eligibility_determined", decided, (eligible.astype(np.int64), objects))
    plan = log.later(only(eligible, decided), 0, 20)
    log.add("section_504_plan_made", plan)
    last = plan
    for year in range(1, 12):
        last = log.later(last, 330, 390)
        log.add("section_504_plan_reviewed", last)
        if year % 3 == 0:
            log.add("section_504_reevaluated", last)


def part_c_transition(log: Log, people: People, mine: BoolArray) -> None:
    """Histories of toddlers who may move from Part C to Part B."""
    third = only(mine, people.birth + 1096)
    told = np.where(mine, weekday(third - log.rng.integers(91, 270, log.n)), NEVER)
    log.add("part_c_notification_received", told, {"opted_out": False})
    held = log.later(told, 5, 60)
    log.add("transition_conference_held", held, {"lea_attended": True})
    consent = log.later(held, 0, 20)
    log.add("consent_to_evaluate_received", consent, INITIAL)
    evaluated = log.later(consent, 25, 60)
    log.add("evaluation_completed", evaluated, INITIAL)
    decided = log.later(evaluated, 0, 10)
    eligible = log.chance(0.85)
    objects = [{"eligible": False, "purpose": "initial"}, {"eligible": True, "purpose": "initial"}]
    log.add("eligibility_determined", decided, (eligible.astype(np.int64), objects))
    meeting = log.later(only(eligible, decided), 0, 15)
    _iep_meeting(log, people, meeting, "initial")
    log.add(
        "services_started", np.where(meeting >= NEVER, NEVER, np.maximum(log.later(meeting, 0, 20), third))
    )

"""Situations from columns: the same as one deadline at a time, delay codes and repeats included."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from compliance_engine.cases.batch import build_batch
from compliance_engine.dates import to_date
from compliance_engine.engine.judge import Verdict
from compliance_engine.engine.situations import complete
from compliance_engine.store.sweeps import Question
from compliance_engine.sweep.judging import delay_codes, judge_evaluation
from store_samples import AS_OF, case, consent, event, imported, judge_of, synthetic

INITIAL = "tx.idea_b.initial_evaluation"
NOTICE = "us.idea_b.safeguards_notice_annual"
VERIFIED = ("regulation_text", "official_guidance", "secondary", "unverified")


class Listening:
    """A judge that keeps what it is asked, and finds nothing but what it is told to find."""

    def __init__(self, law, noncompliant=()):
        self.rules = law.findings
        self.noncompliant = noncompliant
        self.asked: list[list[dict[str, object]]] = []

    def judge(self, situations):
        self.asked.append([dict(one) for one in situations])
        return [Verdict(("noncompliance",) if one["rule"] in self.noncompliant else ()) for one in situations]


def evaluated(law, given, as_of=AS_OF):
    return law.engine(Question(as_of)).evaluate(build_batch(given.cases, given.events, as_of=as_of))


def naive(evaluation, block, row, bands):
    """Return the situation of one deadline from what a reader sees of it."""
    one = evaluation.describe(block, row, working=False)
    through = [
        name for name, last in zip(bands.names, (*bands.through, 10**9), strict=True) if one.days_late <= last
    ]
    calendar = "projected" if one.projected else "incomplete" if one.incomplete_calendar else "complete"
    least = max((version.verified for version in block.rule.rule.versions), key=VERIFIED.index)
    return complete(
        {
            "jurisdiction": block.rulebook.state,
            "program": one.program,
            "rule": one.rule,
            "topic": one.rule.rsplit(".", 1)[1],
            "kind": one.kind,
            "authority": one.authority,
            "status": one.status,
            "late_band": through[0],
            "excuse": one.excuse or "absent",
            "too_early": one.too_early,
            "extension_capped": one.capped,
            "calendar": calendar,
            "verified": one.verified or least,
            "reason": one.undetermined_reason or "none",
        }
    )


def test_situations_by_columns_are_those_of_one_deadline_at_a_time(law):
    evaluation = evaluated(law, synthetic("tx.one", cases=150))
    judge = Listening(law)
    judged = judge_evaluation(evaluation, judge)
    asked, at, compared = judge.asked[0], 0, 0
    for block, one in zip(evaluation.blocks, judged, strict=True):
        for row in range(len(block)):
            situation = complete(asked[at + int(one.of_row[row])])
            situation |= {"delay_code": "absent", "delay_compliant": "absent"}
            assert situation == naive(evaluation, block, row, law.findings.late_bands)
            compared += 1
        at += len(one.verdicts)
    assert compared == len(evaluation) > 1000


def codes(law, *events, as_of=AS_OF):
    """Return (opening, delay code) of each initial evaluation of case a."""
    evaluation = evaluated(
        law, imported([case("a"), case("b")], [*events, consent("b", "2025-09-02")]), as_of
    )
    (block,) = (one for one in evaluation.blocks if one.rule.id == INITIAL)
    found, texts = delay_codes(evaluation.batch, block)
    mine = np.flatnonzero(block.cases() == 0)
    days = block.outcome.openings.day
    return [(str(to_date(int(days[row]))), ["", *texts][found[row]]) for row in mine]


def delay(day, code="weather", **more):
    return event("a", "evaluation_delayed", day, reason_code=code, **more)


def test_the_delay_recorded_last_after_the_opening_counts(law):
    given = (consent("a", "2025-09-02"), delay("2025-10-01", "weather"), delay("2025-10-20", "staff"))
    assert codes(law, *given) == [("2025-09-02", "staff")]


def test_a_delay_recorded_before_the_opening_does_not_count(law):
    assert codes(law, consent("a", "2025-09-02"), delay("2025-09-01")) == [("2025-09-02", "")]


def test_a_delay_belongs_to_the_opening_before_it(law):
    given = (consent("a", "2025-02-03"), consent("a", "2025-09-02"), delay("2025-03-03"))
    assert codes(law, *given) == [("2025-02-03", "weather"), ("2025-09-02", "")]


@pytest.mark.parametrize(("duty", "code"), [("evaluation", "weather"), ("eligibility", "")])
def test_a_delay_of_another_duty_does_not_count(law, duty, code):
    assert codes(law, consent("a", "2025-09-02"), delay("2025-10-01", duty=duty)) == [("2025-09-02", code)]


def test_a_delay_of_the_iep_is_none_of_the_evaluation(law):
    given = (consent("a", "2025-09-02"), event("a", "iep_delayed", "2025-10-01", reason_code="weather"))
    assert codes(law, *given) == [("2025-09-02", "")]


def test_a_deadline_is_judged_with_the_number_of_noncompliant_ones_before_it_in_its_case(law):
    days = {"a": ("2024-02-05", "2024-10-07", "2025-09-02"), "b": ("2025-09-02",)}
    history = [consent(case_id, day) for case_id, given in days.items() for day in given]
    judge = Listening(law, noncompliant=(INITIAL,))
    evaluation = evaluated(law, imported([case("a"), case("b")], history))
    judged = judge_evaluation(evaluation, judge)
    at = 0
    for block, one in zip(evaluation.blocks, judged, strict=True):
        if block.rule.id == INITIAL:
            repeats = [judge.asked[1][at + int(index)].get("repeats", 0) for index in one.of_row]
        at += len(one.verdicts)
    assert repeats == [0, 1, 2, 0]


def test_a_second_lateness_is_of_high_severity(law):
    """Both reports one day late: Sep 3-30 20, Oct 22 -> 42, Nov 3, 4, 5 -> 45 in 2025; in 2024 the consent of

    Sep 3: Sep 4-30 19, Oct 22 (Oct 14 closed) -> 41, Nov 1, 4, 5, 6 -> 45.
    """
    history = [
        consent("a", "2024-09-03"),
        event("a", "evaluation_report_completed", "2024-11-07", purpose="initial"),
        consent("a", "2025-09-02"),
        event("a", "evaluation_report_completed", "2025-11-06", purpose="initial"),
    ]
    evaluation = evaluated(law, imported([case("a")], history), date(2025, 11, 10))
    judged = judge_evaluation(evaluation, judge_of(law))
    pairs = zip(evaluation.blocks, judged, strict=True)
    (one,) = (verdicts for block, verdicts in pairs if block.rule.id == INITIAL)
    severity = [one.verdicts[index].conclusions["severity"] for index in one.of_row]
    assert severity == ["low", "high"]

"""The judge's child process keeps within the narrow use of durable-rules."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compliance_engine.engine import judge_worker
from compliance_engine.engine.findings_rules import Condition
from compliance_engine.engine.judge import _Ruleset
from compliance_engine.engine.situations import PROPERTIES
from findings_samples import CONCLUSIONS, rule, shipped

WORKER = Path(judge_worker.__file__)


def run(rulesets, facts):
    """Run a job for the ruleset `us`; returns the exit code and the lines."""
    situations = [{"ruleset": "us", "fact": fact} for fact in facts]
    job = {"rulesets": rulesets, "situations": situations, "cpu_seconds": 20}
    command = [sys.executable, "-P", "-W", "ignore", str(WORKER)]
    ended = subprocess.run(command, input=json.dumps(job), text=True, capture_output=True, check=False)
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def us(*conditions, then=()):
    return {"us": [{"id": "us.rule", "when": list(conditions), "then": list(then)}]}


def test_a_fact_that_matches_no_rule_has_a_verdict_because_one_rule_always_fires():
    assert run(us({"a": "x"}), [{"a": "y"}]) == (0, [{"index": 0, "rules": [], "flags": []}, {"done": 1}])


def test_a_conclusion_joins_the_fact_and_the_fact_is_asked_again():
    rulesets = us({"a": "x"}, then=["c_0"])
    rulesets["us"].insert(0, {"id": "us.next", "when": [{"c_0": 1}], "then": ["c_1"]})
    _, (verdict, _) = run(rulesets, [{"a": "x"}])
    assert verdict == {"index": 0, "rules": ["us.rule", "us.next"], "flags": ["c_0", "c_1"]}


def test_two_thousand_situations_pass_through_one_process_one_session_at_a_time():
    code, lines = run(us({"a": 7}), [{"a": number % 9} for number in range(2000)])
    assert code == 0
    assert sum(line["rules"] == ["us.rule"] for line in lines[:-1]) == 222  # 7, 16, ..., 1996


def test_a_rule_without_conditions_of_its_own_does_not_match_durable_rules_own_state():
    code, lines = run(us({"$ex": {"id": 1}}), [{"a": 1}])
    assert (code, lines[0]["rules"]) == (0, ["us.rule"])


def test_a_fact_with_too_many_properties_is_an_error_and_the_next_is_judged():
    large = {f"p{number}": number for number in range(100)}
    _, (first, second, _) = run(us({"a": 1}), [large, {"a": 1}])
    assert first["error"] == "ValueError: 101 properties, more than 64"
    assert second["rules"] == ["us.rule"]


def test_a_situation_of_an_unknown_ruleset_ends_the_process_without_a_closing_line():
    job = {"rulesets": {}, "situations": [{"ruleset": "us", "fact": {}}], "cpu_seconds": 20}
    command = [sys.executable, str(WORKER)]
    ended = subprocess.run(command, input=json.dumps(job), text=True, capture_output=True, check=False)
    assert ended.returncode != 0
    assert "done" not in ended.stdout


def test_a_loop_without_end_meets_the_limit_of_cpu_time():
    program = (
        f"import sys; sys.path[:0] = [{str(WORKER.parent)!r}]; import judge_worker; judge_worker._limit(1)"
    )
    ended = subprocess.run([sys.executable, "-c", f"{program}\nwhile True: pass"], check=False, timeout=300)
    assert ended.returncode < 0


class ForgetfulHost:
    """Stands for a durable-rules that returns without having fired the rule that always fires."""

    def __init__(self, state):
        self.state = state

    def assert_fact(self, _ruleset, _fact):
        return self.state


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"sid": "1"}, "RuntimeError: the rule that always fires did not"),
        ({"sid": "1", "exception": "boom"}, "RuntimeError: boom"),
        (None, "RuntimeError: None"),
    ],
)
def test_what_durable_rules_swallows_is_an_error_of_the_situation(state, error):
    session = judge_worker._Session(ForgetfulHost(state), "us", {}, [])
    assert session.verdict({"a": 1}) == {"error": error}


def test_every_compiled_rule_asks_one_flat_fact_without_negation_or_join():
    rules = [shipped().for_jurisdiction("us")]
    for ruleset in (_Ruleset("us", each, shipped().conclusions) for each in rules):
        text = json.dumps(ruleset.job)
        assert not {"$not", "$all", "$any", "$nex", "$s"} & set(text.replace('"', " ").split())
        definition = judge_worker._definition("us", ruleset.job, [])
        assert {len(each["all"]) for each in definition.values()} == {1}
        assert {tuple(each["all"][0]) for each in definition.values()} == {("m",)}


def test_a_compiled_rule_reads_as_written():
    conditions = [
        Condition("status", "is", ("met_late", "overdue")),
        Condition("excuse", "is_not", ("absent",)),
        Condition("too_early", "is", (True,)),
        Condition("repeats", "at_least", (2,)),
        Condition("finding", "is", ("beta",)),
    ]
    (compiled,) = _Ruleset("us", [rule("r", {"severity": "high"}, *conditions)], CONCLUSIONS).job
    assert compiled == {
        "id": "us.r",
        "when": [
            {"$or": [{"status": "met_late"}, {"status": "overdue"}]},
            {"$neq": {"excuse": "absent"}},
            {"too_early": "yes"},
            {"$gte": {"repeats": 2}},
            {"c_1": 1},
        ],
        "then": ["c_4"],
    }


def test_the_properties_and_conclusions_of_a_fact_are_far_below_the_limit():
    conclusions = sum(len(words) for words in shipped().conclusions.values())
    assert len(PROPERTIES) + conclusions + len(("id", "sid", "asked")) <= judge_worker._PROPERTIES_AT_MOST


def test_an_empty_job_is_closed_properly():
    assert run({}, []) == (0, [{"done": 0}])

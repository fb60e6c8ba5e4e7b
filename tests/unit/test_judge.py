"""The judge: verdicts, chaining, one verdict each, and what happens when durable-rules dies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compliance_engine.engine import judge as judging
from compliance_engine.engine.findings_rules import Condition
from compliance_engine.engine.judge import Judge, Verdict, judge
from compliance_engine.errors import EngineProblem
from findings_samples import LATE, rule, shipped, small

IS_LATE = Condition("status", "is", ("met_late", "overdue"))
POISONED = Path(__file__).parents[1] / "poisoned_worker.py"
POISON = {"delay_code": "POISON"}


def ask(changes=None, *, rules=None):
    (verdict,) = judge([LATE | (changes or {})], rules or shipped())
    return verdict


def test_a_rule_whose_conditions_all_hold_fires():
    rules = small(rule("late", {"finding": "alpha"}, IS_LATE, Condition("authority", "is", ("law",))))
    assert ask(rules=rules) == Verdict(("alpha",), {}, ("us.late",))


def test_a_rule_with_one_condition_that_fails_does_not_fire():
    rules = small(rule("late", {"finding": "alpha"}, IS_LATE, Condition("authority", "is", ("policy",))))
    assert ask(rules=rules) == Verdict()


def test_conclusions_chain_whatever_the_order_of_the_rules():
    third = rule("third", {"basis": "shown"}, Condition("severity", "is", ("high",)))
    second = rule("second", {"severity": "high"}, Condition("finding", "is", ("alpha",)))
    first = rule("first", {"finding": "alpha"}, IS_LATE)
    expected = Verdict(
        ("alpha",), {"severity": "high", "basis": "shown"}, ("us.third", "us.second", "us.first")
    )
    assert ask(rules=small(third, second, first)) == expected


def test_one_situation_can_have_several_findings():
    rules = small(rule("b", {"finding": "beta"}, IS_LATE), rule("a", {"finding": "alpha"}, IS_LATE))
    assert ask(rules=rules).findings == ("alpha", "beta")


def test_two_values_of_one_conclusion_are_an_error_that_names_both():
    rules = small(rule("a", {"severity": "low"}, IS_LATE), rule("b", {"severity": "high"}, IS_LATE))
    assert ask(rules=rules) == Verdict(
        rules=("us.a", "us.b"), error="contradiction: severity is low and high"
    )


def test_a_states_rules_do_not_judge_another_state():
    rules = small(rule("late", {"finding": "alpha"}, IS_LATE, jurisdiction="tx"))
    verdicts = judge([LATE | {"jurisdiction": "tx"}, LATE | {"jurisdiction": "ca"}], rules)
    assert [verdict.findings for verdict in verdicts] == [("alpha",), ()]


@pytest.mark.parametrize("code", ['quote"back\\slash', "ü", "}{", "", "a" * 200, "$m"])
def test_unusual_texts_are_equal_to_themselves_and_to_nothing_else(code):
    rules = small(rule("code", {"finding": "alpha"}, Condition("delay_code", "is", (code,))))
    verdicts = judge([LATE | {"delay_code": code}, LATE | {"delay_code": code[:-1] + "?"}], rules)
    assert [verdict.findings for verdict in verdicts] == [("alpha",), ()]


def test_the_text_1_is_not_the_number_1_nor_true():
    one = rule("one", {"finding": "alpha"}, Condition("delay_code", "is", ("1",)))
    true = rule("true", {"finding": "beta"}, Condition("too_early", "is", (True,)))
    number = rule("number", {"finding": "gamma"}, Condition("repeats", "is", (1,)))
    situations = [LATE | {"delay_code": "1"}, LATE | {"too_early": True}, LATE | {"repeats": 1}]
    verdicts = judge(situations, small(one, true, number))
    assert [verdict.findings for verdict in verdicts] == [("alpha",), ("beta",), ("gamma",)]


def test_equal_situations_are_judged_once_and_verdicts_keep_the_order():
    judge = Judge(shipped())
    met = LATE | {"status": "met"}
    findings = [verdict.findings for verdict in judge.judge([LATE, met, LATE])]
    assert findings == [("noncompliance",), (), ("noncompliance",)]
    judge.worker = Path("nowhere.py")  # a child could not even start: the answers are remembered
    assert [verdict.findings for verdict in judge.judge([met, LATE])] == [(), ("noncompliance",)]


def test_batches_smaller_than_the_situations_change_nothing():
    situations = [LATE | {"repeats": number} for number in range(11)]
    assert judge(situations, shipped(), batch_size=3) == judge(situations, shipped())


def test_no_situations_give_no_verdicts():
    assert judge([], shipped()) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"colour": "red"}, "unknown property 'colour'"),
        ({"status": "late"}, "status is 'late'"),
        ({"too_early": 1}, "too_early is 1, a int; it takes a flag"),
        ({"repeats": True}, "repeats is True, a bool; it takes a number"),
        ({"repeats": 2**31}, "repeats is a number beyond 32 bits"),
        ({"delay_code": "x" * 201}, "delay_code is longer than 200 characters"),
        ({"late_band": "7-8"}, "late_band is '7-8'"),
    ],
)
def test_a_situation_with_a_wrong_property_is_refused(changes, complaint):
    with pytest.raises(EngineProblem, match="CE551") as caught:
        ask(changes)
    assert complaint in str(caught.value)


def test_a_situation_without_a_needed_property_is_refused():
    situation = {name: value for name, value in LATE.items() if name != "authority"}
    with pytest.raises(EngineProblem, match="authority is missing; expected law, policy"):
        judge([situation], shipped())


@pytest.fixture
def fresh_memory_is_not_zero(monkeypatch):
    """Make the crash certain: it comes of freeing a pointer that was never set."""
    monkeypatch.setenv("MALLOC_PERTURB_", "165")


@pytest.mark.usefixtures("fresh_memory_is_not_zero")
def test_a_situation_that_crashes_durable_rules_costs_no_other_its_verdict():
    situations = [LATE | {"repeats": number} for number in range(40)]
    situations[17] = LATE | POISON
    verdicts = Judge(shipped(), batch_size=20, worker=POISONED).judge(situations)
    assert verdicts.pop(17) == Verdict(error="the judge died of it twice")
    del situations[17]
    assert verdicts == judge(situations, shipped())


@pytest.mark.usefixtures("fresh_memory_is_not_zero")
def test_the_poison_is_a_real_crash_of_the_process():
    situation = {"ruleset": "us", "fact": POISON}
    job = {"rulesets": {"us": []}, "cpu_seconds": 20, "situations": [situation]}
    command = [sys.executable, str(POISONED)]
    ended = subprocess.run(command, input=json.dumps(job), text=True, capture_output=True, check=False)
    assert ended.returncode < 0
    assert "done" not in ended.stdout


def worker_that_writes(folder, text):
    path = folder / "worker.py"
    path.write_text(f"import sys\nsys.stdin.read()\n{text}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "print('{\"done\": 1}')",
        'print(\'{"index": 0, "rules": [], "flags": []}\')',
        'print(\'{"index": 1, "rules": [], "flags": []}\\n{"done": 1}\')',
        "sys.exit(1)",
    ],
    ids=["nothing", "no verdict", "no closing line", "another's verdict", "failure"],
)
def test_a_child_that_does_not_answer_for_each_situation_counts_as_dead(tmp_path, text):
    (verdict,) = Judge(shipped(), worker=worker_that_writes(tmp_path, text)).judge([LATE])
    assert verdict == Verdict(error="the judge died of it twice")


def test_durable_rules_that_cannot_be_imported_are_a_problem_and_no_verdict(tmp_path):
    worker = worker_that_writes(tmp_path, "sys.stderr.write('no module'); sys.exit(10)")
    with pytest.raises(EngineProblem, match="CE552 judge: durable-rules cannot be imported: no module"):
        Judge(shipped(), worker=worker).judge([LATE])


def test_rules_that_durable_rules_refuses_are_a_problem_and_no_verdict():
    rules = small(rule("late", {"finding": "alpha"}, Condition("repeats", "at_least", ([],))))
    with pytest.raises(EngineProblem, match="CE553 judge: durable-rules refuses the findings rules"):
        judge([LATE], rules)


def test_a_property_that_hashes_like_another_is_refused():
    # two words with the same 32-bit FNV-1a hash, found by search
    with pytest.raises(EngineProblem, match=r"CE553 .* cannot be told apart"):
        judging._check_names(["case-478212", "case-1221200"])


def test_judging_loads_no_durable_rules_here_and_leaves_no_thread_or_child():
    program = (
        "import sys, threading, os\n"
        "from findings_samples import LATE, shipped\n"
        "from compliance_engine.engine.judge import judge\n"
        "assert judge([LATE], shipped())[0].findings\n"
        "assert not [name for name in sys.modules if name.startswith('durable')]\n"
        "assert threading.active_count() == 1\n"
        "try: os.waitpid(-1, os.WNOHANG); sys.exit('a child is left')\n"
        "except ChildProcessError: print('clean')\n"
    )
    path = Path(__file__).parents[1]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(path)!r}]\n{program}"]
    ended = subprocess.run(command, text=True, capture_output=True, check=False)
    assert (ended.stdout, ended.stderr) == ("clean\n", "")


def findings(**changes):
    verdict = ask(changes)
    assert verdict.error is None
    return verdict.findings, dict(verdict.conclusions)


PROVED = {"basis": "no_reason_given", "child_level": "done_late"}


@pytest.mark.parametrize(
    ("changes", "expected", "conclusions"),
    [
        ({}, ["noncompliance"], PROVED | {"severity": "low"}),
        ({"late_band": "6-15"}, ["noncompliance"], PROVED | {"severity": "low"}),
        ({"late_band": "16-30"}, ["noncompliance"], PROVED | {"severity": "medium"}),
        ({"late_band": "31-60"}, ["noncompliance"], PROVED | {"severity": "medium"}),
        ({"late_band": "over_60"}, ["noncompliance"], PROVED | {"severity": "high"}),
        ({"repeats": 1}, ["noncompliance"], PROVED | {"severity": "high"}),
        ({"repeats": 1, "late_band": "over_60"}, ["noncompliance"], PROVED | {"severity": "high"}),
        ({"status": "overdue"}, ["noncompliance"], PROVED | {"severity": "low", "child_level": "still_owed"}),
        ({"excuse": "child_not_produced"}, ["excused"], {"basis": "documented_exception"}),
        ({"delay_code": "3", "delay_compliant": "yes"}, ["excused"], {"basis": "accepted_delay_code"}),
        (
            {"delay_code": "4", "delay_compliant": "no"},
            ["noncompliance"],
            PROVED | {"severity": "low", "basis": "refused_delay_code"},
        ),
        (
            {"delay_code": "5", "delay_compliant": "unknown"},
            ["noncompliance"],
            PROVED | {"severity": "low", "basis": "unjudged_delay_code"},
        ),
        (
            {"calendar": "projected"},
            ["noncompliance"],
            PROVED | {"severity": "low", "certainty": "provisional"},
        ),
        (
            {"verified": "unverified"},
            ["noncompliance"],
            PROVED | {"severity": "low", "certainty": "provisional"},
        ),
        ({"authority": "policy"}, ["policy_breach"], {}),
        (
            {"authority": "policy", "excuse": "child_not_produced"},
            ["excused"],
            {"basis": "documented_exception"},
        ),
        ({"kind": "information"}, [], {}),
        ({"kind": "information", "status": "undetermined", "late_band": "none"}, [], {}),
        ({"status": "undetermined", "late_band": "none", "reason": "calendar_ends"}, ["data_problem"], {}),
        ({"status": "met", "late_band": "none"}, [], {}),
        ({"status": "pending", "late_band": "none"}, [], {}),
        ({"status": "not_applicable", "late_band": "none"}, [], {}),
        ({"status": "met", "late_band": "none", "too_early": True}, ["held_too_early"], {}),
        ({"status": "met", "late_band": "none", "extension_capped": True}, ["extension_beyond_cap"], {}),
        ({"extension_capped": True}, ["noncompliance", "extension_beyond_cap"], PROVED | {"severity": "low"}),
    ],
)
def test_the_federal_rules_say(changes, expected, conclusions):
    assert findings(**changes) == (tuple(expected), conclusions)

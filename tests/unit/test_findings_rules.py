"""Reading findings rules: what they say, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compliance_engine.dates import NO_DAY
from compliance_engine.engine.findings_rules import Condition, load_findings_rules
from compliance_engine.engine.situations import PROPERTIES
from compliance_engine.errors import RuleProblem
from findings_samples import shipped, write_rules

FEDERAL = """\
schema_version: 1
jurisdiction: us
late_bands:
  - {name: none, through: 0}
  - {name: 1-5, through: 5}
  - {name: over_5}
conclusions:
  finding: {bad: A bad thing, fine: A fine thing}
  severity: {low: Little, high: Much}
rules:
  - id: us.bad
    title: Bad
    when: {status: overdue}
    then: {finding: bad}
    notes: Because
"""
PLAIN = "    when: {status: met}\n    then: {finding: bad}\n"


def rule(text, *, jurisdiction="us", name="more"):
    head = "" if jurisdiction == "us" else f"schema_version: 1\njurisdiction: {jurisdiction}\nrules:\n"
    return f"{head}  - id: {jurisdiction}.{name}\n    title: More\n    notes: Because\n{text}"


def read(folder, federal=FEDERAL, **states):
    write_rules(folder, "us", federal)
    for state, text in states.items():
        write_rules(folder, state, text)
    return load_findings_rules(folder)


def problems(folder, federal=FEDERAL, **states):
    with pytest.raises(RuleProblem) as caught:
        read(folder, federal, **states)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def one_problem(folder, when, then="{finding: bad}"):
    (problem,) = problems(folder, FEDERAL + rule(f"    when: {when}\n    then: {then}\n"))
    return problem.removeprefix("us/findings.yaml:")


def conditions(folder, when):
    return (
        read(folder, FEDERAL + rule(f"    when: {when}\n    then: {{finding: bad}}\n"))
        .rule("us.more")
        .conditions
    )


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{status: met}", Condition("status", "is", ("met",))),
        ("{status: [met, overdue]}", Condition("status", "is", ("met", "overdue"))),
        ("{excuse: {not: absent}}", Condition("excuse", "is_not", ("absent",))),
        ("{status: {not: [met, paused]}}", Condition("status", "is_not", ("met", "paused"))),
        ("{too_early: true}", Condition("too_early", "is", (True,))),
        ("{repeats: {at_least: 2}}", Condition("repeats", "at_least", (2,))),
        ("{late_band: {at_least: 1-5}}", Condition("late_band", "is", ("1-5", "over_5"))),
        ("{late_band: {below: over_5}}", Condition("late_band", "is", ("none", "1-5"))),
        ("{finding: fine}", Condition("finding", "is", ("fine",))),
    ],
)
def test_a_condition_means(tmp_path, when, expected):
    assert conditions(tmp_path, when) == (expected,)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{statu: met}", "19:12: CE272 us.more: unknown property 'statu'; expected jurisdiction, "),
        ("{status: late}", "19:20: CE273 us.more: status: unknown value 'late'; expected met, met_late, "),
        ("{too_early: 1}", "19:23: CE273 us.more: too_early: 1 is not a flag"),
        ("{repeats: true}", "19:21: CE273 us.more: repeats: True is not a number"),
        ("{status: []}", "19:20: CE273 us.more: status: an empty list never holds"),
        ("{status: {at_least: met}}", "19:20: CE273 us.more: status: its values have no order for at_least"),
        ("{late_band: {below: none}}", "19:23: CE273 us.more: late_band: nothing is below 'none'"),
        ("{finding: {not: bad}}", "19:21: CE275 us.more: finding: is_not asked of a conclusion; "),
        ("{finding: worse}", "19:21: CE273 us.more: finding: unknown value 'worse'; expected bad, fine"),
        ("{status: {}}", "19:20: CE273 us.more: status: asks nothing; expected not, at_least or below"),
        ("{}", "19:11: CE271 findings: when: "),
    ],
)
def test_a_mistaken_condition_is_located(tmp_path, when, expected):
    assert one_problem(tmp_path, when).startswith(expected)


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (
            "{findings: bad}",
            "20:12: CE272 us.more: unknown property 'findings'; expected finding, sev",
        ),
        (
            "{finding: bed}",
            "20:21: CE273 us.more: finding: unknown value 'bed'; expected bad, fine; did you mean bad?",
        ),
        ("{status: met}", "20:12: CE272 us.more: unknown property 'status'; expected finding, severity"),
    ],
)
def test_a_mistaken_conclusion_is_located(tmp_path, then, expected):
    assert one_problem(tmp_path, "{status: met}", then).startswith(expected)


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path):
    more = rule("    when: {statu: met}\n    then: {finding: bed}\n")
    texas = rule("    when: {kind: dead_line}\n    then: {finding: bad}\n", jurisdiction="tx")
    found = problems(tmp_path, FEDERAL + more, tx=texas)
    assert [problem.split(": ")[1].split()[0] for problem in found] == ["CE273", "CE272", "CE273"]


def test_an_id_stands_once(tmp_path):
    twice = rule(PLAIN, name="bad")
    (problem,) = problems(tmp_path, FEDERAL + twice)
    assert problem.startswith("us/findings.yaml:16:9: CE274 us.bad: the id stands already at ")
    assert problem.endswith("us/findings.yaml:11:9")


def test_a_states_ids_begin_with_the_state(tmp_path):
    text = rule(PLAIN, jurisdiction="tx").replace("tx.more", "ca.more")
    assert problems(tmp_path, tx=text) == [
        "tx/findings.yaml:4:9: CE274 ca.more: another jurisdiction's id; expected tx."
    ]


def test_a_state_replaces_a_federal_rule_for_itself_alone(tmp_path):
    text = rule(
        "    overrides: us.bad\n    when: {status: met}\n    then: {finding: fine}\n", jurisdiction="tx"
    )
    rules = read(tmp_path, tx=text)
    judged_by = {state: [each.id for each in rules.for_jurisdiction(state)] for state in ("us", "tx", "ca")}
    assert judged_by == {"us": ["us.bad"], "tx": ["tx.more"], "ca": ["us.bad"]}


def test_an_override_names_a_federal_rule(tmp_path):
    text = rule(
        "    overrides: us.bed\n    when: {status: met}\n    then: {finding: fine}\n", jurisdiction="tx"
    )
    assert problems(tmp_path, tx=text) == [
        "tx/findings.yaml:4:9: CE274 tx.more: us.bed is no federal rule to override; did you mean us.bad?"
    ]


def test_a_federal_rule_is_overridden_once_in_a_state(tmp_path):
    body = "    overrides: us.bad\n    when: {status: met}\n    then: {finding: fine}\n"
    text = rule(body, jurisdiction="tx") + rule(body, jurisdiction="us", name="again").replace(
        "us.again", "tx.again"
    )
    assert problems(tmp_path, tx=text) == [
        "tx/findings.yaml:10:9: CE274 tx.again: us.bad is already overridden here"
    ]


@pytest.mark.parametrize(
    ("bands", "complaint"),
    [
        ("[{name: late, through: 0}, {name: over}]", "the first of at least two bands is none"),
        ("[{name: none}]", "the first of at least two bands is none"),
        ("[{name: none, through: 0}, {name: a, through: 5}]", "the last band, and it alone, is open ended"),
        ("[{name: none, through: 0}, {name: a}, {name: b}]", "the last band, and it alone, is open ended"),
        ("[{name: none, through: 1}, {name: a}]", "bands begin with `through: 0`, ascend and differ"),
        (
            "[{name: none, through: 0}, {name: a, through: 9}, {name: b, through: 5}, {name: c}]",
            "bands begin with `through: 0`, ascend and differ",
        ),
        (
            "[{name: none, through: 0}, {name: a, through: 9}, {name: a}]",
            "bands begin with `through: 0`, ascend and differ",
        ),
    ],
)
def test_bands_that_do_not_divide_the_days_are_refused(tmp_path, bands, complaint):
    text = FEDERAL.splitlines(keepends=True)
    federal = "".join([*text[:2], f"late_bands: {bands}\n", *text[6:]])
    assert f"CE276 late_bands: {complaint}" in problems(tmp_path, federal)[0]


def test_conclusions_do_not_take_the_names_of_properties(tmp_path):
    federal = FEDERAL.replace("severity: {low: Little", "status: {low: Little")
    assert problems(tmp_path, federal)[0].endswith(
        "CE276 conclusions: already properties of situations: status"
    )


def test_only_the_federal_file_declares_bands_and_conclusions(tmp_path):
    text = rule(PLAIN, jurisdiction="tx")
    text += "late_bands: [{name: none, through: 0}]\nconclusions: {finding: {bad: Other}}\n"
    found = problems(tmp_path, tx=text)
    assert [problem.split(":")[1] for problem in found] == ["9", "10"]
    assert all("CE278" in problem for problem in found)


def test_a_file_lies_in_the_folder_of_its_jurisdiction(tmp_path):
    text = rule(PLAIN, jurisdiction="tx")
    assert problems(tmp_path, ca=text) == [
        "ca/findings.yaml:2:15: CE278 findings: jurisdiction tx in the folder ca"
    ]


def test_a_state_file_needs_the_federal_one(tmp_path):
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "findings.yaml").write_text(rule(PLAIN, jurisdiction="ca"))
    with pytest.raises(RuleProblem, match="CE278 findings: the federal findings rules are missing"):
        load_findings_rules(tmp_path)


def test_without_findings_rules_nothing_is_a_finding(tmp_path):
    assert load_findings_rules(tmp_path).rules == ()


def test_more_rules_than_were_tried_are_refused(tmp_path):
    more = "".join(rule(PLAIN, name=f"r{n}") for n in range(64))
    (problem,) = problems(tmp_path, FEDERAL + more)
    assert problem.endswith("CE277 findings: 65 findings rules judge us; expected at most 64")


def test_a_rule_says_where_it_comes_from(tmp_path):
    (problem,) = problems(tmp_path, FEDERAL.replace("    notes: Because\n", ""))
    assert "says neither where the law has it (citation) nor why (notes)" in problem


def test_days_late_fall_into_bands_by_their_last_day():
    bands = shipped().late_bands
    days = np.array([NO_DAY, -3, 0, 1, 5, 6, 15, 16, 30, 31, 60, 61, 9999], np.int32)
    names = [bands.names[code] for code in bands.codes(days)]
    expected = "none none none 1-5 1-5 6-15 6-15 16-30 16-30 31-60 31-60 over_60 over_60"
    assert names == expected.split()


def test_every_shipped_conclusion_can_be_reached():
    rules = shipped()
    declared = {(name, word) for name, words in rules.conclusions.items() for word in words}
    assert {pair for rule in rules.rules for pair in rule.conclusions} == declared


def test_the_documentation_lists_every_property_with_its_values():
    page = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for name, prop in PROPERTIES.items():
        (row,) = [row for row in rows if f"`{name}`" in row.split("|")[1]]
        assert all(choice in row.split("|")[2] for choice in prop.choices)
        default = "needed" if prop.default is None else str(prop.default).lower()
        assert row.split("|")[3].strip() == default

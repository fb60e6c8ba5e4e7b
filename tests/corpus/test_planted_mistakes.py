"""Mistakes planted in a copy of the shipped rules: each alone is found, at its place, with its code."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.errors import ComplianceError, Problem
from compliance_engine.rules.lint import lint
from corpus_data import RULES


@dataclass(frozen=True)
class Mistake:
    """The first `old` becomes `new`; the problem is on the line with `at`, or (empty) in another file."""

    file: str
    old: str
    new: str
    code: str
    found: str
    at: str


MISTAKES = {
    "a version without citations": Mistake(
        "md/idea_b/eligibility.yaml",
        "        citations:\n          - {ref",
        "        citations: []\n#         - {ref",
        "CE210",
        "citations: 0 given; expected at least 1",
        "citations: []",
    ),
    "a gap between versions": Mistake(
        "us/idea_b/annual_review.yaml",
        "      - effective_from: 2006-10-13\n",
        """      - effective_from: 1999-03-12
        ends: 2005-06-30
        due: 1 years after start
        citations: [{ref: none, checked_on: 2026-11-23}]
        verified: unverified
      - effective_from: 2006-10-13
""",
        "CE207",
        "nothing holds from 2005-07-01 to 2006-10-12",
        "- effective_from: 2006-10-13",
    ),
    "an override of nothing": Mistake(
        "tx/idea_b/initial_evaluation.yaml",
        "overrides: us.idea_b.initial_evaluation\n",
        "overrides: us.idea_b.initial_evalution\n",
        "CE205",
        "did you mean us.idea_b.initial_evaluation?",
        "overrides:",
    ),
    "an unknown event": Mistake(
        "tx/idea_b/initial_evaluation.yaml",
        "    met_by: evaluation_report_completed(purpose=initial)\n",
        "    met_by: evaluation_report_complete(purpose=initial)\n",
        "CE201",
        "did you mean evaluation_report_completed?",
        "met_by: evaluation_report_complete(",
    ),
    "two clocks for one duty": Mistake(
        "tx/idea_b/initial_evaluation.yaml",
        "    overrides: us.idea_b.initial_evaluation\n",
        "",
        "CE222",
        "runs beside us.idea_b.initial_evaluation",
        "- id: tx.idea_b.initial_evaluation",
    ),
    "a variant behind one that takes all of it": Mistake(
        "pa/idea_b/referral_response.yaml",
        "        due: ",
        """        variants:
          - {id: wide, when: {case.grade: {below: 9}}, due: start}
          - {id: narrow, when: {case.grade: {below: 5}, case.provider: charter}, due: start}
        due: """,
        "CE220",
        "variant narrow is never reached: wide before it takes all of it",
        "id: narrow",
    ),
    "a variant whose conditions exclude one another": Mistake(
        "pa/idea_b/referral_response.yaml",
        "        due: ",
        """        variants:
          - id: nobody
            when: {all: [{age: {at_least: 6 years}}, {age: {below: 3 years}}]}
            due: start
        due: """,
        "CE220",
        "its conditions exclude one another",
        "id: nobody",
    ),
    "thresholds that overlap": Mistake(
        "pa/idea_b/referral_response.yaml",
        "        due: ",
        """        variants:
          - {id: few, when: {school_days_left_in_year: {at_least: 10, below: 30}}, due: start}
          - {id: more, when: {school_days_left_in_year: {at_least: 29, below: 45}}, due: start}
        due: """,
        "CE221",
        "variants few and more overlap at 29, where few wins",
        "id: more",
    ),
    "a provision that nothing encodes": Mistake(
        "al/idea_b/initial_evaluation.yaml",
        "    provisions: [",
        "    provisions: [] # ",
        "CE217",
        "is not accounted for",
        "",
    ),
    "a rule of which nothing tells the duty": Mistake(
        "va/idea_b/age_of_majority.yaml",
        "    duty: age_of_majority\n",
        "",
        "CE218",
        "nothing says what duty it is about",
        "- id: va.idea_b.maximum_age",
    ),
    "a grade above its source": Mistake(
        "ca/provisions.yaml",
        '56380(a)(1), (b), 56343(d), 56043(d)", confidence: high',
        '56380(a)(1), (b), 56343(d), 56043(d)", confidence: low',
        "CE219",
        "graded regulation_text, but its source was read as annual-review with low confidence",
        "",
    ),
}


def problems(folder: Path, state: str) -> list[Problem]:
    try:
        return lint(load_corpus(folder, jurisdictions={state}))
    except ComplianceError as error:
        return list(error.problems)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(RULES, tmp_path_factory.mktemp("planted") / "rules"))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_found(name: str, copy: Path) -> None:
    mistake = MISTAKES[name]
    path = copy / mistake.file
    sound = path.read_text()
    assert mistake.old in sound, "the file has changed: plant the mistake elsewhere"
    planted = sound.replace(mistake.old, mistake.new, 1)
    try:
        path.write_text(planted)
        found = problems(copy, mistake.file.partition("/")[0])
    finally:
        path.write_text(sound)

    assert [(one.code, mistake.found in str(one)) for one in found] == [(mistake.code, True)], found
    lines = planted.splitlines()
    if mistake.at:
        assert found[0].place.file == f"rules/{mistake.file}"
        assert mistake.at in lines[found[0].place.line - 1]
    else:
        assert found[0].place.line  # where the list and the rule part, in the other file


def test_the_shipped_rules_have_none() -> None:
    assert lint(load_corpus(RULES)) == []

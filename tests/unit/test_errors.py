from __future__ import annotations

import pickle

import pytest

from compliance_engine.errors import (
    CalendarProblem,
    ComplianceError,
    FileProblem,
    Place,
    Problem,
    RuleProblem,
    did_you_mean,
    error_for,
)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("a.yaml", 12, 24), "a.yaml:12:24"),
        (Place("a.yaml", 12), "a.yaml:12"),
        (Place("a.yaml"), "a.yaml"),
    ],
)
def test_a_place_shows_what_is_known_of_it(place: Place, text: str) -> None:
    assert str(place) == text


def test_a_problem_reads_place_code_thing_found_expected_mend() -> None:
    problem = Problem(
        place=Place("rules/md/x.yaml", 12, 24),
        code="CE203",
        thing="md.idea_b.x",
        found="unknown unit 'schol_day'",
        expected="calendar_days, school_days",
        mend="did you mean school_days?",
    )
    assert str(problem) == (
        "rules/md/x.yaml:12:24: CE203 md.idea_b.x: unknown unit 'schol_day'; "
        "expected calendar_days, school_days; did you mean school_days?"
    )


def test_a_problem_without_a_thing_leaves_no_blank() -> None:
    assert str(Problem(Place("a"), "CE101", "", "gone")) == "a: CE101: gone"


def test_advice_is_marked_as_such() -> None:
    assert str(Problem(Place("a"), "CE201", "x", "odd", severity="advice")).endswith("(advice)")


def test_problems_are_sorted_by_place_and_not_repeated() -> None:
    late, early = Problem(Place("a", 9), "CE101", "x", "b"), Problem(Place("a", 2), "CE101", "x", "c")
    error = ComplianceError([late, early, late])
    assert error.problems == (early, late)
    assert str(error).splitlines() == [str(early), str(late)]


def test_an_error_survives_pickling() -> None:
    error = FileProblem(Problem(Place("a", 9), "CE101", "x", "b"))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is FileProblem
    assert again.problems == error.problems


def test_the_code_decides_the_class() -> None:
    assert type(error_for(Problem(Place("a"), "CE301", "x", "b"))) is CalendarProblem
    assert type(error_for([Problem(Place("a"), "CE201", "x", "b")])) is RuleProblem


def test_mixed_codes_give_the_base_class() -> None:
    mixed = [Problem(Place("a"), "CE201", "x", "b"), Problem(Place("a"), "CE301", "x", "b")]
    assert type(error_for(mixed)) is ComplianceError


def test_a_slip_of_the_pen_is_recognised() -> None:
    assert did_you_mean("schol_days", ["school_days", "calendar_days"]) == "did you mean school_days?"


def test_nothing_is_suggested_for_another_word() -> None:
    assert did_you_mean("zebra", ["school_days", "calendar_days"]) == ""

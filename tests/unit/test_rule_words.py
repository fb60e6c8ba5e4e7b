"""Words for the rule language: every node has them, and they say what the rule says."""

from __future__ import annotations

import pytest

from compliance_engine.rules import conditions, expressions, starts
from compliance_engine.rules.conditions import Condition, NumberTest, parse_condition
from compliance_engine.rules.expressions import Expr, parse_expression
from compliance_engine.rules.patterns import parse_pattern
from compliance_engine.rules.starts import Start, parse_met_by, parse_start
from compliance_engine.rules.words import _CONDITIONS, _DAYS, _STARTS, Words, listed, number_words, ordinal

WORDS = Words()


@pytest.mark.parametrize(
    ("module", "base", "table"),
    [(expressions, Expr, _DAYS), (conditions, Condition, _CONDITIONS), (starts, Start, _STARTS)],
)
def test_every_node_has_words(module: object, base: type, table: dict[type, object]) -> None:
    nodes = {
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, base) and one is not base
    }
    assert {node for node in nodes if node.__module__ == base.__module__} == set(table)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("45 school_days after start", "45 school days after the start"),
        ("1 years before age age_of_majority", "1 year before the birthday of the age of majority"),
        ("48 hours before start", "48 hours before the start"),
        ("age 3 years", "the 3rd birthday"),
        ("age 14 years 6 months", "the day the child is 14 years 6 months old"),
        ("june 30 on_or_after start", "the first June 30 on or after the start"),
        ("september 1 on_or_before birth", "the last September 1 on or before the birth date"),
        ("last_school_day of_year start", "the last school day of the school year of the start"),
        (
            "school_day 15 of_year_after start",
            "the 15th school day of the next school year to begin after the start",
        ),
        ("next school_days from due", "the due day or, if that is no school day, the next one"),
        ("start.meeting_on", "the date “meeting on” given by the starting event"),
        (
            "latest extension_agreed.until by due",
            "the date “until” given by the latest “extension agreed” up to the due day",
        ),
        ("first services_started after start", "the day of the first “services started” after the start"),
        ("due of tx.idea_b.x", "the due day of tx.idea_b.x"),
        ("entry_to_grade 9", "the day of entry to grade 9"),
        ("date 2011-06-17", "2011-06-17"),
        (
            {"earliest": ["45 school_days after start", "90 calendar_days after start"]},
            "the earliest of these: (1) 45 school days after the start; (2) 90 calendar days after the start",
        ),
        (
            {"latest": ["start", {"earliest_known": ["age 14 years", "entry_to_grade 9"]}]},
            "the latest of these: (1) the start; (2) [the earliest of those that are known: "
            "(1) the 14th birthday; (2) the day of entry to grade 9]",
        ),
    ],
)
def test_a_day_in_words(written: object, said: str) -> None:
    assert WORDS.day(parse_expression(written)) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            {"school_days_left_in_year": {"at_least": 35, "below": 45}},
            "35 to 44 school days are left in the school year after the start",
        ),
        ({"between_school_years": False}, "the start does not lie between school years"),
        ({"case.provider": ["charter", "cyber"]}, "the case's “provider” is charter or cyber"),
        ({"case.provider": {"not": "charter"}}, "the case's “provider” is not charter"),
        ({"case.enrolled": {"is": False, "if_missing": False}}, "the case's “enrolled” is no (and recorded)"),
        (
            {"start.purpose": {"is": "initial", "if_missing": True}},
            "the starting event's “purpose” is initial (or not recorded)",
        ),
        ({"case.grade": {"at_least": 9}}, "the case's “grade” is at least 9"),
        (
            {"happened": "child_not_produced"},
            "“child not produced” has happened after the start and by the due day",
        ),
        (
            {"not_happened": {"event": "exited", "after": "ever", "through": "as_of"}},
            "“exited” has not happened by today",
        ),
        (
            {"age": {"at_least": "3 years", "below": "6 years"}},
            "the child is at least 3 years and under 6 years old on the start",
        ),
        ({"birth_month": [7, 8]}, "the child is born in July or August"),
        (
            {"days_between": {"from": "start", "to": "due", "unit": "calendar_days", "at_most": 30}},
            "at most 30 calendar days lie after the start through the due day",
        ),
        ({"date": {"from": "2023-07-18"}}, "the start is on or after 2023-07-18"),
        ({"variant_of": {"rule": "tx.idea_b.x", "is": "june_30"}}, "tx.idea_b.x takes the variant june 30"),
        (
            {"any": [{"case.x": "a"}, {"all": [{"case.y": "b"}, {"case.z": "c"}]}]},
            "the case's “x” is a or (the case's “y” is b and the case's “z” is c)",
        ),
        ({"not": {"case.x": "a"}}, "it is not so that the case's “x” is a"),
        (
            {"absences": {"above": 2}},
            "the child is absent on at least 3 school days after the start through the due day",
        ),
    ],
)
def test_a_condition_in_words(written: dict[str, object], said: str) -> None:
    assert WORDS.condition(parse_condition(written)) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("consent_received(purpose=initial|other)", "consent received (purpose: initial or other)"),
        ({"any_of": ["a", "b", "c"]}, "a, b or c"),
        ({"all_of": ["a", "b"]}, "the day by which all of these have happened: a and b"),
        ("birth", "birth"),
        (
            {"silence": {"after": "a", "lasting": "14 calendar_days", "unless": ["b", "c"]}},
            "14 calendar days after “a” without b or c",
        ),
        (
            {"count_reached": {"of": "removal", "sum": "school_days", "above": 10, "within": "school_year"}},
            "“removal” adding up to 11 school days within one school year",
        ),
        (
            {"count_reached": {"of": "restraint", "at_least": 10, "within": "ever", "every": 10}},
            "the 10th “restraint” over all time, and again with each further 10",
        ),
        (
            {"each_school_year": "first_day", "after": "a"},
            "the first school day of each school year after “a”",
        ),
        ({"due_of": "sd.idea_b.x"}, "the due day of sd.idea_b.x"),
    ],
)
def test_a_start_in_words(written: object, said: str) -> None:
    assert WORDS.start(parse_start(written)) == said


def test_a_yes_or_no_attribute_needs_no_value() -> None:
    assert (
        WORDS.pattern(parse_pattern("eligibility_determined(eligible=false)"))
        == "eligibility determined (not eligible)"
    )


def test_events_and_rules_are_called_as_the_caller_wishes() -> None:
    words = Words(event=str.upper, rule=lambda rule_id: f"<{rule_id}>")
    assert words.met_by(parse_met_by({"all_of": ["a", "b"]})) == "all of: A; B"
    assert words.day(parse_expression("due of x.y.z")) == "the due day of <x.y.z>"


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd"), (112, "112th")]
)
def test_ordinals(number: int, said: str) -> None:
    assert ordinal(number) == said


@pytest.mark.parametrize(
    ("test", "said"),
    [(NumberTest(3, 3), "exactly 3"), (NumberTest(None, 2), "at most 2"), (NumberTest(3), "at least 3")],
)
def test_number_tests(test: NumberTest, said: str) -> None:
    assert number_words(test) == said


def test_lists() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")] == ["a", "a and b", "a, b or c"]

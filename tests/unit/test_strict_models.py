from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError, field_validator

from compliance_engine.dates import Day
from compliance_engine.errors import CalendarProblem, RuleProblem
from compliance_engine.strict_models import CalendarDayRange, StrictModel, validate
from compliance_engine.strict_yaml import parse_yaml


class Cat(StrictModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(StrictModel):
    kind: Literal["dog"]
    tricks: tuple[str, ...] = ()
    born: Day | None = None
    good: bool = True

    @field_validator("tricks", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Home(StrictModel):
    name: Annotated[str, Field(min_length=1)]
    open: CalendarDayRange | None = None
    pets: tuple[Annotated[Cat | Dog, Field(discriminator="kind")], ...] = ()
    guest: Cat | str | None = None
    by_room: dict[str, Dog] | None = None


def problems(text: str, model: type[BaseModel] = Home) -> list[str]:
    with pytest.raises(CalendarProblem) as caught:
        validate(parse_yaml(text, "f.yaml"), model, code="CE301", thing="home")
    return [str(problem).removeprefix("f.yaml:") for problem in caught.value.problems]


def test_a_good_document_becomes_a_model() -> None:
    text = (
        "name: x\nopen: {from: 2026-01-01, to: 2026-01-02}\n"
        "pets: [{kind: dog, tricks: sit, born: 2020-02-29}]"
    )
    home = validate(parse_yaml(text, "f.yaml"), Home, code="CE301")
    assert home.open is not None
    assert (home.open.from_, home.open.to) == (date(2026, 1, 1), date(2026, 1, 2))
    assert home.pets == (Dog(kind="dog", tricks=("sit",), born=date(2020, 2, 29)),)


def test_an_unknown_key_is_at_the_key_with_the_accepted_ones_and_a_suggestion() -> None:
    assert problems("name: x\npets:\n  - {kind: dog, trick: [sit]}\n") == [
        "3:17: CE301 home: unknown key 'trick'; expected born, good, kind, tricks; did you mean tricks?"
    ]


def test_keys_of_a_range_are_named_as_they_are_written() -> None:
    assert problems("name: x\nopen: {from: 2026-01-01, too: 2026-01-02, to: 2026-01-03}\n") == [
        "2:26: CE301 home: unknown key 'too'; expected from, to; did you mean to?"
    ]


def test_an_unknown_key_within_a_mapping_of_models_knows_its_model() -> None:
    assert problems("name: x\nby_room:\n  hall: {kind: dog, god: true}\n") == [
        "3:21: CE301 home: unknown key 'god'; expected born, good, kind, tricks; did you mean good?"
    ]


def test_an_unknown_key_within_a_plain_union_is_not_drowned() -> None:
    assert problems("name: x\nguest: {kind: cat, live: 8}\n") == [
        "2:20: CE301 home: unknown key 'live'; expected kind, lives; did you mean lives?"
    ]


def test_a_missing_key_is_at_its_mapping() -> None:
    assert problems(
        "name: x\npets:\n  - {lives: 3, kind: cat}\n  - kind: dog\nopen: {from: 2026-01-01}\n"
    ) == ["5:7: CE301 home: the key 'to' is missing"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param('{kind: cat, lives: "9"}', "1:28: CE301 home: lives: '9': input", id="number in quotes"),
        pytest.param(
            "{kind: cat, lives: true}", "1:28: CE301 home: lives: true: input", id="truth as number"
        ),
        pytest.param("{kind: cat, lives: 1.5}", "1:28: CE301 home: lives: '1.5': input", id="fraction"),
        pytest.param("{kind: dog, good: yes}", "1:27: CE301 home: good: 'yes': input", id="yes as truth"),
        pytest.param("{kind: dog, good: 1}", "1:27: CE301 home: good: 1: input", id="number as truth"),
        pytest.param("{kind: dog, tricks: [1]}", "1:30: CE301 home: tricks: 1: input", id="number as text"),
        pytest.param(
            "{kind: dog, tricks: {a: b}}", "1:29: CE301 home: tricks: a mapping", id="mapping as list"
        ),
        pytest.param(
            "{kind: dog, born: 2026-2-3}", "1:27: CE301 home: born: '2026-2-3' is not", id="date form"
        ),
        pytest.param("{kind: dog, born: 20260203}", "1:27: CE301 home: born: a date is", id="number as date"),
        pytest.param("{kind: bird}", "1:9: CE301 home: pets: input tag 'bird'", id="no such kind"),
        pytest.param("{lives: 3}", "1:9: CE301 home: pets: unable to extract tag", id="no kind"),
    ],
)
def test_nothing_is_converted(text: str, problem: str) -> None:
    found = problems(f"pets: [ {text}]\nname: x\n")
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_a_wrong_word_names_the_accepted_ones() -> None:
    class Room(StrictModel):
        size: Literal["small", "large"]

    assert problems("size: smal\n", Room) == [
        "1:7: CE301 home: size: 'smal'; expected small or large; did you mean small?"
    ]


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    assert problems("name: x\nopen: {from: 2026-02-01, to: 2026-01-01}\n") == [
        "2:7: CE301 home: open: the range ends on 2026-01-01, before it begins on 2026-02-01"
    ]


def test_all_mistakes_are_reported_at_once() -> None:
    text = "nam: x\npets: [{kind: cat, lives: x}, {kind: dog, born: x}]\nopen: 3\n"
    assert [problem.split(" ")[0] for problem in problems(text)] == ["1:1:", "1:1:", "2:27:", "2:49:", "3:7:"]


def test_a_document_that_is_no_mapping_is_refused() -> None:
    assert problems("- a\n")[0].startswith("1:1: CE301 home:")


def test_long_values_are_cut_in_messages() -> None:
    assert len(problems(f"name: x\npets: [{{kind: cat, lives: {'x' * 500}}}]\n")[0]) < 200


def test_the_code_decides_the_exception() -> None:
    with pytest.raises(RuleProblem):
        validate(parse_yaml("a: 1", "f.yaml"), Home, code="CE201")


def test_models_cannot_be_changed() -> None:
    cat = Cat(kind="cat")
    with pytest.raises(ValidationError, match="frozen"):
        cat.lives = 3  # type: ignore[misc]

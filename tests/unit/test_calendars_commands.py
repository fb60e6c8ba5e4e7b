from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from compliance_engine.calendars.drawing import MARKS, day_marks
from compliance_engine.cli.calendars_commands import calendars_group
from compliance_engine.errors import CalendarProblem
from day_counts_samples import CALENDARS, library

COUNTY = CALENDARS / "us" / "example_county"


def run(*arguments: str | Path) -> str:
    result = CliRunner(env={"COLUMNS": "100", "TERM": "dumb"}).invoke(
        calendars_group,
        [str(argument) for argument in arguments],
        catch_exceptions=False,
        standalone_mode=False,
    )
    assert result.return_value == 0
    return result.output


def test_check_counts_what_it_read() -> None:
    assert run("check", COUNTY) == "4 school years of 1 calendars, no problems\n"


def test_check_reads_the_shipped_calendars_by_default() -> None:
    assert run("check").startswith(f"{len(library().years)} school years")


def test_check_raises_every_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\n", encoding="utf-8")
    with pytest.raises(CalendarProblem, match="unknown key 'a'"):
        run("check", tmp_path)


def test_check_gives_problems_as_json(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: [\n", encoding="utf-8")
    result = CliRunner().invoke(
        calendars_group, ["check", str(file), "--format", "json"], standalone_mode=False
    )
    assert result.return_value == 2
    (problem,) = json.loads(result.output)["problems"]
    assert (problem["code"], problem["line"], problem["file"]) == ("CE105", 2, str(file))


def test_show_draws_a_school_year_that_reads_without_colour() -> None:
    drawn = run("show", "us.example_snow")
    assert "\x1b" not in drawn
    # January 2026: called off on the 26th, Martin Luther King Jr. Day on the 19th
    assert " 26W 27  28  29  30   .     " in drawn
    assert " 19H 20  21  22  23   .   . " in drawn
    assert " 15m 16m  .   .   .   .   . " in drawn


def test_show_counts_each_month_and_the_year() -> None:
    drawn = run("show", "us.example_county", "--year", "2025-26")
    # as counted by hand in calendars/us/README.md, August to June
    for number in (5, 21, 22, 16, 15, 19, 20, 10):
        assert f" {number} school days" in drawn
    assert "186 instructional days" in drawn
    assert "186 stated by the source" in drawn


def test_show_says_what_is_incomplete_and_why_numbers_differ() -> None:
    drawn = run("show", "md.montgomery_county")
    assert "192 instructional days, 194 as planned" in drawn
    assert "Incomplete" in drawn


def test_show_takes_a_file() -> None:
    assert "Example County (synthetic), 2024-25" in run("show", COUNTY / "2024-25.yaml")


def test_show_draws_all_years_of_a_district() -> None:
    drawn = run("show", "us.example_county")
    assert drawn.count("instructional days") == 4


def test_show_refuses_a_year_that_there_is_not() -> None:
    with pytest.raises(CalendarProblem, match=r"CE316.*expected 2023-24"):
        run("show", "us.example_county", "--year", "1999-00")


def test_show_gives_every_day_as_json() -> None:
    shown = json.loads(run("show", "us.example_snow", "--format", "json"))
    (year,) = shown["years"]
    assert year["instructional_days"] == 186
    assert year["days"]["2026-01-26"] == "weather"
    assert "2026-01-25" not in year["days"]


def test_every_kind_of_day_has_a_letter_of_its_own() -> None:
    letters = [mark.letter for key, mark in MARKS.items() if key not in ("school", "outside")]
    assert len(set(letters)) == len(letters)
    assert " " not in letters


@pytest.mark.parametrize(
    ("reference", "day", "mark"),
    [
        ("us.example_snow.2025-26", "2026-02-05", "weather"),
        ("us.example_snow.2025-26", "2026-06-15", "make_up"),
        ("us.example_snow.2025-26", "2026-06-12", "partial"),
        ("us.example_snow.2025-26", "2025-12-27", "outside"),
        ("us.example_snow.2025-26", "2025-12-26", "break"),
        ("us.example_snow.2025-26", "2025-10-13", "staff_day"),
        ("tx.lubbock_cooper_isd.2025-26", "2026-02-16", "possible"),
        ("tx.lubbock_cooper_isd.2025-26", "2026-02-17", "school"),
    ],
)
def test_days_are_marked_by_kind(reference: str, day: str, mark: str) -> None:
    assert day_marks(library().years[reference])[date.fromisoformat(day)] == mark

"""What a calendar file may not say, and how calendars are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from compliance_engine.calendars.loader import CalendarLibrary, load_calendars
from compliance_engine.errors import CalendarProblem
from day_counts_samples import library

GOOD = """\
schema_version: 1
id: us.example_bay.2025-26
jurisdiction: us
district: us.example_bay
name: "Example Bay"
covers: {from: 2025-07-01, to: 2026-06-30}
school_year: {from: 2025-09-01, to: 2025-12-19}
teacher_days: {from: 2025-08-25, to: 2025-12-23}
closures:
  - {from: 2025-11-27, to: 2025-11-28, kind: holiday, name: "Thanksgiving"}
partial_days:
  - {date: 2025-11-26, name: "Early dismissal"}
unplanned:
  - {date: 2025-12-02, kind: weather, announced: 2025-12-01, name: "Snow"}
make_up_days:
  - {date: 2025-12-22, for: 2025-12-02, announced: 2025-12-05}
complete: true
sources: []
"""


def loaded(tmp_path: Path, *texts: str) -> CalendarLibrary:
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
    return load_calendars(tmp_path)


def problem(tmp_path: Path, *texts: str) -> str:
    with pytest.raises(CalendarProblem) as caught:
        loaded(tmp_path, *texts)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_the_example_is_good(tmp_path: Path) -> None:
    year = loaded(tmp_path, GOOD).years["us.example_bay.2025-26"]
    # sixteen weeks of five days less two; one day lost and one made up
    assert len(year.planned_days()) == 78
    assert len(year.instructional_days()) == 78


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "kind: holiday",
            "kind: holliday",
            "0.yaml:10:46: CE301 us.example_bay.2025-26: kind: 'holliday'; "
            "expected break, holiday, staff_day, weather or other; did you mean holiday?",
            id="unknown kind",
        ),
        pytest.param(
            "covers: {from: 2025-07-01",
            "covers: {from: 2025-09-02",
            "0.yaml:7:14: CE302 us.example_bay.2025-26: school_year 2025-09-01 to 2025-12-19 is not inside "
            "covers 2025-09-02 to 2026-06-30",
            id="school year beyond the cover",
        ),
        pytest.param(
            "teacher_days: {from: 2025-08-25",
            "teacher_days: {from: 2025-09-02",
            "0.yaml:8:15: CE302 us.example_bay.2025-26: teacher_days 2025-09-02 to 2025-12-23 do not hold "
            "the school year 2025-09-01 to 2025-12-19",
            id="teachers begin later",
        ),
        pytest.param(
            "{date: 2025-11-26,",
            "{date: 2025-08-26,",
            "0.yaml:12:12: CE302 us.example_bay.2025-26: 2025-08-26 is not inside the school year "
            "2025-09-01 to 2025-12-19",
            id="partial day outside",
        ),
        pytest.param(
            "partial_days:",
            '  - {from: 2025-11-28, to: 2025-12-01, kind: other, name: "x"}\npartial_days:',
            "0.yaml:11:5: CE303 us.example_bay.2025-26: 'x', 2025-11-28 to 2025-12-01, overlaps "
            "'Thanksgiving', 2025-11-27 to 2025-11-28; let each day stand once",
            id="closures overlap",
        ),
        pytest.param(
            "unplanned:",
            '  - {date: 2025-11-26, name: "Again"}\nunplanned:',
            "0.yaml:13:12: CE303 us.example_bay.2025-26: 2025-11-26 stands twice in partial_days; "
            "let each day stand once",
            id="partial day twice",
        ),
        pytest.param(
            "{date: 2025-11-26,",
            "{date: 2025-11-27,",
            "0.yaml:12:12: CE304 us.example_bay.2025-26: partial day 2025-11-27 is closed (Thanksgiving); "
            "remove one of them",
            id="partial day on a closed day",
        ),
        pytest.param(
            "{date: 2025-11-26,",
            "{date: 2025-12-02,",
            "0.yaml:12:12: CE304 us.example_bay.2025-26: partial day 2025-12-02 is called off; "
            "remove one of them",
            id="partial day on a lost day",
        ),
        pytest.param(
            "{date: 2025-11-26,",
            "{date: 2025-11-29,",
            "0.yaml:12:12: CE304 us.example_bay.2025-26: partial day 2025-11-29 is a sat, no school weekday; "
            "remove one of them",
            id="partial day on a weekend",
        ),
        pytest.param(
            "make_up_days:",
            "  - {date: 2025-11-28, kind: weather}\nmake_up_days:",
            "0.yaml:15:12: CE305 us.example_bay.2025-26: 2025-11-28 cannot be called off: "
            "it is closed (Thanksgiving)",
            id="lost day on a closed day",
        ),
        pytest.param(
            "{date: 2025-12-22,",
            "{date: 2025-12-15,",
            "0.yaml:16:12: CE306 us.example_bay.2025-26: 2025-12-15 cannot be made a school day: "
            "it is one already",
            id="make-up day on an open day",
        ),
        pytest.param(
            "for: 2025-12-02",
            "for: 2025-12-03",
            "0.yaml:16:29: CE306 us.example_bay.2025-26: 2025-12-22 makes up for 2025-12-03, which was not "
            "called off; add it to unplanned, or leave `for` out",
            id="make-up for a day that was held",
        ),
        pytest.param(
            "school_year: {from: 2025-09-01",
            "school_year: {from: 2025-08-31",
            "0.yaml:7:21: CE307 us.example_bay.2025-26: the first student day 2025-08-31 is a sun, "
            "no school weekday",
            id="first day on a Sunday",
        ),
        pytest.param(
            "from: 2025-11-27, to: 2025-11-28",
            "from: 2025-12-18, to: 2025-12-19",
            "0.yaml:7:37: CE307 us.example_bay.2025-26: the last student day 2025-12-19 "
            "is closed (Thanksgiving)",
            id="last day closed",
        ),
        pytest.param(
            "complete: true",
            "stated_instructional_days: 80\ncomplete: true",
            "0.yaml:17:28: CE308 us.example_bay.2025-26: 80 instructional days are stated, "
            "the dates make 78; "
            "mend the dates, or explain the difference in instructional_days_note",
            id="stated number differs",
        ),
        pytest.param(
            "district: us.example_bay",
            "district: tx.example_bay",
            "0.yaml:2:5: CE309 us.example_bay.2025-26: id us.example_bay.2025-26; "
            "expected tx.example_bay.<school year>\n"
            "0.yaml:4:11: CE309 us.example_bay.2025-26: district tx.example_bay "
            "does not lie in jurisdiction us; "
            "expected us.<name>",
            id="district of another state",
        ),
        pytest.param(
            "district: us.example_bay",
            "district: us.example_bay\ntrack: high",
            "0.yaml:2:5: CE309 us.example_bay.2025-26: id us.example_bay.2025-26; "
            "expected us.example_bay.high.<school year>",
            id="track missing from the id",
        ),
    ],
)
def test_a_mistake_is_named_where_it_stands(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert problem(tmp_path, GOOD.replace(old, new, 1)) == expected


def test_a_difference_that_is_explained_is_accepted(tmp_path: Path) -> None:
    explained = "stated_instructional_days: 80\ninstructional_days_note: Two are remote.\ncomplete: true"
    assert loaded(tmp_path, GOOD.replace("complete: true", explained)).years


def test_the_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    found = problem(
        tmp_path, GOOD.replace("kind: holiday", "kind: x"), "a: [", GOOD.replace("date: 2025-11-26", "x: y")
    )
    assert {line.split(":")[0] for line in found.splitlines()} == {"0.yaml", "1.yaml", "2.yaml"}
    assert " CE105 " in found


def test_the_same_id_may_not_stand_in_two_files(tmp_path: Path) -> None:
    assert "1.yaml:2:5: CE310 us.example_bay.2025-26: the id stands in" in problem(tmp_path, GOOD, GOOD)


def test_covers_of_one_district_may_not_overlap(tmp_path: Path) -> None:
    other = GOOD.replace("bay.2025-26", "bay.2026-27").replace(
        "covers: {from: 2025-07-01", "covers: {from: 2025-08-01"
    )
    found = problem(tmp_path, GOOD, other)
    assert "CE310 us.example_bay.2026-27: covers of us.example_bay.2026-27 overlap" in found


def test_a_folder_without_calendars_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(CalendarProblem, match="CE312"):
        load_calendars(tmp_path)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(CalendarProblem, match="CE101"):
        load_calendars(tmp_path / "none.yaml")


def test_a_district_joins_its_school_years() -> None:
    calendar = library().resolve("us.example_county")
    assert [year.id[-7:] for year in calendar.years] == ["2023-24", "2024-25", "2025-26", "2026-27"]
    assert [f"{first} {last}" for first, last in calendar.stretches] == ["2023-07-01 2027-06-30"]


def test_years_that_do_not_touch_leave_a_gap() -> None:
    stretches = library().resolve("tx.lubbock_cooper_isd").stretches
    assert [f"{first} {last}" for first, last in stretches] == [
        "2022-07-01 2023-06-30",
        "2025-07-01 2026-06-30",
    ]


def test_the_id_of_a_file_is_that_school_year_alone() -> None:
    assert len(library().resolve("us.example_county.2025-26").years) == 1


def test_an_unknown_calendar_gets_a_suggestion() -> None:
    with pytest.raises(CalendarProblem, match=r"CE311.*did you mean tx\.keller_isd\?"):
        library().resolve("tx.kellr_isd")


def test_tracks_are_calendars_of_their_own(tmp_path: Path) -> None:
    high = GOOD.replace("id: us.example_bay.2025-26", "id: us.example_bay.high.2025-26\ntrack: high")
    found = loaded(tmp_path, high)
    assert found.resolve("us.example_bay/high").years[0].track == "high"
    with pytest.raises(CalendarProblem, match=r"CE314.*expected us\.example_bay/high"):
        found.resolve("us.example_bay")


def test_a_calendar_is_complete_if_all_its_years_are() -> None:
    assert library().resolve("us.example_county").complete
    assert not library().resolve("tx.lubbock_cooper_isd").complete

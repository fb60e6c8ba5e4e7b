"""Ed-Fi 5.2: the public sample, and records of every kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from compliance_engine.calendars.loader import load_calendars
from compliance_engine.cases.batch import build_batch
from compliance_engine.cases.catalogue import catalogue
from compliance_engine.cases.importers import EdFiOptions, Imported, read_ed_fi
from compliance_engine.cases.importers import ed_fi_map as words
from compliance_engine.cases.importers.ed_fi_calendar import (
    CalendarHeading,
    calendar_text,
    read_ed_fi_calendar,
)
from compliance_engine.errors import CaseProblem

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "fixtures" / "ed-fi-5.2-sample"
OPTIONS = EdFiOptions("tx", "tx.grand_bend", "us.grand_bend", date(2022, 6, 1))


def interchange(*records: str) -> str:
    return f'<Interchange xmlns="http://ed-fi.org/5.2.0">\n{chr(10).join(records)}\n</Interchange>\n'


def association(kind: str, student: str, **elements: str) -> str:
    body = "".join(f"<{name}>{text}</{name}>" for name, text in elements.items())
    identity = f"<StudentIdentity><StudentUniqueId>{student}</StudentUniqueId></StudentIdentity>"
    return f"<{kind}><StudentReference>{identity}</StudentReference>{body}</{kind}>"


def student(identifier: str, birth: str) -> str:
    name = "<Name><FirstName>Ada</FirstName><LastSurname>Lovelace</LastSurname></Name>"
    born = f"<BirthData><BirthDate>{birth}</BirthDate></BirthData>"
    return f"<Student><StudentUniqueId>{identifier}</StudentUniqueId>{name}{born}</Student>"


def read(tmp_path: Path, *records: str, options: EdFiOptions = OPTIONS) -> Imported:
    path = tmp_path / "x.xml"
    path.write_text(interchange(*records), encoding="utf-8")
    imported = read_ed_fi(path, options)
    assert imported.read == imported.accepted + len(imported.quarantine)
    return imported


def events(imported: Imported) -> list[tuple[str, str, str, str | None]]:
    rows = imported.events.to_pylist()
    return sorted((r["case_id"], r["event"], str(r["occurred_on"]), r["attributes"] or "") for r in rows)


def test_the_public_sample_gives_ninety_seven_cases() -> None:
    imported = read_ed_fi(SAMPLE, OPTIONS)
    assert len(imported.cases) == 97
    assert imported.quarantine == []
    assert imported.read == imported.accepted == 97 + 960


def test_the_sample_holds_four_dates_of_each_case_and_the_exits() -> None:
    imported = read_ed_fi(SAMPLE, OPTIONS)
    assert Counter(imported.events["event"].to_pylist()) == {
        "evaluation_completed": 97,
        "iep_meeting_held": 97,
        "iep_took_effect": 97,
        "services_started": 97,
        "exited": 52,
    }


def test_the_first_record_of_the_sample_is_read_as_it_stands() -> None:
    imported = read_ed_fi(SAMPLE, OPTIONS)
    (case,) = [row for row in imported.cases.to_pylist() if row["case_id"] == "604872-idea_b"]
    assert case["birth_date"] == date(2012, 4, 16)
    assert case["attributes"] == (
        '{"category":"autism_spectrum_disorders","placement":"inside_regular_class_less_than_40_of_the_day"}'
    )
    assert [row[1:] for row in events(imported) if row[0] == "604872-idea_b"] == [
        ("evaluation_completed", "2021-08-23", ""),
        ("exited", "2021-10-01", '{"reason":"transferred_out"}'),
        ("iep_meeting_held", "2021-08-27", '{"purpose":"annual_review"}'),
        ("iep_took_effect", "2021-09-01", ""),
        ("services_started", "2021-08-30", ""),
    ]


def test_the_sample_makes_a_batch() -> None:
    imported = read_ed_fi(SAMPLE, OPTIONS)
    batch = build_batch(imported.cases, imported.events, as_of=date(2022, 6, 1))
    assert (len(batch), len(batch.events["exited"])) == (97, 52)


def test_what_was_assumed_is_said() -> None:
    notes = read_ed_fi(SAMPLE, OPTIONS).notes
    assert any("IEPReviewDate -> iep_meeting_held: taken as the annual review" in note for note in notes)


def test_an_eligibility_record_becomes_the_events_of_an_evaluation(tmp_path: Path) -> None:
    record = association(
        words.ELIGIBILITY,
        "7",
        ConsentToEvaluationReceivedDate="2021-09-02",
        ConsentToEvaluationDate="2021-09-01",
        EligibilityEvaluationDate="2021-11-15",
        EligibilityEvaluationType="uri://x#Initial Evaluation",
        EvaluationDelayReason="uri://x#Child Unavailable",
        EvaluationDelayDays="4",
        EligibilityDeterminationDate="2021-11-22",
        IDEAIndicator="true",
    )
    assert [row[1:] for row in events(read(tmp_path, record))] == [
        ("consent_to_evaluate_given", "2021-09-01", '{"purpose":"initial"}'),
        ("consent_to_evaluate_received", "2021-09-02", '{"purpose":"initial"}'),
        ("eligibility_determined", "2021-11-22", '{"eligible":true,"purpose":"initial"}'),
        ("evaluation_completed", "2021-11-15", '{"purpose":"initial"}'),
        ("evaluation_delayed", "2021-11-15", '{"duty":"evaluation","reason_code":"child_unavailable"}'),
        ("evaluation_report_completed", "2021-11-15", '{"purpose":"initial"}'),
        ("student_absent", "2021-09-03", '{"school_days":4}'),
    ]


def test_part_c_dates_make_a_case_of_their_own(tmp_path: Path) -> None:
    record = association(
        words.ELIGIBILITY,
        "7",
        ConsentToEvaluationReceivedDate="2021-09-02",
        TransitionNotificationDate="2021-07-01",
        TransitionConferenceDate="2021-08-02",
    )
    assert [row[:3] for row in events(read(tmp_path, record))] == [
        ("7-idea_b", "consent_to_evaluate_received", "2021-09-02"),
        ("7-part_c_transition", "consent_to_evaluate_received", "2021-09-02"),
        ("7-part_c_transition", "part_c_notification_received", "2021-07-01"),
        ("7-part_c_transition", "transition_conference_held", "2021-08-02"),
    ]


def test_a_section_504_record_becomes_a_section_504_case(tmp_path: Path) -> None:
    record = association(
        words.SECTION_504,
        "7",
        Section504Eligibility="0",
        Section504MeetingDate="2021-10-01",
        Section504EligibilityDecisionDate="2021-10-04",
    )
    assert events(read(tmp_path, record)) == [
        ("7-section_504", "section_504_eligibility_determined", "2021-10-04", '{"eligible":false}'),
        ("7-section_504", "section_504_meeting_held", "2021-10-01", ""),
    ]


def test_two_records_of_one_student_are_one_case_and_equal_events_one_event(tmp_path: Path) -> None:
    dates = {"BeginDate": "2021-08-30", "LastEvaluationDate": "2021-08-23"}
    again = dates | {"BeginDate": "2022-01-10"}
    records = [association(words.SPECIAL_EDUCATION, "7", **one) for one in (dates, again)]
    imported = read(tmp_path, *records)
    assert [row[1:3] for row in events(imported)] == [
        ("evaluation_completed", "2021-08-23"),
        ("services_started", "2021-08-30"),
        ("services_started", "2022-01-10"),
    ]


def test_an_exclusive_end_date_is_the_day_after_the_last(tmp_path: Path) -> None:
    record = association(
        words.SPECIAL_EDUCATION, "7", BeginDate="2021-08-30", SpecialEducationExitDate="2021-10-01"
    )
    imported = read(tmp_path, record, options=replace(OPTIONS, end_dates="exclusive"))
    assert ("7-idea_b", "exited", "2021-09-30", "") in events(imported)


GOOD = association(words.SPECIAL_EDUCATION, "7", BeginDate="2021-08-30")
REFUSALS = {
    "no student": (association(words.SPECIAL_EDUCATION, "", BeginDate="2021-08-30"), "CE441"),
    "no begin": (association(words.SPECIAL_EDUCATION, "8"), "CE441"),
    "no consent": (association(words.ELIGIBILITY, "8", EligibilityEvaluationDate="2021-08-30"), "CE441"),
    "bad date": (association(words.SPECIAL_EDUCATION, "8", BeginDate="30.08.2021"), "CE415"),
    "date out of range": (association(words.SPECIAL_EDUCATION, "8", BeginDate="1921-08-30"), "CE416"),
    "bad absences": (
        association(
            words.ELIGIBILITY, "8", ConsentToEvaluationReceivedDate="2021-08-30", EvaluationDelayDays="-1"
        ),
        "CE441",
    ),
    "bad indicator": (
        association(
            words.SECTION_504,
            "8",
            Section504Eligibility="maybe",
            Section504EligibilityDecisionDate="2021-08-30",
        ),
        "CE441",
    ),
    "born after receipt": (student("8", "2022-06-02"), "CE417"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_record_that_cannot_be_used_is_located_and_the_rest_goes_on(tmp_path: Path, name: str) -> None:
    record, code = REFUSALS[name]
    imported = read(tmp_path, GOOD, record, GOOD.replace("7", "9", 1).replace(">7<", ">9<"))
    (refused,) = imported.quarantine
    assert (refused.line, refused.code) == (3, code)
    assert "Lovelace" not in refused.raw + refused.reason
    assert len(imported.cases) == 2


def test_a_student_twice_keeps_the_first_birth_date(tmp_path: Path) -> None:
    imported = read(tmp_path, student("7", "2012-01-02"), student("7", "2013-01-02"), GOOD)
    assert [row.code for row in imported.quarantine] == ["CE420"]
    assert imported.cases["birth_date"].to_pylist() == [date(2012, 1, 2)]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("<a><b></a>", "CE440", 1),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "CE440", 0),
        (interchange(student("7", "2012-01-02")), "CE442", 0),
    ],
)
def test_xml_that_cannot_be_read_is_a_problem(tmp_path: Path, content: str, code: str, line: int) -> None:
    (tmp_path / "x.xml").write_text(content, encoding="utf-8")
    with pytest.raises(CaseProblem) as caught:
        read_ed_fi(tmp_path, OPTIONS)
    assert [(one.code, one.place.line) for one in caught.value.problems] == [(code, line)]


def test_a_folder_without_xml_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(CaseProblem, match="CE403"):
        read_ed_fi(tmp_path, OPTIONS)


def test_every_mapped_event_and_attribute_is_in_the_catalogue() -> None:
    for kind, mapped in words.EVENTS.items():
        for one in mapped:
            event = catalogue().get(one.event)
            given = {name for name, _, _ in one.from_elements} | set(one.fixed or {})
            assert given <= set(event.attribute_names)
            program = "part_c_transition" if one.event in words.PART_C_EVENTS else words.PROGRAM[kind]
            assert program in event.programs


def test_the_sessions_of_the_sample_are_key_dates_only() -> None:
    found = read_ed_fi_calendar(SAMPLE / "EducationOrgCalendar.xml", "255901001")
    assert found.sessions == (
        (date(2021, 8, 23), date(2021, 12, 17)),
        (date(2022, 1, 4), date(2022, 5, 27)),
    )
    assert found.stated_days == 81 + 88
    assert found.weekdays() == 17 * 5 + 21 * 5 - 1  # the second session begins on a Tuesday


def test_the_calendar_of_the_sample_is_the_committed_file(tmp_path: Path) -> None:
    found = read_ed_fi_calendar(SAMPLE / "EducationOrgCalendar.xml", "255901001")
    committed = ROOT / "calendars" / "us" / "grand_bend" / "2021-22.yaml"
    heading = CalendarHeading(
        "us.grand_bend.2021-22",
        "Grand Bend (Ed-Fi sample data), 2021-22",
        "https://github.com/Ed-Fi-Alliance-OSS/Ed-Fi-Data-Standard",
        date(2024, 12, 13),
    )
    assert calendar_text(found, heading) == committed.read_text(encoding="utf-8")
    assert not load_calendars(committed).resolve("us.grand_bend").complete


def test_calendar_dates_close_shorten_and_make_up_days(tmp_path: Path) -> None:
    session = (
        "<Session><BeginDate>2021-08-23</BeginDate><EndDate>2021-09-10</EndDate>"
        "<TotalInstructionalDays>14</TotalInstructionalDays>"
        "<SchoolReference><SchoolIdentity><SchoolId>1</SchoolId></SchoolIdentity></SchoolReference></Session>"
    )

    def calendar_date(day: str, event: str) -> str:
        inner = f"<CalendarEvent><CalendarEvent>uri://x#{event}</CalendarEvent></CalendarEvent>"
        return f"<CalendarDate><Date>{day}</Date>{inner}</CalendarDate>"

    path = tmp_path / "calendar.xml"
    closed = calendar_date("2021-09-06", "Holiday")
    short = calendar_date("2021-09-10", "Student late arrival/early dismissal")
    path.write_text(interchange(session, closed, short), encoding="utf-8")
    found = read_ed_fi_calendar(path, "1")
    assert found.closed == ((date(2021, 9, 6), "holiday", "holiday"),)
    assert found.partial == (date(2021, 9, 10),)
    assert "complete: true" in calendar_text(
        found, CalendarHeading("tx.x.2021-22", "X", "https://x.org", date(2022, 1, 1))
    )


def test_an_unknown_school_names_those_there_are() -> None:
    with pytest.raises(CaseProblem, match=r"CE443.*255901001, 255901044"):
        read_ed_fi_calendar(SAMPLE / "EducationOrgCalendar.xml", "1")

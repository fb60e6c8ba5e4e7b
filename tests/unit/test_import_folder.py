"""The canonical folder: every refusal located, nothing lost, the rest goes on."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance_engine.cases.importers import Imported, QuarantinedRow, read_folder, write_quarantine
from compliance_engine.cases.importers import lines as line_reader
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.errors import CaseProblem

RECEIVED = date(2026, 3, 2)
CASE_HEADER = "case_id,state,district,calendar,program,birth_date,grade,category,enrolled\n"
CASE = "a,md,md.x,md.x,idea_b,2017-04-11,3,autism,true\n"
EVENT_HEADER = "case_id,event,occurred_on,recorded_at,attributes,event_id,corrects,retracts\n"
EVENT = "a,removal,2025-01-02,,,,,\n"


def folder(
    tmp_path: Path, cases: str | bytes = CASE_HEADER + CASE, events: str | bytes = EVENT_HEADER
) -> Path:
    for name, content in (("cases", cases), ("events", events)):
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / f"{name}.csv").write_bytes(data)
    return tmp_path


def read(path: Path, block: int = 1 << 20) -> Imported:
    imported = read_folder(path, received_on=RECEIVED, block=block)
    assert imported.read == imported.accepted + len(imported.quarantine)
    assert imported.accepted == len(imported.cases) + len(imported.events)
    return imported


def only(imported: Imported) -> QuarantinedRow:
    (row,) = imported.quarantine
    return row


def test_a_clean_folder_is_taken_whole(tmp_path: Path) -> None:
    attributes = '"{""purpose"": ""initial"", ""at"": ""09:00""}"'
    event = f"a,iep_meeting_held,2025-01-02,2025-01-03T15:00:00Z,{attributes},e1,,\n"
    imported = read(folder(tmp_path, events=EVENT_HEADER + event))
    assert imported.cases.to_pylist() == [
        {
            "case_id": "a",
            "state": "md",
            "district": "md.x",
            "calendar": "md.x",
            "program": "idea_b",
            "birth_date": date(2017, 4, 11),
            "grade": 3,
            "attributes": '{"category":"autism","enrolled":true}',
        }
    ]
    assert imported.events.to_pylist() == [
        {
            "case_id": "a",
            "event": "iep_meeting_held",
            "occurred_on": date(2025, 1, 2),
            "recorded_at": datetime(2025, 1, 3, 15, tzinfo=UTC),
            "attributes": '{"at":"09:00","purpose":"initial"}',
            "event_id": "e1",
            "corrects": None,
            "retracts": None,
        }
    ]
    assert imported.cases.schema == CASES
    assert imported.events.schema == EVENTS


EVENT_REFUSALS = {
    "unknown case": ("zz,removal,2025-01-02,,,,,", "CE421", "no accepted case"),
    "missing case": (",removal,2025-01-02,,,,,", "CE414", "case_id is missing"),
    "unknown event": ("a,iep_meting_held,2025-01-02,,,,,", "CE422", "did you mean iep_meeting_held?"),
    "missing event": ("a,,2025-01-02,,,,,", "CE414", "event is missing"),
    "american date": ("a,removal,01/02/2025,,,,,", "CE415", "month/day/year"),
    "no such day": ("a,removal,2025-02-30,,,,,", "CE415", "not a day of the calendar"),
    "missing date": ("a,removal,,,,,,", "CE414", "occurred_on is missing"),
    "date too early": ("a,removal,1949-12-31,,,,,", "CE416", "1950 to 2100"),
    "date too late": ("a,removal,2101-01-01,,,,,", "CE416", "1950 to 2100"),
    "bad moment": ("a,removal,2025-01-02,yesterday,,,,", "CE428", "recorded_at is not a moment"),
    "attributes no JSON": ("a,removal,2025-01-02,,{x,,,", "CE423", "not JSON at character 2"),
    "attributes a list": ("a,removal,2025-01-02,,[1],,,", "CE423", "another JSON value"),
    "attribute nested": ('a,removal,2025-01-02,,"{""reason"":[1]}",,,', "CE423", "an object or a list"),
    "key twice": (
        'a,removal,2025-01-02,,"{""reason"":""x"",""reason"":""y""}",,,',
        "CE423",
        "stands there twice",
    ),
    "not a number": ('a,removal,2025-01-02,,"{""school_days"":NaN}",,,', "CE423", "NaN is not a value"),
    "unknown attribute": (
        'a,removal,2025-01-02,,"{""shool_days"":1}",,,',
        "CE424",
        "did you mean school_days?",
    ),
    "wrong type": ('a,removal,2025-01-02,,"{""school_days"":""1""}",,,', "CE425", "must be a whole number"),
    "true is not 1": ('a,removal,2025-01-02,,"{""school_days"":true}",,,', "CE425", "must be a whole number"),
    "wrong choice": ('a,iep_meeting_held,2025-01-02,,"{""purpose"":""x""}",,,', "CE425", "one of initial"),
    "wrong program": ("a,section_504_plan_made,2025-01-02,,,,,", "CE427", "expected in section_504"),
    "both at once": ("a,removal,2025-01-02,,,e2,e1,e1", "CE430", "not both"),
    "too few columns": ("a,removal", "CE410", "2 columns, the header 8"),
    "too many columns": ("a,removal,2025-01-02,,,,,,x", "CE410", "9 columns, the header 8"),
    "open quote": ('a,removal,2025-01-02,,"{,,,', "CE429", "not closed"),
    "NUL": ("a,rem\0oval,2025-01-02,,,,,", "CE413", "NUL"),
    "carriage return": ("a,rem\roval,2025-01-02,,,,,", "CE413", "carriage return"),
    "Latin-1": (b"a,removal,2025-01-02,,,\xe9,,", "CE412", "byte 24 of the line (0xe9)"),
}


@pytest.mark.parametrize("name", EVENT_REFUSALS)
@pytest.mark.parametrize("block", [1 << 20, 48])
def test_an_event_that_cannot_be_used_is_located_and_the_rest_goes_on(
    tmp_path: Path, name: str, block: int
) -> None:
    row, code, words = EVENT_REFUSALS[name]
    bad = row.encode() if isinstance(row, str) else row
    good = [f"a,removal,2025-01-{day:02d},,,,,\n".encode() for day in range(10, 20)]
    events = b"".join([EVENT_HEADER.encode(), *good[:5], bad + b"\n", *good[5:]])
    imported = read(folder(tmp_path, events=events), block)
    refused = only(imported)
    assert (refused.file, refused.line, refused.code) == (str(tmp_path / "events.csv"), 7, code)
    assert words in refused.reason
    assert refused.raw == bad.decode("utf-8", errors="backslashreplace")
    assert imported.events["occurred_on"].to_pylist() == [date(2025, 1, day) for day in range(10, 20)]


CASE_REFUSALS = {
    "missing id": (",md,md.x,,idea_b,,,,", "CE414", "case_id is missing"),
    "same id": ("a,tx,tx.x,,idea_b,,,,", "CE420", "already on line 2"),
    "bad state": ("b,Maryland,md.x,,idea_b,,,,", "CE419", "two-letter"),
    "bad program": ("b,md,md.x,,idea-b,,,,", "CE419", "did you mean idea_b?"),
    "missing district": ("b,md,,,idea_b,,,,", "CE414", "district is missing"),
    "birth date in the future": ("b,md,md.x,,idea_b,2026-03-03,,,", "CE417", "birth_date lies after"),
    "bad birth date": ("b,md,md.x,,idea_b,4/11/2017,,,", "CE415", "month/day/year"),
    "bad grade": ("b,md,md.x,,idea_b,,14,,", "CE418", "grade is not"),
    "bad fact": ("b,md,md.x,,idea_b,,,,perhaps", "CE425", "enrolled must be true or false"),
}


@pytest.mark.parametrize("name", CASE_REFUSALS)
def test_a_case_that_cannot_be_used_is_located_and_the_rest_goes_on(tmp_path: Path, name: str) -> None:
    row, code, words = CASE_REFUSALS[name]
    cases = CASE_HEADER + CASE + row + "\n" + CASE.replace("a,md", "c,md")
    imported = read(folder(tmp_path, cases=cases, events=EVENT_HEADER + EVENT))
    refused = only(imported)
    assert (refused.line, refused.code) == (3, code)
    assert words in refused.reason
    assert imported.cases["case_id"].to_pylist() == ["a", "c"]


@pytest.mark.parametrize("secret", ["2031-05-06", "05/06/2017", "2017-13-45"])
def test_a_reason_never_repeats_a_birth_date(tmp_path: Path, secret: str) -> None:
    cases = CASE_HEADER + f"b,md,md.x,,idea_b,{secret},,,\n"
    refused = only(read(folder(tmp_path, cases=cases)))
    assert secret not in refused.reason


def test_a_reason_never_repeats_a_name_from_a_shifted_column(tmp_path: Path) -> None:
    refused = only(read(folder(tmp_path, events=EVENT_HEADER + "a,Smithers,2025-01-02,,,,,\n")))
    assert "mither" not in refused.reason


def test_events_of_a_refused_case_are_refused_too(tmp_path: Path) -> None:
    cases = CASE_HEADER + CASE.replace("idea_b", "idea_x")
    imported = read(folder(tmp_path, cases=cases, events=EVENT_HEADER + EVENT))
    assert [row.code for row in imported.quarantine] == ["CE419", "CE421"]


def test_of_identical_events_the_first_stays(tmp_path: Path) -> None:
    same = 'a,removal,2025-01-02,,"{ ""school_days"": 1,""reason"":""x""}",,,\n'
    other = 'a,removal,2025-01-02,,"{""reason"":""x"",""school_days"":1}",,,\n'
    imported = read(folder(tmp_path, events=EVENT_HEADER + same + EVENT + other))
    assert (only(imported).line, only(imported).code) == (4, "CE426")
    assert len(imported.events) == 2


def test_an_event_id_names_one_event_of_a_case(tmp_path: Path) -> None:
    rows = "a,removal,2025-01-02,,,e1,,\na,removal,2025-01-03,,,e1,,\nc,removal,2025-01-03,,,e1,,\n"
    cases = CASE_HEADER + CASE + CASE.replace("a,md", "c,md")
    imported = read(folder(tmp_path, cases=cases, events=EVENT_HEADER + rows))
    assert (only(imported).line, only(imported).code) == (3, "CE431")


def test_a_line_too_long_to_hold_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_reader, "LONGEST_LINE", 200)
    long = "a,removal,2025-01-02,," + "x" * 1000 + ",,,\n"
    events = EVENT_HEADER + EVENT + long + EVENT.replace("02", "03") + long.rstrip("\n")
    for block in (64, 1 << 20):
        imported = read(folder(tmp_path, events=events), block)
        assert [(row.line, row.code) for row in imported.quarantine] == [(3, "CE411"), (5, "CE411")]
        assert len(imported.events) == 2


def test_blank_lines_and_a_missing_last_line_end_are_nothing(tmp_path: Path) -> None:
    events = EVENT_HEADER + "\r\n\n" + EVENT.replace("\n", "\r\n") + "\na,removal,2025-13-01,,,,,"
    imported = read(folder(tmp_path, events=events))
    assert (imported.read, only(imported).line) == (3, 6)


def test_headings_in_other_words_and_cases_are_known(tmp_path: Path) -> None:
    cases = "\ufeffCaseId,State,LEA,Program,Date of Birth\na,MD,md.x,IDEA_B,2017-04-11\n"
    events = "Case-ID,Event Type,Date\na,removal,2025-01-02\n"
    imported = read(folder(tmp_path, cases, events))
    assert imported.accepted == 2
    assert imported.cases["state"].to_pylist() == ["md"]


@pytest.mark.parametrize(
    ("cases", "events", "code"),
    [
        ("", EVENT_HEADER, "CE402"),
        (CASE_HEADER, b"", "CE402"),
        ("case_id,state,program\n", EVENT_HEADER, "CE401"),
        (CASE_HEADER, "case_id,event,occured_on\n", "CE401"),
        (CASE_HEADER, "case_id,event,occurred_on,remark\n", "CE401"),
        (CASE_HEADER, "case_id,event,occurred_on,event\n", "CE401"),
        (CASE_HEADER.replace(",", ";"), EVENT_HEADER, "CE401"),
        (CASE_HEADER.encode("utf-16"), EVENT_HEADER, "CE412"),
        ("case_id,state,district,program,caf\xe9\n".encode("latin-1"), EVENT_HEADER, "CE412"),
        (CASE_HEADER.replace("category", "last_name"), EVENT_HEADER, "CE407"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_a_problem(
    tmp_path: Path, cases: str | bytes, events: str | bytes, code: str
) -> None:
    with pytest.raises(CaseProblem, match=code):
        read(folder(tmp_path, cases, events))


def test_a_folder_without_files_names_both(tmp_path: Path) -> None:
    with pytest.raises(CaseProblem) as caught:
        read_folder(tmp_path, received_on=RECEIVED)
    assert [(one.code, one.thing) for one in caught.value.problems] == [
        ("CE403", "cases"),
        ("CE403", "events"),
    ]


def test_moments_without_zone_are_utc_and_offsets_are_honoured(tmp_path: Path) -> None:
    rows = [
        "a,removal,2025-01-02,2025-01-02T10:00:00+02:00,,,,\n",
        "a,removal,2025-01-03,2025-01-02T10:00:00,,,,\n",
        "a,removal,2025-01-04,2025-01-02,,,,\n",
        "a,removal,2025-01-05,,,,,\n",
    ]
    imported = read(folder(tmp_path, events=EVENT_HEADER + "".join(rows)))
    day = datetime(2025, 1, 2, tzinfo=UTC)
    expected = [day.replace(hour=8), day.replace(hour=10), day, None]
    assert imported.events["recorded_at"].to_pylist() == expected


def test_grades_are_read_as_words_and_numbers(tmp_path: Path) -> None:
    grades = ["PK", "KG", "k", "0", "09", "12"]
    rows = [f"c{n},md,md.x,,idea_b,,{grade},,\n" for n, grade in enumerate(grades)]
    imported = read(folder(tmp_path, cases=CASE_HEADER + "".join(rows)))
    assert imported.cases["grade"].to_pylist() == [-1, 0, 0, 0, 9, 12]


def test_json_lines_refuse_what_is_no_record(tmp_path: Path) -> None:
    case = '{"case_id":"a","state":"md","district":"md.x","program":"idea_b","grade":3,"homeless":false}\n'
    (tmp_path / "cases.jsonl").write_text(case)
    lines = [
        '{"case_id":"a","event":"removal","occurred_on":"2025-01-02","attributes":{"school_days":2}}',
        "{not json",
        "[1]",
        '{"case_id":"a","event":"removal","occurred_on":"2025-01-02","ocurred":1}',
        "",
        '{"event":"removal","occurred_on":"2025-01-02"}',
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    imported = read(tmp_path)
    assert [(row.line, row.code) for row in imported.quarantine] == [
        (2, "CE409"),
        (3, "CE409"),
        (4, "CE408"),
        (6, "CE414"),
    ]
    assert imported.cases["attributes"].to_pylist() == ['{"homeless":false}']
    assert imported.events["attributes"].to_pylist() == ['{"school_days":2}']


def test_parquet_rows_are_refused_by_number(tmp_path: Path) -> None:
    cases = {"case_id": ["a", "a"], "state": ["md"] * 2, "district": ["md.x"] * 2, "program": ["idea_b"] * 2}
    pq.write_table(pa.table(cases), tmp_path / "cases.parquet")
    events = pa.table(
        {
            "case_id": ["a", "a"],
            "event": ["removal", "removall"],
            "occurred_on": pa.array([date(2025, 1, 2)] * 2, pa.date32()),
            "recorded_at": pa.array([datetime(2025, 1, 2, 3, tzinfo=UTC), None], pa.timestamp("ms", "UTC")),
            "attributes": pa.array([{"school_days": 1}, None], pa.struct([("school_days", pa.int64())])),
        }
    )
    pq.write_table(events, tmp_path / "events.parquet")
    imported = read(tmp_path)
    assert [(row.line, row.code) for row in imported.quarantine] == [(2, "CE420"), (2, "CE422")]
    assert imported.events["recorded_at"].to_pylist() == [datetime(2025, 1, 2, 3, tzinfo=UTC)]
    assert imported.events["attributes"].to_pylist() == ['{"school_days":1}']


def test_a_file_that_is_no_parquet_is_a_problem(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "cases.csv").unlink()
    (tmp_path / "cases.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(CaseProblem, match="CE403"):
        read_folder(tmp_path, received_on=RECEIVED)


def test_no_cell_of_the_quarantine_becomes_a_formula(tmp_path: Path) -> None:
    raws = ["=1+1", "+1", "-1", "@x", "\tx", "  =1", "a\nb", "c\0d", 'e,"f"']
    rows = [QuarantinedRow("events.csv", n, "CE421", "no accepted case", raw) for n, raw in enumerate(raws)]
    path = tmp_path / "quarantine.csv"
    write_quarantine(rows, path)
    with path.open(newline="", encoding="utf-8") as stream:
        cells = [row["raw"] for row in csv.DictReader(stream)]
    assert cells == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'  =1", "a\\nb", "c\\0d", 'e,"f"']


PIECES = st.one_of(
    st.sampled_from(
        [
            b"a,removal,2025-01-02,,,,,",
            b"zz,removal,2025-01-02,,,,,",
            b"",
            b'"',
            b",,,",
            b"\xff",
            b"\0",
            b"\r",
        ]
    ),
    st.binary(max_size=30),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=20), st.sampled_from([32, 1 << 20]))
def test_whatever_the_lines_hold_each_is_taken_or_refused(
    tmp_path: Path, pieces: list[bytes], block: int
) -> None:
    body = b"\n".join(pieces)
    imported = read(folder(tmp_path, events=EVENT_HEADER.encode() + body), block)
    lines = [line for line in body.split(b"\n") if line not in (b"", b"\r")]
    assert imported.read == len(lines) + 1

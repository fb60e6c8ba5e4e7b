"""Cases as columns: what build_batch keeps, how it orders, and what it refuses."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_engine.cases.attributes import MISSING_INT
from compliance_engine.cases.batch import CaseBatch, build_batch
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.dates import NO_DAY, to_day
from compliance_engine.errors import CaseProblem

AS_OF = date(2026, 1, 1)


def cases(*rows: dict) -> pa.Table:
    given = [
        {"state": "tx", "district": "tx.a", "calendar": "tx.a", "program": "idea_b"} | row for row in rows
    ]
    return pa.Table.from_pylist(given, schema=CASES)


def events(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=EVENTS)


def event(case: str, name: str, day: str, attributes: str | None = None, **more: object) -> dict:
    return {
        "case_id": case,
        "event": name,
        "occurred_on": date.fromisoformat(day),
        "attributes": attributes,
    } | more


def days_of(batch: CaseBatch, name: str) -> list[int]:
    return batch.events[name].day.tolist() if name in batch.events else []


def test_cases_are_sorted_by_state_program_district_and_id() -> None:
    batch = build_batch(
        cases(
            {"case_id": "b", "state": "tx"},
            {"case_id": "c", "state": "md", "district": "md.z"},
            {"case_id": "a", "state": "tx", "program": "section_504"},
            {"case_id": "d", "state": "md", "district": "md.y"},
            {"case_id": "a0", "state": "tx"},
        ),
        events(),
        as_of=AS_OF,
    )
    assert batch.case_id.tolist() == ["d", "c", "a0", "b", "a"]
    assert list(batch.groups()) == [
        ("md", "idea_b", "md.y", 0, 1),
        ("md", "idea_b", "md.z", 1, 2),
        ("tx", "idea_b", "tx.a", 2, 4),
        ("tx", "section_504", "tx.a", 4, 5),
    ]


def test_a_batch_without_cases_is_a_batch() -> None:
    batch = build_batch(cases(), events(), as_of=AS_OF)
    assert (len(batch), list(batch.groups()), dict(batch.events)) == (0, [], {})


def test_events_are_grouped_by_type_and_case() -> None:
    batch = build_batch(
        cases({"case_id": "a"}, {"case_id": "b"}, {"case_id": "c"}),
        events(
            event("c", "removal", "2025-03-02", '{"school_days": 4}'),
            event("a", "removal", "2025-03-05"),
            event("c", "removal", "2025-01-09", '{"school_days": 3}'),
        ),
        as_of=AS_OF,
    )
    column = batch.events["removal"]
    assert column.offsets.tolist() == [0, 1, 1, 3]
    assert column.day.tolist() == [
        to_day(date(2025, 3, 5)),
        to_day(date(2025, 1, 9)),
        to_day(date(2025, 3, 2)),
    ]
    assert column.attributes["school_days"].tolist() == [MISSING_INT, 3, 4]


def test_attributes_become_typed_columns() -> None:
    given = '{"purpose": "initial", "transition_plan": true, "at": "14:30"}'
    other = '{"transition_plan": false, "purpose": "annual_review"}'
    batch = build_batch(
        cases({"case_id": "a"}),
        events(
            event("a", "iep_meeting_held", "2025-01-10", given),
            event("a", "iep_meeting_held", "2025-02-10", other),
            event("a", "iep_meeting_held", "2025-03-10"),
            event("a", "extension_agreed", "2025-01-05", '{"until": "2025-04-01"}'),
        ),
        as_of=AS_OF,
    )
    column = batch.events["iep_meeting_held"]
    assert column.attributes["transition_plan"].tolist() == [1, 0, -1]
    assert column.attributes["transition_plan"].dtype == np.int8
    assert column.attributes["at"].tolist() == [870, -1, -1]
    assert batch.vocab["purpose"] == ["annual_review", "initial"]
    assert column.attributes["purpose"].tolist() == [1, 0, -1]
    assert batch.events["extension_agreed"].attributes["until"].tolist() == [to_day(date(2025, 4, 1))]


def test_an_attribute_nobody_gave_is_missing_everywhere() -> None:
    batch = build_batch(cases({"case_id": "a"}), events(event("a", "removal", "2025-01-10")), as_of=AS_OF)
    values, missing = batch.events["removal"].values("school_days")
    assert values.tolist() == [MISSING_INT]
    assert missing.tolist() == [True]


def test_codes_for_turns_values_into_the_numbers_of_the_columns() -> None:
    batch = build_batch(
        cases({"case_id": "a"}),
        events(event("a", "iep_meeting_held", "2025-01-10", '{"purpose": "initial"}')),
        as_of=AS_OF,
    )
    assert batch.codes_for("purpose", ["initial", "transfer"]).tolist() == [0, -2]
    assert batch.codes_for("eligible", ["true", False]).tolist() == [1, 0]
    assert batch.codes_for("school_days", ["4"]).tolist() == [4]
    assert batch.codes_for("until", ["1970-01-03"]).tolist() == [2]
    assert batch.codes_for("at", ["01:30"]).tolist() == [90]


def test_facts_of_a_case_are_columns() -> None:
    batch = build_batch(
        cases(
            {
                "case_id": "a",
                "grade": -1,
                "birth_date": date(2020, 2, 29),
                "attributes": '{"provider": "charter"}',
            },
            {"case_id": "b", "attributes": '{"enrolled": true, "reporting": "north"}'},
        ),
        events(),
        as_of=AS_OF,
    )
    assert batch.birth_day.tolist() == [to_day(date(2020, 2, 29)), NO_DAY]
    assert [array.tolist() for array in batch.case_values("grade")] == [[-1, MISSING_INT], [False, True]]
    assert [array.tolist() for array in batch.case_values("provider")] == [[0, -1], [False, True]]
    assert [array.tolist() for array in batch.case_values("enrolled")] == [[-1, 1], [True, False]]
    assert batch.vocab["reporting"] == ["north"]
    assert [array.tolist() for array in batch.case_values("homeless")] == [[-1, -1], [True, True]]


def test_a_slice_is_the_batch_of_its_cases() -> None:
    batch = build_batch(
        cases({"case_id": "a"}, {"case_id": "b"}, {"case_id": "c"}),
        events(
            event("a", "removal", "2025-01-01"),
            event("b", "removal", "2025-01-02", '{"school_days": 2}'),
            event("c", "removal", "2025-01-03", '{"school_days": 3}'),
            event("a", "exited", "2025-02-03"),
        ),
        as_of=AS_OF,
    ).slice(1, 3)
    assert batch.case_id.tolist() == ["b", "c"]
    assert list(batch.events) == ["removal"]
    assert batch.events["removal"].offsets.tolist() == [0, 1, 2]
    assert batch.events["removal"].attributes["school_days"].tolist() == [2, 3]


def test_events_after_as_of_do_not_exist() -> None:
    batch = build_batch(
        cases({"case_id": "a"}),
        events(event("a", "removal", "2026-01-01"), event("a", "removal", "2026-01-02")),
        as_of=AS_OF,
    )
    assert days_of(batch, "removal") == [to_day(AS_OF)]


def test_records_made_after_known_at_are_not_known() -> None:
    table = events(
        event("a", "removal", "2025-01-01", recorded_at=datetime(2025, 1, 5, 12, tzinfo=UTC)),
        event("a", "exited", "2025-01-02", recorded_at=datetime(2025, 1, 5, 12, 0, 1, tzinfo=UTC)),
        event("a", "services_started", "2025-01-05"),
        event("a", "services_ended", "2025-01-06"),
    )
    known_at = datetime(2025, 1, 5, 12, tzinfo=UTC)
    batch = build_batch(cases({"case_id": "a"}), table, as_of=AS_OF, known_at=known_at)
    assert sorted(batch.events) == ["removal", "services_started"]


def test_known_at_without_a_time_zone_is_refused() -> None:
    with pytest.raises(CaseProblem, match="CE406"):
        build_batch(cases(), events(), as_of=AS_OF, known_at=datetime(2025, 1, 1))  # noqa: DTZ001


CORRECTED = (
    event("a", "removal", "2025-01-01", event_id="1", recorded_at=datetime(2025, 1, 1, tzinfo=UTC)),
    event(
        "a", "removal", "2025-01-03", event_id="2", corrects="1", recorded_at=datetime(2025, 2, 1, tzinfo=UTC)
    ),
    event(
        "a", "removal", "2025-01-04", event_id="3", corrects="1", recorded_at=datetime(2025, 3, 1, tzinfo=UTC)
    ),
    event(
        "a", "removal", "2025-01-04", event_id="4", retracts="3", recorded_at=datetime(2025, 4, 1, tzinfo=UTC)
    ),
    event("b", "removal", "2025-01-09", event_id="1", recorded_at=datetime(2025, 1, 9, tzinfo=UTC)),
)


@pytest.mark.parametrize(
    ("known_on", "expected"),
    [
        (date(2025, 1, 15), ["2025-01-01", "2025-01-09"]),
        (date(2025, 2, 15), ["2025-01-03", "2025-01-09"]),
        (date(2025, 3, 15), ["2025-01-04", "2025-01-09"]),
        (date(2025, 4, 15), ["2025-01-09"]),
    ],
)
def test_the_last_record_about_an_event_counts(known_on: date, expected: list[str]) -> None:
    known_at = datetime(known_on.year, known_on.month, known_on.day, tzinfo=UTC)
    both = cases({"case_id": "a"}, {"case_id": "b"})
    batch = build_batch(both, events(*CORRECTED), as_of=AS_OF, known_at=known_at)
    assert days_of(batch, "removal") == [to_day(date.fromisoformat(day)) for day in expected]


def test_a_correction_may_move_an_event_past_as_of() -> None:
    table = events(
        event("a", "removal", "2025-12-30", event_id="1"),
        event("a", "removal", "2026-01-05", event_id="2", corrects="1"),
    )
    assert days_of(build_batch(cases({"case_id": "a"}), table, as_of=AS_OF), "removal") == []


@pytest.mark.parametrize(
    ("case_rows", "event_rows", "code"),
    [
        ([{"case_id": "a"}, {"case_id": "a", "district": "tx.b"}], [], "CE420"),
        ([{"case_id": "a"}], [event("z", "removal", "2025-01-01")], "CE421"),
        ([{"case_id": "a"}], [event("a", "removall", "2025-01-01")], "CE422"),
        ([{"case_id": "a"}], [event("a", "removal", "2025-01-01", "[1]")], "CE423"),
        ([{"case_id": "a"}], [event("a", "removal", "2025-01-01", '{"school_days": "x"}')], "CE425"),
    ],
)
def test_tables_that_do_not_fit_are_refused(case_rows: list, event_rows: list, code: str) -> None:
    with pytest.raises(CaseProblem, match=code):
        build_batch(cases(*case_rows), events(*event_rows), as_of=AS_OF)


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(CaseProblem, match="CE450 table: the column case_id is missing"):
        build_batch(cases().drop_columns(["case_id"]), events(), as_of=AS_OF)


EVENT_ROWS = st.builds(
    event,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["removal", "student_absent", "exited"]),
    st.sampled_from(["2025-01-01", "2025-01-02", "2026-06-01"]),
    st.sampled_from([None, '{"school_days": 1}', '{"school_days": 2}', '{"reason": "x", "school_days": 1}']),
    event_id=st.sampled_from([None, "1", "2", "3"]),
    corrects=st.sampled_from([None, None, "1", "2"]),
    retracts=st.sampled_from([None, None, None, "2", "3"]),
    recorded_at=st.sampled_from([None, datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENT_ROWS, max_size=12), st.randoms(use_true_random=False))
def test_input_order_never_matters(rows: list[dict], shuffler: random.Random) -> None:
    case_rows = [
        {"case_id": "a"},
        {"case_id": "b", "state": "md"},
        {"case_id": "c", "attributes": '{"x": "y"}'},
    ]
    known_at = datetime(2025, 3, 15, tzinfo=UTC)
    one = build_batch(cases(*case_rows), events(*rows), as_of=AS_OF, known_at=known_at)
    shuffler.shuffle(rows)
    shuffler.shuffle(case_rows)
    two = build_batch(cases(*case_rows), events(*rows), as_of=AS_OF, known_at=known_at)
    assert contents(one) == contents(two)


def contents(batch: CaseBatch) -> object:
    columns = {
        name: (
            column.offsets.tolist(),
            column.day.tolist(),
            {k: v.tolist() for k, v in column.attributes.items()},
        )
        for name, column in batch.events.items()
    }
    return batch.case_id.tolist(), batch.vocab, list(columns.items()), batch.calendar.tolist()

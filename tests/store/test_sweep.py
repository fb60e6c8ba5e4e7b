"""Sweeps: counts that add up, change rows, what readers see, and what known_at hides."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from compliance_engine.engine.changes import KINDS
from compliance_engine.engine.judge import Judge
from compliance_engine.errors import StoreProblem
from compliance_engine.store import changes, results
from compliance_engine.store.changes import read_changes
from compliance_engine.store.sweeps import sweep_asked
from compliance_engine.store.tables import deadlines, findings
from compliance_engine.sweep import lots
from compliance_engine.sweep.law import law_of, read_law
from store_samples import (
    AS_OF,
    case,
    consent,
    copy_law,
    event,
    imported,
    moment,
    new_store,
    put,
    sweep,
    synthetic,
)

INITIAL = "tx.idea_b.initial_evaluation"
POISONED = Path(__file__).parents[1] / "poisoned_worker.py"


def stored(store, finished, kind=results.read_deadlines):
    with store.read() as connection:
        return kind(connection, finished.sweep).to_pylist()


def rows_in(store, table):
    with store.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_the_counts_of_a_sweep_add_up(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one", "tx.two"))
    finished = sweep(store, law)
    counts, found = finished.sweep.counts, stored(store, finished)
    assert counts["totals"]["cases"] == 80
    assert counts["totals"]["deadlines"] == len(found) == counts["statuses"].total()
    assert counts["statuses"] == Counter(row["status"] for row in found)
    assert counts["undetermined"].total() == counts["statuses"]["undetermined"]
    assert counts["late_rules"].total() == counts["statuses"]["met_late"] + counts["statuses"]["overdue"]
    assert counts["findings"] == Counter(
        row["finding"] for row in stored(store, finished, results.read_findings)
    )


def test_a_sweep_finds_what_a_preview_of_the_same_child_finds(tmp_path: Path, law):
    given = synthetic("tx.one", cases=60)
    store = new_store(tmp_path, given)
    finished = sweep(store, law)
    engine = law.engine(finished.sweep.question)
    for row in stored(store, finished)[:400]:
        names = (
            "rule",
            "opened_on",
            "due_on",
            "met_on",
            "closed_on",
            "status",
            "days_late",
            "variant",
            "excuse",
        )
        flags = ("too_early", "capped", "projected", "incomplete_calendar")
        previews = previewed(engine, given, row["case_id"])
        assert {name: row[name] for name in (*names, *flags)} in [
            {name: getattr(one, name) for name in (*names, *flags)} for one in previews
        ]


_PREVIEWS: dict[str, list[object]] = {}


def previewed(engine, given, case_id):
    """Return the deadlines of a preview of one case of the tables."""
    import json

    from compliance_engine.cases.event_text import WrittenEvent
    from compliance_engine.engine.preview import Child, preview

    if case_id not in _PREVIEWS:
        one = next(row for row in given.cases.to_pylist() if row["case_id"] == case_id)
        facts = json.loads(one["attributes"] or "{}")
        child = Child(
            "tx", one["program"], one["calendar"], one["birth_date"], one["grade"], facts, one["district"]
        )
        history = [
            WrittenEvent(row["event"], row["occurred_on"], json.loads(row["attributes"] or "{}"))
            for row in given.events.to_pylist()
            if row["case_id"] == case_id
        ]
        _PREVIEWS[case_id] = list(preview(child, history, engine, follow=False).deadlines)
    return _PREVIEWS[case_id]


def test_the_same_sweep_again_writes_nothing_and_has_the_same_digest(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one"))
    first, number = sweep(store, law), rows_in(store, deadlines)
    second = sweep(store, law)
    assert second.sweep.digest == first.sweep.digest
    assert second.sweep.counts["written"].total() == 0
    assert (rows_in(store, deadlines), list(second.changes)) == (number, [])


def test_an_overdue_deadline_is_not_a_new_row_every_night(tmp_path: Path, law):
    """Consent on 2025-09-02: due 2025-11-05 (Sep 3-30 20, Oct 22 -> 42, Nov 3, 4, 5 -> 45), open since."""
    store = new_store(tmp_path, imported([case("a")], [consent("a", "2025-09-02")]))
    first = sweep(store, law, date(2026, 2, 2))
    second = sweep(store, law, date(2026, 2, 3))
    assert second.sweep.counts["written"].total() == 0
    days_late = [
        row["days_late"] for one in (first, second) for row in stored(store, one) if row["rule"] == INITIAL
    ]
    # Nov 25, Dec 31, Jan 31 -> 87, Feb 2 -> 89
    assert days_late == [89, 90]


def test_an_old_sweep_reads_as_it_was(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one"))
    first = sweep(store, law)
    before = stored(store, first)
    later = sweep(store, law, AS_OF + timedelta(days=200))
    assert list(later.changes)
    assert stored(store, first) == before


def test_results_do_not_depend_on_how_districts_are_put_together(tmp_path: Path, law, monkeypatch):
    given = synthetic("tx.one", "tx.two", "tx.three", cases=20)
    together = sweep(new_store(tmp_path, given), law)
    monkeypatch.setattr(lots, "CHUNK", 1)
    apart = sweep(new_store(tmp_path, given, "other.db"), law)
    assert apart.sweep.digest == together.sweep.digest
    assert apart.sweep.counts == together.sweep.counts


def test_one_snow_day_more_lists_exactly_the_dates_that_moved(tmp_path: Path):
    """Snow on Monday 2026-01-26, within the counts of b and c and after that of a.

    a: consent 2025-09-02: 45 school days end on 2025-11-05.
    b: consent 2025-12-15: Dec 16-19 4, Jan 5-30 19 (Jan 19 closed) -> 23, Feb 19 (Feb 16 closed) -> 42,
       Mar 2, 3, 4 -> 45; with the snow one more: Mar 5.
    c: consent 2025-12-29: Jan 19, Feb 19 -> 38, Mar 2-6 -> 43, Mar 9, 10 -> 45; with the snow Mar 11.
    d: consent 2026-01-26 itself, which is not counted: Jan 27-30 4, Feb 19 -> 23, Mar 2-27 20 -> 43,
       (Mar 30-Apr 3 closed) Apr 6, 7 -> 45: unchanged.
    """
    rules, calendars = copy_law(tmp_path)
    consents = {"a": "2025-09-02", "b": "2025-12-15", "c": "2025-12-29", "d": "2026-01-26"}
    history = [consent(case_id, day) for case_id, day in consents.items()]
    store = new_store(tmp_path, imported([case(one) for one in consents], history))
    first = sweep(store, read_law(rules, calendars))
    dues = {row["case_id"]: row["due_on"] for row in stored(store, first) if row["rule"] == INITIAL}
    assert dues["d"] == date(2026, 4, 7)
    path = calendars / "us" / "example_county" / "2025-26.yaml"
    text = path.read_text(encoding="utf-8")
    snow = "unplanned:\n  - {date: 2026-01-26, kind: weather, name: Snow}\nstated_"
    path.write_text(text.replace("stated_", snow, 1), encoding="utf-8")
    second = sweep(store, read_law(rules, calendars))
    moved = [(one.case_id, one.rule, one.kind, one.old_due, one.new_due) for one in second.changes]
    assert moved == [
        ("b", INITIAL, "moved", date(2026, 3, 4), date(2026, 3, 5)),
        ("c", INITIAL, "moved", date(2026, 3, 10), date(2026, 3, 11)),
    ]


def test_changes_name_what_appeared_disappeared_and_changed_its_status(tmp_path: Path, law):
    first = [consent("a", "2025-12-15", event_id="e1"), consent("b", "2025-12-15")]
    store = new_store(tmp_path, imported([case("a"), case("b")], first))
    sweep(store, law)
    report = event("b", "evaluation_report_completed", "2026-01-30", purpose="initial")
    put(store, imported([case("a"), case("b")], [consent("a", "2025-12-16", corrects="e1"), report]))
    changes = [one for one in sweep(store, law).changes if one.rule == INITIAL]
    assert [(one.case_id, one.opened_on, one.kind) for one in changes] == [
        ("a", date(2025, 12, 15), "disappeared"),
        ("a", date(2025, 12, 16), "appeared"),
        ("b", date(2025, 12, 15), "status"),
    ]


def test_a_sweep_believes_only_what_was_known(tmp_path: Path, law):
    late = consent("a", "2025-12-15", recorded_at="2026-01-20")
    store = new_store(tmp_path, imported([case("a")], [late]))
    before = sweep(store, law, known_at=moment("2026-01-19"))
    after = sweep(store, law, known_at=moment("2026-01-20"))
    assert [
        len([row for row in stored(store, one) if row["rule"] == INITIAL]) for one in (before, after)
    ] == [0, 1]


def test_closures_announced_later_are_not_known(tmp_path: Path, law):
    """us.example_snow: snow on 2026-01-26 and 2026-02-05; Dec 15 is due Mar 4 without, Mar 6 with both."""
    history = imported([case("a", calendar="us.example_snow")], [consent("a", "2025-12-15")])
    store = new_store(tmp_path, history)
    dues = [
        row["due_on"]
        for at in ("2026-01-25", "2026-02-05")
        for row in stored(store, sweep(store, law, known_at=moment(at)))
        if row["rule"] == INITIAL
    ]
    assert dues == [date(2026, 3, 4), date(2026, 3, 6)]


def test_a_situation_that_kills_the_judge_neither_stops_the_sweep_nor_loses_the_rest(
    tmp_path: Path, law, monkeypatch
):
    # memory that is not zero: what durable-rules reads past its own is then not mistaken for nothing
    monkeypatch.setenv("MALLOC_PERTURB_", "165")

    def history(code):
        late = [consent(one, "2025-09-02") for one in ("a", "b")]
        return imported(
            [case("a"), case("b")], [*late, event("a", "evaluation_delayed", "2025-10-01", reason_code=code)]
        )

    healthy = new_store(tmp_path, history("weather"), "healthy.db")
    expected = stored(healthy, sweep(healthy, law), results.read_findings)
    store = new_store(tmp_path, history("POISON"))
    finished = sweep(store, law, judge=Judge(law.findings, worker=POISONED))
    found = stored(store, finished, results.read_findings)
    (unjudged,) = (row for row in found if row["finding"] == "not_judged")
    assert (unjudged["case_id"], unjudged["rule"]) == ("a", INITIAL)
    assert finished.sweep.counts["not_judged"] == {"the judge died of it twice": 1}
    others = [row for row in expected if (row["case_id"], row["rule"]) != ("a", INITIAL)]
    assert [row for row in found if row is not unjudged] == others
    assert len(stored(store, finished)) == finished.sweep.counts["totals"]["deadlines"]


def test_without_findings_rules_there_are_no_findings(tmp_path: Path, law):
    from dataclasses import replace

    store = new_store(tmp_path, synthetic("tx.one"))
    none = replace(law, findings=replace(law.findings, rules=()))
    finished = sweep(store, none)
    assert (finished.sweep.counts["totals"]["findings"], rows_in(store, findings)) == (0, 0)


def test_a_calendar_that_does_not_exist_is_told_of(tmp_path: Path, law):
    store = new_store(tmp_path, imported([case("a", calendar="tx.nowhere")], [consent("a", "2025-12-15")]))
    finished = sweep(store, law)
    assert [problem.code for problem in finished.warnings] == ["CE311"]


def test_the_law_of_an_old_sweep_is_read_from_the_store(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one"))
    finished = sweep(store, law)
    with law_of(store, finished.sweep) as kept:
        assert (kept.rules.hash, kept.calendars.hash) == (law.rules.hash, law.calendars.hash)
        assert kept.corpus.rules.keys() == law.corpus.rules.keys()


def test_a_sweep_that_is_not_there_cannot_be_read(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one", cases=3))
    with store.read() as connection, pytest.raises(StoreProblem, match="CE614"):
        sweep_asked(store, connection, None)
    sweep(store, law)
    with store.read() as connection, pytest.raises(StoreProblem, match="CE614"):
        sweep_asked(store, connection, 2)


def test_changes_are_the_same_however_many_cases_are_looked_at_at_once(
    tmp_path: Path, law, monkeypatch: pytest.MonkeyPatch
):
    store = new_store(tmp_path, synthetic("tx.one", "tx.two", cases=20))
    first, second = sweep(store, law), sweep(store, law, AS_OF + timedelta(days=200))
    expected = list(second.changes)
    assert [(one.case_id, one.rule) for one in expected] == sorted(
        (one.case_id, one.rule) for one in expected
    )
    monkeypatch.setattr(changes, "_CASES_AT_ONCE", 7)
    monkeypatch.setattr(changes, "_MADE_AT_ONCE", 5)
    with store.read() as connection:
        found = read_changes(connection, first.sweep, second.sweep)
    assert list(found) == expected
    assert [one for some in found.by_cases(3) for one in some] == expected
    assert all({one.kind for one in found.of(kind)} <= {kind} for kind in KINDS)
    assert sum(found.count(kind) for kind in KINDS) == len(expected) > 40

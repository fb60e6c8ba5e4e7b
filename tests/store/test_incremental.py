"""A night costs what changed, and comes out as if everything had been evaluated again."""

from __future__ import annotations

import random
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from compliance_engine.store.results import read_deadlines, read_findings
from compliance_engine.store.sweeps import parts_of_sweep
from compliance_engine.store.tables import case_states, sweep_parts
from compliance_engine.sweep import lots
from compliance_engine.sweep.law import read_law
from store_samples import AS_OF, case, consent, event, imported, moment, new_store, put, sweep, synthetic

DAY = timedelta(days=1)
KNOWN = case("known", birth_date=date(2017, 5, 1))


def evaluated(finished) -> int:
    return finished.sweep.counts["written"]["cases_evaluated"]


def contents(store, finished):
    """Return everything a sweep found, but how it was found."""
    with store.read() as connection:
        tables = (
            read_deadlines(connection, finished.sweep),
            read_findings(connection, finished.sweep),
        )
    counts = {kind: +counter for kind, counter in finished.sweep.counts.items() if kind != "written"}
    return [table.to_pylist() for table in tables], counts, finished.sweep.digest


def agree(folder: Path, law, given, store, finished, as_of) -> None:
    """Check a sweep against that of a new store with the same facts, where every case is evaluated."""
    fresh = new_store(folder, name=f"fresh {finished.sweep.number}.db")
    for one in given:
        put(fresh, one)
    assert contents(store, finished) == contents(fresh, sweep(fresh, law, as_of))


def test_a_quiet_night_evaluates_only_those_whose_day_has_come(tmp_path: Path, law):
    given = synthetic("tx.one", "tx.two", cases=40)
    store = new_store(tmp_path, given)
    first = sweep(store, law)
    assert evaluated(first) == 80
    again = sweep(store, law)
    assert evaluated(again) == 0
    assert contents(store, again) == contents(store, first)
    next_month = sweep(store, law, AS_OF + 30 * DAY)
    assert 0 < evaluated(next_month) < 40
    agree(tmp_path, law, [given], store, next_month, AS_OF + 30 * DAY)


def test_a_case_that_comes_out_as_before_is_not_written_again(tmp_path: Path, law):
    store = new_store(tmp_path, imported([KNOWN], [consent("known", "2026-01-05")]))
    put(store, synthetic("tx.one"))
    sweep(store, law)
    note = event("known", "student_absent", "2025-11-20", school_days=1)
    put(store, imported([KNOWN], [note]))
    again = sweep(store, law)
    assert (evaluated(again), states_of(store, again)) == (1, 0)
    assert evaluated(sweep(store, law)) == 0
    done = event("known", "evaluation_completed", "2026-01-22", purpose="initial")
    put(store, imported([KNOWN], [done]))
    assert states_of(store, sweep(store, law)) == 1


def states_of(store, finished):
    """Return how many states of cases a sweep wrote."""
    query = sa.select(sa.func.count()).where(case_states.c.sweep == finished.sweep.number)
    with store.read() as connection:
        return connection.execute(query).scalar()


def test_many_nights_come_out_like_full_ones(tmp_path: Path, law, database):
    chance = random.Random(f"nights {database}")
    given = [synthetic("tx.one", "tx.two", "tx.three", cases=25)]
    store = new_store(tmp_path, given[0])
    sweep(store, law)
    as_of, total = AS_OF, 0
    for night in range(1, 7):
        as_of += timedelta(days=chance.choice([0, 1, 3, 30]))
        names = [f"new {night} {index}" for index in range(chance.randrange(3))]
        days = [str(as_of - timedelta(days=chance.randrange(-20, 90))) for _ in names]
        given.append(
            imported(
                [case(name, district=chance.choice(["tx.one", "tx.four"])) for name in names],
                [consent(name, day) for name, day in zip(names, days, strict=True)],
            )
        )
        put(store, given[-1])
        finished = sweep(store, law, as_of)
        total += evaluated(finished)
        agree(tmp_path, law, given, store, finished, as_of)
    assert total < 6 * 75


def test_a_new_fact_a_correction_and_another_calendar_are_noticed(tmp_path: Path, law):
    given = [synthetic("tx.one", cases=20), imported([KNOWN], [consent("known", "2025-11-03", event_id="a")])]
    store = new_store(tmp_path, given[0])
    put(store, given[1])
    sweep(store, law)
    changes = [
        imported([KNOWN], [event("known", "student_absent", "2025-11-20", school_days=5)]),
        imported([KNOWN], [consent("known", "2025-11-10", event_id="b", corrects="a")]),
        imported([KNOWN | {"calendar": "us.example_snow"}], []),
    ]
    for change in changes:
        given.append(change)
        put(store, change)
        finished = sweep(store, law)
        assert evaluated(finished) == 1
        agree(tmp_path, law, given, store, finished, AS_OF)


def test_a_changed_calendar_evaluates_its_cases_and_a_changed_rule_those_of_its_state(
    tmp_path: Path, law_folders, law
):
    given = [
        synthetic("tx.one", cases=5),
        imported([KNOWN | {"calendar": "us.example_snow"}], [consent("known", "2025-11-03")]),
    ]
    store = new_store(tmp_path, given[0])
    put(store, given[1])
    sweep(store, law)
    folders = [Path(shutil.copytree(folder, tmp_path / "other" / folder.name)) for folder in law_folders]
    calendar = folders[1] / "us" / "example_snow" / "2025-26.yaml"
    text = calendar.read_text(encoding="utf-8")
    calendar.write_text(text.replace('name: "Snow"', 'name: "Ice"'), encoding="utf-8")
    assert evaluated(sweep(store, read_law(*folders))) == 1
    rules = folders[0] / "tx" / "idea_b" / "initial_evaluation.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("45 school_days after", "44 school_days after"), encoding="utf-8")
    changed = read_law(*folders)
    finished = sweep(store, changed)
    assert evaluated(finished) == 6
    agree(tmp_path, changed, given, store, finished, AS_OF)


def test_what_asks_otherwise_evaluates_everything(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one", cases=10))
    sweep(store, law)
    assert evaluated(sweep(store, law, AS_OF - DAY)) == 10
    assert evaluated(sweep(store, law, known_at=moment("2026-01-01"))) == 10
    assert evaluated(sweep(store, law)) == 10
    assert evaluated(sweep(store, law)) == 0


def test_an_abandoned_sweep_leaves_no_state_behind(tmp_path: Path, law, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lots, "CHUNK", 1)
    given = synthetic("tx.one", "tx.two", cases=15)
    store = new_store(tmp_path, given)
    sweep(store, law)
    later = AS_OF + timedelta(days=60)

    def stop(done, total, name):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(store, law, later, progress=stop)
    finished = sweep(store, law, AS_OF + DAY)
    agree(tmp_path, law, [given], store, finished, AS_OF + DAY)


def test_a_district_whose_digest_cannot_be_added_to_is_evaluated_whole(tmp_path: Path, law):
    given = [synthetic("tx.one", "tx.two", cases=9), imported([KNOWN], [consent("known", "2025-11-03")])]
    store = new_store(tmp_path, given[0])
    put(store, given[1])
    sweep(store, law)
    with store.write() as connection:  # as early versions wrote it
        connection.execute(sweep_parts.update().values(digest="0" * 64))
    given.append(imported([KNOWN], [event("known", "student_absent", "2025-11-20", school_days=5)]))
    put(store, given[-1])
    finished = sweep(store, law)
    assert evaluated(finished) == 10
    with store.read() as connection:
        digests = [digest for _, digest in parts_of_sweep(connection, finished.sweep.number).values()]
    assert sorted(digest[:4] for digest in digests) == ["0000", "sum:"]
    full = sweep(store, law, full=True)
    agree(tmp_path, law, given, store, full, AS_OF)


def test_a_full_sweep_agrees_with_the_incremental_ones(tmp_path: Path, law):
    store = new_store(tmp_path, synthetic("tx.one", cases=20))
    sweep(store, law)
    night = sweep(store, law, AS_OF + DAY)
    full = sweep(store, law, AS_OF + DAY, full=True)
    assert evaluated(full) == 20
    assert full.warnings == ()
    assert contents(store, full) == contents(store, night)


def test_a_full_sweep_names_what_an_incremental_one_would_have_missed(tmp_path: Path, law):
    store = new_store(tmp_path, imported([KNOWN], [consent("known", "2025-11-03")]))
    sweep(store, law, date(2025, 12, 1))
    with store.write() as connection:  # as if nothing were to come
        connection.execute(case_states.update().values(next_change_on=None))
    assert evaluated(sweep(store, law, AS_OF + 60 * DAY)) == 0
    (warning,) = sweep(store, law, AS_OF + 60 * DAY, full=True).warnings
    assert (warning.code, warning.thing) == ("CE617", "tx.one")
    assert "known" in warning.found


def test_a_deadline_closed_on_the_day_asked_about_is_as_late_as_it_was_then(tmp_path: Path, law):
    given = imported([KNOWN], [consent("known", "2025-09-02"), event("known", "exited", str(AS_OF))])
    store = new_store(tmp_path, given)
    sweep(store, law)
    assert sweep(store, law, AS_OF + DAY, full=True).warnings == ()
    assert not list(sweep(store, law, AS_OF + 9 * DAY).changes)

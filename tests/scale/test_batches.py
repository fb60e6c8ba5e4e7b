"""One function over Arrow tables finds what a sweep of a store finds."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from compliance_engine.cases.importers.outcome import Imported
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.scale.batches import (
    CASE_RESULTS,
    Results,
    digest_of_sums,
    district_sums,
    evaluate_tables,
)
from compliance_engine.store.results import read_deadlines, read_findings
from compliance_engine.store.sweeps import Question
from compliance_engine.store.wording import DEADLINES, FINDINGS
from scale_samples import made, whole
from store_samples import AS_OF, case, consent, imported, judge_of, moment, new_store, sweep

LATER = date(2026, 5, 4)


def found(law, given, question=None) -> Results:
    asked = question or Question(AS_OF)
    return evaluate_tables(law, judge_of(law), asked, given.cases, given.events)


@pytest.mark.parametrize("as_of", [AS_OF, LATER])
def test_it_finds_what_a_sweep_finds(tmp_path, law, as_of):
    given = whole(made())
    number = len(given.cases) + len(given.events)
    store = new_store(tmp_path, Imported(given.cases, given.events, [], number, number))
    expected, results = sweep(store, law, as_of), found(law, given, Question(as_of))
    with store.read() as connection:
        tables = read_deadlines(connection, expected.sweep), read_findings(connection, expected.sweep)
    for own, stored in zip((results.deadlines, results.findings), tables, strict=True):
        assert len(own)
        assert own.equals(stored.select(own.column_names).cast(own.schema))
    assert digest_of_sums([district_sums(results.cases)]) == expected.sweep.digest
    assert results.counts == {k: v for k, v in expected.sweep.counts.items() if k != "written"}


def test_what_was_not_known_yet_does_not_count(tmp_path, law):
    late = consent("a", "2025-09-02", recorded_at="2025-12-01T00:00:00")
    given = imported([case("a"), case("b")], [late, consent("b", "2025-09-02")])
    asked = moment("2025-11-01T00:00:00")
    expected = sweep(new_store(tmp_path, given), law, known_at=asked)
    results = found(law, given, Question(AS_OF, asked))
    assert digest_of_sums([district_sums(results.cases)]) == expected.sweep.digest
    assert found(law, given).deadlines.num_rows > results.deadlines.num_rows


def test_parts_add_up_to_the_whole(law):
    parts = made(size=7)
    results = [found(law, part) for part in parts]
    everything = found(law, whole(parts))
    sums = [district_sums(one.cases) for one in results]
    assert (
        digest_of_sums(sums)
        == digest_of_sums(reversed(sums))
        == digest_of_sums([district_sums(everything.cases)])
    )
    for name in ("cases", "deadlines", "findings"):
        assert pa.concat_tables([getattr(one, name) for one in results]).equals(getattr(everything, name))


def test_the_order_of_rows_never_matters(law):
    given = whole(made())
    rng = np.random.default_rng(1)
    shuffled = [table.take(pa.array(rng.permutation(len(table)))) for table in (given.cases, given.events)]
    results = evaluate_tables(law, judge_of(law), Question(AS_OF), *shuffled)
    expected = found(law, given)
    assert (results.cases, results.deadlines, results.findings) == (
        expected.cases,
        expected.deadlines,
        expected.findings,
    )


def test_no_cases_give_no_results(law):
    results = evaluate_tables(law, judge_of(law), Question(AS_OF), CASES.empty_table(), EVENTS.empty_table())
    assert (results.cases, results.deadlines, results.findings) == (
        CASE_RESULTS.empty_table(),
        DEADLINES.empty_table(),
        FINDINGS.empty_table(),
    )
    assert results.counts["totals"] == {"cases": 0, "deadlines": 0, "findings": 0}


def test_a_case_without_deadlines_is_there(law):
    results = found(law, imported([case("quiet", birth_date=None)], []))
    assert results.cases.column("case_id").to_pylist() == ["quiet"]
    assert list(district_sums(results.cases)) == [("tx", "tx.one")]

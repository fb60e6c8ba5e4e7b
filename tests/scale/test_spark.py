"""Cases in Spark come out as in a run over partitions."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compliance_engine.scale.batches import evaluate_tables
from compliance_engine.scale.spark import digest_of_frame, evaluate_frames
from compliance_engine.store.sweeps import Question
from scale_samples import evaluated, made, partitioned, whole
from store_samples import AS_OF, judge_of

for _needed in ("pyspark", "pandas"):
    pytest.importorskip(_needed, reason=f"{_needed} is not installed")
if shutil.which("java") is None:
    pytest.skip("Java is not installed", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")  # pyspark's own, of many kinds


@pytest.fixture(scope="module")
def spark() -> Iterator[object]:
    from pyspark.sql import SparkSession

    source = Path(__file__).parents[2] / "src"
    paths = {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(source)}
    before = {name: os.environ.get(name) for name in paths}
    os.environ.update(paths)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.sql.shuffle.partitions", "3")
        builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "20")
        session = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, spark, law):
    source = partitioned(tmp_path_factory.mktemp("records"))
    cases, events = (spark.read.parquet(f"{source}/part-*/{name}.parquet") for name in ("cases", "events"))
    frame = evaluate_frames(cases, events, law, Question(AS_OF)).persist()
    return source, frame


def test_spark_has_the_digest_of_a_run(tmp_path, law, results):
    source, frame = results
    assert digest_of_frame(frame) == evaluated(source, tmp_path / "out", law).summary["digest"]


def test_spark_has_the_rows_of_a_run(tmp_path, law, results):
    _, frame = results
    given = whole(made())
    expected = evaluate_tables(law, judge_of(law), Question(AS_OF), given.cases, given.events)
    frame.selectExpr("case_id", "inline(deadlines)").write.parquet(str(tmp_path / "deadlines"))
    own = pq.read_table(tmp_path / "deadlines").sort_by(
        [(name, "ascending") for name in ("case_id", "rule", "opened_on", "nth")]
    )
    assert own.equals(expected.deadlines.select(own.column_names).cast(own.schema))


def test_a_case_without_events_is_evaluated(tmp_path, law, spark):
    given = whole(made())
    for name, table in (("cases", given.cases), ("events", given.events.slice(0, 300))):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    cases, events = (spark.read.parquet(str(tmp_path / f"{name}.parquet")) for name in ("cases", "events"))
    frame = evaluate_frames(cases, events, law, Question(AS_OF))
    expected = evaluate_tables(law, judge_of(law), Question(AS_OF), given.cases, given.events.slice(0, 300))
    found = pa.table({"case_id": [row[0] for row in frame.select("case_id").collect()]})
    assert sorted(found["case_id"].to_pylist()) == expected.cases["case_id"].to_pylist()

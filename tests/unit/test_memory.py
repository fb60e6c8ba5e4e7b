"""A worker keeps memory that it frees."""

import subprocess
import sys

import pytest

_CODE = """
import resource
import numpy as np
import pyarrow as pa
from compliance_engine.memory import settle_in

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(2_000_000, np.int64)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
settle_in()
settle_in()
print(given_back, faults(), pa.default_memory_pool().backend_name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is told")
def test_pages_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")  # as Dask sets for its workers
    run = subprocess.run([sys.executable, "-c", _CODE], check=True, capture_output=True, text=True)
    before, after, pool = run.stdout.split()
    assert int(after) < int(before) / 10
    assert pool == "system"

"""A study of 2000 cells through Dask: nothing is lost, memory is flat, little is added."""

import pytest

from tests.benchmarks.study import compare


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_two_thousand_cells_through_dask(tmp_path):
    found = compare(2000, 3, tmp_path)
    assert (found["dask"]["cells"], found["dask"]["lost"]) == (2000, 0)
    assert found["same_tables"]
    assert found["dask"]["growth"] < 20, found["dask"]["memory"]
    assert found["overhead_ms"] < 50, found

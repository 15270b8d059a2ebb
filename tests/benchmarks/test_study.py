"""A study of 2000 cells through Dask: nothing is lost, memory is flat, little is added."""

import pytest

from merbench.execution.local import LocalEngine
from tests.benchmarks.study import compare, measure


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_two_thousand_cells_through_dask(tmp_path):
    found = compare(2000, 3, tmp_path)
    assert (found["dask"]["cells"], found["dask"]["lost"]) == (2000, 0)
    assert found["same_tables"]
    assert found["dask"]["growth"] < 20, found["dask"]["memory"]
    assert found["overhead_ms"] < 50, found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", ["logreg", "zero_fill"])
def test_memory_does_not_grow_with_the_number_of_cells(tmp_path, method):
    """One process does all 500 cells, so that whatever a cell leaves behind would add up."""
    found = measure(500, LocalEngine(1), tmp_path, method)
    assert (found.cells, found.lost) == (500, 0)
    assert found.growth < 20, found.memory

"""The report's measurement at a size that a test can have, and its speed by pytest-benchmark."""

import pytest

from merbench.analysis.build import analyse
from tests.benchmarks.large_run import Size, write_large_run
from tests.benchmarks.report_scale import measure_report

SMALL = Size(methods=3, folds=4, seeds=2, conditions=42, utterances=400)


@pytest.mark.slow
def test_a_large_run_is_reported_the_same_twice(tmp_path):
    write_large_run(tmp_path, SMALL)
    first, second = (measure_report(tmp_path) for _ in range(2))
    assert first.numbers == second.numbers
    assert first.page == second.page > 100_000
    assert first.memory > 0


def test_speed_of_an_analysis(tmp_path, benchmark):
    write_large_run(tmp_path, SMALL)
    found = benchmark(analyse, tmp_path, draws=1000)
    assert len(found.grid) == 3 * 3 * 42

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.analysis.quantities import Matrices, trapezoid
from merbench.results.averages import Mean, Pool, evaluate
from merbench.results.metrics import confusion_metric

CONDITIONS = 6
pools = st.lists(st.integers(0, CONDITIONS - 1), min_size=1, max_size=3, unique=True).map(
    lambda ids: Pool(tuple(sorted(ids)))
)
averages = st.recursive(
    pools, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda p: Mean(tuple(p)))
)


@settings(deadline=None)
@given(st.lists(averages, min_size=1, max_size=4), st.integers(0, 1000))
def test_weights_over_the_metrics_of_matrices_are_the_average_itself(wanted, seed):
    counts = np.random.default_rng(seed).integers(1, 9, (2, CONDITIONS, 3, 3))
    ua = confusion_metric("ua")
    matrices = Matrices(CONDITIONS, wanted)
    values = ua(matrices.sum_counts(counts))
    assert values.shape[-1] == len(matrices.pools)
    for average in wanted:
        weights = matrices.weights(average)
        assert weights.sum() == pytest.approx(1)
        np.testing.assert_allclose(values @ weights, evaluate(average, ua, counts), atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8, unique=True), st.integers(0, 1000))
def test_a_trapezoid_is_numpys_over_its_range(severities, seed):
    severities = sorted(severities)
    if np.diff(severities).min() < 1e-6:
        return
    values = np.random.default_rng(seed).random(len(severities))
    area = np.trapezoid(values, severities) / (severities[-1] - severities[0])
    assert trapezoid(severities) @ values == pytest.approx(area)

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merbench.errors import ConfigError
from merbench.statistics.bayes import correlated_t

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import baycomp


@pytest.mark.parametrize("folds", [5, 10])
@pytest.mark.parametrize("shift", [-0.03, 0.0, 0.015])
def test_agrees_with_baycomp(folds, shift):
    rng = np.random.default_rng(folds)
    a = rng.normal(0.6, 0.03, folds)
    b = a + rng.normal(shift, 0.02, folds)
    found = correlated_t(b - a, 1 / (folds - 1), rope=0.01)
    # Its left is "the first is better", which here is "b is worse".
    expected = baycomp.CorrelatedTTest.probs(a, b, rope=0.01)
    assert (found.worse, found.equivalent, found.better) == pytest.approx(expected)


@given(st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=12), st.floats(0, 0.1))
def test_probabilities_are_whole_and_mirror(d, rope):
    found, mirrored = correlated_t(d, 0.25, rope), correlated_t(np.negative(d), 0.25, rope)
    assert found.worse + found.equivalent + found.better == pytest.approx(1)
    assert min(found.worse, found.equivalent, found.better) >= 0
    assert (found.better, found.worse) == pytest.approx((mirrored.worse, mirrored.better))


def test_equal_differences_are_certain():
    assert correlated_t([0.02, 0.02, 0.02], 0.25).better == 1
    assert correlated_t([0.0, 0.0], 0.25).equivalent == 1


def test_one_fold_says_nothing():
    assert np.isnan(correlated_t([0.1, np.nan], 0.25).better)


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match="test_to_train"):
        correlated_t([0.1, 0.2], -1)
    with pytest.raises(ConfigError, match="rope"):
        correlated_t([0.1, 0.2], 0.25, rope=-0.01)

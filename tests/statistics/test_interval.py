import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from merbench.results.metrics import confusion_metric
from merbench.statistics.interval import (
    intervals,
    sample_variance,
    seed_variance,
    shared_seed_variance,
    smallest_detectable,
)
from merbench.statistics.resampling import cluster_weights, replicate, swap_folds

FINITE = st.floats(-1, 1, width=32)
VARIANCE = st.floats(0, 1, width=32)


def shares(right, size=100):
    """Counts (S, U, 1, 2, 2) with these numbers of right answers (S, U) out of `size`."""
    counts = np.zeros((*right.shape, 1, 2, 2), int)
    counts[..., 0, 0, 0] = right
    counts[..., 0, 0, 1] = size - right
    return counts


def test_sample_variance_is_that_of_a_mean():
    """For clusters of one size the bootstrap expects (n - 1) / n of s^2 / n."""
    right = np.random.default_rng(0).integers(30, 90, 8)
    weights = cluster_weights(8, 200_000, np.random.default_rng(1))
    draws = replicate(shares(right[None]), np.arange(8), weights, [confusion_metric("wa")])["wa"]
    expected = np.var(right / 100, ddof=1) / 8
    assert sample_variance(draws, 8)[0] == pytest.approx(expected, rel=0.02)


def test_one_cluster_has_no_variance():
    assert np.isnan(sample_variance(np.zeros((9, 2)), 1)).all()


def test_seed_variance_is_the_weighted_variance_between_seeds():
    """The statement of the contract: (share of the fold)^2 x variance between seeds / S."""
    rng = np.random.default_rng(2)
    size = np.array([20, 50, 30, 100, 40])
    folds = np.array([0, 0, 1, 1, 2])
    right = rng.integers(0, size, (4, 5))
    swapped = swap_folds(shares(right, size), folds, [confusion_metric("wa")])["wa"]
    expected = 0
    for fold in range(3):
        own = size[folds == fold].sum()
        accuracy = right[:, folds == fold].sum(axis=1) / own
        expected += (own / size.sum()) ** 2 * accuracy.var(ddof=1) / 4
    assert seed_variance(swapped)[0] == pytest.approx(expected, rel=1e-12)


def test_seed_variance_of_ua_is_defined_where_a_fold_lacks_a_class():
    counts = np.zeros((3, 2, 1, 2, 2), int)
    counts[:, 0, 0, 0, 0] = (5, 6, 7)
    counts[:, 0, 0, 0, 1] = (5, 4, 3)
    counts[:, 1, 0, 1, 1] = 10
    swapped = swap_folds(counts, np.arange(2), [confusion_metric("ua")])["ua"]
    # The recall of the first class varies by sd .1 and is half of UA.
    assert seed_variance(swapped)[0] == pytest.approx(0.05**2 / 3)


def test_one_seed_has_no_seed_variance():
    assert np.isnan(seed_variance(np.zeros((5, 1, 3)))).all()


def test_shared_seed_variance_is_what_clusters_lack():
    """The mean of many simulated experiments against the closed form of the docstring."""
    rng = np.random.default_rng(3)
    folds, m, seeds, s2 = 5, 3, 2, 4.0
    luck = np.sqrt(s2) * rng.standard_normal((20_000, seeds, folds, 1)).repeat(m, axis=-1)
    of_clusters = luck.mean(axis=1).reshape(-1, folds * m)
    in_clusters = of_clusters.var(axis=1, ddof=1).mean() / (folds * m)
    by_fold = luck.mean(axis=-1).var(axis=1, ddof=1).mean() / seeds / folds
    by_unit = luck.var(axis=1, ddof=1).mean() / seeds / (folds * m)
    lacking = shared_seed_variance(by_fold, by_unit, folds * m)
    assert in_clusters + lacking == pytest.approx(s2 / seeds / folds, rel=0.02)
    assert by_fold == pytest.approx(s2 / seeds / folds, rel=0.02)


def test_shared_seed_variance_is_never_negative():
    assert shared_seed_variance(0.1, 0.2, 10) == 0


def test_two_variances_alone_give_the_t_of_the_clusters():
    found = intervals(0.05, 0.0004, 0.0002, 10)
    se = np.sqrt(0.0006)
    low, high = stats.t.interval(0.95, 9, 0.05, se)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p == pytest.approx(2 * stats.t.sf(0.05 / se, 9))
    assert (found.sample_se, found.seed_se) == pytest.approx((0.02, np.sqrt(0.0002)))


def test_unknown_seed_variance_is_left_out_and_shows():
    found = intervals(0.05, 0.0004, np.nan, 10)
    assert np.isnan(found.seed_se)
    assert found.se == pytest.approx(0.02)
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 9) * 0.02)


def test_only_the_shared_part_of_the_seed_variance_is_added():
    found = intervals(0.05, 0.0004, 0.0009, 10, shared=0.0005)
    assert found.se == pytest.approx(0.03)
    assert found.seed_se == pytest.approx(0.03)
    assert found.df == pytest.approx(9)


def test_folds_that_differ_more_than_the_clusters_explain_widen_the_interval():
    found = intervals(0.05, 0.0004, 0.0, 24, shared=0.0, fold_variance=0.0016, folds=5)
    assert found.se == pytest.approx(0.04)
    assert found.df == 4
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 4) * 0.04)


def test_folds_that_differ_less_change_nothing():
    plain = intervals(0.05, 0.0004, 0.0, 24)
    assert intervals(0.05, 0.0004, 0.0, 24, fold_variance=0.0003, folds=5) == plain


def test_one_fold_changes_nothing():
    plain = intervals(0.05, 0.0004, 0.0, 24)
    assert intervals(0.05, 0.0004, 0.0, 24, fold_variance=np.nan, folds=1) == plain


def test_no_sample_variance_no_bounds():
    found = intervals(0.05, np.nan, 0.1, 1, fold_variance=0.1, folds=5)
    assert np.isnan([found.low, found.high, found.p]).all()


def test_no_variance_at_all_decides():
    found = intervals([0.0, 0.1], 0.0, 0.0, 10)
    np.testing.assert_array_equal(found.p, [1, 0])
    np.testing.assert_array_equal(found.low, [0, 0.1])


@given(FINITE, VARIANCE, VARIANCE, VARIANCE, st.integers(2, 40), st.integers(1, 10))
def test_bounds_are_ordered_and_agree_with_p(value, sample, seed, fold, clusters, folds):
    found = intervals(value, sample, seed, clusters, fold_variance=fold, folds=folds)
    assert found.low <= found.value <= found.high
    assert 0 <= found.p <= 1
    if abs(found.p - 0.05) > 1e-9:
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    assert found.df == (folds - 1 if folds > 1 and fold > sample + seed else clusters - 1)


def test_smallest_detectable_has_its_power():
    size = smallest_detectable(0.02, 9)
    power = stats.nct.sf(stats.t.ppf(0.975, 9), 9, size / 0.02)
    assert power == pytest.approx(0.8, abs=0.02)
    assert smallest_detectable(0.02, 9, power=0.9) > size > smallest_detectable(0.02, 30)

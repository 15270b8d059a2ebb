from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from merbench.errors import ConfigError
from merbench.statistics import fold_tests
from merbench.statistics.fold_tests import corrected_t, sign_flip, signed_rank

RNG = np.random.default_rng(0)
DIFFERENCES = st.lists(st.integers(-50, 50).map(lambda i: i / 100), min_size=2, max_size=9)
ALL_TESTS = (
    lambda d: corrected_t(d, 0.25),
    lambda d: sign_flip(d, np.random.default_rng(0)),
    signed_rank,
)


def flips_by_hand(d):
    """The definition, one flip at a time."""
    sums = [abs(np.dot(signs, d)) for signs in product((1, -1), repeat=len(d))]
    return np.mean(np.array(sums) >= abs(np.sum(d)) - 1e-9)


def test_corrected_t_without_overlap_is_the_usual_t():
    d = RNG.normal(0.02, 0.03, 10)
    found = corrected_t(d, 1e-12)
    usual = stats.ttest_1samp(d, 0)
    assert (found.statistic, found.p) == pytest.approx((usual.statistic, usual.pvalue), rel=1e-6)


def test_corrected_t_shrinks_as_the_paper_says():
    """Ten folds, 9:1: sqrt((1/10) / (1/10 + 1/9)) = .688 of the usual t."""
    d = RNG.normal(0.02, 0.03, 10)
    usual = stats.ttest_1samp(d, 0).statistic
    assert corrected_t(d, 1 / 9).statistic / usual == pytest.approx(np.sqrt(9 / 19))


def test_corrected_t_refuses_an_empty_test_part():
    with pytest.raises(ConfigError, match="test_to_train is 0"):
        corrected_t([0.1, 0.2], 0)


@given(DIFFERENCES)
def test_sign_flips_are_those_of_the_definition(d):
    assert sign_flip(d, RNG).p == pytest.approx(flips_by_hand(d))


def test_sign_flips_agree_with_scipy():
    d = RNG.normal(0.02, 0.03, 9)
    expected = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=1e6)
    assert sign_flip(d, RNG).p == pytest.approx(expected.pvalue)


def test_flips_of_many_folds_count_as_draws_do(monkeypatch):
    d = RNG.normal(0.01, 0.03, 24)
    exact = sign_flip(d, RNG)
    monkeypatch.setattr(fold_tests, "ENUMERATED", 20)
    drawn = sign_flip(d, np.random.default_rng(1))
    assert exact.exact
    assert not drawn.exact
    assert drawn.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p / 100_000))
    assert drawn == sign_flip(d, np.random.default_rng(1))
    assert drawn.smallest_p == 1 / 100_001


def test_the_observed_signs_count_as_a_draw():
    """Else p could be 0, which no test of finitely many draws may claim."""
    found = sign_flip(np.ones(60), np.random.default_rng(0))
    assert found.p == found.smallest_p == 1 / 100_001


def test_flips_reach_the_smallest_p_of_forty_folds():
    found = sign_flip(np.linspace(1, 2, 40), RNG)
    assert found.p == found.smallest_p == 0.5**39


@pytest.mark.parametrize("n", [5, 10, 23])
def test_signed_ranks_agree_with_scipy_without_ties(n):
    d = RNG.normal(0.02, 0.03, n)
    expected = stats.wilcoxon(d, method="exact")
    found = signed_rank(d)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))


@given(DIFFERENCES)
def test_signed_ranks_with_ties_and_zeros_are_exact(d):
    """By flipping signs of the ranks, one at a time."""
    kept = np.array([x for x in d if x != 0])
    found = signed_rank(d)
    if not len(kept):
        assert found.p == 1
        return
    ranks = np.sign(kept) * stats.rankdata(np.abs(kept))
    assert found.p == pytest.approx(flips_by_hand(ranks))


@pytest.mark.parametrize("test", ALL_TESTS[1:])
@pytest.mark.parametrize(("folds", "floor"), [(5, 0.0625), (10, 0.001953125), (12, 0.00048828125)])
def test_the_smallest_p_is_reached_where_all_folds_agree(test, folds, floor):
    found = test(np.arange(1, folds + 1) / 100)
    assert found.p == found.smallest_p == floor
    assert found.can_reach(0.05) == (folds > 5)


@pytest.mark.parametrize("test", ALL_TESTS)
def test_tests_are_two_sided(test):
    d = np.array([0.03, 0.01, -0.005, 0.02, 0.04])
    assert test(d).p == pytest.approx(test(-d).p)


@pytest.mark.parametrize("test", ALL_TESTS)
def test_order_of_folds_changes_nothing(test):
    d = np.array([0.03, 0.01, -0.005, 0.02, 0.04])
    assert test(d[::-1]).p == pytest.approx(test(d).p, rel=1e-12)


@pytest.mark.parametrize("test", ALL_TESTS)
def test_no_difference_anywhere_is_no_evidence(test):
    assert test(np.zeros(6)).p == 1


@pytest.mark.parametrize("test", ALL_TESTS)
def test_undefined_folds_are_left_out(test):
    d = [0.03, np.nan, 0.01, -0.005, 0.02]
    assert test(d) == test([0.03, 0.01, -0.005, 0.02])
    assert test(d).n == 4


@pytest.mark.parametrize("test", ALL_TESTS)
def test_nothing_to_test_has_no_p_and_cannot_reach_any(test):
    found = test([np.nan, np.nan])
    assert np.isnan(found.p)
    assert not found.can_reach(0.05)


def test_one_fold_is_too_few_for_t_and_not_enough_for_ranks():
    assert np.isnan(corrected_t([0.1], 0.25).p)
    assert sign_flip([0.1], RNG).p == signed_rank([0.1]).p == 1


def test_equal_differences_leave_t_without_doubt():
    found = corrected_t([0.1, 0.1, 0.1], 0.25)
    assert (found.statistic, found.p) == (np.inf, 0)

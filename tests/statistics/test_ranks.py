import warnings

import numpy as np
import pytest
from scipy import stats

from merbench.errors import ConfigError
from merbench.statistics.ranks import cliques, rank_methods

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import scikit_posthocs


def table(seed=0, blocks=12, methods=5):
    rng = np.random.default_rng(seed)
    return rng.normal(0.6, 0.05, (blocks, methods)) + np.linspace(0, 0.08, methods)


def test_nemenyi_agrees_with_scikit_posthocs():
    values = table()
    expected = scikit_posthocs.posthoc_nemenyi_friedman(values).to_numpy()
    np.testing.assert_allclose(rank_methods(values).p, expected, atol=1e-6)


@pytest.mark.parametrize("round_to", [6, 1])
def test_friedman_agrees_with_scipy_also_with_ties(round_to):
    values = table().round(round_to)
    expected = stats.friedmanchisquare(*values.T)
    found = rank_methods(values).friedman
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_friedman_is_at_its_floor_where_all_blocks_rank_alike():
    found = rank_methods(np.arange(4) + np.zeros((6, 1))).friedman
    assert found.statistic == pytest.approx(6 * 3)
    assert found.p == pytest.approx(found.smallest_p)


@pytest.mark.parametrize(("methods", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_difference_has_the_published_quantiles(methods, quantile):
    """Table 5 of Demsar 2006."""
    found = rank_methods(table(methods=methods))
    expected = quantile * np.sqrt(methods * (methods + 1) / (6 * 12))
    assert found.critical_difference == pytest.approx(expected, rel=5e-4)


def test_rank_one_is_the_best_whichever_way_is_better():
    values = np.array([[0.9, 0.5, 0.7], [0.8, 0.4, 0.6]])
    np.testing.assert_array_equal(rank_methods(values).mean_ranks, [1, 3, 2])
    np.testing.assert_array_equal(
        rank_methods(values, higher_is_better=False).mean_ranks, [3, 1, 2]
    )


def test_ties_share_their_ranks():
    np.testing.assert_array_equal(rank_methods([[0.5, 0.5, 0.1]]).mean_ranks, [1.5, 1.5, 3])


def test_cliques_are_the_largest_runs_within_the_critical_difference():
    ranks = np.array([4.0, 1.0, 2.5, 1.5, 4.2])
    assert cliques(ranks, 1.55) == ((1, 3, 2), (2, 0), (0, 4))
    assert cliques(ranks, 1.0) == ((1, 3), (0, 4))
    assert cliques(ranks, 4.0) == ((1, 3, 2, 0, 4),)
    assert cliques(ranks, 0.1) == ()


def test_incomplete_blocks_are_left_out():
    values = table()
    holed = np.vstack([values, np.where(np.arange(5) == 2, np.nan, 0.5)])
    assert rank_methods(holed).blocks == 12
    np.testing.assert_array_equal(rank_methods(holed).mean_ranks, rank_methods(values).mean_ranks)


def test_no_block_no_ranks():
    found = rank_methods(np.full((2, 3), np.nan))
    assert found.blocks == 0
    assert np.isnan(found.mean_ranks).all()
    assert found.cliques == ()


def test_methods_that_always_tie_do_not_differ():
    found = rank_methods(np.full((4, 3), 0.5))
    assert found.friedman.p == 1
    assert found.cliques == ((0, 1, 2),)
    assert (found.p > 0.99).all()


def test_order_of_blocks_changes_nothing():
    values = table()
    np.testing.assert_allclose(rank_methods(values[::-1]).p, rank_methods(values).p, rtol=1e-9)


def test_one_method_is_no_ranking():
    with pytest.raises(ConfigError, match="methods >= 2"):
        rank_methods(np.zeros((4, 1)))

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as oracle

from merbench.errors import ConfigError
from merbench.statistics.mcnemar import mcnemar


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_statsmodels(seed):
    rng = np.random.default_rng(seed)
    # Either of the two is better in turn.
    a, b = rng.random(60) < 0.6 + 0.15 * (seed % 2), rng.random(60) < 0.75 - 0.15 * (seed % 2)
    table = [[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]]
    assert mcnemar(a, b).p == pytest.approx(oracle(table, exact=True).pvalue)


def test_counts_who_alone_is_right():
    a, b = np.array([1, 1, 1, 0, 1], bool), np.array([0, 0, 1, 1, 0], bool)
    found = mcnemar(a, b)
    assert (found.statistic, found.n) == (3, 4)
    assert found.smallest_p == 0.125


def test_models_that_agree_give_no_evidence():
    same = np.array([True, False, True])
    found = mcnemar(same, same)
    assert found.p == 1
    assert not found.can_reach(0.05)


def test_different_utterances_are_refused():
    with pytest.raises(ConfigError, match="pairs utterances"):
        mcnemar(np.ones(3, bool), np.ones(4, bool))

import numpy as np
import pytest

from merbench.errors import ConfigError
from merbench.results.metrics import confusion_metric
from merbench.statistics.estimate import draw_samples, estimate
from merbench.statistics.interval import sample_variance
from merbench.statistics.resampling import pooled, replicate

UA = [confusion_metric("ua")]
FOLDS = np.array([0, 0, 1, 1, 2, 2])


def sampling(folds=FOLDS, draws=200):
    return draw_samples(np.arange(len(folds)), folds, draws, np.random.default_rng(0))


@pytest.fixture
def counts():
    """Three seeds, six clusters, two methods, four classes."""
    return np.random.default_rng(5).integers(1, 9, (3, 6, 2, 4, 4))


def difference(values):
    return values[..., :1] - values[..., 1:]


def test_a_function_applies_to_the_value_and_to_every_resample(counts):
    found = estimate(counts, sampling(), UA)["ua"].map(difference)
    value = pooled(counts, UA)["ua"]
    drawn = replicate(counts, np.arange(6), sampling().cluster_samples, UA)["ua"]
    assert found.value == pytest.approx(value[0] - value[1])
    np.testing.assert_array_equal(found.of_clusters[:, 0], drawn[:, 0] - drawn[:, 1])
    assert found.of_folds.shape == (200, 1)
    assert found.swapped_folds.shape == (3, 3, 1)
    assert found.swapped_units.shape == (6, 3, 1)


def test_repeats_to_the_bit(counts):
    first, again = (estimate(counts, sampling(), UA)["ua"].intervals() for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_method_does_not_differ_from_itself(counts):
    same = counts[:, :, [0, 0]]
    found = estimate(same, sampling(), UA)["ua"].map(difference).intervals()
    assert found.p == 1
    assert found.low == found.high == 0


def test_seed_luck_of_lone_clusters_is_not_added_again(counts):
    """One cluster a fold: the variance between clusters holds all, and seeds are reported only."""
    whole = estimate(counts, sampling(np.arange(6)), UA)["ua"].map(difference)
    found = whole.intervals()
    assert found.se == pytest.approx(np.sqrt(sample_variance(whole.of_clusters, 6)))
    assert found.seed_se > 0
    assert found.df == 5


def test_seed_luck_that_clusters_share_is_added():
    rng = np.random.default_rng(6)
    right = 50 + rng.integers(-2, 3, (3, 6, 1)) + np.array([[0], [20], [40]])[:, [0] * 6, None]
    counts = np.zeros((3, 6, 1, 2, 2), int)
    counts[..., 0, 0], counts[..., 0, 1] = right, 100 - right
    found = estimate(counts, sampling(), [confusion_metric("wa")])["wa"].intervals()
    assert found.se > found.sample_se
    assert found.se < np.hypot(found.sample_se, found.seed_se) * np.sqrt(6 / 5)


def test_one_seed_leaves_its_luck_out_and_says_so(counts):
    found = estimate(counts[:1], sampling(), UA)["ua"].intervals()
    assert np.isnan(found.seed_se).all()
    assert (found.low < found.value).all()


def test_whether_folds_test_lone_clusters_is_known():
    assert sampling(np.arange(6)).lone
    assert not sampling().lone


@pytest.mark.parametrize(
    ("clusters", "folds", "told"),
    [
        ([0, 1], [0, 1, 1], "2 units have a cluster, 3 a fold"),
        ([0, 2], [0, 1], "cluster numbers"),
        ([0, 1], [1, 2], "fold numbers"),
    ],
)
def test_units_that_do_not_fit_are_refused(clusters, folds, told):
    with pytest.raises(ConfigError, match=told):
        draw_samples(np.array(clusters), np.array(folds), 10, np.random.default_rng(0))

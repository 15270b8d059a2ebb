import numpy as np
import pytest

from merbench.check.effects import difference, effects, null_effects
from merbench.results.metrics import confusion_metric
from merbench.statistics.interval import seed_variance
from merbench.statistics.resampling import swap_folds

METRICS = ("wa", "ua", "f1", "weighted_f1")


def counts(seed, seeds=3, folds=4, matrices=2, classes=3):
    """Predictions of the same utterances by other models: rows keep their sums."""
    labels = np.random.default_rng(0).integers(4, 30, (folds, classes))
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(classes) * 2, (seeds, folds, matrices, classes))
    return np.array(
        [
            [[[rng.multinomial(labels[f, c], shares[s, f, k, c]) for c in range(classes)]
              for k in range(matrices)] for f in range(folds)]
            for s in range(seeds)
        ]
    )  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_effects_add_up_to_the_difference(name):
    metric = confusion_metric(name)
    mine, other = counts(1), counts(2)
    expected = metric(mine.sum(1)).mean(0) - metric(other.sum(1)).mean(0)
    np.testing.assert_allclose(difference(mine, other, metric), expected, atol=1e-15)
    np.testing.assert_allclose(effects(mine, other, metric).sum((0, 1)), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["wa", "ua"])
def test_signs_of_effects_are_exchanges_of_models(name):
    metric = confusion_metric(name)
    mine, other = counts(1), counts(2)
    signs = np.random.default_rng(3).choice([-1, 1], mine.shape[:2])
    swapped = signs[..., None, None, None] < 0
    exchanged = difference(np.where(swapped, other, mine), np.where(swapped, mine, other), metric)
    found = (signs[..., None] * effects(mine, other, metric)).sum((0, 1))
    np.testing.assert_allclose(found, exchanged, atol=1e-12)


def test_signs_of_effects_are_nearly_exchanges_for_a_curved_metric():
    metric = confusion_metric("f1")
    mine, other = counts(1), counts(2)
    signs = np.random.default_rng(3).choice([-1, 1], mine.shape[:2])
    swapped = signs[..., None, None, None] < 0
    exchanged = difference(np.where(swapped, other, mine), np.where(swapped, mine, other), metric)
    found = (signs[..., None] * effects(mine, other, metric)).sum((0, 1))
    np.testing.assert_allclose(found, exchanged, atol=0.01)
    assert np.abs(exchanged).max() > 0.02


@pytest.mark.parametrize("name", METRICS)
def test_squares_of_null_effects_are_the_variance_between_two_runs(name):
    metric = confusion_metric(name)
    one = counts(1)
    of_one_run = seed_variance(swap_folds(one, np.arange(4), [metric])[name])
    np.testing.assert_allclose((null_effects(one, metric) ** 2).sum((0, 1)), 2 * of_one_run)


def test_one_seed_says_nothing_of_luck():
    assert np.isnan(null_effects(counts(1, seeds=1), confusion_metric("ua"))).all()

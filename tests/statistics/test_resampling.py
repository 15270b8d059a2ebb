import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from merbench.results.metrics import METRICS, ConfusionMetric, confusion_matrix, confusion_metric
from merbench.statistics import resampling
from merbench.statistics.resampling import by_fold, cluster_weights, pooled, replicate, swap_folds

CONFUSION = [m for m in METRICS.values() if isinstance(m, ConfusionMetric)]
SEEDS, UNITS, MATRICES, CLASSES = 3, 7, 5, 4
FOLDS = np.array([0, 0, 1, 1, 1, 2, 2])


@pytest.fixture
def counts():
    return np.random.default_rng(0).integers(0, 6, (SEEDS, UNITS, MATRICES, CLASSES, CLASSES))


def test_weights_draw_as_many_clusters_as_there_are():
    weights = cluster_weights(6, 20_000, np.random.default_rng(0))
    assert weights.shape == (20_000, 6)
    assert (weights.sum(axis=1) == 6).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(weights.var(axis=0), 1 - 1 / 6, atol=0.04)


def test_weights_repeat_to_the_bit():
    first, again = (cluster_weights(5, 50, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_replicates_are_those_of_repeated_utterances():
    """Against scikit-learn, on the utterances of the clusters drawn, as often as drawn."""
    rng = np.random.default_rng(1)
    labels, clusters = rng.integers(0, 3, 90), rng.integers(0, 5, 90)
    said = rng.integers(0, 3, (2, 4, 90))
    counts = np.stack(
        [
            [confusion_matrix(labels[clusters == c], s[:, clusters == c], 3) for c in range(5)]
            for s in said
        ]
    )
    weights = cluster_weights(5, 6, rng)
    found = replicate(counts, np.arange(5), weights, CONFUSION)
    for draw, weight in enumerate(weights):
        drawn = np.concatenate([np.flatnonzero(clusters == c).repeat(weight[c]) for c in range(5)])
        for k in range(4):
            pairs = [(labels[drawn], s[k, drawn]) for s in said]
            wa = np.mean([np.mean(y == p) for y, p in pairs])
            ua = np.mean(
                [
                    recall_score(y, p, average="macro", labels=np.unique(y), zero_division=0)
                    for y, p in pairs
                ]
            )
            f1 = np.mean([f1_score(y, p, average="macro", zero_division=0) for y, p in pairs])
            assert found["wa"][draw, k] == pytest.approx(wa, abs=1e-12)
            assert found["ua"][draw, k] == pytest.approx(ua, abs=1e-12)
            assert found["f1"][draw, k] == pytest.approx(f1, abs=1e-12)


def test_replicates_do_not_depend_on_blocks_or_precision(counts, monkeypatch):
    weights = cluster_weights(UNITS, 23, np.random.default_rng(0))
    whole = replicate(counts, np.arange(UNITS), weights, CONFUSION)
    monkeypatch.setattr(resampling, "BLOCK", 1)
    one_by_one = replicate(counts, np.arange(UNITS), weights, CONFUSION)
    monkeypatch.setattr(resampling, "EXACT_IN_FLOAT32", 0)
    in_float64 = replicate(counts, np.arange(UNITS), weights, CONFUSION)
    for metric in CONFUSION:
        np.testing.assert_array_equal(whole[metric.name], one_by_one[metric.name])
        np.testing.assert_array_equal(whole[metric.name], in_float64[metric.name])


def test_counts_beyond_float32_stay_exact():
    counts = np.array([[[[[2**24 + 1, 2], [0, 1]]]]])
    weights = np.ones((1, 1), np.int64)
    found = replicate(counts, np.zeros(1, int), weights, [confusion_metric("wa")])["wa"]
    assert found[0, 0] == (2**24 + 2) / (2**24 + 4)


def test_every_cluster_once_is_the_pooled_value(counts):
    once = np.ones((1, 4), np.int64)
    found = replicate(counts, np.array([0, 1, 2, 3, 3, 2, 1]), once, CONFUSION)
    for name, values in pooled(counts, CONFUSION).items():
        np.testing.assert_allclose(found[name][0], values, rtol=1e-14)


def test_units_of_one_cluster_are_drawn_together(counts):
    clusters = np.array([0, 1, 2, 0, 1, 2, 2])
    weights = cluster_weights(3, 40, np.random.default_rng(2))
    merged = np.stack([counts[:, clusters == c].sum(axis=1) for c in range(3)], axis=1)
    for name, values in replicate(merged, np.arange(3), weights, CONFUSION).items():
        apart = replicate(counts, clusters, weights, CONFUSION)[name]
        np.testing.assert_array_equal(values, apart)


def test_order_of_seeds_and_units_changes_nothing(counts):
    rng = np.random.default_rng(4)
    weights = cluster_weights(UNITS, 30, rng)
    units, seeds = rng.permutation(UNITS), rng.permutation(SEEDS)
    plain = replicate(counts, np.arange(UNITS), weights, CONFUSION)
    moved = replicate(counts[seeds][:, units], units, weights, CONFUSION)
    swapped = swap_folds(counts, FOLDS, CONFUSION)
    moved_swap = swap_folds(counts[seeds][:, units], FOLDS[units], CONFUSION)
    for name in plain:
        np.testing.assert_allclose(plain[name], moved[name], rtol=1e-14)
        np.testing.assert_allclose(swapped[name][:, seeds], moved_swap[name], rtol=1e-14)


def test_a_sample_without_utterances_has_no_value():
    counts = np.zeros((1, 2, 1, 2, 2), int)
    counts[0, 0, 0] = np.eye(2)
    weights = np.array([[2, 0], [0, 2]])
    found = replicate(counts, np.arange(2), weights, [confusion_metric("ua")])["ua"]
    assert found[0, 0] == 1
    assert np.isnan(found[1, 0])


def test_swapped_folds_are_one_seed_in_one_fold_and_the_average_elsewhere(counts):
    metric = confusion_metric("f1")
    found = swap_folds(counts, FOLDS, [metric])["f1"]
    for fold in range(3):
        for seed in range(SEEDS):
            mixed = counts.mean(axis=0)
            mixed[fold == FOLDS] = counts[seed, fold == FOLDS]
            np.testing.assert_allclose(found[fold, seed], metric(mixed.sum(axis=0)), rtol=1e-13)


def test_values_by_fold_pool_units_and_average_seeds(counts):
    metric = confusion_metric("ua")
    found = by_fold(counts, FOLDS, [metric])["ua"]
    expected = metric(counts[:, FOLDS == 1].sum(axis=1)).mean(axis=0)
    np.testing.assert_allclose(found[1], expected, rtol=1e-14)


@pytest.mark.benchmark(group="statistics")
def test_a_whole_grid_takes_seconds(benchmark):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 6, (5, 31, 250, 4, 4))
    weights = cluster_weights(31, 500, rng)
    chosen = [confusion_metric(name) for name in ("wa", "ua", "f1")]
    found = benchmark(replicate, counts, np.arange(31), weights, chosen)
    assert found["f1"].shape == (500, 250)

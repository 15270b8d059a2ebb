"""Values of resampled clusters and of exchanged seeds, for a whole grid at once.

A unit is a (fold, cluster) pair: the utterances of one cluster that one fold's models test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merbench.results.metrics import ConfusionMetric

Integers = NDArray[np.integer]
Floats = NDArray[np.float64]

# float32 holds every integer up to here; F1 adds two sums of a matrix.
EXACT_IN_FLOAT32 = 2**23
# Numbers in one block of resampled matrices: 2 MB in float32, so that it stays in cache.
BLOCK = 2**19
# With fewer samples in a block, products are slow; matrices are then taken in parts.
FEWEST_DRAWS = 64


def cluster_weights(clusters: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw clusters with replacement, as many as there are, `draws` times.

    Args:
        clusters: G, how many there are.
        draws: B, how many bootstrap samples.
        rng: source of the draws.

    Returns:
        (B, G) how often each cluster is in each sample; rows sum to G.
    """
    weights: NDArray[np.int64] = rng.multinomial(clusters, np.full(clusters, 1 / clusters), draws)
    return weights


def pooled(counts: Integers, metrics: Sequence[ConfusionMetric]) -> dict[str, Floats]:
    """Compute the metrics of the matrices pooled over units, mean over seeds.

    Args:
        counts: (S, U, K, C, C) of S seeds, U units and K matrices (conditions, methods).
        metrics: what to compute.

    Returns:
        (K,) for each metric, by name.
    """
    matrices = counts.sum(axis=1)
    return {metric.name: metric(matrices).mean(axis=0) for metric in metrics}


def replicate(
    counts: Integers,
    clusters_of_units: Integers,
    weights: Integers,
    metrics: Sequence[ConfusionMetric],
) -> dict[str, Floats]:
    """Compute the pooled metrics, mean over seeds, of every bootstrap sample of clusters.

    The result is the same to the bit whatever the number of threads, since sums of counts are
    exact.

    Args:
        counts: (S, U, K, C, C) of S seeds, U units and K matrices (conditions, methods).
        clusters_of_units: (U,) cluster of each unit, 0 to G - 1.
        weights: (B, G) how often each cluster is in each sample.
        metrics: what to compute.

    Returns:
        (B, K) for each metric, by name; NaN where a sample has no utterance of a matrix.
    """
    seeds, units, matrices, classes = counts.shape[:4]
    of_units = weights[:, clusters_of_units]
    largest = of_units.max(initial=0) * int(counts.sum(axis=(1, 3, 4)).max(initial=0))
    dtype = np.float32 if largest < EXACT_IN_FLOAT32 else np.float64
    factors = np.ascontiguousarray(of_units.T, dtype)
    draws = len(weights)
    result = {metric.name: np.zeros((draws, matrices)) for metric in metrics}
    width = max(1, BLOCK // (classes**2 * FEWEST_DRAWS))
    for first in range(0, matrices, width):
        some = slice(first, min(first + width, matrices))
        # Classes lead and samples trail: a sum over classes is then one of long contiguous rows.
        terms = counts[:, :, some].transpose(0, 3, 4, 2, 1).reshape(seeds, -1, units).astype(dtype)
        step = max(1, BLOCK // max(1, terms.shape[1]))
        for start in range(0, draws, step):
            part = slice(start, start + step)
            for seed in range(seeds):
                block = (terms[seed] @ factors[:, part]).reshape(
                    classes, classes, some.stop - first, -1
                )
                view = block.transpose(3, 2, 0, 1)
                for metric in metrics:
                    result[metric.name][part, some] += metric(view)
    for values in result.values():
        values /= seeds
    return result


def by_fold(
    counts: Integers, folds_of_units: Integers, metrics: Sequence[ConfusionMetric]
) -> dict[str, Floats]:
    """Compute the metrics within each fold, mean over seeds: what tests over folds take.

    Args:
        counts: (S, U, K, C, C) of S seeds, U units and K matrices (conditions, methods).
        folds_of_units: (U,) fold of each unit, 0 to F - 1.
        metrics: what to compute.

    Returns:
        (F, K) for each metric, by name; NaN where a fold has no utterance of a matrix.
    """
    own = _pool_folds(counts, folds_of_units)
    return {metric.name: metric(own).mean(axis=1) for metric in metrics}


def swap_folds(
    counts: Integers, folds_of_units: Integers, metrics: Sequence[ConfusionMetric]
) -> dict[str, Floats]:
    """Compute the pooled metrics when one fold is that of one seed, the others the seed average.

    The variance over seeds, over their number, summed over folds, is the variance of the seed
    average due to what differs between seeds. For a share of right answers that equals the sum of
    (share of the fold)^2 x (variance between seeds within the fold) / S; and it is defined, too,
    for metrics of a fold that lacks a class.

    Args:
        counts: (S, U, K, C, C) of S seeds, U units and K matrices (conditions, methods).
        folds_of_units: (U,) fold of each unit, 0 to F - 1.
        metrics: what to compute.

    Returns:
        (F, S, K) for each metric, by name.
    """
    seeds = len(counts)
    own = _pool_folds(counts, folds_of_units)
    # Times S throughout: the average is then of integers, and metrics do not mind the factor.
    average = own.sum(axis=1, keepdims=True)
    swapped = seeds * own + average.sum(axis=0) - average
    return {metric.name: metric(swapped) for metric in metrics}


def _pool_folds(counts: Integers, folds_of_units: Integers) -> NDArray[np.int64]:
    """Return (F, S, K, C, C), the sum over the units of each fold."""
    folds = int(folds_of_units.max()) + 1
    return np.stack(
        [counts[:, folds_of_units == fold].sum(axis=1, dtype=np.int64) for fold in range(folds)]
    )

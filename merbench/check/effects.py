"""What each block of exchangeable models adds to a difference between two runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merbench.results.metrics import ConfusionMetric
from merbench.statistics.resampling import swap_folds

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


def difference(mine: Integers, other: Integers, metric: ConfusionMetric) -> Floats:
    """Return the difference of two runs in each matrix, mean over seeds.

    Args:
        mine: (S, F, K, C, C) counts of S seeds, F folds and K matrices.
        other: of the reference, for the same seeds and folds.
        metric: of the matrices pooled over folds.

    Returns:
        (K,).
    """
    value: Floats = (metric(mine.sum(axis=1)) - metric(other.sum(axis=1))).mean(axis=0)
    return value


def effects(mine: Integers, other: Integers, metric: ConfusionMetric) -> Floats:
    """Return what each (seed, fold) adds to the difference of two runs.

    A block's effect is half of what exchanging its two models does to the difference. For WA and UA
    these add up to the difference; for other metrics nearly, and what is missing is shared
    equally.

    Args:
        mine: (S, F, K, C, C) counts of S seeds, F folds and K matrices.
        other: of the reference, for the same seeds and folds.
        metric: of the matrices pooled over folds.

    Returns:
        (S, F, K), with the sum over seeds and folds that `difference` returns.
    """
    seeds, folds = mine.shape[:2]
    here, there = mine.sum(axis=1, keepdims=True), other.sum(axis=1, keepdims=True)
    lost = metric(here) - metric(here - mine + other)
    gained = metric(there - other + mine) - metric(there)
    found: Floats = (lost + gained) / (2 * seeds)
    missing = difference(mine, other, metric) - found.sum(axis=(0, 1))
    added: Floats = found + missing / (seeds * folds)
    return added


def null_effects(counts: Integers, metric: ConfusionMetric) -> Floats:
    """Return effects of the size they have between two runs of equal code with other luck.

    They are the deviations of each (seed, fold) of one run from the mean over its seeds, scaled so
    that the sum of their squares is the variance of a difference of two such runs.

    Args:
        counts: (S, F, K, C, C) of one run.
        metric: of the matrices pooled over folds.

    Returns:
        (S, F, K); NaN with one seed, which says nothing of luck.
    """
    seeds, folds = counts.shape[:2]
    if seeds < 2:
        return np.full((seeds, folds, counts.shape[2]), np.nan)
    swapped = swap_folds(counts, np.arange(folds), [metric])[metric.name]
    deviations = swapped - swapped.mean(axis=1, keepdims=True)
    scaled: Floats = deviations * np.sqrt(2 / (seeds * (seeds - 1)))
    return scaled.transpose(1, 0, 2)

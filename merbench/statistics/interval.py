"""Confidence intervals of values and of differences.

Clusters (speakers, dialogues) that one trained model tests share that model's luck, so that three
variances matter, each of the mean over seeds:

- between clusters: everything that differs between clusters, and most of what differs between
  models if each tests one cluster;
- shared seed luck: what the clusters of a fold have in common in one seed and not in another, and
  the cluster variance therefore lacks. Known from two seeds on; 0 where a fold tests one cluster;
- between folds: everything, luck that is common to all seeds (of the training data) too, but known
  from a few folds only.

The interval is made of (between clusters + shared seed luck) with clusters - 1 degrees of freedom,
or of (between folds) with folds - 1, whichever variance is larger. By simulation
(`reports/calibration`), the first alone flags too often where luck is common to all seeds; the
second alone flags as often as it should, and now and then is far narrower than the clusters allow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
# Metrics are at most 1: a smaller difference is one of how sums were rounded.
ROUNDING = 1e-12


class Intervals(NamedTuple):
    """Intervals of any number of values; all fields have one shape.

    Attributes:
        value: what was estimated.
        low: lower bound.
        high: upper bound.
        sample_se: standard error from which clusters were sampled.
        seed_se: standard error from the seeds of training, all of it; NaN where it is not known,
            and then the bounds leave it out.
        df: degrees of freedom of the t quantile.
        p: two-sided p of "the value is 0".
        se: standard error that the bounds are made of.
    """

    value: Floats
    low: Floats
    high: Floats
    sample_se: Floats
    seed_se: Floats
    df: Floats
    p: Floats
    se: Floats


def sample_variance(replicates: NDArray[np.floating], clusters: int) -> Floats:
    """Return the bootstrap variance, times G / (G - 1), which makes it unbiased for a mean.

    Args:
        replicates: (B, ...) the value in each bootstrap sample of clusters (or of folds).
        clusters: G, how many were sampled from.

    Returns:
        (...); NaN with fewer than two clusters, or where a sample has no value.
    """
    if clusters < 2:
        return np.full(replicates.shape[1:], np.nan)
    variance: Floats = replicates.var(axis=0) * (clusters / (clusters - 1))
    return variance


def seed_variance(swapped: NDArray[np.floating]) -> Floats:
    """Return the variance of the seed average that is due to the seeds.

    Args:
        swapped: (F, S, ...) as `swap_folds` gives them, or a function of its last axis.

    Returns:
        (...); NaN with one seed.
    """
    seeds = swapped.shape[1]
    if seeds < 2:
        return np.full(swapped.shape[2:], np.nan)
    variance: Floats = (swapped.var(axis=1, ddof=1) / seeds).sum(axis=0)
    return variance


def shared_seed_variance(by_folds: ArrayLike, by_units: ArrayLike, clusters: int) -> Floats:
    """Return the seed variance that the variance between clusters lacks.

    What differs between seeds in one cluster alone is in the variance between clusters already;
    only what the clusters of a fold share is not. With luck of variance s^2 for each of G / m
    models, each of which tests m clusters of one size, the mean over seeds has s^2 m / G of it; a
    bootstrap of the clusters expects s^2 (G - m) / (G (G - 1)). That leaves s^2 (m - 1) / (G - 1),
    which is G / (G - 1) times by_folds - by_units.

    Args:
        by_folds: (...) seed variance when the seeds of whole folds are swapped.
        by_units: (...) seed variance when those of one cluster at a time are swapped.
        clusters: G.

    Returns:
        (...); at least 0; NaN where either is.
    """
    lacking = np.asarray(by_folds, np.float64) - np.asarray(by_units, np.float64)
    shared: Floats = np.maximum(lacking, 0) * (clusters / max(clusters - 1, 1))
    return shared


def intervals(
    value: ArrayLike,
    sample_variance: ArrayLike,
    seed_variance: ArrayLike,
    clusters: int,
    confidence: float = 0.95,
    *,
    shared: ArrayLike | None = None,
    fold_variance: ArrayLike = np.nan,
    folds: int = 1,
) -> Intervals:
    """Build intervals value +- t x standard error.

    With the last three arguments left out, the variance is sample + seed variance with clusters - 1
    degrees of freedom. That counts the seeds' luck twice, and misses luck that the seeds of a fold
    share; it needs no more than the two variances. `reports/calibration` compares the two.

    Args:
        value: (...) the estimates.
        sample_variance: (...) of them between clusters.
        seed_variance: (...) of them between seeds; NaN where not known, and then left out.
        clusters: G.
        confidence: of the interval.
        shared: (...) from `shared_seed_variance`: the part of the seed variance to be added.
        fold_variance: (...) of them between folds, a `sample_variance` of resampled folds.
        folds: F; one fold has no variance between folds.

    Returns:
        Arrays (...). Without a sample variance, bounds and p are NaN. With a variance of 0, p is 1
        for a value of 0 and 0 for any other.
    """
    added = seed_variance if shared is None else shared
    estimate, of_sample, of_seeds, of_shared, of_folds = (
        np.array(a, np.float64)
        for a in np.broadcast_arrays(value, sample_variance, seed_variance, added, fold_variance)
    )
    estimate[np.abs(estimate) < ROUNDING] = 0
    known = of_sample + np.nan_to_num(of_shared)
    # Comparisons with NaN are false: without folds, or without any variance, the first remains.
    by_folds = (of_folds > known) & (folds > 1)
    variance = np.where(by_folds, of_folds, known)
    df = np.where(by_folds, max(folds - 1.0, 1.0), max(clusters - 1.0, 1.0))
    se = np.sqrt(variance)
    half = stats.t.ppf((1 + confidence) / 2, df) * se
    return Intervals(
        value=estimate,
        low=estimate - half,
        high=estimate + half,
        sample_se=np.sqrt(of_sample),
        seed_se=np.sqrt(of_seeds),
        df=df,
        p=two_sided(estimate, se, df),
        se=se,
    )


def two_sided(value: Floats, se: Floats, df: Floats) -> Floats:
    """Return the two-sided p of "the value is 0"; 1 for 0 +- 0, 0 for any other value +- 0."""
    t = np.full(value.shape, np.inf)
    np.divide(np.abs(value), se, out=t, where=se != 0)
    t = np.where((se == 0) & (value == 0), 0.0, np.where(np.isnan(value), np.nan, t))
    p: Floats = 2 * stats.t.sf(t, df)
    return p


def smallest_detectable(
    se: ArrayLike, df: ArrayLike, power: float = 0.8, alpha: float = 0.05
) -> Floats:
    """Return the smallest true value that a two-sided t test finds with this power.

    Args:
        se: (...) standard error of the estimate.
        df: (...) its degrees of freedom.
        power: chance of finding it.
        alpha: of the test.

    Returns:
        (...): (t of 1 - alpha / 2 + t of power) x se, the usual close approximation of the
        noncentral t.
    """
    freedom = np.asarray(df, np.float64)
    size: Floats = (stats.t.ppf(1 - alpha / 2, freedom) + stats.t.ppf(power, freedom)) * np.asarray(
        se, np.float64
    )
    return size

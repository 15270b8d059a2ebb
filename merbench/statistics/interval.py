"""Confidence intervals of values and of differences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]


class Intervals(NamedTuple):
    """Intervals of any number of values; all fields have one shape.

    Attributes:
        value: what was estimated.
        low: lower bound.
        high: upper bound.
        sample_se: standard error from which clusters were sampled.
        seed_se: standard error from the seeds of training; NaN where it is not known, and then
            the bounds leave it out.
        df: degrees of freedom of the t quantile.
        p: two-sided p of "the value is 0".
    """

    value: Floats
    low: Floats
    high: Floats
    sample_se: Floats
    seed_se: Floats
    df: Floats
    p: Floats

    @property
    def se(self) -> Floats:
        """The whole standard error, of what is known."""
        return np.sqrt(self.sample_se**2 + np.nan_to_num(self.seed_se) ** 2)


def sample_variance(replicates: NDArray[np.floating], clusters: int) -> Floats:
    """Return the bootstrap variance, times G / (G - 1), which makes it unbiased for a mean.

    Args:
        replicates: (B, ...) the value in each bootstrap sample of clusters.
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


def intervals(
    value: ArrayLike,
    sample_variance: ArrayLike,
    seed_variance: ArrayLike,
    clusters: int,
    confidence: float = 0.95,
) -> Intervals:
    """Build intervals: value +- t x sqrt(sample variance + seed variance), clusters - 1 df.

    Args:
        value: (...) the estimates.
        sample_variance: (...) of them over clusters.
        seed_variance: (...) of them over seeds; NaN where not known, and then left out.
        clusters: G.
        confidence: of the interval.

    Returns:
        Arrays (...). Without a sample variance the bounds and p are NaN. With a variance of 0, p
        is 1 for a value of 0 and 0 for any other.
    """
    estimate, of_sample, of_seeds = (
        np.array(a, np.float64) for a in np.broadcast_arrays(value, sample_variance, seed_variance)
    )
    df = np.full(estimate.shape, max(clusters - 1, 1), np.float64)
    se = np.sqrt(of_sample + np.nan_to_num(of_seeds))
    half = stats.t.ppf((1 + confidence) / 2, df) * se
    return Intervals(
        value=estimate,
        low=estimate - half,
        high=estimate + half,
        sample_se=np.sqrt(of_sample),
        seed_se=np.sqrt(of_seeds),
        df=df,
        p=_two_sided(estimate, se, df),
    )


def _two_sided(value: Floats, se: Floats, df: Floats) -> Floats:
    t = np.full(value.shape, np.inf)
    np.divide(np.abs(value), se, out=t, where=se != 0)
    t[(se == 0) & (value == 0)] = 0
    t[np.isnan(value)] = np.nan
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

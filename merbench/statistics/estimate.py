"""An estimate together with everything its interval is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merbench.errors import ConfigError
from merbench.results.metrics import ConfusionMetric
from merbench.statistics.interval import (
    Intervals,
    intervals,
    sample_variance,
    seed_variance,
    shared_seed_variance,
)
from merbench.statistics.resampling import cluster_weights, pooled, replicate, swap_folds

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Sampling:
    """Who was tested by whose model, and the samples drawn of them.

    Attributes:
        clusters_of_units: (U,) cluster of each unit, 0 to G - 1.
        folds_of_units: (U,) fold of each unit, 0 to F - 1.
        cluster_samples: (B, G) how often each cluster is in each bootstrap sample.
        fold_samples: (B, F) how often each fold is.
    """

    clusters_of_units: Integers
    folds_of_units: Integers
    cluster_samples: Integers
    fold_samples: Integers

    @property
    def clusters(self) -> int:
        """G, how many clusters there are."""
        return len(self.cluster_samples.T)

    @property
    def folds(self) -> int:
        """F, how many folds there are."""
        return len(self.fold_samples.T)

    @property
    def lone(self) -> bool:
        """Whether each fold tests one cluster of its own, so that no seed luck is shared."""
        return len(self.folds_of_units) == self.folds == self.clusters


def draw_samples(
    clusters_of_units: Integers, folds_of_units: Integers, draws: int, rng: np.random.Generator
) -> Sampling:
    """Draw bootstrap samples of clusters and of folds.

    Args:
        clusters_of_units: (U,) cluster of each unit, 0 to G - 1, none left out.
        folds_of_units: (U,) fold of each unit, 0 to F - 1, none left out.
        draws: B, how many samples of each.
        rng: source of the draws.

    Raises:
        ConfigError: the two differ in length, or a number is left out.
    """
    if clusters_of_units.shape != folds_of_units.shape:
        raise ConfigError(
            f"{len(clusters_of_units)} units have a cluster, {len(folds_of_units)} a fold"
        )
    for what, codes in (("cluster", clusters_of_units), ("fold", folds_of_units)):
        present = np.unique(codes)
        if not np.array_equal(present, np.arange(len(present))):
            raise ConfigError(f"{what} numbers of the units do not run from 0 without a gap")
    clusters, folds = int(clusters_of_units.max()) + 1, int(folds_of_units.max()) + 1
    return Sampling(
        clusters_of_units,
        folds_of_units,
        cluster_weights(clusters, draws, rng),
        cluster_weights(folds, draws, rng),
    )


@dataclass(frozen=True)
class Estimate:
    """Values, and what they are under every resample; the last axis is the same in all arrays.

    Attributes:
        value: (K,) pooled over units, mean over seeds.
        of_clusters: (B, K) with clusters resampled.
        of_folds: (B, K) with folds resampled.
        swapped_folds: (F, S, K) with one fold that of one seed.
        swapped_units: (U, S, K) with one unit that of one seed.
        sampling: what was resampled.
    """

    value: Floats
    of_clusters: Floats
    of_folds: Floats
    swapped_folds: Floats
    swapped_units: Floats
    sampling: Sampling

    def map(self, function: Callable[[Floats], Floats]) -> Estimate:
        """Return the estimate of a function of the values.

        Args:
            function: of (..., K), giving (..., J): a mean over conditions, an area under a curve,
                a difference of two methods.
        """
        of_clusters = function(self.of_clusters)
        return Estimate(
            function(self.value),
            of_clusters,
            of_clusters if self.sampling.lone else function(self.of_folds),
            function(self.swapped_folds),
            function(self.swapped_units),
            self.sampling,
        )

    def join(
        self, other: Estimate, function: Callable[[Floats, Floats], Floats], *, paired: bool
    ) -> Estimate:
        """Return the estimate of a function of two methods' values.

        Args:
            other: of the second method, on the same samples.
            function: of (..., K) of both, giving (..., J): a difference, a ratio.
            paired: whether the seeds of both are the same. Seeds that are not are independent; the
                swaps of either are then those of folds (and units) of their own.
        """
        folds, units = (
            function(mine, theirs)
            if paired
            else _side_by_side(function(mine, other.value), function(self.value, theirs))
            for mine, theirs in (
                (self.swapped_folds, other.swapped_folds),
                (self.swapped_units, other.swapped_units),
            )
        )
        of_clusters = function(self.of_clusters, other.of_clusters)
        of_folds = of_clusters
        if not self.sampling.lone:
            of_folds = function(self.of_folds, other.of_folds)
        return Estimate(
            function(self.value, other.value),
            of_clusters,
            of_folds,
            folds,
            units,
            self.sampling,
        )

    def intervals(self, confidence: float = 0.95) -> Intervals:
        """Return the interval of each value, (K,) in every field."""
        sampling = self.sampling
        of_seeds = seed_variance(self.swapped_folds)
        of_units = seed_variance(self.swapped_units)
        shared = shared_seed_variance(of_seeds, of_units, sampling.clusters)
        return intervals(
            self.value,
            sample_variance(self.of_clusters, sampling.clusters),
            of_seeds,
            sampling.clusters,
            confidence,
            shared=shared,
            fold_variance=sample_variance(self.of_folds, sampling.folds),
            folds=sampling.folds,
        )


def _side_by_side(mine: Floats, theirs: Floats) -> Floats:
    """Return two (F, S, ...) arrays along F, whatever their S.

    Seed variances add over F, and are divided by S; where S differ, deviations from the mean are
    stretched so that the shorter one keeps its variance over S when it is filled up with its mean.
    """
    seeds = max(mine.shape[1], theirs.shape[1])
    return np.concatenate([_widen(swaps, seeds) for swaps in (mine, theirs)])


def _widen(swaps: Floats, seeds: int) -> Floats:
    own = swaps.shape[1]
    if own == seeds:
        return swaps
    if own < 2:
        return np.full((len(swaps), seeds, *swaps.shape[2:]), np.nan)
    mean = swaps.mean(axis=1, keepdims=True)
    stretch = np.sqrt(seeds * (seeds - 1) / (own * (own - 1)))
    filled = np.repeat(mean, seeds, axis=1)
    filled[:, :own] += stretch * (swaps - mean)
    return filled


def estimate(
    counts: Integers, sampling: Sampling, metrics: Sequence[ConfusionMetric]
) -> dict[str, Estimate]:
    """Compute metrics of confusion counts, with all that their intervals need.

    Args:
        counts: (S, U, K, C, C) of S seeds, U units and K matrices (conditions, methods).
        sampling: of the same units.
        metrics: what to compute.

    Returns:
        One for each metric, by name.
    """
    units = np.arange(len(sampling.folds_of_units))
    value = pooled(counts, metrics)
    of_clusters = replicate(counts, sampling.clusters_of_units, sampling.cluster_samples, metrics)
    # Lone clusters are folds; other samples of the same would only add their noise.
    of_folds = (
        of_clusters
        if sampling.lone
        else replicate(counts, sampling.folds_of_units, sampling.fold_samples, metrics)
    )
    swapped_folds = swap_folds(counts, sampling.folds_of_units, metrics)
    swapped_units = swap_folds(counts, units, metrics)
    return {
        name: Estimate(
            value[name],
            of_clusters[name],
            of_folds[name],
            swapped_folds[name],
            swapped_units[name],
            sampling,
        )
        for name in value
    }

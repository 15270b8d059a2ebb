"""The evidence of a run: values, what they are when clusters are drawn anew, and by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merbench.analysis.quantities import Matrices
from merbench.results.metrics import Bounds, ConfusionMetric, confusion_metric
from merbench.results.tally import Tally
from merbench.statistics.interval import Intervals, intervals, sample_variance, seed_variance
from merbench.statistics.resampling import cluster_weights, pooled, replicate, swap_folds

DRAWS = 5000
CONFIDENCE = 0.95
Floats = NDArray[np.floating]
Function = Callable[[Floats], Floats]


class Sample(NamedTuple):
    """One metric of one method on every matrix.

    Attributes:
        value: (matrix,) pooled out-of-fold value, mean over seeds.
        replicates: (B, matrix) the same in each bootstrap sample of clusters.
        swapped: (fold, seed, matrix) the same when one fold is that of one seed.
    """

    value: Floats
    replicates: NDArray[np.float32]
    swapped: Floats


@dataclass(frozen=True)
class Evidence:
    """What is known of every method.

    Attributes:
        matrices: the last axis of every array.
        samples: metric -> label -> its sample; methods without a seed that has every fold lack.
        seeds: label -> positions of the seeds it rests on.
        clusters: how many were drawn from; below 2 there is no interval.
        confidence: of the intervals.
    """

    matrices: Matrices
    samples: Mapping[str, Mapping[str, Sample]]
    seeds: Mapping[str, tuple[int, ...]]
    clusters: int
    confidence: float

    @property
    def methods(self) -> tuple[str, ...]:
        """Labels of the methods that have values."""
        return tuple(self.seeds)

    def of(self, metric: str, method: str, function: Function) -> Intervals:
        """Return intervals of any function of a method's values.

        Args:
            metric: name.
            method: label.
            function: (..., matrix) -> (...), or any number of trailing axes.
        """
        sample = self.samples[metric][method]
        return self._intervals(
            function(sample.value),
            function(sample.replicates),
            seed_variance(function(sample.swapped)),
        )

    def average(self, metric: str, method: str, weights: Floats) -> Intervals:
        """Return intervals of weighted means of a metric, cut off where the metric ends.

        Args:
            metric: name.
            method: label.
            weights: (matrix,) or (quantity, matrix), each summing to 1.
        """
        bounds = confusion_metric(metric).bounds
        return within(self.of(metric, method, linear(weights)), bounds)

    def between(self, metric: str, method: str, against: str, function: Function) -> Intervals:
        """Return intervals of the difference of a function of two methods' values."""
        return self.paired(
            metric, method, against, lambda mine, other: function(mine) - function(other)
        )

    def paired(
        self,
        metric: str,
        method: str,
        against: str,
        function: Callable[[Floats, Floats], Floats],
    ) -> Intervals:
        """Return intervals of any function of two methods' values, paired by cluster and seed.

        Args:
            metric: name.
            method: label.
            against: label of the other.
            function: (..., matrix) of both -> (...), or any number of trailing axes.
        """
        mine, other = (self.samples[metric][label] for label in (method, against))
        if self.seeds[method] == self.seeds[against]:
            of_seeds = seed_variance(function(mine.swapped, other.swapped))
        else:
            # Seeds that cannot be paired are independent.
            of_seeds = seed_variance(function(mine.swapped, other.value)) + seed_variance(
                function(mine.value, other.swapped)
            )
        return self._intervals(
            function(mine.value, other.value),
            function(mine.replicates, other.replicates),
            of_seeds,
        )

    def _intervals(self, value: Floats, replicates: Floats, of_seeds: Floats) -> Intervals:
        of_sample = sample_variance(replicates, self.clusters)
        return intervals(value, of_sample, of_seeds, self.clusters, self.confidence)


def within(found: Intervals, bounds: Bounds) -> Intervals:
    """Cut intervals off where a metric ends."""
    return found._replace(
        low=np.clip(found.low, bounds.low, bounds.high),
        high=np.clip(found.high, bounds.low, bounds.high),
    )


def linear(weights: Floats) -> Function:
    """Return the function that weighs values.

    Args:
        weights: (matrix,) or (quantity, matrix).
    """

    def weigh(values: Floats) -> Floats:
        weighed: Floats = values @ weights.astype(values.dtype).T
        return weighed

    return weigh


def gather_evidence(
    tally: Tally,
    matrices: Matrices,
    metrics: Sequence[str],
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
) -> Evidence:
    """Resample the clusters of a run.

    Every method and metric meets the same samples, so that differences are paired. The samples
    depend on the number of clusters and of draws alone.

    Args:
        tally: counts of the run.
        matrices: what will be asked for.
        metrics: names.
        draws: B.
        confidence: of the intervals.
    """
    clusters = len(tally.units.clusters) if tally.units.kind else 0
    chosen = [confusion_metric(name) for name in metrics]
    weights = bootstrap_weights(clusters, draws)
    samples: dict[str, dict[str, Sample]] = {name: {} for name in metrics}
    seeds: dict[str, tuple[int, ...]] = {}
    for index, label in enumerate(tally.header.methods):
        usable = np.flatnonzero(tally.done[index].all(axis=-1))
        if not len(usable):
            continue
        seeds[label] = tuple(usable.tolist())
        counts = matrices.sum_counts(tally.counts[index][usable])
        for name, sample in _samples(counts, tally, weights, chosen).items():
            samples[name][label] = sample
    return Evidence(matrices, samples, seeds, clusters, confidence)


def bootstrap_weights(clusters: int, draws: int) -> NDArray[np.int64]:
    """Return (B, clusters) frozen bootstrap weights; none where there is nothing to draw from."""
    if clusters < 2:
        return np.zeros((0, max(clusters, 1)), np.int64)
    return cluster_weights(clusters, draws, np.random.default_rng((clusters, draws)))


def _samples(
    counts: NDArray[np.integer],
    tally: Tally,
    weights: NDArray[np.int64],
    metrics: Sequence[ConfusionMetric],
) -> dict[str, Sample]:
    values = pooled(counts, metrics)
    swapped = swap_folds(counts, _dense(tally.units.fold), metrics)
    clusters = tally.units.cluster if tally.units.kind else np.zeros_like(tally.units.cluster)
    replicates = replicate(counts, clusters, weights, metrics)
    return {
        m.name: Sample(values[m.name], replicates[m.name].astype(np.float32), swapped[m.name])
        for m in metrics
    }


def _dense(folds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the folds that are there from 0."""
    return np.unique(folds, return_inverse=True)[1].astype(np.int64)

"""The evidence of a run: values, what they are when clusters are drawn anew, and by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from merbench.analysis.quantities import Matrices
from merbench.errors import ConfigError
from merbench.results.metrics import Bounds, ConfusionMetric, confusion_metric
from merbench.results.tally import Tally, Units
from merbench.statistics.estimate import Estimate, Sampling, draw_samples, estimate
from merbench.statistics.interval import Intervals

DRAWS = 5000
CONFIDENCE = 0.95
Floats = NDArray[np.floating]
Function = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Evidence:
    """What is known of every method.

    Attributes:
        matrices: the last axis of every estimate.
        estimates: metric -> label -> values on every matrix; methods without a seed that has every
            fold lack.
        seeds: label -> positions of the seeds it rests on.
        sampling: what was resampled.
        clusters: how many were drawn from, 0 where none are known; below 2 there is no interval.
        confidence: of the intervals.
    """

    matrices: Matrices
    estimates: Mapping[str, Mapping[str, Estimate]]
    seeds: Mapping[str, tuple[int, ...]]
    sampling: Sampling
    clusters: int
    confidence: float

    @property
    def methods(self) -> tuple[str, ...]:
        """Labels of the methods that have values."""
        return tuple(self.seeds)

    def values(self, metric: str, method: str) -> Floats:
        """Return (matrix,) values of a method."""
        return self.estimates[metric][method].value

    def of(self, metric: str, method: str, function: Function) -> Intervals:
        """Return intervals of any function of a method's values.

        Args:
            metric: name.
            method: label.
            function: (..., matrix) -> (...), or any number of trailing axes.
        """
        return self.intervals(self.estimates[metric][method].map(function))

    def average(self, metric: str, method: str, weights: Floats) -> Intervals:
        """Return intervals of weighted means of a metric, cut off where the metric ends.

        Args:
            metric: name.
            method: label.
            weights: (matrix,) or (quantity, matrix), each summing to 1.
        """
        found = self.of(metric, method, linear(weights))
        return within(found, confusion_metric(metric).bounds)

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
        """Return intervals of any function of two methods' values.

        They are paired by cluster, and by seed where both have the same seeds.

        Args:
            metric: name.
            method: label.
            against: label of the other.
            function: (..., matrix) of both -> (...), or any number of trailing axes.
        """
        mine, other = (self.estimates[metric][label] for label in (method, against))
        paired = self.seeds[method] == self.seeds[against]
        return self.intervals(mine.join(other, function, paired=paired))

    def intervals(self, found: Estimate) -> Intervals:
        """Return the intervals of an estimate; without bounds where clusters are too few."""
        intervals = found.intervals(self.confidence)
        if self.clusters > 1:
            return intervals
        unknown = np.full_like(intervals.value, np.nan)
        return Intervals(intervals.value, *[unknown] * (len(Intervals._fields) - 1))


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
    metrics: Iterable[str],
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
) -> Evidence:
    """Resample the clusters of a run.

    Every method and metric meets the same samples, so that differences are paired. The samples
    depend on the units and the number of draws alone.

    Args:
        tally: counts of the run.
        matrices: what will be asked for.
        metrics: names.
        draws: B.
        confidence: of the intervals.

    Raises:
        ConfigError: too few draws.
    """
    if draws < 2:
        raise ConfigError(f"found {draws} bootstrap samples; expected thousands, two at least")
    chosen = [confusion_metric(name) for name in metrics]
    sampling = sample_units(tally.units, draws)
    estimates: dict[str, dict[str, Estimate]] = {metric.name: {} for metric in chosen}
    seeds: dict[str, tuple[int, ...]] = {}
    for index, label in enumerate(tally.header.methods):
        usable = tally.whole_seeds(label)
        if not usable:
            continue
        seeds[label] = usable
        counts = matrices.sum_counts(tally.counts[index, list(usable)])
        for name, found in compact_estimate(counts, sampling, chosen).items():
            estimates[name][label] = found
    clusters = len(tally.units.clusters) if tally.units.kind else 0
    return Evidence(matrices, estimates, seeds, sampling, clusters, confidence)


def sample_units(units: Units, draws: int) -> Sampling:
    """Draw bootstrap samples of the clusters and folds of a run; frozen."""
    folds = np.unique(units.fold, return_inverse=True)[1].astype(np.int64)
    return draw_samples(units.cluster, folds, draws, np.random.default_rng(draws))


def compact_estimate(
    counts: NDArray[np.integer], sampling: Sampling, metrics: Sequence[ConfusionMetric]
) -> dict[str, Estimate]:
    """Return `estimate` with its resamples in float32, which half the memory holds."""
    compact = {}
    for name, found in estimate(counts, sampling, metrics).items():
        of_clusters = found.of_clusters.astype(np.float32)
        of_folds = of_clusters if sampling.lone else found.of_folds.astype(np.float32)
        compact[name] = replace(found, of_clusters=of_clusters, of_folds=of_folds)
    return compact

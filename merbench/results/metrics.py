"""Metrics: what each is called, which way is better, where it ends, and how it is computed.

Two kinds: those of a confusion matrix (any number of leading axes, so a whole grid at once), and
those of class probabilities. Intervals and tests resample counts, so what a suite may name is a
metric of a confusion matrix: ours, and those registered under `merbench.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merbench import registry
from merbench.errors import ConfigError, did_you_mean

# Resampled counts are whole numbers in floats.
Counts = NDArray[np.integer] | NDArray[np.floating]
Floats = NDArray[np.float64]

ECE_BINS = 15
SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Bounds:
    """The range of a metric, ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Metric:
    """What any metric declares.

    Attributes:
        name: column of the tables.
        label: heading in reports.
        higher_is_better: which way is better.
        bounds: smallest and largest possible value.
        doc: one line.
    """

    name: str
    label: str
    higher_is_better: bool
    bounds: Bounds
    doc: str


@dataclass(frozen=True)
class ConfusionMetric(Metric):
    """A metric of a confusion matrix: call it with (..., C, C) counts, rows = true class.

    It returns (...) float64, NaN where a matrix is empty.
    """

    compute: Callable[[Counts], Floats]

    def __call__(self, counts: Counts) -> Floats:
        """Return the metric of each matrix."""
        return self.compute(counts)


@dataclass(frozen=True)
class ProbabilityMetric(Metric):
    """A metric of class probabilities, NaN without any utterance.

    Call it with (..., n, C) probabilities, (n,) labels and (..., n) predictions; it returns (...)
    float64.
    """

    compute: Callable[[NDArray[np.floating], NDArray[np.integer], NDArray[np.integer]], Floats]

    def __call__(
        self,
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer],
        predictions: NDArray[np.integer],
    ) -> Floats:
        """Return the metric over the utterances."""
        return self.compute(probabilities, labels, predictions)


def confusion_matrix(
    labels: NDArray[np.integer], predictions: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Count (true, predicted) pairs.

    Args:
        labels: (n,) true classes.
        predictions: (K, n) predicted classes of K conditions.
        classes: C, the number of classes.

    Returns:
        (K, C, C) counts, rows = true class.
    """
    conditions = np.arange(len(predictions), dtype=np.int64)[:, None]
    codes = (conditions * classes + labels) * classes + predictions
    counts = np.bincount(codes.ravel(), minlength=len(predictions) * classes**2)
    return counts.reshape(-1, classes, classes)


def _ratio(part: Counts, whole: Counts) -> Floats:
    """Divide, NaN where the whole, and so the part, is 0."""
    # A mask would say the same, several times slower.
    with np.errstate(invalid="ignore"):
        return np.divide(part, whole, dtype=np.float64)


def _diagonal(counts: Counts) -> Counts:
    diagonal: NDArray[Any] = np.diagonal(counts, axis1=-2, axis2=-1)
    return diagonal


def _f1_of_classes(counts: Counts) -> Floats:
    return _ratio(2 * _diagonal(counts), counts.sum(-1) + counts.sum(-2))


def _mean_of_defined(values: Floats) -> Floats:
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


def _wa(counts: Counts) -> Floats:
    return _ratio(_diagonal(counts).sum(-1), counts.sum((-2, -1)))


def _ua(counts: Counts) -> Floats:
    return _mean_of_defined(_ratio(_diagonal(counts), counts.sum(-1)))


def _f1(counts: Counts) -> Floats:
    return _mean_of_defined(_f1_of_classes(counts))


def _weighted_f1(counts: Counts) -> Floats:
    support = counts.sum(-1)
    return _ratio((support * np.nan_to_num(_f1_of_classes(counts))).sum(-1), support.sum(-1))


def confidence_bins(confidence: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the calibration bin of each confidence.

    Bins are open to the left: (0, 1/15], (1/15, 2/15], ...; 0 itself goes to the first.
    """
    bins: NDArray[np.int64] = np.ceil(confidence * ECE_BINS).astype(np.int64) - 1
    return np.clip(bins, 0, ECE_BINS - 1)


def _ece(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    predictions: NDArray[np.integer],
) -> Floats:
    confidence = np.take_along_axis(probabilities, predictions[..., None], -1)[..., 0]
    confidence = np.asarray(confidence, np.float64)
    bins = confidence_bins(confidence)
    lead, n = confidence.shape[:-1], confidence.shape[-1]
    groups = int(np.prod(lead))
    codes = (np.arange(groups)[:, None] * ECE_BINS + bins.reshape(groups, n)).ravel()
    surplus = confidence - (predictions == labels)
    gaps = np.bincount(codes, surplus.ravel(), groups * ECE_BINS).reshape(*lead, ECE_BINS)
    return _ratio(np.abs(gaps).sum(-1), np.full(lead, n))


def _nll(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    predictions: NDArray[np.integer],
) -> Floats:
    del predictions
    wanted = np.broadcast_to(labels[:, None].astype(np.int64), (*probabilities.shape[:-1], 1))
    of_truth = np.take_along_axis(probabilities, wanted, -1)[..., 0].astype(np.float64)
    losses = -np.log(np.clip(of_truth, SMALLEST_PROBABILITY, 1.0))
    return _ratio(losses.sum(-1), np.full(losses.shape[:-1], losses.shape[-1]))


_UNIT = Bounds(0.0, 1.0)

WA = ConfusionMetric("wa", "WA", True, _UNIT, "share of utterances that are right", _wa)
UA = ConfusionMetric("ua", "UA", True, _UNIT, "mean recall over the classes present", _ua)
F1 = ConfusionMetric(
    "f1", "macro F1", True, _UNIT, "mean F1 over the classes present or predicted", _f1
)
WEIGHTED_F1 = ConfusionMetric(
    "weighted_f1", "weighted F1", True, _UNIT, "mean F1, classes weighted by size", _weighted_f1
)
ECE = ProbabilityMetric(
    "ece",
    "ECE",
    False,
    _UNIT,
    f"gap between confidence and accuracy, {ECE_BINS} bins of equal width",
    _ece,
)
NLL = ProbabilityMetric(
    "nll",
    "NLL",
    False,
    Bounds(0.0, float(-np.log(SMALLEST_PROBABILITY))),
    f"mean -log p(truth) in nats, p at least {SMALLEST_PROBABILITY:g}",
    _nll,
)

# Those that every results.parquet holds.
METRICS: dict[str, Metric] = {m.name: m for m in (WA, UA, F1, WEIGHTED_F1, ECE, NLL)}


def confusion_metric(name: str) -> ConfusionMetric:
    """Return the metric of a confusion matrix that is registered as `name`.

    One that is named by an import path is called by that path, so that it is found again by it.

    Raises:
        ConfigError: there is none, or its plug-in is broken.
    """
    if isinstance(METRICS.get(name), ProbabilityMetric):
        raise ConfigError(
            f"metric {name!r} is not one of a confusion matrix: "
            f"{did_you_mean(name, registry.names('metrics'))}"
        )
    found: ConfusionMetric = registry.load("metrics", name)
    return found if found.name == name else replace(found, name=name)


def added(names: Iterable[str]) -> tuple[ConfusionMetric, ...]:
    """Return those of some metrics that come beside `METRICS`."""
    return tuple(confusion_metric(name) for name in names if name not in METRICS)

"""What a cell of a table is: nested means of metrics of pooled confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merbench.results.conditions import ConditionKey, NoiseColumn, columns_of, patterns_of
from merbench.results.metrics import ConfusionMetric

# What a mean over patterns, or over missing rates, is called beside its parts.
MEAN = "mean"


@dataclass(frozen=True)
class Pool:
    """The metric of one confusion matrix: the sum over these conditions."""

    conditions: tuple[int, ...]


@dataclass(frozen=True)
class Mean:
    """The mean of its parts, with equal weights."""

    parts: tuple[Average, ...]


Average = Pool | Mean


def evaluate(
    average: Average, metric: ConfusionMetric, counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute an average.

    Args:
        average: what to compute.
        metric: of each confusion matrix.
        counts: (..., condition, C, C).

    Returns:
        (...) float64.
    """
    if isinstance(average, Pool):
        return metric(counts[..., list(average.conditions), :, :].sum(axis=-3))
    values = np.stack([evaluate(part, metric, counts) for part in average.parts])
    mean: NDArray[np.float64] = values.mean(axis=0)
    return mean


def matrix_size(average: Average, counts: NDArray[np.int64]) -> int:
    """Return how many predictions the (first) confusion matrix of an average counts."""
    while isinstance(average, Mean):
        average = average.parts[0]
    return int(counts[list(average.conditions)].sum())


def over_settings(
    conditions: Sequence[ConditionKey], pattern: str, column: NoiseColumn
) -> Mean | None:
    """Return the mean over the severities and draws of a noise; None where the grid has none."""
    found = [
        Pool((k,)) for k, c in enumerate(conditions) if c.pattern == pattern and c.column == column
    ]
    return Mean(tuple(found)) if found else None


def pooled_patterns(
    conditions: Sequence[ConditionKey], patterns: Sequence[str], column: NoiseColumn
) -> Mean | None:
    """Return, per severity and draw, one confusion matrix over the patterns, and their mean."""
    settings: dict[tuple[int | None, str, float, int], list[int]] = {}
    for k, c in enumerate(conditions):
        if c.pattern in patterns and c.column == column:
            # repr, because a NaN is not equal to itself.
            setting = (c.level, repr(c.requested), c.severity, c.draw)
            settings.setdefault(setting, []).append(k)
    return Mean(tuple(Pool(tuple(ids)) for ids in settings.values())) if settings else None


def grid_mean(conditions: Sequence[ConditionKey]) -> Mean | None:
    """Return the mean over severities and draws, then noises, then patterns; only what is noised.

    A noise on absent and the same noise on present modalities count as two noises. None where the
    grid has no noise.
    """
    of_patterns = []
    for pattern in patterns_of(conditions):
        of_noises = [
            over_settings(conditions, pattern, column)
            for column in columns_of(conditions)
            if column.is_noise
        ]
        of_pattern = mean_of(of_noises)
        if of_pattern is not None:
            of_patterns.append(of_pattern)
    return mean_of(of_patterns)


def mean_of(parts: Sequence[Average | None]) -> Mean | None:
    """Return the mean of the parts that exist; None where none does."""
    there = tuple(part for part in parts if part is not None)
    return Mean(there) if there else None

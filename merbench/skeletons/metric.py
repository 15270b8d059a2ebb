"""Skeleton: the recall of the class that fares worst."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merbench.results.metrics import Bounds, ConfusionMetric, Counts


def worst_recall(counts: Counts) -> NDArray[np.float64]:
    """Return the smallest recall among the classes that are there.

    Args:
        counts: (..., C, C), rows = true class; multiplying them all must change nothing.

    Returns:
        (...) float64, NaN where a matrix is empty and nowhere else.
    """
    there = counts.sum(-1) > 0
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    recall = np.where(there, right / np.where(there, counts.sum(-1), 1), 1.0)
    return np.where(there.any(-1), recall.min(-1), np.nan)


SKELETON = ConfusionMetric(
    name="skeleton",
    label="worst recall",
    higher_is_better=True,
    bounds=Bounds(0.0, 1.0),
    doc="recall of the class that fares worst",
    compute=worst_recall,
)

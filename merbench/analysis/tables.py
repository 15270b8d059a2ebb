"""Summaries with intervals, and the value of every condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merbench.analysis.evidence import Evidence, Floats, linear
from merbench.results.summary import Summary

GRID_COLUMNS = ("metric", "condition", "method", "value", "low", "high")
INTERVAL = ("low", "high", "sample_se", "seed_se")


def with_intervals(summary: Summary, evidence: Evidence) -> Summary:
    """Return a table with the interval of each value, and how far it is from the best.

    Adds to the frame `low`, `high`, `sample_se`, `seed_se`, and `p_best`: p of the difference to
    the best method of the column, times the number of all pairs of methods, for the best was not
    named beforehand; NaN for the best one itself.
    """
    weights = np.stack([evidence.matrices.weights(a) for a in summary.averages.values()])
    shape = (len(summary.methods), len(summary.columns))
    added = {name: np.full(shape, np.nan) for name in INTERVAL}
    for row, method in enumerate(summary.methods):
        if method in evidence.methods:
            found = evidence.average(summary.metric.name, method, weights)
            for name, values in added.items():
                values[row] = getattr(found, name)
    added["p_best"] = _against_best(summary, evidence, weights)
    # The frame has one row for each method and column, in this order.
    return replace(summary, frame=summary.frame.assign(**{n: v.ravel() for n, v in added.items()}))


def _against_best(summary: Summary, evidence: Evidence, weights: Floats) -> NDArray[np.float64]:
    """Return (method, column) adjusted p of the difference to the column's best method."""
    values = summary.wide().to_numpy()
    p = np.full(values.shape, np.nan)
    if len(evidence.methods) < 2:
        return p
    known = [row for row, m in enumerate(summary.methods) if m in evidence.methods]
    sign = 1 if summary.metric.higher_is_better else -1
    best = np.array(known)[np.argmax(sign * values[known], axis=0)]
    for leader in set(best.tolist()):
        columns = np.flatnonzero(best == leader)
        for row in known:
            if row != leader:
                p[row, columns] = evidence.between(
                    summary.metric.name,
                    summary.methods[row],
                    summary.methods[leader],
                    linear(weights[columns]),
                ).p
    pairs = len(known) * (len(known) - 1) / 2
    return np.minimum(pairs * p, 1)


def grid_values(evidence: Evidence, metrics: Sequence[str], conditions: int) -> pd.DataFrame:
    """Return metric, condition, method, value, low, high of every condition."""
    weights = np.eye(conditions, len(evidence.matrices.pools))
    frames = [pd.DataFrame(columns=GRID_COLUMNS)]
    for metric in metrics:
        for method in evidence.methods:
            found = evidence.average(metric, method, weights)
            frames.append(
                pd.DataFrame(
                    {
                        "metric": metric,
                        "condition": np.arange(conditions),
                        "method": method,
                        "value": found.value,
                        "low": found.low,
                        "high": found.high,
                    }
                )
            )
    return concatenated(frames)


def concatenated(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put frames below each other; the first is empty and says which columns there are."""
    return pd.concat(frames[1:], ignore_index=True) if len(frames) > 1 else frames[0]

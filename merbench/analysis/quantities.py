"""Quantities of a grid as weights over the metrics of its confusion matrices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from merbench.results.averages import Average, Pool, mean_of, over_settings
from merbench.results.conditions import CLEAN, columns_of, patterns_of
from merbench.results.header import TableHeader
from merbench.results.summary import overview_averages

Floats = NDArray[np.floating]


class Matrices:
    """The confusion matrices that some averages rest on: each condition, then what is pooled.

    Attributes:
        pools: which conditions each matrix sums, in the order of the axis.
    """

    def __init__(self, conditions: int, averages: Iterable[Average]) -> None:
        """Collect the matrices.

        Args:
            conditions: K, number of conditions of the grid; each is a matrix of its own.
            averages: what will be asked for.
        """
        found = {Pool((k,)): k for k in range(conditions)}
        for average in averages:
            for pool in _pools(average):
                found.setdefault(pool, len(found))
        self.pools = tuple(found)
        self._place = found

    def sum_counts(self, counts: NDArray[np.integer]) -> NDArray[np.integer]:
        """Sum (..., K, C, C) counts of conditions to (..., matrix, C, C)."""
        single = sum(len(pool.conditions) == 1 for pool in self.pools)
        more = [
            counts[..., list(pool.conditions), :, :].sum(axis=-3) for pool in self.pools[single:]
        ]
        if not more:
            return counts
        return np.concatenate([counts, np.stack(more, axis=-3)], axis=-3)

    def weights(self, average: Average) -> Floats:
        """Return the weight of each matrix in an average."""
        weights = np.zeros(len(self.pools))
        if isinstance(average, Pool):
            weights[self._place[average]] = 1
        else:
            for part in average.parts:
                weights += self.weights(part) / len(average.parts)
        return weights


def quantities_of(header: TableHeader) -> dict[str, Average]:
    """Return what two runs, or two methods, are compared on.

    That is the overview, each noise-free pattern, and the mean over the patterns of each noise.
    """
    found = overview_averages(header)
    patterns = patterns_of(header.conditions)
    for column in columns_of(header.conditions):
        over = [over_settings(header.conditions, pattern, column) for pattern in patterns]
        if column.noise != CLEAN:
            mean = mean_of(over)
            if mean is not None:
                found[column.title] = mean
        else:
            named = zip(patterns, over, strict=True)
            found |= {p: a for p, a in named if a is not None and p != header.complete}
    return found


def trapezoid(severities: Sequence[float] | Floats) -> Floats:
    """Return the weight of each point in the mean height of the curve through them.

    Args:
        severities: ascending, at least two.
    """
    gaps = np.diff(severities)
    weights = np.zeros(len(severities))
    weights[:-1] += gaps / 2
    weights[1:] += gaps / 2
    mean: Floats = weights / gaps.sum()
    return mean


def _pools(average: Average) -> list[Pool]:
    if isinstance(average, Pool):
        return [average]
    return [pool for part in average.parts for pool in _pools(part)]

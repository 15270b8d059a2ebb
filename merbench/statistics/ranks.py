"""Ranks of methods over blocks (conditions or corpora): Friedman, Nemenyi, and cliques."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from merbench.errors import ConfigError
from merbench.statistics.outcome import Outcome

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """What a critical-difference diagram shows.

    Attributes:
        mean_ranks: (M,) of each method over the blocks, 1 = best; ties share their mean rank.
        blocks: how many blocks were used.
        friedman: test of "all methods rank alike"; chi-squared with M - 1 degrees of freedom.
        critical_difference: of two mean ranks, by Nemenyi; NaN without any block.
        p: (M, M) Nemenyi's p of each pair, 1 on the diagonal.
        cliques: groups of methods, best first, within which no pair differs; of two or more
            methods, none part of another.
    """

    mean_ranks: Floats
    blocks: int
    friedman: Outcome
    critical_difference: float
    p: Floats
    cliques: tuple[tuple[int, ...], ...]


def rank_methods(values: ArrayLike, higher_is_better: bool = True, alpha: float = 0.05) -> Ranking:
    """Rank methods in each block and compare their mean ranks (Demsar 2006).

    Over conditions of one corpus, blocks re-use the same utterances and the p are description
    only; over corpora they are inference.

    Args:
        values: (blocks, M). Blocks with a NaN are left out.
        higher_is_better: whether the highest value gets rank 1.
        alpha: of the critical difference.

    Returns:
        The ranking. Nemenyi's p and critical difference use the studentized range with infinite
        degrees of freedom, over sqrt(2). Friedman is not possible (NaN) with fewer than two blocks
        or three methods; where all methods tie in every block, its p is 1.

    Raises:
        ConfigError: values is not a table of two or more methods.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ConfigError(f"ranks need a table (blocks, methods >= 2), not of shape {table.shape}")
    table = table[~np.isnan(table).any(axis=1)]
    blocks, methods = table.shape
    if blocks == 0:
        nothing = np.full(methods, np.nan)
        square = np.full((methods, methods), np.nan)
        impossible = Outcome(float("nan"), float("nan"), 1.0, 0)
        return Ranking(nothing, 0, impossible, float("nan"), square, ())
    ranks = stats.rankdata(-table if higher_is_better else table, axis=1)
    mean_ranks = ranks.mean(axis=0)
    unit = float(np.sqrt(methods * (methods + 1) / (6 * blocks)))
    quantile = float(stats.studentized_range.ppf(1 - alpha, methods, np.inf)) / np.sqrt(2)
    gaps = np.abs(mean_ranks[:, None] - mean_ranks)
    p = np.clip(stats.studentized_range.sf(gaps / unit * np.sqrt(2), methods, np.inf), 0, 1)
    np.fill_diagonal(p, 1.0)
    critical = quantile * unit
    return Ranking(
        mean_ranks,
        blocks,
        _friedman(ranks),
        critical,
        p,
        cliques(mean_ranks, critical),
    )


def cliques(mean_ranks: Floats, critical_difference: float) -> tuple[tuple[int, ...], ...]:
    """Group methods whose mean ranks lie within the critical difference of one another.

    Args:
        mean_ranks: (M,).
        critical_difference: ranks that differ by this much or more count as different.

    Returns:
        The largest such groups of two or more, best first, each in order of rank.
    """
    order = np.argsort(mean_ranks, kind="stable")
    ordered = mean_ranks[order]
    groups: list[tuple[int, ...]] = []
    reached = 0
    for first in range(len(ordered)):
        end = int(np.searchsorted(ordered, ordered[first] + critical_difference, side="left"))
        end = max(end, first + 1)
        if end > reached and end - first > 1:
            groups.append(tuple(int(i) for i in order[first:end]))
        reached = max(reached, end)
    return tuple(groups)


def _friedman(ranks: Floats) -> Outcome:
    """Test ranks (N, M), with the correction for ties."""
    blocks, methods = ranks.shape
    if blocks < 2 or methods < 3:
        return Outcome(float("nan"), float("nan"), 1.0, 0)
    # With equal ranks only, the correction for ties is 0 / 0.
    between = blocks**2 * float(((ranks.mean(axis=0) - (methods + 1) / 2) ** 2).sum())
    within = float(((ranks - (methods + 1) / 2) ** 2).sum())
    largest = blocks * (methods - 1)
    if within == 0:
        return Outcome(0.0, 1.0, float(stats.chi2.sf(largest, methods - 1)), blocks)
    statistic = (methods - 1) * between / within
    return Outcome(
        statistic,
        float(stats.chi2.sf(statistic, methods - 1)),
        float(stats.chi2.sf(largest, methods - 1)),
        blocks,
    )

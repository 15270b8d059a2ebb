"""Tests over folds: each takes one difference (mean over seeds) for each fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from merbench.errors import ConfigError
from merbench.statistics.outcome import Outcome

Floats = NDArray[np.float64]

ENUMERATED = 40
MONTE_CARLO = 100_000
BATCH = 10_000
# A sum that ties with the observed one may differ from it by rounding alone.
TIE = 1e-9

NOT_POSSIBLE = Outcome(float("nan"), float("nan"), 1.0, 0)


def corrected_t(differences: ArrayLike, test_to_train: float) -> Outcome:
    """Test with the corrected resampled t of Nadeau and Bengio (2003).

    Folds train on overlapping data, so that their differences are not independent; the variance
    of the mean is taken as (1 / k + n_test / n_train) x variance between folds.

    Args:
        differences: (k,) of each fold; NaN folds are left out.
        test_to_train: n_test / n_train, of the average fold.

    Returns:
        t with k - 1 degrees of freedom. Not possible (NaN) with fewer than two folds; where all
        differences are equal, p is 1 if they are 0, else 0.

    Raises:
        ConfigError: the ratio is not positive.
    """
    if not test_to_train > 0:
        raise ConfigError(f"test_to_train is {test_to_train}; expected a number above 0")
    d = _finite(differences)
    k = len(d)
    if k < 2:
        return NOT_POSSIBLE
    mean = float(d.mean())
    se = float(np.sqrt((1 / k + test_to_train) * d.var(ddof=1)))
    if se <= TIE * abs(mean):
        return Outcome(float(np.copysign(np.inf, mean)) if mean else 0.0, float(mean == 0), 0.0, k)
    t = mean / se
    return Outcome(t, float(2 * stats.t.sf(abs(t), k - 1)), 0.0, k)


def sign_flip(differences: ArrayLike, rng: np.random.Generator) -> Outcome:
    """Test by flipping the sign of each fold's difference in every possible way.

    Valid if the differences are independent and symmetric about 0 where there is no effect.

    Args:
        differences: (k,) of each fold; NaN folds are left out.
        rng: used above 40 folds only, where 100000 random flips stand for all 2^k.

    Returns:
        The mean as the statistic, and how often flips give one as far from 0. With all
        differences 0, p is 1; without any, not possible (NaN).
    """
    d = _finite(differences)
    k = len(d)
    if k == 0:
        return NOT_POSSIBLE
    mean = float(d.mean())
    bar = float(abs(d.sum()) - TIE * np.abs(d).sum())
    if k <= ENUMERATED:
        share = 1.0 if bar <= 0 else 2 * _share_of_flips(d, bar)
        return Outcome(mean, share, 0.5 ** (k - 1), k)
    beyond = 0
    for _ in range(0, MONTE_CARLO, BATCH):
        signs = rng.integers(0, 2, (BATCH, k)) * 2.0 - 1
        beyond += int(np.sum(np.abs(signs @ d) >= bar))
    # The observed signs count as one of the draws, which keeps the test valid.
    return Outcome(mean, (beyond + 1) / (MONTE_CARLO + 1), 1 / (MONTE_CARLO + 1), k, exact=False)


def _share_of_flips(d: Floats, bar: float) -> float:
    """Return the share of all sign flips whose sum is `bar` or more.

    Every flip is one of the first half's and one of the second half's: with the sums of the second
    half sorted, 2^(k/2) look-ups count all 2^k pairs.
    """
    first, second = _sums(d[: len(d) // 2]), np.sort(_sums(d[len(d) // 2 :]))
    short = np.searchsorted(second, bar - first, side="left")
    reached = int(np.sum(len(second) - short))
    return float(reached / 2 ** len(d))


def _sums(d: Floats) -> Floats:
    sums = np.zeros(1)
    for other in d:
        sums = np.concatenate((sums + other, sums - other))
    return sums


def signed_rank(differences: ArrayLike) -> Outcome:
    """Test with Wilcoxon's signed ranks, exact also where ranks are tied.

    Args:
        differences: (k,) of each fold; NaN folds are left out, and so are those of 0 (Wilcoxon's
            own rule).

    Returns:
        The smaller of the sums of positive and negative ranks. `smallest_p` is that of k folds,
        none of them 0. With all differences 0, p is 1; without any, not possible (NaN).
    """
    d = _finite(differences)
    k = len(d)
    if k == 0:
        return NOT_POSSIBLE
    smallest = 0.5 ** (k - 1)
    d = d[d != 0]
    if not len(d):
        return Outcome(0.0, 1.0, smallest, k)
    # Twice the ranks are whole numbers, also where ties share one.
    doubled = np.rint(2 * stats.rankdata(np.abs(d))).astype(np.int64)
    chance = np.ones(1)
    for rank in doubled:
        without = np.pad(chance, (0, rank))
        chance = (without + np.roll(without, rank)) / 2
    positive = int(doubled[d > 0].sum())
    lesser = min(positive, int(doubled.sum()) - positive)
    p = min(1.0, 2 * float(chance[: lesser + 1].sum()))
    return Outcome(lesser / 2, p, smallest, k)


def _finite(differences: ArrayLike) -> Floats:
    d = np.asarray(differences, np.float64)
    finite: Floats = d[np.isfinite(d)]
    return finite

"""The Bayesian correlated t test: how probable it is that a difference matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from merbench.errors import ConfigError


@dataclass(frozen=True)
class Posterior:
    """Probabilities of the three claims; they sum to 1, or are NaN.

    Attributes:
        worse: the true difference is below -rope.
        equivalent: it is within the rope.
        better: it is above rope.
    """

    worse: float
    equivalent: float
    better: float


def correlated_t(differences: ArrayLike, test_to_train: float, rope: float = 0.01) -> Posterior:
    """Compute the posterior of the mean difference (Corani and Benavoli 2015).

    With the flat prior it is a t distribution with k - 1 degrees of freedom about the mean, whose
    squared scale is (1 / k + n_test / n_train) x variance between folds: the numbers of the
    corrected t test, read the other way round.

    Args:
        differences: (k,) of each fold, mean over seeds, positive = better; NaN folds are left out.
        test_to_train: n_test / n_train, of the average fold.
        rope: half the width of the region of practical equivalence, in the unit of the metric.

    Returns:
        NaN with fewer than two folds. Where all differences are equal, the claim that holds for
        them has probability 1.

    Raises:
        ConfigError: the ratio is not positive, or the rope is negative.
    """
    if not test_to_train > 0:
        raise ConfigError(f"test_to_train is {test_to_train}; expected a number above 0")
    if not rope >= 0:
        raise ConfigError(f"rope is {rope}; expected 0 or more")
    d = np.asarray(differences, np.float64)
    d = d[np.isfinite(d)]
    if len(d) < 2:
        return Posterior(float("nan"), float("nan"), float("nan"))
    mean = float(d.mean())
    scale = float(np.sqrt((1 / len(d) + test_to_train) * d.var(ddof=1)))
    if scale <= 1e-9 * abs(mean):
        worse, better = float(mean < -rope), float(mean > rope)
    else:
        worse = float(stats.t.cdf((-rope - mean) / scale, len(d) - 1))
        better = float(stats.t.sf((rope - mean) / scale, len(d) - 1))
    return Posterior(worse, max(0.0, 1 - worse - better), better)

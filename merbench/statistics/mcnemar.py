"""McNemar's test: one fold and one seed, as a diagnostic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from merbench.errors import ConfigError
from merbench.statistics.outcome import Outcome


def mcnemar(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> Outcome:
    """Test whether two trained models are right equally often (exact binomial).

    It takes utterances for independent and says nothing beyond these two trained models.

    Args:
        right_a: (n,) whether model a is right about each utterance.
        right_b: (n,) the same of model b.

    Returns:
        How many utterances only a gets right; `n` and `smallest_p` are of the utterances about
        which one model alone is right. p is 1 where there are none.

    Raises:
        ConfigError: the two differ in length.
    """
    if right_a.shape != right_b.shape:
        raise ConfigError(
            f"McNemar's test pairs utterances: got {right_a.shape} and {right_b.shape} of them"
        )
    only_a = int(np.sum(right_a & ~right_b))
    only_b = int(np.sum(right_b & ~right_a))
    n = only_a + only_b
    if n == 0:
        return Outcome(0.0, 1.0, 1.0, 0)
    p = float(min(1.0, 2 * stats.binom.cdf(min(only_a, only_b), n, 0.5)))
    return Outcome(float(only_a), p, 0.5 ** (n - 1), n)

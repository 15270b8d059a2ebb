"""A metric: Cohen's kappa, agreement beyond what the frequencies of the classes would give."""

import numpy as np
from numpy.typing import NDArray

from merbench.results.metrics import Bounds, ConfusionMetric, Counts


def kappa(counts: Counts) -> NDArray[np.float64]:
    """Return (p_o - p_e) / (1 - p_e) of each matrix (Cohen, 1960).

    Args:
        counts: (..., C, C), rows = true class; whole numbers, as integers or floats.

    Returns:
        (...) float64; NaN where a matrix is empty, and 0 where only one class occurs at all,
        since agreement is then no more than expected.
    """
    total = counts.sum((-2, -1))
    there = np.where(total > 0, total, 1)
    observed = np.trace(counts, axis1=-2, axis2=-1) / there
    expected = (counts.sum(-1) * counts.sum(-2)).sum(-1) / np.square(there, dtype=np.float64)
    room = 1 - expected
    value = np.where(room > 0, (observed - expected) / np.where(room > 0, room, 1), 0.0)
    return np.where(total > 0, value, np.nan)


KAPPA = ConfusionMetric(
    name="kappa",
    label="kappa",
    higher_is_better=True,
    bounds=Bounds(-1.0, 1.0),
    doc="agreement beyond chance (Cohen)",
    compute=kappa,
)

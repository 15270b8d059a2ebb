"""p-values adjusted for how many there are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def holm(p: ArrayLike) -> Floats:
    """Adjust so that the chance of any false claim stays at alpha (Holm 1979).

    Args:
        p: any shape. NaN passes through and does not count as a test.

    Returns:
        Adjusted p, in the same shape.
    """

    def adjust(ascending: Floats) -> Floats:
        left = np.arange(len(ascending), 0, -1)
        highest: Floats = np.maximum.accumulate(ascending * left)
        return highest

    return _adjusted(p, adjust)


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjust so that the expected share of false claims stays at alpha (BH 1995).

    Args:
        p: any shape. NaN passes through and does not count as a test.

    Returns:
        Adjusted p, in the same shape.
    """

    def adjust(ascending: Floats) -> Floats:
        m = len(ascending)
        # The factor first: it is at least 1, so that no p gets smaller by rounding.
        scaled = ascending * (m / np.arange(1, m + 1))
        lowest: Floats = np.minimum.accumulate(scaled[::-1])[::-1]
        return lowest

    return _adjusted(p, adjust)


def _adjusted(p: ArrayLike, adjust: Callable[[Floats], Floats]) -> Floats:
    values = np.array(p, np.float64)
    counted = values[~np.isnan(values)]
    order = np.argsort(counted, kind="stable")
    counted[order] = np.minimum(adjust(counted[order]), 1.0)
    values[~np.isnan(values)] = counted
    return values

"""What a trained method says on the grid: condition after condition, or all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Block(NamedTuple):
    """What is said of every utterance under some conditions.

    Attributes:
        conditions: (k,) int64 numbers of the conditions in the grid.
        predictions: (k, n) int16 classes.
        probabilities: (k, n, C) float16.
    """

    conditions: NDArray[np.int64]
    predictions: NDArray[np.int16]
    probabilities: NDArray[np.float16]


@dataclass(frozen=True)
class GridPredictions:
    """What a trained method says on the grid.

    Attributes:
        predictions: (K, n) int16 class of each utterance under each condition.
        probabilities: (K, n, C) float16.
    """

    predictions: NDArray[np.int16]
    probabilities: NDArray[np.float16]

    @classmethod
    def collect(
        cls, blocks: Iterable[Block], conditions: int, utterances: int, classes: int
    ) -> GridPredictions:
        """Put blocks, which hold every one of K conditions, in the order of the grid."""
        predictions = np.empty((conditions, utterances), np.int16)
        probabilities = np.empty((conditions, utterances, classes), np.float16)
        for block in blocks:
            predictions[block.conditions] = block.predictions
            probabilities[block.conditions] = block.probabilities
        return cls(predictions, probabilities)

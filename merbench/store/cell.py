"""A cell that is written while it is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from merbench.store.folders import write_record
from merbench.store.tensor_file import TensorFile, TensorShape
from merbench.store.writing import writing

WEIGHTS = "weights.safetensors"
PREDICTIONS = "predictions.safetensors"
NORMALISER = "normaliser.safetensors"
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class CellOutline:
    """What is known of a cell before it predicts anything.

    Attributes:
        method: label in the suite.
        fold: name.
        seed: seed.
        utterances: (n,) int32 positions in the corpus.
        labels: (n,) int16 true classes.
        conditions: K of the grid.
        classes: C; None where the method gives no probabilities.
    """

    method: str
    fold: str
    seed: int
    utterances: NDArray[np.int32]
    labels: NDArray[np.int16]
    conditions: int
    classes: int | None


class CellWriter:
    """Fills the folder of one cell: predictions as they come, the record last."""

    def __init__(self, folder: Path, key: str, outline: CellOutline, file: TensorFile) -> None:
        self._folder, self._key, self._outline, self._file = folder, key, outline, file
        everyone = np.arange(len(outline.utterances))
        with writing(folder.parent):
            file.write("utterances", everyone, outline.utterances)
            file.write("labels", everyone, outline.labels)
        self.finished = False

    def add(
        self,
        conditions: NDArray[np.int64],
        predictions: NDArray[np.int16],
        probabilities: NDArray[np.float16] | None,
    ) -> None:
        """Write what was predicted under some conditions.

        Args:
            conditions: (k,) numbers in the grid.
            predictions: (k, n).
            probabilities: (k, n, C), None where the method gives none.

        Raises:
            StorageError: the disk is full or closed to us.
        """
        with writing(self._folder.parent):
            self._file.write("predictions", conditions, predictions)
            if probabilities is not None:
                self._file.write("probabilities", conditions, probabilities)

    def finish(
        self, record: Mapping[str, Any], weights: Arrays, normaliser: Arrays | None = None
    ) -> None:
        """Write the rest, once all conditions are there.

        Args:
            record: what is worth knowing of the cell.
            weights: what it has learnt.
            normaliser: what features were normalised by.

        Raises:
            ValueError: a condition lacks.
            StorageError: the disk is full or closed to us.
        """
        self._file.check_complete()
        outline = self._outline
        identity = {"method": outline.method, "fold": outline.fold, "seed": outline.seed}
        with writing(self._folder.parent):
            self._file.close()
            save_arrays(self._folder / WEIGHTS, weights)
            if normaliser is not None:
                save_arrays(self._folder / NORMALISER, normaliser)
            write_record(self._folder, {**record, "key": self._key, **identity})
        self.finished = True


def predictions_file(folder: Path, outline: CellOutline) -> TensorFile:
    """Lay out the file of a cell's predictions, rows in the order of the grid."""
    n, conditions = len(outline.utterances), outline.conditions
    tensors = {
        "utterances": TensorShape(np.int32, (n,)),
        "labels": TensorShape(np.int16, (n,)),
        "predictions": TensorShape(np.int16, (conditions, n)),
    }
    if outline.classes is not None:
        tensors["probabilities"] = TensorShape(np.float16, (conditions, n, outline.classes))
    with writing(folder.parent):
        return TensorFile(folder / PREDICTIONS, tensors)


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write whole arrays as a safetensors file."""
    # Written from here: what safetensors says of a full disk is no OSError.
    # Not `ascontiguousarray`, which makes a vector of a scalar.
    path.write_bytes(save({name: np.asarray(a, order="C") for name, a in arrays.items()}))

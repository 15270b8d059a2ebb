"""Confusion counts of a whole run, read from predictions.parquet alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from merbench.errors import IncompleteError
from merbench.results.header import CellKey, TableHeader


@dataclass(frozen=True)
class Confusion:
    """Counts of every cell and condition.

    Attributes:
        header: names of the axes.
        counts: int64 (method, seed, fold, condition, true class, predicted class).
        done: bool (method, seed, fold), False where the run lacks the cell.
    """

    header: TableHeader
    counts: NDArray[np.int64]
    done: NDArray[np.bool_]

    @property
    def missing(self) -> tuple[CellKey, ...]:
        """The cells the run lacks, in row order."""
        header = self.header
        return tuple(
            key
            for key in header.cells
            if not self.done[
                header.methods.index(key.method),
                header.seeds.index(key.seed),
                header.folds.index(key.fold),
            ]
        )

    def require_complete(self) -> None:
        """Raise unless every cell is there.

        Raises:
            IncompleteError: naming each missing cell.
        """
        missing = self.missing
        if missing:
            raise IncompleteError(
                f"the run lacks {len(missing)} of {len(self.header.cells)} cells: "
                f"{', '.join(map(str, missing))}"
            )


def read_confusion(path: Path) -> Confusion:
    """Count the predictions of a run, one cell in memory at a time.

    Args:
        path: predictions.parquet.

    Raises:
        IncompleteError: there is no such file.
        ConfigError: the file is not one of ours.
    """
    if not path.is_file():
        raise IncompleteError(f"{path}: no such table; the run has no finished cell yet")
    with pq.ParquetFile(path) as file:
        header = TableHeader.from_schema(file.schema_arrow, path)
        axes = (len(header.methods), len(header.seeds), len(header.folds))
        grid, classes = len(header.conditions), len(header.classes)
        counts = np.zeros((*axes, grid, classes, classes), np.int64)
        done = np.zeros(axes, np.bool_)
        columns = ["method", "fold", "seed", "condition", "label", "prediction"]
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=columns).combine_chunks()
            place = (
                header.methods.index(rows["method"][0].as_py()),
                header.seeds.index(rows["seed"][0].as_py()),
                header.folds.index(rows["fold"][0].as_py()),
            )
            labels, predictions = (_codes(rows[c], header.classes) for c in ("label", "prediction"))
            # One code for condition and truth makes the count a single confusion matrix.
            truth = rows["condition"].to_numpy().astype(np.int64) * classes + labels
            pairs = np.bincount(truth * classes + predictions, minlength=grid * classes**2)
            counts[place] = pairs.reshape(grid, classes, classes)
            done[place] = True
    return Confusion(header, counts, done)


def _codes(column: pa.ChunkedArray, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Return positions in `classes`, whatever order the file's own dictionary has."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0)
    names = array.dictionary.to_pylist()
    positions = np.array([classes.index(name) for name in names], np.int64)
    codes: NDArray[np.int64] = positions[array.indices.to_numpy()]
    return codes

"""Confusion counts of a whole run, read from predictions.parquet alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merbench.errors import IncompleteError
from merbench.results.cell_rows import open_predictions, rows_of_cells
from merbench.results.header import CellKey, TableHeader
from merbench.results.metrics import confusion_matrix


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
    with open_predictions(path) as file:
        header = TableHeader.from_schema(file.schema_arrow, path)
        axes = (len(header.methods), len(header.seeds), len(header.folds))
        classes = len(header.classes)
        counts = np.zeros((*axes, len(header.conditions), classes, classes), np.int64)
        done = np.zeros(axes, np.bool_)
        for rows in rows_of_cells(file, header):
            counts[rows.place] = confusion_matrix(rows.labels, rows.predictions, classes)
            done[rows.place] = True
    return Confusion(header, counts, done)

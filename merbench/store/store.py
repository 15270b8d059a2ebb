"""A run directory: trained stages and cells, each a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from merbench.results.tables import CellPredictions
from merbench.store.cell import (
    NORMALISER,
    PREDICTIONS,
    WEIGHTS,
    Arrays,
    CellOutline,
    CellWriter,
    predictions_file,
    save_arrays,
)
from merbench.store.folders import new_folder, read_record, remove_drafts, write_record
from merbench.store.writing import writing


@dataclass(frozen=True)
class Store:
    """Where a run keeps its cells and the stages they share.

    Attributes:
        root: the run directory.
    """

    root: Path

    @property
    def cells(self) -> Path:
        """One folder for each trained (method, fold, seed)."""
        return self.root / "cells"

    @property
    def stages(self) -> Path:
        """One folder for each trained stage that several cells use."""
        return self.root / "stages"

    @property
    def imports(self) -> Path:
        """One file for each method whose predictions came from elsewhere."""
        return self.root / "imports"

    def clean(self) -> None:
        """Remove what an interrupted run left half written."""
        for parent in (self.root, self.cells, self.stages, self.imports):
            if parent.is_dir():
                remove_drafts(parent)

    def write_stage(self, key: str, record: Mapping[str, Any], weights: Arrays) -> None:
        """Store a trained stage."""
        with new_folder(self.stages / key) as folder, writing(self.stages):
            save_arrays(folder / WEIGHTS, weights)
            write_record(folder, {**record, "key": key})

    def stage_record(self, key: str) -> dict[str, Any] | None:
        """Return the record of a trained stage, None where there is no sound one."""
        return _sound(self.stages / key, key)

    def stage_weights(self, key: str) -> dict[str, NDArray[Any]]:
        """Return the weights of a trained stage, `criterion/name` -> array."""
        return load_file(self.stages / key / WEIGHTS)

    @contextmanager
    def new_cell(self, folder_name: str, key: str, outline: CellOutline) -> Iterator[CellWriter]:
        """Give a cell to fill and finish; it takes its place when the block ends well.

        Until then it is a draft, which is gone if the block fails, and which `clean` removes if
        the process is killed.

        Raises:
            ValueError: the block ended without finishing the cell.
        """
        with (
            new_folder(self.cells / folder_name) as folder,
            predictions_file(folder, outline) as file,
        ):
            cell = CellWriter(folder, key, outline, file)
            yield cell
            if not cell.finished:
                raise ValueError(f"{folder_name}: the cell was never finished")

    def write_cell(
        self,
        folder_name: str,
        key: str,
        record: Mapping[str, Any],
        weights: Arrays,
        predictions: CellPredictions,
        normaliser: Arrays | None = None,
    ) -> None:
        """Store a cell whose predictions are all there; see `new_cell`."""
        probabilities, conditions = predictions.probabilities, len(predictions.predictions)
        outline = CellOutline(
            predictions.method,
            predictions.fold,
            predictions.seed,
            predictions.utterances,
            predictions.labels,
            conditions,
            None if probabilities is None else probabilities.shape[2],
        )
        with self.new_cell(folder_name, key, outline) as cell:
            cell.add(np.arange(conditions), predictions.predictions, probabilities)
            cell.finish(record, weights, normaliser)

    def cell_record(self, folder_name: str, key: str) -> dict[str, Any] | None:
        """Return the record of a cell, None where there is no sound one with that key."""
        return _sound(self.cells / folder_name, key)

    def cell_predictions(self, folder_name: str, record: Mapping[str, Any]) -> CellPredictions:
        """Read a cell's predictions."""
        arrays = load_file(self.cells / folder_name / PREDICTIONS)
        return CellPredictions(
            method=record["method"],
            fold=record["fold"],
            seed=record["seed"],
            utterances=arrays["utterances"],
            labels=arrays["labels"],
            predictions=arrays["predictions"],
            probabilities=arrays.get("probabilities"),
        )

    def cell_weights(self, folder_name: str) -> dict[str, NDArray[Any]]:
        """Read what a cell has learnt."""
        return load_file(self.cells / folder_name / WEIGHTS)

    def cell_normaliser(self, folder_name: str) -> dict[str, NDArray[Any]] | None:
        """Read `modality/keep`, `modality/mean` and `modality/sd`, None where they are not kept."""
        path = self.cells / folder_name / NORMALISER
        return load_file(path) if path.is_file() else None


def _sound(folder: Path, key: str) -> dict[str, Any] | None:
    record = read_record(folder)
    return record if record is not None and record.get("key") == key else None

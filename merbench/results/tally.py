"""All that a report counts in the predictions of a run, read in one pass, one cell in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from merbench.results.cell_rows import CellRows, cluster_column, open_predictions, rows_of_cells
from merbench.results.conditions import CLEAN, ConditionKey, columns_of
from merbench.results.confusion import Confusion
from merbench.results.header import CellKey, TableHeader
from merbench.results.metrics import ECE_BINS, confidence_bins

WHOLE_GRID = ""


@dataclass(frozen=True)
class Units:
    """The pieces of the test data: what one cluster has in one fold.

    Attributes:
        kind: what a cluster is, `speaker` or `dialogue`; empty where the corpus knows neither.
        clusters: names; without a kind, one name for each fold, which is no cluster.
        cluster: (U,) position in `clusters` of each unit.
        fold: (U,) position of its fold in the header.
        sizes: (U,) utterances.
    """

    kind: str
    clusters: tuple[str, ...]
    cluster: NDArray[np.int64]
    fold: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def by_fold(self, counts: NDArray[np.integer], folds: int) -> NDArray[np.int64]:
        """Sum (method, seed, unit, ...) counts over the units of each fold."""
        found = np.zeros((*counts.shape[:2], folds, *counts.shape[3:]), np.int64)
        for unit, fold in enumerate(self.fold):
            found[:, :, fold] += counts[:, :, unit]
        return found


@dataclass(frozen=True)
class Group:
    """Conditions in every one of which an utterance may be right.

    Attributes:
        noise: type, `none` for the noise-free patterns, empty for the whole grid.
        on: where the noise falls.
        conditions: their positions in the header.
    """

    noise: str
    on: str
    conditions: tuple[int, ...]


@dataclass(frozen=True)
class Tally:
    """Counts of every cell.

    Attributes:
        header: names of the axes.
        units: the pieces of the test data, by fold, then by cluster.
        counts: int32 (method, seed, unit, condition, true class, predicted class).
        done: bool (method, seed, fold), False where the run lacks the cell.
        groups: what `right` is counted over.
        right: int32 (method, seed, unit, group): utterances that are right in every condition of
            the group.
        reliability: float64 (method, seed, condition, bin, 3): predictions, sum of the confidence
            in them, and how many are right; zeros for methods that give no probabilities.
        reference: the condition of `hits`: the noise-free complete pattern, or the first one.
        hits: cell -> (n,) bool, which utterances are right under it, in the fold's own order.
    """

    header: TableHeader
    units: Units
    counts: NDArray[np.int32]
    done: NDArray[np.bool_]
    groups: tuple[Group, ...]
    right: NDArray[np.int32]
    reliability: NDArray[np.float64]
    reference: int
    hits: dict[CellKey, NDArray[np.bool_]]

    def whole_seeds(self, method: str) -> tuple[int, ...]:
        """Return the positions of the seeds for which a method has every fold."""
        done = self.done[self.header.methods.index(method)].all(axis=-1)
        return tuple(np.flatnonzero(done).tolist())

    @cached_property
    def confusion(self) -> Confusion:
        """The counts by fold."""
        by_fold = self.units.by_fold(self.counts, len(self.header.folds))
        return Confusion(self.header, by_fold, self.done)


def read_tally(path: Path) -> Tally:
    """Count the predictions of a run.

    Args:
        path: predictions.parquet.

    Raises:
        IncompleteError: there is no such file.
        ConfigError: the file is not one of ours.
    """
    with open_predictions(path) as file:
        return _Counter(TableHeader.from_schema(file.schema_arrow, path)).count(file)


class _Counter:
    """Counts cell by cell, and puts units in order when all are known."""

    def __init__(self, header: TableHeader) -> None:
        self._header = header
        self._groups = _groups(header.conditions)
        self._reference = _reference(header)
        self._kind = ""
        self._names: dict[int, list[str]] = {}
        self._sizes: dict[int, NDArray[np.int64]] = {}
        self._counts: dict[tuple[int, int, int], NDArray[np.int32]] = {}
        self._right: dict[tuple[int, int, int], NDArray[np.int32]] = {}
        self._hits: dict[CellKey, NDArray[np.bool_]] = {}
        axes = (len(header.methods), len(header.seeds), len(header.conditions))
        self._reliability = np.zeros((*axes, ECE_BINS, 3))

    def count(self, file: pq.ParquetFile) -> Tally:
        self._kind = cluster_column(file)
        for rows in rows_of_cells(file, self._header, clusters=self._kind, probabilities=True):
            self._add(rows)
        return self._tally()

    def _add(self, rows: CellRows) -> None:
        fold = rows.place[2]
        if fold not in self._names:
            self._names[fold] = sorted(set(rows.clusters))
            positions = {name: unit for unit, name in enumerate(self._names[fold])}
            own = np.array([positions[name] for name in rows.clusters], np.int64)
            self._sizes[fold] = np.bincount(own, minlength=len(positions))
        positions = {name: unit for unit, name in enumerate(self._names[fold])}
        units = np.array([positions[name] for name in rows.clusters], np.int64)
        grid, classes = len(self._header.conditions), len(self._header.classes)
        codes = (units * grid + np.arange(grid)[:, None]) * classes + rows.labels
        counts = np.bincount(
            (codes * classes + rows.predictions).ravel(),
            minlength=len(positions) * grid * classes**2,
        )
        self._counts[rows.place] = counts.reshape(-1, grid, classes, classes).astype(np.int32)
        right = rows.predictions == rows.labels
        self._right[rows.place] = np.stack(
            [
                np.bincount(units, right[list(g.conditions)].all(axis=0), len(positions))
                for g in self._groups
            ],
            axis=-1,
        ).astype(np.int32)
        self._hits[rows.key] = right[self._reference]
        if rows.confidences is not None:
            bins = confidence_bins(rows.confidences) + ECE_BINS * np.arange(grid)[:, None]
            weights = (None, rows.confidences.ravel(), right.ravel())
            for place, weight in enumerate(weights):
                total = np.bincount(bins.ravel(), weight, grid * ECE_BINS)
                method, seed, _ = rows.place
                self._reliability[method, seed, :, :, place] += total.reshape(grid, ECE_BINS)

    def _tally(self) -> Tally:
        header = self._header
        axes = (len(header.methods), len(header.seeds))
        grid, classes = len(header.conditions), len(header.classes)
        folds = sorted(self._names)
        names = [name for fold in folds for name in self._names[fold]]
        clusters = tuple(dict.fromkeys(sorted(names)))
        units = Units(
            self._kind,
            clusters,
            np.array([clusters.index(name) for name in names], np.int64),
            np.repeat(folds, [len(self._names[fold]) for fold in folds]).astype(np.int64),
            np.concatenate([self._sizes[fold] for fold in folds])
            if folds
            else np.zeros(0, np.int64),
        )
        counts = np.zeros((*axes, len(names), grid, classes, classes), np.int32)
        right = np.zeros((*axes, len(names), len(self._groups)), np.int32)
        done = np.zeros((*axes, len(header.folds)), np.bool_)
        for place, found in self._counts.items():
            method, seed, fold = place
            mine = units.fold == fold
            counts[method, seed, mine] = found
            right[method, seed, mine] = self._right[place]
            done[place] = True
        return Tally(
            header,
            units,
            counts,
            done,
            self._groups,
            right,
            self._reliability,
            self._reference,
            self._hits,
        )


def _groups(conditions: Sequence[ConditionKey]) -> tuple[Group, ...]:
    found = [
        Group(*column, tuple(k for k, c in enumerate(conditions) if c.column == column))
        for column in columns_of(conditions)
    ]
    return (*found, Group(WHOLE_GRID, "", tuple(range(len(conditions)))))


def _reference(header: TableHeader) -> int:
    wanted = [
        k
        for k, c in enumerate(header.conditions)
        if c.noise == CLEAN and c.pattern == header.complete
    ]
    return wanted[0] if wanted else 0

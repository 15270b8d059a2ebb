"""The rows of one cell in predictions.parquet, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from merbench.errors import ConfigError, IncompleteError
from merbench.results.header import CellKey, TableHeader
from merbench.results.reading import reading

CLUSTERS = ("speaker", "dialogue")
NO_CLUSTER = ""


@dataclass(frozen=True)
class CellRows:
    """What one cell predicted.

    Attributes:
        key: which cell.
        place: its positions on the axes (method, seed, fold) of the header.
        labels: (n,) true classes.
        predictions: (K, n) predicted classes, conditions in grid order.
        clusters: (n,) name of the cluster of each utterance; the fold's where none was asked for.
        confidences: (K, n) float32 probability of the predicted class, None where the method gives
            none or they were not asked for.
    """

    key: CellKey
    place: tuple[int, int, int]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    clusters: list[str]
    confidences: NDArray[np.float32] | None


@contextmanager
def open_predictions(path: Path) -> Iterator[pq.ParquetFile]:
    """Open predictions.parquet.

    Raises:
        IncompleteError: there is no such file.
        ConfigError: it is damaged; what is read from it in the block counts.
    """
    if not path.is_file():
        raise IncompleteError(f"{path}: no such table; the run has no finished cell yet")
    texts = {"method", "fold", "label", "prediction", *CLUSTERS}
    with reading(path):
        # Without `read_dictionary`, one long text that every row names would be copied for each.
        there = [name for name in pq.read_schema(path).names if name in texts]
        with pq.ParquetFile(path, read_dictionary=there) as file:
            yield file


def rows_of_cells(
    file: pq.ParquetFile,
    header: TableHeader,
    *,
    clusters: str = NO_CLUSTER,
    probabilities: bool = False,
) -> Iterator[CellRows]:
    """Yield the cells of a table, one row group each.

    Args:
        file: predictions.parquet.
        header: its header.
        clusters: column that names the cluster of an utterance.
        probabilities: read how sure the predictions are.

    Raises:
        ConfigError: the rows of a cell are not in grid order.
    """
    columns = ["method", "fold", "seed", "condition", "label", "prediction"]
    columns += [clusters] if clusters else []
    if probabilities:
        columns += [f"p_{name}" for name in header.classes]
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group, columns=columns).combine_chunks()
        yield _cell(rows, header, clusters)


def cluster_column(file: pq.ParquetFile) -> str:
    """Return the column that says which utterances belong together, empty where none does.

    That is the speaker, or the dialogue where a speaker is unknown anywhere: some names and some
    holes would make one cluster of all that is unknown.
    """
    names = file.schema_arrow.names
    for name in CLUSTERS:
        if name in names and all(
            _named(file, group, names.index(name)) for group in range(file.num_row_groups)
        ):
            return name
    return NO_CLUSTER


def _named(file: pq.ParquetFile, group: int, column: int) -> bool:
    """Say whether every row of a group has a name, by the statistics of the file."""
    found = file.metadata.row_group(group).column(column).statistics
    if found is None or not found.has_min_max:
        return False
    return bool(found.null_count == 0 and found.min != "")


def _cell(rows: pa.Table, header: TableHeader, cluster: str) -> CellRows:
    key = CellKey(*(rows[name][0].as_py() for name in ("method", "fold", "seed")))
    place = (
        header.methods.index(key.method),
        header.seeds.index(key.seed),
        header.folds.index(key.fold),
    )
    grid = len(header.conditions)
    conditions = rows["condition"].to_numpy().reshape(grid, -1)
    if (conditions != np.arange(grid)[:, None]).any():
        raise ConfigError(f"predictions of cell {key}: rows are not in grid order")
    labels, predictions = (
        _codes(rows[name], header.classes).reshape(grid, -1) for name in ("label", "prediction")
    )
    n = labels.shape[1]
    clusters = rows[cluster].slice(0, n).to_pylist() if cluster else [key.fold] * n
    return CellRows(
        key, place, labels[0], predictions, clusters, _confidences(rows, predictions, header)
    )


def _confidences(
    rows: pa.Table, predictions: NDArray[np.int64], header: TableHeader
) -> NDArray[np.float32] | None:
    names = [f"p_{name}" for name in header.classes]
    if names[0] not in rows.column_names or rows[names[0]].null_count:
        return None
    chosen = np.empty(predictions.size, np.float32)
    flat = predictions.ravel()
    for index, name in enumerate(names):
        mine = flat == index
        chosen[mine] = rows[name].to_numpy()[mine]
    return chosen.reshape(predictions.shape)


def _codes(column: pa.ChunkedArray, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Return positions in `classes`, whatever order the file's own dictionary has."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0)
    names = array.dictionary.to_pylist()
    positions = np.array([classes.index(name) for name in names], np.int64)
    codes: NDArray[np.int64] = positions[array.indices.to_numpy()]
    return codes

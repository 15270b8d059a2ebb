"""The two tidy tables of a run: predictions.parquet and results.parquet.

Equal input gives equal bytes: rows come in the order method, fold, seed, condition, utterance;
compression and every writer option are pinned; nothing in the files tells the time. Cells are
written as they come, one row group each, so memory holds one cell at a time.

Each class has a column `p_<class>` of half floats in predictions.parquet, which pandas reads as
float16 without unpacking lists; they are null where a method gives no probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from merbench.results.conditions import FIELDS, TEXT, conditions_table
from merbench.results.header import CellKey, TableHeader
from merbench.results.metrics import (
    METRICS,
    ConfusionMetric,
    Metric,
    ProbabilityMetric,
    confusion_matrix,
)

PREDICTIONS = "predictions.parquet"
RESULTS = "results.parquet"
CELL_FIELDS = (
    pa.field("corpus", TEXT),
    pa.field("method", TEXT),
    pa.field("fold", TEXT),
    pa.field("seed", pa.int64()),
)
# Columns of results.parquet that no metric of a plug-in may be called by.
TAKEN = frozenset(
    [field.name for field in (*CELL_FIELDS, *FIELDS)]
    + ["n", *(m.name for m in METRICS.values() if isinstance(m, ProbabilityMetric))]
)


@dataclass(frozen=True)
class RunTables:
    """What the tables need to know beyond the cells.

    Attributes:
        header: the axes of the run.
        utterances: ids of the corpus; cells name utterances by their position here.
        speakers: speaker of each utterance, or None where the corpus knows none.
        dialogues: dialogue of each utterance, or None where the corpus knows none.
        metrics: columns of the results beside those that are always there.
    """

    header: TableHeader
    utterances: Sequence[str]
    speakers: Sequence[str] | None = None
    dialogues: Sequence[str] | None = None
    metrics: Sequence[ConfusionMetric] = ()


@dataclass(frozen=True)
class CellPredictions:
    """What one trained cell said about its test part.

    Attributes:
        method: label in the suite.
        fold: name.
        seed: seed.
        utterances: (n,) int32 positions in the corpus.
        labels: (n,) int16 true classes.
        predictions: (K, n) int16 predicted classes, conditions in grid order.
        probabilities: (K, n, C) float16, or None where the method gives none.
    """

    method: str
    fold: str
    seed: int
    utterances: NDArray[np.int32]
    labels: NDArray[np.int16]
    predictions: NDArray[np.int16]
    probabilities: NDArray[np.float16] | None

    @property
    def key(self) -> CellKey:
        """Which cell it is."""
        return CellKey(self.method, self.fold, self.seed)


def write_tables(directory: Path, run: RunTables, cells: Iterable[CellPredictions]) -> None:
    """Write both tables of a run, each replaced at once when it is complete.

    Args:
        directory: of the run.
        run: its axes and utterances.
        cells: in the order of `run.header.cells`; cells may lack, none may come twice.

    Raises:
        ValueError: a cell is unknown, out of order, or of the wrong shape.
    """
    layout = _Layout(run)
    with (
        _replacing(directory / PREDICTIONS, layout.predictions_schema) as predictions,
        _replacing(directory / RESULTS, layout.results_schema) as results,
    ):
        rows: list[pa.Table] = []
        for cell in _in_order(run, cells):
            table = layout.predictions(cell)
            predictions.write_table(table, row_group_size=max(1, table.num_rows))
            rows.append(layout.results(cell))
        if rows:
            results.write_table(pa.concat_tables(rows).combine_chunks())


@contextmanager
def _replacing(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Write beside `path`, and take its place only when all went well."""
    part = path.with_name(f".{path.name}.part")
    halves = {f.name for f in schema if f.type == pa.float16()}
    try:
        with pq.ParquetWriter(
            part,
            schema,
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=1,
            # Probabilities hardly repeat; a dictionary of them only costs time.
            use_dictionary=[f.name for f in schema if f.name not in halves],
            write_statistics=[f.name for f in schema if f.name not in halves],
            dictionary_pagesize_limit=1 << 26,
        ) as writer:
            yield writer
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _in_order(run: RunTables, cells: Iterable[CellPredictions]) -> Iterator[CellPredictions]:
    place = {key: position for position, key in enumerate(run.header.cells)}
    last = -1
    for cell in cells:
        if cell.key not in place:
            raise ValueError(f"cell {cell.key} is not one of the run's")
        if place[cell.key] <= last:
            raise ValueError(f"cell {cell.key} comes twice or out of order")
        last = place[cell.key]
        shape = (len(run.header.conditions), len(cell.utterances))
        full = (*shape, len(run.header.classes))
        if len(cell.labels) != shape[1] or cell.predictions.shape != shape:
            raise ValueError(
                f"cell {cell.key}: expected {shape[1]} labels and predictions of shape {shape}, "
                f"found {len(cell.labels)} and {cell.predictions.shape}"
            )
        if cell.probabilities is not None and (
            cell.probabilities.shape != full or cell.probabilities.dtype != np.float16
        ):
            raise ValueError(
                f"cell {cell.key}: expected float16 probabilities of shape {full}, found "
                f"{cell.probabilities.dtype} {cell.probabilities.shape}"
            )
        yield cell


def _text(codes: NDArray[np.integer], values: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), values)


def _names(names: Sequence[str] | None, number: int) -> pa.DictionaryArray:
    if names is None:
        return pa.nulls(number, TEXT)
    return pa.array(names, pa.string()).dictionary_encode()


class _Layout:
    """The columns of both tables, and how a cell fills them."""

    def __init__(self, run: RunTables) -> None:
        header = run.header
        self._header = header
        self._metrics: list[Metric] = [*METRICS.values(), *run.metrics]
        self._conditions = conditions_table(header.conditions)
        self._classes = pa.array(header.classes, pa.string())
        self._utterances = pa.array(run.utterances, pa.string())
        self._speakers = _names(run.speakers, len(run.utterances))
        self._dialogues = _names(run.dialogues, len(run.utterances))
        metadata = header.to_metadata()
        halves = [pa.field(f"p_{name}", pa.float16()) for name in header.classes]
        names = ("utterance", "speaker", "dialogue", "label", "prediction")
        self.predictions_schema = pa.schema(
            [*CELL_FIELDS, *FIELDS, *(pa.field(name, TEXT) for name in names), *halves], metadata
        )
        self.results_schema = pa.schema(
            [
                *CELL_FIELDS,
                *FIELDS,
                pa.field("n", pa.int64()),
                *(pa.field(metric.name, pa.float64()) for metric in self._metrics),
            ],
            metadata,
        )

    def _cell_columns(self, cell: CellPredictions, rows: int) -> list[pa.Array]:
        header = self._header
        return [
            _text(np.zeros(rows, np.int32), pa.array([header.corpus])),
            _text(np.full(rows, header.methods.index(cell.method)), pa.array(header.methods)),
            _text(np.full(rows, header.folds.index(cell.fold)), pa.array(header.folds)),
            pa.array(np.full(rows, cell.seed, np.int64)),
        ]

    def predictions(self, cell: CellPredictions) -> pa.Table:
        """Return the rows of a cell: conditions in grid order, utterances within."""
        conditions, n = cell.predictions.shape
        rows = conditions * n
        of_row = pa.array(np.repeat(np.arange(conditions), n))
        utterances = np.tile(cell.utterances, conditions)
        columns = [
            *self._cell_columns(cell, rows),
            *self._conditions.take(of_row).columns,
            _text(utterances, self._utterances),
            self._speakers.take(pa.array(utterances)),
            self._dialogues.take(pa.array(utterances)),
            _text(np.tile(cell.labels, conditions), self._classes),
            _text(cell.predictions.ravel(), self._classes),
        ]
        for index in range(len(self._header.classes)):
            if cell.probabilities is None:
                columns.append(pa.nulls(rows, pa.float16()))
            else:
                columns.append(pa.array(cell.probabilities[:, :, index].ravel(), pa.float16()))
        return pa.Table.from_arrays(columns, schema=self.predictions_schema)

    def results(self, cell: CellPredictions) -> pa.Table:
        """Return one row for each condition, its metrics taken from what is stored."""
        conditions, n = cell.predictions.shape
        counts = confusion_matrix(cell.labels, cell.predictions, len(self._header.classes))
        columns = [
            *self._cell_columns(cell, conditions),
            *self._conditions.columns,
            pa.array(np.full(conditions, n, np.int64)),
        ]
        for metric in self._metrics:
            values = np.full(conditions, np.nan)
            if isinstance(metric, ConfusionMetric):
                values = metric(counts)
            elif isinstance(metric, ProbabilityMetric) and cell.probabilities is not None:
                values = metric(cell.probabilities, cell.labels, cell.predictions)
            columns.append(pa.array(values, pa.float64(), from_pandas=True))
        return pa.Table.from_arrays(columns, schema=self.results_schema)

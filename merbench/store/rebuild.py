"""The tables of a run, rebuilt from its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from merbench.corpus.corpus import Corpus
from merbench.results.cells import write_cell_tables
from merbench.results.header import TableHeader
from merbench.results.metrics import added
from merbench.results.tables import CellPredictions, RunTables, write_tables
from merbench.store.imports import FoundCell
from merbench.store.store import Store
from merbench.store.writing import writing


def rebuild_tables(
    store: Store,
    header: TableHeader,
    corpus: Corpus,
    cells: Sequence[FoundCell],
    metrics: Sequence[str] = (),
) -> None:
    """Write the four tables of a run, each replaced at once.

    Args:
        store: of the run.
        header: axes of the run.
        corpus: whose utterances they are.
        cells: those that are there, in the order of `header.cells`.
        metrics: of the suite; those of plug-ins get columns of their own.

    Raises:
        StorageError: the disk is full or closed to us; the tables that were there stay.
    """

    def predictions() -> Iterator[CellPredictions]:
        for cell in cells:
            yield store.cell_predictions(cell.folder, cell.record)

    speakers, dialogues = (
        None if groups is None else groups.tolist()
        for groups in (corpus.speakers, corpus.dialogues)
    )
    tables = RunTables(header, corpus.utterances, speakers, dialogues, added(metrics))
    with writing(store.root):
        write_tables(store.root, tables, predictions())
        write_cell_tables(store.root, [cell.record for cell in cells])

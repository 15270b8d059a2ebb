"""The tables of a run, rebuilt from its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from merbench.results.cells import write_cell_tables
from merbench.results.tables import CellPredictions, RunTables, write_tables
from merbench.store.imports import FoundCell
from merbench.store.store import Store


def rebuild_tables(store: Store, tables: RunTables, cells: Sequence[FoundCell]) -> None:
    """Write the four tables of a run, each replaced at once.

    Args:
        store: of the run.
        tables: axes, utterances and speakers.
        cells: those that are there, in the order of `tables.header.cells`.
    """

    def predictions() -> Iterator[CellPredictions]:
        for cell in cells:
            yield store.cell_predictions(cell.folder, cell.record)

    write_tables(store.root, tables, predictions())
    write_cell_tables(store.root, [cell.record for cell in cells])

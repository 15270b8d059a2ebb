"""Several runs next to each other: every method in every run, by the main metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merbench.report.page.cells import Cell, Row
from merbench.report.page.run_view import RunView

BLANK = Cell("")


@dataclass(frozen=True)
class RunColumns:
    """The columns of one run: its heading, and what it is made of."""

    anchor: str
    name: str
    note: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class SideBySide:
    """Methods down, runs across."""

    metric: str
    runs: tuple[RunColumns, ...]
    rows: tuple[Row, ...]


def side_by_side(views: Sequence[RunView]) -> SideBySide:
    """Place the overviews of several runs in one table; a method that a run lacks is blank."""
    runs = []
    names = list(dict.fromkeys(row.name for v in views for row in v.overviews[0].rows))
    cells: dict[str, list[Cell]] = {name: [] for name in names}
    for view in views:
        table = view.overviews[0]
        header, inference = view.findings.header, view.findings.inference
        note = f"{header.corpus}, {inference.folds} folds, {inference.seeds} seeds"
        heads = tuple(column.name for column in table.columns)
        runs.append(RunColumns(f"{view.prefix}run", view.findings.name, note, heads))
        found = {row.name: row.cells for row in table.rows}
        for name in names:
            cells[name] += found.get(name, (BLANK,) * len(heads))
    rows = tuple(Row(name, tuple(own)) for name, own in cells.items())
    return SideBySide(views[0].main_metric, tuple(runs), rows)

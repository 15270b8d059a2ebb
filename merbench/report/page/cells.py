"""Tables as they are shown: cells with an interval, the best and the second of each column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Rank = Literal["", "best", "second"]


@dataclass(frozen=True)
class Cell:
    """One value.

    Attributes:
        text: as shown; empty where there is none.
        interval: as shown beside it, or empty.
        rank: whether it is the best or the second of its column, as shown: ties share a rank.
        apart: significantly worse than the best of its column.
    """

    text: str
    interval: str = ""
    rank: Rank = ""
    apart: bool = False


@dataclass(frozen=True)
class Column:
    """A heading and a few words under it."""

    name: str
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One method."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class TableView:
    """One table of methods.

    Attributes:
        key: what the controls above it choose it by, such as {"metric": "ua"}.
        title: over it.
        caption: under it.
        columns: after that of the methods.
        rows: in the order of the suite.
    """

    key: dict[str, str]
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def has_apart(self) -> bool:
        """True where any value is marked as significantly worse than the best."""
        return any(cell.apart for row in self.rows for cell in row.cells)


def ranked(
    cells: Sequence[Cell], values: Sequence[float], higher_is_better: bool, digits: int
) -> list[Cell]:
    """Mark the best and the second of one column.

    Args:
        cells: of the column.
        values: theirs, NaN where a cell is out of the race.
        higher_is_better: which way.
        digits: decimals of the values as shown.
    """
    rounded = [math.nan if math.isnan(v) else round(v, digits) for v in values]
    order = sorted({v for v in rounded if not math.isnan(v)}, reverse=higher_is_better)
    if len([v for v in rounded if not math.isnan(v)]) < 2:
        return list(cells)
    ranks: dict[float, Rank] = {order[0]: "best"}
    if len(order) > 1:
        ranks[order[1]] = "second"
    return [replace(c, rank=ranks.get(v, "")) for c, v in zip(cells, rounded, strict=True)]


def columns_to_rows(names: Sequence[str], columns: Sequence[Sequence[Cell]]) -> tuple[Row, ...]:
    """Turn columns of cells into rows with the methods' names."""
    return tuple(
        Row(name, tuple(column[index] for column in columns)) for index, name in enumerate(names)
    )

"""Figures of papers on the same corpus, each with its source and how its epoch was picked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRow:
    """One line of a paper's table.

    Attributes:
        system: as the paper calls it.
        metric: `wa` or `ua`.
        values: in %, by the columns of the table; None where the source has none.
        source: where the figures were read.
        epoch: how the epoch was picked: `validation`, `test` or `unknown`.
        note: what a reader must know, or empty.
    """

    system: str
    metric: str
    values: tuple[float | None, ...]
    source: str
    epoch: str
    note: str = ""


@dataclass(frozen=True)
class PublishedTable:
    """Figures for one corpus: columns are patterns in the papers' words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    caption: str

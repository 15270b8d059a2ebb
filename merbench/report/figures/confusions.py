"""Confusion matrices: methods down, patterns across, row shares in %."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from merbench.report.figures.paper import LONGEST, Paper, footnote, heading, text_size, widest, wrap
from merbench.report.figures.styles import INK, LARGE, NORMAL, SMALL, Roster

NUMBERS_UP_TO = 10  # classes; more leave no room for digits
TINY = 5.2
LINES = "#c3ccd6"


def confusion_sheet(
    confusions: NDArray[np.float64],
    patterns: tuple[str, ...],
    complete: str,
    classes: tuple[str, ...],
    roster: Roster,
    *,
    title: str,
    note: str,
) -> Figure:
    """Draw all matrices.

    Args:
        confusions: (method, pattern, C, C) row shares.
        patterns: their names.
        complete: the one in which nothing is missing.
        classes: their names.
        roster: the methods.
        title: over the sheet.
        note: at its foot.
    """
    count = len(classes)
    cell = 0.2 if count <= NUMBERS_UP_TO else 0.115
    side, gap = cell * count, 0.14
    shown = [wrap(name, 0.62, SMALL, 1) for name in classes]
    names = [wrap(roster.names[m], min(LONGEST, 1.2), NORMAL, 4) for m in roster.methods]
    labels = widest(shown, SMALL) + 0.08
    left = widest(names) + 0.2 + labels
    full = max(left + len(patterns) * (side + gap) + 0.06, 2.8)
    caption = heading(title, full - 0.2)
    note = wrap(note, full - 0.2, SMALL)
    names_of = [p + " (complete)" * (p == complete) for p in patterns]
    headings = [wrap(pattern, side + gap - 0.04, NORMAL, 4) for pattern in names_of]
    top = text_size(caption, LARGE).height + 0.16
    top += max(text_size(above).height for above in headings) + 0.06
    step = max(side, *(text_size(name).height for name in names)) + gap
    height = len(names) * step
    foot = text_size(note, SMALL).height + 0.12
    paper = Paper(full, top + height + labels + foot)
    paper.title(caption)
    board = paper.board()
    edges = np.arange(count + 1) * cell
    for p, above in enumerate(headings):
        x = left + p * (side + gap)
        paper.text(x + side / 2, top - 0.04, above, ha="center", va="bottom")
        for m in range(len(names)):
            y = top + m * step
            _draw(board, x + edges, y + edges, confusions[m, p])
        for c, name in enumerate(shown):
            below = y + side + 0.03
            paper.text(x + (c + 0.5) * cell, below, name, ha="center", rotation=90, fontsize=SMALL)
    for m, name in enumerate(names):
        y = top + m * step
        paper.text(0.1, y + side / 2, name, va="center")
        for r, label in enumerate(shown):
            paper.text(left - 0.04, y + (r + 0.5) * cell, label, ha="right",
                       va="center_baseline", fontsize=SMALL)  # fmt: skip
    footnote(paper, note)
    return paper.figure


def _draw(
    board: Axes, xs: NDArray[np.floating], ys: NDArray[np.floating], matrix: NDArray[np.float64]
) -> None:
    board.pcolormesh(
        xs, ys, np.ma.masked_invalid(matrix), cmap=mpl.colormaps["Blues"], norm=Normalize(0, 1),
        linewidth=0.4, edgecolor=LINES,
    )  # fmt: skip
    if len(matrix) > NUMBERS_UP_TO:
        return
    for r, c in np.ndindex(matrix.shape):
        if np.isfinite(matrix[r, c]):
            board.text(
                (xs[c] + xs[c + 1]) / 2, (ys[r] + ys[r + 1]) / 2, f"{100 * matrix[r, c]:.0f}",
                ha="center", va="center_baseline", fontsize=TINY,
                color="#ffffff" if matrix[r, c] > 0.6 else INK,
            )  # fmt: skip


def few_patterns(patterns: tuple[str, ...], complete: str, most: int = 6) -> list[int]:
    """Return positions of the complete pattern and of those with the fewest modalities."""
    order = sorted(
        range(len(patterns)), key=lambda i: (patterns[i] != complete, patterns[i].count("+"), i)
    )
    single = [i for i in order if patterns[i] == complete or "+" not in patterns[i]]
    return (single if len(single) > 2 else order)[:most]

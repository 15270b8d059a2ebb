"""Heat maps: methods against every condition of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from merbench.report.figures.curves import STEPS, Scale
from merbench.report.figures.paper import LONGEST, Paper, footnote, heading, text_size, widest, wrap
from merbench.report.figures.styles import INK, LARGE, NORMAL, SMALL, Roster
from merbench.results.averages import MEAN
from merbench.results.conditions import CLEAN, ConditionKey, NoiseColumn, columns_of

CELL = 0.115  # inches
GAP = 0.06
TINY = 5.5
COLOURS = "viridis"  # from dark to light, in grey as well
EMPTY = "#8c8c8c"
NOTE = "Each noise from its mildest severity at the left to its strongest."
HATCHED = " Hatched: not in the grid."


class Block(NamedTuple):
    """One noise column: (method, severity) values in %."""

    column: NoiseColumn
    severities: tuple[float, ...]
    values: NDArray[np.float64]


class Band(NamedTuple):
    """Rows of one pattern, or of the mean over patterns."""

    name: str
    blocks: tuple[Block, ...]


def bands_of(
    grid: pd.DataFrame, conditions: Sequence[ConditionKey], complete: str, methods: Sequence[str]
) -> list[Band]:
    """Return the mean over the partial patterns, then each pattern; draws are averaged.

    Args:
        grid: condition, method, value, of one metric.
        conditions: of the header.
        complete: the pattern in which nothing is missing.
        methods: rows.
    """
    keys = pd.DataFrame(
        [(c.pattern, c.noise, c.on, c.severity) for c in conditions],
        columns=["pattern", "noise", "on", "severity"],
    )
    frame = grid[["condition", "method", "value"]].join(keys, on="condition")
    cells = frame.groupby(["pattern", "noise", "on", "severity", "method"], sort=False)["value"]
    values = cells.mean()
    patterns = list(dict.fromkeys(c.pattern for c in conditions))
    partials = [pattern for pattern in patterns if pattern != complete]
    severities = {
        column: tuple(sorted({c.severity for c in conditions if c.column == column}))
        for column in columns_of(conditions)
    }
    bands = []
    for pattern in patterns:
        blocks = []
        for column, levels in severities.items():
            wanted = pd.MultiIndex.from_product(
                [[pattern], [column.noise], [column.on], levels, methods]
            )
            matrix = 100 * values.reindex(wanted).to_numpy().reshape(len(levels), -1).T
            blocks.append(Block(column, levels, matrix))
        bands.append(Band(pattern, tuple(blocks)))
    if len(partials) < 2:
        return bands
    inside = [band for band in bands if band.name != complete]
    means = tuple(
        Block(first.column, first.severities, np.mean([b.blocks[i].values for b in inside], axis=0))
        for i, first in enumerate(inside[0].blocks)
    )
    return [Band(MEAN, means), *bands]


def behind_best(bands: Sequence[Band]) -> list[Band]:
    """Return how far each method is behind the best of its column."""
    return [
        Band(
            band.name,
            tuple(
                block._replace(values=_best(block.values) - block.values) for block in band.blocks
            ),
        )
        for band in bands
    ]


def _best(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the highest of each column, NaN where it has none."""
    known = np.where(np.isfinite(values), values, -np.inf).max(axis=0)
    return np.where(np.isfinite(known), known, np.nan)


def heat_note(bands: Sequence[Band]) -> str:
    """Say how a map is to be read."""
    hatched = any(np.isnan(block.values).any() for band in bands for block in band.blocks)
    return NOTE + HATCHED * hatched


def heat_map(
    bands: Sequence[Band],
    complete: str,
    roster: Roster,
    scale: Scale,
    *,
    title: str,
    note: str,
    reverse: bool = False,
) -> Figure:
    """Draw bands under each other, noise columns side by side.

    Args:
        bands: at least one.
        complete: the pattern in which nothing is missing.
        roster: the methods.
        scale: range of the colours.
        title: over the sheet.
        note: at its foot.
        reverse: True where small values are good.
    """
    alone = len(bands) == 1
    cell = 0.17 if alone else CELL
    size = NORMAL if alone else TINY
    names = [wrap(roster.names[method], LONGEST, size, 1) for method in roster.methods]
    left = max(widest(names, size), widest(["severity"], TINY)) + 0.18
    lefts, widths = _places(bands[0].blocks, left)
    bar = 1.6
    full = max(lefts[-1] + widths[-1] + 0.1, left + bar + 1.2, 3.4)
    caption = heading(title, full - 0.2)
    note = wrap(note, full - 0.2, SMALL)
    tall = cell * len(names)
    head = 0.0 if alone else 0.2
    top = text_size(caption, LARGE).height + 0.5
    below = top + len(bands) * (head + tall)
    paper = Paper(full, below + 0.5 + text_size(note, SMALL).height)
    paper.title(caption)
    look = _Look(
        mpl.colormaps[COLOURS + "_r" * reverse], Normalize(scale.low, scale.high), not alone
    )
    _headings(paper, bands[0].blocks, lefts, widths, top)
    board = paper.board()
    for index, band in enumerate(bands):
        y = top + index * (head + tall) + head
        if not alone:
            name = "mean of partial patterns" if band.name == MEAN else band.name
            name += " (complete)" * (band.name == complete)
            paper.text(0.1, y - 0.03, wrap(name, full - 0.2, SMALL, 1), va="bottom",
                       fontsize=SMALL)  # fmt: skip
        for place, name in enumerate(names):
            paper.text(left - 0.05, y + (place + 0.5) * cell, name, ha="right",
                       va="center_baseline", fontsize=size)  # fmt: skip
        _draw(board, band.blocks, lefts, widths, y + np.arange(len(names) + 1) * cell, look)
    for block, x, width in zip(bands[0].blocks, lefts, widths, strict=True):
        _severities(paper, block, x, width, below + 0.03)
    paper.text(left - 0.05, below + 0.03, "severity", ha="right", fontsize=TINY)
    _colour_bar(paper, scale, look, full - 0.14 - bar, below + 0.2, bar)
    footnote(paper, note)
    return paper.figure


class _Look(NamedTuple):
    colours: Colormap
    norm: Normalize
    rasterized: bool


def _places(blocks: Sequence[Block], left: float) -> tuple[list[float], list[float]]:
    """Return where each block starts and how wide it is; noises stand apart from each other."""
    lefts: list[float] = []
    widths = [max(len(block.severities) * CELL, 0.3) for block in blocks]
    x = left
    for index, (block, width) in enumerate(zip(blocks, widths, strict=True)):
        if index:
            x += GAP if block.column.noise == blocks[index - 1].column.noise else 2.2 * GAP
        lefts.append(x)
        x += width
    return lefts, widths


def _headings(
    paper: Paper,
    blocks: Sequence[Block],
    lefts: Sequence[float],
    widths: Sequence[float],
    top: float,
) -> None:
    """Write where a noise falls over each block, and the noise once over its blocks."""
    start = 0
    while start < len(blocks):
        column = blocks[start].column
        end = start
        while end + 1 < len(blocks) and blocks[end + 1].column.noise == column.noise:
            end += 1
        x, right = lefts[start], lefts[end] + widths[end]
        clean = column.noise == CLEAN
        name = wrap("clean" if clean else column.noise, right - x + GAP, SMALL, 2)
        paper.text((x + right) / 2, top - (0.03 if clean else 0.16), name, ha="center",
                   va="bottom", fontsize=SMALL)  # fmt: skip
        for index in range(start, end + 1) if not clean else ():
            word = wrap(blocks[index].column.on, widths[index] + GAP, TINY, 1)
            paper.text(lefts[index] + widths[index] / 2, top - 0.03, word, ha="center",
                       va="bottom", fontsize=TINY)  # fmt: skip
        if end > start:
            paper.line([x, right], [top - 0.145] * 2, color=INK, linewidth=0.4, alpha=0.6)
        start = end + 1


def _draw(
    board: Axes,
    blocks: Sequence[Block],
    lefts: Sequence[float],
    widths: Sequence[float],
    rows: NDArray[np.floating],
    look: _Look,
) -> None:
    for block, left, width in zip(blocks, lefts, widths, strict=True):
        if np.isnan(block.values).any():
            board.add_patch(
                Rectangle((left, rows[0]), width, rows[-1] - rows[0], facecolor="#ffffff",
                          hatch="//////", edgecolor=EMPTY, linewidth=0)
            )  # fmt: skip
        if np.isnan(block.values).all():
            continue
        board.pcolormesh(
            left + np.linspace(0, width, len(block.severities) + 1), rows,
            np.ma.masked_invalid(block.values), cmap=look.colours, norm=look.norm,
            rasterized=look.rasterized,
        )  # fmt: skip


def _severities(paper: Paper, block: Block, left: float, width: float, top: float) -> None:
    """Write the mildest severity at the left, the strongest at the right."""
    if block.column.noise == CLEAN:
        return
    first, last = (f"{severity:.1f}" for severity in (block.severities[0], block.severities[-1]))
    if len(block.severities) == 1:
        paper.text(left + width / 2, top, first, ha="center", fontsize=TINY)
        return
    paper.text(left, top, first.removeprefix("0"), fontsize=TINY)
    paper.text(left + width, top, last.removeprefix("0"), ha="right", fontsize=TINY)


def _colour_bar(
    paper: Paper, scale: Scale, look: _Look, left: float, top: float, width: float
) -> None:
    axes = paper.axes(left, top, width, 0.09)
    ramp = np.linspace(scale.low, scale.high, 65)
    axes.pcolormesh(ramp, [0, 1], ramp[None, :-1], cmap=look.colours, norm=look.norm)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlim(scale.low, scale.high)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    axes.tick_params(labelsize=TINY, pad=1)
    paper.text(left - 0.08, top + 0.045, scale.label, ha="right", va="center_baseline",
               fontsize=SMALL)  # fmt: skip

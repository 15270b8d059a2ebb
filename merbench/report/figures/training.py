"""Training curves: the validation score by epoch, and which epochs were picked."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from merbench.report.figures.curves import STEPS, Scale, band, scale_of
from merbench.report.figures.paper import Paper, footnote, heading, text_size, wrap
from merbench.report.figures.styles import INK, LARGE, SMALL, Roster

BARS = 0.16  # share of a panel's height that the most frequent epoch takes


class Stage(NamedTuple):
    """One panel: a stage of a method's training."""

    method: str
    name: str  # empty where the method has no other
    curve: pd.DataFrame
    chosen: pd.DataFrame


def stages(training: pd.DataFrame, chosen: pd.DataFrame, roster: Roster) -> list[Stage]:
    """Return the stages of each method, in the order in which they stand in the table."""
    found = []
    for method in roster.methods:
        mine = training[training["method"] == method]
        names = list(dict.fromkeys(mine["stage"]))
        for name in names:
            picked = chosen[(chosen["method"] == method) & (chosen["stage"] == name)]
            found.append(
                Stage(method, name * (len(names) > 1), mine[mine["stage"] == name], picked)
            )
    return found


def training_sheet(
    training: pd.DataFrame,
    chosen: pd.DataFrame,
    roster: Roster,
    *,
    title: str = "",
    note: str = "",
    columns: int = 4,
    width: float = 1.5,
) -> Figure:
    """Draw a panel for each stage of each method.

    Args:
        training: the mean course and its range.
        chosen: the epoch of each cell.
        roster: the methods.
        title: over the sheet, or empty.
        note: at its foot, or empty.
        columns: panels in a row, at most.
        width: of a panel, in inches.
    """
    panels = stages(training, chosen, roster)
    scale = scale_of(training, "validation score", math.nan)
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    height, gap, left = 0.72 * width, 0.13, 0.46
    full = max(left + columns * (width + gap), 2.4)
    titles = [_title(panel, roster, width + gap - 0.04) for panel in panels]
    head = [
        max(text_size(t).height for t in titles[r * columns : (r + 1) * columns]) + 0.07
        for r in range(rows)
    ]
    caption = heading(title, full - 0.2)
    note = wrap(note, full - 0.2, SMALL) if note else ""
    top = text_size(caption, LARGE).height + 0.14 if caption else 0.02
    foot = text_size(note, SMALL).height + 0.1 if note else 0.02
    below = 0.22  # epochs differ from panel to panel
    paper = Paper(full, top + sum(head) + rows * (height + below) + 0.14 + foot)
    paper.title(caption)
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        y = top + sum(head[: row + 1]) + row * (height + below)
        axes = paper.axes(
            left + column * (width + gap),
            y,
            width,
            height,
            above=titles[index],
            below="epoch" * (index + columns >= len(panels)),
            beside="validation (%)" * (column == 0),
        )
        _draw(axes, panel, roster, scale)
        axes.tick_params(labelleft=column == 0)
    footnote(paper, note)
    return paper.figure


def _title(stage: Stage, roster: Roster, width: float) -> str:
    name = roster.names[stage.method]
    if not stage.name:
        return wrap(name, width)
    together = f"{name}: {stage.name}"
    if text_size(together).width <= width:
        return together
    return f"{wrap(name, width, lines=2)}\n{wrap(stage.name, width, lines=1)}"


def _draw(axes: Axes, stage: Stage, roster: Roster, scale: Scale) -> None:
    curve = stage.curve.sort_values("epoch")
    style = roster.styles[stage.method]
    last = int(max(curve["epoch"].max(), stage.chosen["epoch"].max() if len(stage.chosen) else 1))
    first = int(curve["epoch"].min())
    band(axes, curve, "epoch", roster, stage.method, scale)
    whole = curve[curve["cells"] == curve["cells"].max()]
    look: dict[str, Any] = {"color": style.colour, "linewidth": 1.2, "solid_capstyle": "butt"}
    tail = curve[curve["epoch"] >= whole["epoch"].max()]
    if len(tail) > 1:
        axes.plot(tail["epoch"], 100 * tail["value"], alpha=0.4, **look)
    axes.plot(whole["epoch"], 100 * whole["value"], **look)
    if len(whole) == 1:
        axes.plot(whole["epoch"], 100 * whole["value"], **style.point)
    if len(stage.chosen):
        epochs, counts = np.unique(stage.chosen["epoch"].to_numpy(), return_counts=True)
        tops = scale.low + BARS * (scale.high - scale.low) * counts / counts.max()
        axes.vlines(epochs, scale.low, tops, color=INK, alpha=0.65, linewidth=1.4)
    axes.set_xlim(first - 0.5, last + 0.5)
    axes.set_ylim(scale.low, scale.high)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=STEPS, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    axes.grid(visible=True, color=INK, alpha=0.1, linewidth=0.5)
    axes.set_axisbelow(True)

"""Degradation curves: a metric against severity, with bands."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from merbench.report.figures.paper import Legend, Paper, footnote, heading, text_size, wrap
from merbench.report.figures.styles import INK, LARGE, NORMAL, SMALL, Roster
from merbench.results.averages import MEAN

STEPS = [1, 2, 5, 10]  # of ticks, so that they stand on round numbers
MOST = 0.3  # of the range of the curves that their bands may add at either end
MEAN_TITLE = "mean of partial patterns"


class Scale(NamedTuple):
    """The axis of a metric, in %: equal in all panels of a run, so that they compare by eye.

    Attributes:
        label: of the metric.
        low: bottom.
        high: top.
        chance: value of a guess; NaN where a guess has no fixed value.
    """

    label: str
    low: float
    high: float
    chance: float


def scale_of(curves: pd.DataFrame, label: str, chance: float) -> Scale:
    """Return an axis that holds every curve and chance, and bands as far as they leave room.

    With few clusters an interval may be wider than all curves lie apart; the axis follows the
    curves then, and the band fills it.
    """
    values = [100 * end for end in (chance, *_ends(curves["value"])) if math.isfinite(end)]
    low, high = (min(values), max(values)) if values else (0.0, 100.0)
    floor = 0.0 if low >= 0 else -102.0  # an axis goes below 0 where a metric does
    span = max(high - low, 10.0)
    bands = [100 * end for name in ("low", "high") for end in _ends(curves[name])]
    low = max(min([low, *bands]), low - MOST * span) - 0.04 * span
    high = min(max([high, *bands]), high + MOST * span) + 0.04 * span
    return Scale(label, max(low, floor), min(high, 102.0), 100 * chance)


def _ends(values: pd.Series[float]) -> list[float]:
    known = values[np.isfinite(values)]
    return [float(known.min()), float(known.max())] if len(known) else []


def draw_curves(axes: Axes, curves: pd.DataFrame, roster: Roster, scale: Scale) -> None:
    """Draw one panel: a line for each method, over its band where it has one."""
    if math.isfinite(scale.chance):
        axes.axhline(scale.chance, color=INK, alpha=0.6, linewidth=0.7, linestyle=(0, (5, 2.5)))
    groups = {str(name): mine for name, mine in curves.groupby("method", sort=False)}
    present = [(m, groups[m].sort_values("severity")) for m in roster.methods if m in groups]
    for method, mine in present:
        pale = max(0.04, min(0.14, 0.6 / len(present)))  # many bands lie over each other
        band(axes, mine, "severity", roster, method, scale, pale)
    for method, mine in present:
        (line,) = axes.plot(
            mine["severity"], 100 * mine["value"], clip_on=False, **roster.styles[method].line
        )
        line.set_gid(roster.tag(method))
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(scale.low, scale.high)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    axes.grid(visible=True, color=INK, alpha=0.1, linewidth=0.5)
    axes.set_axisbelow(True)


def band(
    axes: Axes,
    frame: pd.DataFrame,
    along: str,
    roster: Roster,
    method: str,
    scale: Scale,
    alpha: float = 0.14,
) -> None:
    """Shade between `low` and `high` where both are known, as far as the axis goes."""
    known = frame[np.isfinite(frame["low"]) & np.isfinite(frame["high"])]
    if known.empty:
        return
    x = known[along].to_numpy(np.float64)
    low, high = (
        np.clip(100 * known[name].to_numpy(np.float64), scale.low, scale.high)
        for name in ("low", "high")
    )
    (area,) = axes.fill(
        np.concatenate([x, x[::-1]]),
        np.concatenate([low, high[::-1]]),
        facecolor=roster.styles[method].colour,
        alpha=alpha,
        linewidth=0,
    )
    area.set_gid(roster.tag(method))


def mean_panel(curves: pd.DataFrame, roster: Roster, scale: Scale, axis: str) -> Figure:
    """Draw the mean over the partial patterns alone, small, without names."""
    paper = Paper(3.3, 2.2)
    label = f"{scale.label} (%)"
    axes = paper.axes(0.46, 0.1, 2.74, 1.76, below=axis, beside=label)
    draw_curves(axes, curves, roster, scale)
    return paper.figure


def curve_sheet(
    curves: pd.DataFrame,
    complete: str,
    roster: Roster,
    scale: Scale,
    *,
    axis: str,
    title: str,
    note: str,
) -> Figure:
    """Draw a panel for the mean over the partial patterns and one for each pattern.

    Args:
        curves: of one metric and one noise column.
        complete: the pattern in which nothing is missing.
        roster: the methods.
        scale: of the vertical axis.
        axis: what the horizontal one is called.
        title: over the sheet.
        note: what the bands are, or empty.
    """
    found = {str(name): mine for name, mine in curves.groupby("column", sort=False)}
    names = [MEAN] * (MEAN in found) + [name for name in found if name != MEAN]
    columns = min(len(names), 4 if len(names) <= 16 else 6)
    rows = math.ceil(len(names) / columns)
    width, height, gap, left = 1.5, 1.3, 0.13, 0.46
    full = max(left + columns * width + (columns - 1) * gap + 0.12, 3.4)
    titles = [wrap(_title(name, complete), width + gap - 0.03, NORMAL) for name in names]
    head = [
        max(text_size(t).height for t in titles[r * columns : (r + 1) * columns]) + 0.07
        for r in range(rows)
    ]
    caption = heading(title, full - 0.2)
    legend = Legend(roster, roster.methods, full - 0.2)
    note = wrap(note, full - 0.2, SMALL)
    top = text_size(caption, LARGE).height + 0.14
    tops = [top + sum(head[: r + 1]) + r * (height + 0.1) for r in range(rows)]
    below = tops[-1] + height + 0.42
    foot = text_size(note, SMALL).height + 0.12 if note else 0.08
    paper = Paper(full, below + legend.height + foot)
    paper.title(caption)
    for index, name in enumerate(names):
        row, column = divmod(index, columns)
        last = index + columns >= len(names)
        axes = paper.axes(
            left + column * (width + gap),
            tops[row],
            width,
            height,
            above=titles[index],
            below=axis * last,
            beside=f"{scale.label} (%)" * (column == 0),
        )
        draw_curves(axes, found[name], roster, scale)
        axes.tick_params(labelleft=column == 0, labelbottom=last)
        if index == 0 and math.isfinite(scale.chance):
            axes.annotate(
                "chance", (0, scale.chance), (1, 1.5), textcoords="offset points", fontsize=5.5
            )
    legend.draw(paper, 0.1, below)
    footnote(paper, note)
    return paper.figure


def _title(name: str, complete: str) -> str:
    if name == MEAN:
        return MEAN_TITLE
    return f"{name} (complete)" if name == complete else name

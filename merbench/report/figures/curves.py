"""Degradation curves: a metric against severity, with bands."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from merbench.report.figures.paper import Legend, Paper, footnote, text_size, wrap
from merbench.report.figures.styles import INK, LARGE, NORMAL, SMALL, Roster
from merbench.results.summary import MEAN

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
    """Return an axis that holds every curve, every band and chance."""
    ends = [
        chance,
        *(float(f(curves[c])) for c in ("value", "low", "high") for f in (np.min, np.max)),
    ]
    known = [100 * end for end in ends if math.isfinite(end)] or [0.0, 100.0]
    room = 0.04 * max(max(known) - min(known), 10.0)
    return Scale(label, max(min(known) - room, 0.0), min(max(known) + room, 102.0), 100 * chance)


def draw_curves(axes: Axes, curves: pd.DataFrame, roster: Roster, scale: Scale) -> None:
    """Draw one panel: a line for each method, over its band where it has one."""
    axes.axhline(scale.chance, color=INK, alpha=0.6, linewidth=0.7, linestyle=(0, (5, 2.5)))
    groups = {str(name): mine for name, mine in curves.groupby("method", sort=False)}
    present = [(m, groups[m].sort_values("severity")) for m in roster.methods if m in groups]
    for method, mine in present:
        band(axes, mine["severity"], mine["low"], mine["high"], roster, method)
    for method, mine in present:
        (line,) = axes.plot(
            mine["severity"], 100 * mine["value"], clip_on=False, **roster.styles[method].line
        )
        line.set_gid(roster.tag(method))
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(scale.low, scale.high)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(visible=True, color=INK, alpha=0.1, linewidth=0.5)
    axes.set_axisbelow(True)


def band(
    axes: Axes,
    places: pd.Series[float],
    low: pd.Series[float],
    high: pd.Series[float],
    roster: Roster,
    method: str,
) -> None:
    """Shade between two ends, in %, where both are known."""
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return
    x, bottom, top = (np.asarray(values[known], np.float64) for values in (places, low, high))
    (area,) = axes.fill(
        np.concatenate([x, x[::-1]]),
        100 * np.concatenate([bottom, top[::-1]]),
        facecolor=roster.styles[method].colour,
        alpha=0.13,
        linewidth=0,
    )
    area.set_gid(roster.tag(method))


def mean_panel(curves: pd.DataFrame, roster: Roster, scale: Scale) -> Figure:
    """Draw the mean over the partial patterns alone, small, without names."""
    paper = Paper(3.3, 2.2)
    axes = paper.axes(0.42, 0.1, 2.78, 1.72)
    draw_curves(axes, curves, roster, scale)
    axes.set_xlabel("severity", labelpad=1)
    axes.set_ylabel(f"{scale.label} (%)", labelpad=2)
    return paper.figure


def curve_sheet(
    curves: pd.DataFrame, complete: str, roster: Roster, scale: Scale, *, title: str, note: str
) -> Figure:
    """Draw a panel for the mean over the partial patterns and one for each pattern.

    Args:
        curves: of one metric and one noise column.
        complete: the pattern in which nothing is missing.
        roster: the methods.
        scale: of the vertical axis.
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
    heading = wrap(title, full - 0.2, LARGE)
    legend = Legend(roster, roster.methods, full - 0.2)
    note = wrap(note, full - 0.2, SMALL)
    top = text_size(heading, LARGE).height + 0.14
    tops = [top + sum(head[: r + 1]) + r * (height + 0.2) for r in range(rows)]
    below = tops[-1] + height + 0.42
    foot = text_size(note, SMALL).height + 0.12 if note else 0.08
    paper = Paper(full, below + legend.height + foot)
    paper.text(0.1, 0.08, heading, fontsize=LARGE, fontweight="bold")
    for index, name in enumerate(names):
        row, column = divmod(index, columns)
        axes = paper.axes(left + column * (width + gap), tops[row], width, height)
        draw_curves(axes, found[name], roster, scale)
        axes.set_title(titles[index], pad=3)
        axes.tick_params(labelleft=column == 0, labelbottom=index + columns >= len(names))
        if column == 0:
            axes.set_ylabel(f"{scale.label} (%)", labelpad=2)
        if index + columns >= len(names):
            axes.set_xlabel("severity", labelpad=1)
        if index == 0 and math.isfinite(scale.chance):
            axes.annotate(
                "chance", (0, scale.chance), (1, 1.5), textcoords="offset points", fontsize=5.5
            )
    legend.draw(paper, 0.1, below)
    if note:
        footnote(paper, 0.1, note)
    return paper.figure


def _title(name: str, complete: str) -> str:
    if name == MEAN:
        return MEAN_TITLE
    return f"{name} (complete)" if name == complete else name

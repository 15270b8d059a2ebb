"""Dot plots: methods down, a value with its interval in each panel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from merbench.report.figures.paper import LONGEST, Paper, footnote, text_size, widest, wrap
from merbench.report.figures.styles import INK, LARGE, NORMAL, SMALL, Roster

ENDS = ("value", "low", "high")
NUMBERS = 0.36  # inches for the value beside each row


class Dots(NamedTuple):
    """One panel.

    Attributes:
        title: over it.
        frame: method, value, and `low`, `high`, `censored` where there are such.
        unit: factor from the frame to the axis: 100 for fractions shown in %.
        label: under the axis.
        digits: of the values written beside the rows.
        reference: where a thin line stands, NaN for none.
    """

    title: str
    frame: pd.DataFrame
    unit: float
    label: str
    digits: int = 1
    reference: float = math.nan


def dot_sheet(
    panels: Sequence[Dots],
    roster: Roster,
    *,
    title: str = "",
    note: str = "",
    columns: int = 3,
    width: float = 1.35,
    shared: bool = True,
) -> Figure:
    """Draw the panels in a grid, names of methods at the left of each row.

    Args:
        panels: at least one.
        roster: the methods, rows in its order.
        title: over the sheet, or empty.
        note: at its foot, or empty.
        columns: panels in a row, at most.
        width: of a panel, in inches.
        shared: True where all panels have one axis, so that they compare by eye.
    """
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    names = [wrap(roster.names[method], LONGEST, NORMAL, 2) for method in roster.methods]
    row = max(0.17, max(text_size(name).height for name in names) + 0.02)
    height = row * len(names) + 0.06
    left = widest(names) + 0.16
    numbers = NUMBERS + 0.1 * any(_censored(panel.frame).any() for panel in panels)
    step = width + numbers + 0.12
    full = max(left + columns * step, 2.4)
    headings = [wrap(panel.title, step - 0.08, NORMAL) for panel in panels]
    head = max(text_size(heading).height for heading in headings) + 0.06
    caption = wrap(title, full - 0.2, LARGE) if title else ""
    note = wrap(note, full - 0.2, SMALL) if note else ""
    top = text_size(caption, LARGE).height + 0.16 if caption else 0.06
    # Labels stand under every row of panels where axes differ, else under the last alone.
    below = [0.38 if not shared or r == rows - 1 else 0.12 for r in range(rows)]
    foot = text_size(note, SMALL).height + 0.1 if note else 0.02
    paper = Paper(full, top + rows * (head + height) + sum(below) + foot)
    if caption:
        paper.text(0.1, 0.08, caption, fontsize=LARGE, fontweight="bold")
    limits = [_limits([panel]) for panel in panels]
    if shared:
        limits = [_limits(panels)] * len(panels)
    for index, panel in enumerate(panels):
        r, c = divmod(index, columns)
        y = top + (r + 1) * head + r * height + sum(below[:r])
        axes = paper.axes(left + c * step, y, width, height)
        last = index + columns >= len(panels)
        _draw(axes, panel, roster, limits[index], numbers)
        axes.set_yticks(range(len(names)), names if c == 0 else [""] * len(names), fontsize=NORMAL)
        axes.tick_params(axis="y", length=0, pad=4)
        axes.tick_params(labelbottom=last or not shared)
        if last or not shared:
            axes.set_xlabel(panel.label, labelpad=1)
        paper.text(left + c * step, y - 0.04, headings[index], va="bottom")
    if note:
        footnote(paper, 0.1, note)
    return paper.figure


def _draw(
    axes: Axes, panel: Dots, roster: Roster, limits: tuple[float, float], numbers: float
) -> None:
    frame = panel.frame.set_index("method")
    columns = {
        name: (frame[name] if name in frame else pd.Series(np.nan, index=frame.index)).to_dict()
        for name in ENDS
    }
    if math.isfinite(panel.reference):
        axes.axvline(
            panel.unit * panel.reference, color=INK, alpha=0.6, linewidth=0.7, linestyle="--"
        )
    for place, method in enumerate(roster.methods):
        axes.axhline(place, color=INK, alpha=0.1, linewidth=0.5)
        if method not in frame.index:
            continue
        style = roster.styles[method]
        value, low, high = (panel.unit * columns[name][method] for name in ENDS)
        censored = bool(_censored(frame)[method])
        if math.isfinite(low) and math.isfinite(high) and high > low:
            axes.plot([low, high], [place] * 2, color=style.colour, linewidth=1.6, alpha=0.55)
        if not math.isfinite(value):
            continue
        (point,) = axes.plot([value], [place], markersize=4.6, clip_on=False, **style.point)
        point.set_gid(roster.tag(method))
        if censored:
            axes.annotate(
                "",
                (value, place),
                (9, 0),
                textcoords="offset points",
                arrowprops={"arrowstyle": "<-", "color": style.colour, "linewidth": 0.9},
            )
        axes.annotate(
            f"{'> ' * censored}{value:.{panel.digits}f}",
            (1, place),
            (numbers * 72 - 1, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center_baseline",
            fontsize=SMALL,
        )
    axes.set_xlim(*limits)
    axes.set_ylim(len(roster.methods) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.spines["left"].set_visible(False)


def _censored(frame: pd.DataFrame) -> pd.Series[bool]:
    if "censored" in frame.columns:
        return frame["censored"].fillna(value=False).astype(bool)
    return pd.Series(data=False, index=frame.index)


def _limits(panels: Sequence[Dots]) -> tuple[float, float]:
    """Return an axis that holds every dot and interval."""
    ends: list[float] = []
    for panel in panels:
        for name in ENDS:
            if name in panel.frame.columns:
                ends += [panel.unit * float(v) for v in panel.frame[name] if np.isfinite(v)]
        if math.isfinite(panel.reference):
            ends.append(panel.unit * panel.reference)
    if not ends:
        return 0.0, 1.0
    arrows = any(_censored(panel.frame).any() for panel in panels)
    room = 0.07 * max(max(ends) - min(ends), 1e-3 * panels[0].unit, 0.02 * abs(max(ends)))
    return min(ends) - room, max(ends) + room * (2 if arrows else 1)

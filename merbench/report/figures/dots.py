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

from merbench.report.figures.paper import LONGEST, Paper, footnote, heading, text_size, widest, wrap
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
    head = max(text_size(above).height for above in headings) + 0.06
    caption = heading(title, full - 0.2)
    note = wrap(note, full - 0.2, SMALL) if note else ""
    top = text_size(caption, LARGE).height + 0.16 if caption else 0.06
    # Labels stand under every row of panels where axes differ, else under the last alone.
    below = [0.38 if not shared or r == rows - 1 else 0.12 for r in range(rows)]
    foot = text_size(note, SMALL).height + 0.1 if note else 0.02
    paper = Paper(full, top + rows * (head + height) + sum(below) + foot)
    paper.title(caption)
    limits = [_limits([panel]) for panel in panels]
    if shared:
        limits = [_limits(panels)] * len(panels)
    for index, panel in enumerate(panels):
        r, c = divmod(index, columns)
        y = top + (r + 1) * head + r * height + sum(below[:r])
        x = left + c * step
        labelled = not shared or index + columns >= len(panels)
        axes = paper.axes(x, y, width, height, below=panel.label * labelled)
        values = _draw(axes, panel, roster, limits[index])
        axes.tick_params(labelbottom=labelled)
        for place, (name, value) in enumerate(zip(names, values, strict=True)):
            middle = y + (place + 0.5) / len(names) * height
            if c == 0:
                paper.text(left - 0.06, middle, name, ha="right", va=_middle(name))
            paper.text(x + width + numbers, middle, value, ha="right", va=_middle(value),
                       fontsize=SMALL)  # fmt: skip
        paper.text(left + c * step, y - 0.04, headings[index], va="bottom")
    footnote(paper, note)
    return paper.figure


def _middle(text: str) -> str:
    return "center" if "\n" in text else "center_baseline"


def _draw(axes: Axes, panel: Dots, roster: Roster, limits: tuple[float, float]) -> list[str]:
    """Draw one panel and return the value of each row in words."""
    frame = panel.frame.set_index("method").reindex(list(roster.methods))
    value, low, high = (
        panel.unit * frame[name].to_numpy(np.float64)
        if name in frame
        else np.full(len(frame), np.nan)
        for name in ENDS
    )
    censored = _censored(frame).to_numpy()
    places = np.arange(len(frame))
    looks = [roster.styles[method] for method in roster.methods]
    axes.hlines(places, *limits, color=INK, alpha=0.1, linewidth=0.5)
    if math.isfinite(panel.reference):
        place = panel.unit * panel.reference
        axes.axvline(place, color=INK, alpha=0.6, linewidth=0.7, linestyle="--")
    opened = np.isfinite(low) & np.isnan(high)  # intervals without an upper end
    high = np.where(opened, limits[1], high)
    bars = np.isfinite(low) & (high > low)
    colours = [look.colour for look, bar in zip(looks, bars, strict=True) if bar]
    if colours:
        axes.hlines(places[bars], low[bars], high[bars], color=colours, alpha=0.55, linewidth=1.6)
    for place, (method, look) in enumerate(zip(roster.methods, looks, strict=True)):
        if opened[place]:
            axes.plot([limits[1]], [place], ">", markersize=3.6, alpha=0.55, clip_on=False,
                      color=look.colour, markeredgewidth=0)  # fmt: skip
        if np.isfinite(value[place]):
            (point,) = axes.plot([value[place]], [place], clip_on=False, **look.point)
            point.set_gid(roster.tag(method))
    axes.set_xlim(*limits)
    axes.set_ylim(len(frame) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_visible(False)
    axes.spines["left"].set_visible(False)
    return [
        f"{'> ' * bool(beyond)}{number:.{panel.digits}f}" if np.isfinite(number) else ""
        for number, beyond in zip(value, censored, strict=True)
    ]


def _censored(frame: pd.DataFrame) -> pd.Series[bool]:
    if "censored" in frame.columns:
        return frame["censored"].eq(other=True)
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
    room = 0.07 * max(max(ends) - min(ends), 1e-3 * panels[0].unit, 0.02 * abs(max(ends)))
    return min(ends) - room, max(ends) + room

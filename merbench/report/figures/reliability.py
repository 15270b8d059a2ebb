"""Reliability diagrams: how often a method is right, by how sure it was."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from merbench.report.figures.paper import Legend, Paper, footnote, heading, text_size, wrap
from merbench.report.figures.styles import INK, LARGE, SMALL, Roster

GROUPS = {"complete": "nothing missing", "missing": "modalities missing", "noised": "noised"}
RARE = 0.01


def reliability_sheet(
    reliability: pd.DataFrame,
    roster: Roster,
    *,
    title: str = "",
    note: str = "",
    side: float = 1.75,
    legend: bool = True,
) -> Figure:
    """Draw a panel for each group of conditions, a line for each method with probabilities.

    Args:
        reliability: bins.
        roster: the methods.
        title: over the sheet, or empty.
        note: at its foot, or empty.
        side: of a panel, in inches.
        legend: True to name the methods under the panels.
    """
    known = set(reliability["group"])
    groups = [*(g for g in GROUPS if g in known), *sorted(known - set(GROUPS))]
    methods = [m for m in roster.methods if m in set(reliability["method"])]
    gap, left = 0.24, 0.46
    full = max(left + len(groups) * (side + gap), 3.0 if legend else 1.0)
    caption = heading(title, full - 0.2)
    note = wrap(note, full - 0.2, SMALL) if note else ""
    keys = Legend(roster, methods if legend else (), full - 0.2)
    top = (text_size(caption, LARGE).height + 0.14 if caption else 0.02) + 0.2
    below = top + side + 0.42
    foot = text_size(note, SMALL).height + 0.12 if note else 0.0
    paper = Paper(full, below - (0 if legend else 0.04) + keys.height + foot)
    paper.title(caption)
    for index, group in enumerate(groups):
        axes = paper.axes(
            left + index * (side + gap),
            top,
            side,
            side,
            above=GROUPS.get(group, group),
            below="confidence (%)",
            beside="accuracy (%)" * (index == 0),
        )
        mine = reliability[(reliability["group"] == group) & (reliability["share"] >= RARE)]
        _draw(axes, mine, methods, roster)
        axes.tick_params(labelleft=index == 0)
    keys.draw(paper, 0.1, below)
    footnote(paper, note)
    return paper.figure


def _draw(axes: Axes, bins: pd.DataFrame, methods: list[str], roster: Roster) -> None:
    axes.plot([0, 100], [0, 100], color=INK, alpha=0.5, linewidth=0.7, linestyle=(0, (5, 2.5)))
    for method in methods:
        mine = bins[bins["method"] == method].sort_values("confidence")
        look = roster.styles[method].line
        (line,) = axes.plot(100 * mine["confidence"], 100 * mine["accuracy"], clip_on=False, **look)
        line.set_gid(roster.tag(method))
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([0, 50, 100])
    axes.grid(visible=True, color=INK, alpha=0.1, linewidth=0.5)
    axes.set_axisbelow(True)

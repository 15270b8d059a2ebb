"""Plots as SVG text that can stand inside a page: deterministic, and in the page's own colours."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from merbench.report.figures.styles import INK, Style

SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "merbench",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}


@dataclass(frozen=True)
class Panel:
    """One plot: `identifier` is unique on the page."""

    identifier: str
    title: str
    svg: str


def severity_panel(
    curves: pd.DataFrame,
    methods: dict[str, Style],
    *,
    identifier: str,
    title: str,
    label: str,
    chance: float,
    ceiling: float,
) -> Panel:
    """Draw a metric against severity, one line for each method.

    Args:
        curves: method, severity, value (a fraction).
        methods: how to draw each.
        identifier: for the ids inside the SVG.
        title: over the plot.
        label: of the value.
        chance: value of a guess, drawn as a dashed line.
        ceiling: top of the axis, so that the panels of a report compare by eye.
    """
    # From the defaults, so that a user's own matplotlib settings do not change a report.
    with matplotlib.style.context(["default", SETTINGS]):
        figure = Figure(figsize=(3.6, 2.7), layout="constrained")
        axes = figure.subplots()
        axes.axhline(100 * chance, color=INK, alpha=0.5, linewidth=0.8, linestyle="--")
        for method, style in methods.items():
            mine = curves[curves["method"] == method]
            axes.plot(
                mine["severity"],
                100 * mine["value"],
                color=style.colour,
                marker=style.marker,
                markersize=4,
                linewidth=1.5,
            )
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("severity")
        axes.set_ylabel(f"{label} (%)")
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(0, 100 * ceiling)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(visible=True, color=INK, alpha=0.12, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        return Panel(identifier, title, _svg(figure, identifier))


def _svg(figure: Figure, identifier: str) -> str:
    """Return the SVG element alone, its ids made unique, its ink that of the page."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{identifier}-", text)

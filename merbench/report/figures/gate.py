"""The figures of a gate: a waterfall of changes, and curves before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from merbench.report.figures.curves import STEPS
from merbench.report.figures.paper import Legend, Paper
from merbench.report.figures.styles import INK, Roster

COLOURS = {"regressed": "#d55e00", "suspect": "#e8b84a", "improved": "#029e73"}
OTHER = "#949494"
_WIDTH, _HEIGHT = 6.4, 2.5
Floats = NDArray[np.floating]


class Bar(NamedTuple):
    """One rule of a waterfall, in points.

    Attributes:
        change: against the reference.
        low: lower bound of it.
        high: upper bound.
        tolerance: largest drop that is tolerated.
        verdict: on it.
    """

    change: float
    low: float
    high: float
    tolerance: float
    verdict: str


class Course(NamedTuple):
    """A method's curve in one run: values in % at severities."""

    method: str
    severities: Floats
    values: Floats


class Panel(NamedTuple):
    """One noise, before and after."""

    title: str
    before: Sequence[Course]
    after: Sequence[Course]


def waterfall(bars: Sequence[Bar]) -> Figure:
    """Draw the changes, largest drop first, each with its bounds, over what is tolerated."""
    ordered = sorted(bars, key=lambda bar: bar.change)
    paper = Paper(_WIDTH, _HEIGHT)
    axes = paper.axes(0.5, 0.08, _WIDTH - 0.56, _HEIGHT - 0.4, below="rules, largest drop first",
                      beside="change (points)")  # fmt: skip
    places = np.arange(1, len(ordered) + 1)
    changes = np.array([bar.change for bar in ordered])
    # Bounds that have no end go as far as the axis does.
    ends = [end for bar in ordered for end in (bar.low, bar.high) if np.isfinite(end)]
    bottom = 1.06 * min(-0.5, *ends, *changes)
    top = 1.06 * max(0.5, *ends, *changes)
    for verdict, colour in {**COLOURS, "ok": OTHER}.items():
        # A bar without height is a path without a shape.
        mine = np.array([bar.verdict == verdict and bar.change != 0 for bar in ordered])
        if mine.any():
            axes.bar(places[mine], changes[mine], width=0.8, color=colour, linewidth=0)
    low, high = (np.clip([getattr(b, end) for b in ordered], bottom, top)
                 for end in ("low", "high"))  # fmt: skip
    wide = high > low
    if wide.any():
        axes.vlines(places[wide], low[wide], high[wide], color=INK, linewidth=0.5, alpha=0.55)
    edges = np.append(places - 0.5, len(ordered) + 0.5)
    floors = [max(-bar.tolerance, bottom) for bar in ordered]
    axes.step(edges, [*floors, floors[-1]], where="post", color=INK, linewidth=0.7,
              linestyle=(0, (4, 2)), alpha=0.7)  # fmt: skip
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.set_xlim(0.2, len(ordered) + 0.8)
    axes.set_ylim(bottom, top)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    return paper.figure


def before_and_after(panel: Panel, roster: Roster, ends: tuple[float, float]) -> Figure:
    """Draw a metric against severity: the reference dotted, the run over it."""
    paper = Paper(3.3, 2.2)
    axes = paper.axes(0.46, 0.1, 2.74, 1.76, below="severity", beside="%")
    for courses, changes in (
        (panel.before, {"linestyle": (0, (1.5, 1)), "linewidth": 1.5, "marker": "none"}),
        (panel.after, {"linestyle": "solid", "linewidth": 0.9}),
    ):
        for course in courses:
            look = {**roster.styles[course.method].line, **changes}
            axes.plot(course.severities, course.values, clip_on=False, **look)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(*ends)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    axes.grid(visible=True, color=INK, alpha=0.1, linewidth=0.5)
    axes.set_axisbelow(True)
    return paper.figure


def legend(roster: Roster, methods: Sequence[str]) -> Figure:
    """Draw the methods' lines and names."""
    drawn = Legend(roster, methods, _WIDTH)
    paper = Paper(_WIDTH, drawn.height + 0.05)
    drawn.draw(paper, 0, 0)
    return paper.figure

"""A sheet measured in inches from its top left corner, and text that is measured before drawn.

Layout engines draw every figure several times over; sizes worked out beforehand cost nothing and
clip nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from merbench.report.figures.styles import FAMILY, LARGE, NORMAL, SMALL, Roster

LINE = 1.25  # height of a line, in font sizes
SLACK = 1.03  # renderers place glyphs on whole pixels
ELLIPSIS = "…"
LABEL = 0.165  # inches from an axis to its label, past the numbers
LONGEST = 1.9  # inches that a name may take before it is broken into lines


class Size(NamedTuple):
    """Width and height in inches."""

    width: float
    height: float


@lru_cache(maxsize=8192)
def _line_width(text: str, size: float, weight: str) -> float:
    font = FontProperties(family=FAMILY, size=size, weight=weight)
    width = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return float(width) / 72 * SLACK


def text_size(text: str, size: float = NORMAL, weight: str = "normal") -> Size:
    """Return how much room text takes, its lines as they are."""
    lines = text.split("\n")
    return Size(
        max(_line_width(line, size, weight) for line in lines), len(lines) * size * LINE / 72
    )


def widest(texts: Sequence[str], size: float = NORMAL, weight: str = "normal") -> float:
    """Return the width of the widest, 0 without any."""
    return max((text_size(text, size, weight).width for text in texts), default=0.0)


def wrap(
    text: str, width: float, size: float = NORMAL, lines: int = 3, weight: str = "normal"
) -> str:
    """Break text into lines of at most `width` inches: after a blank, `+`, `_`, `-`, else anywhere.

    What does not fit into `lines` ends in an ellipsis.
    """

    def fits(part: str) -> bool:
        return _line_width(part.rstrip(), size, weight) <= width

    text = " ".join(text.split())
    broken: list[str] = []
    line = ""
    for word in re.findall(r"[^ +_-]*[ +_-]?", text):
        while word:
            if fits(line + word):
                line, word = line + word, ""
            elif line:
                broken.append(line.rstrip())
                line = ""
            else:  # a word wider than the line
                cut = max([1, *(n for n in range(2, len(word)) if fits(word[:n]))])
                broken.append(word[:cut])
                word = word[cut:]
    broken += [line.rstrip()] if line.strip() or not broken else []
    if len(broken) > lines:
        last = broken[lines - 1]
        while last and not fits(last + ELLIPSIS):
            last = last[:-1]
        broken = [*broken[: lines - 1], last + ELLIPSIS]
    return "\n".join(broken)


def heading(title: str, width: float) -> str:
    """Break the title of a sheet."""
    return wrap(title, width, LARGE, weight="bold") if title else ""


class Paper:
    """A figure whose parts are placed in inches from the top left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height))

    def axes(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        above: str = "",
        below: str = "",
        beside: str = "",
    ) -> Axes:
        """Add axes; labels and ticks lie outside the box.

        Titles of matplotlib's own look for free room at every drawing, which costs as much as the
        drawing; these stand where there is room.

        Args:
            left: of the box.
            top: of the box.
            width: of the box.
            height: of the box.
            above: title over the box.
            below: label of the horizontal axis.
            beside: label of the vertical axis.
        """
        bottom = self.height - top - height
        axes = self.figure.add_axes(
            (left / self.width, bottom / self.height, width / self.width, height / self.height)
        )
        axes.set_title("", y=1.0)
        if above:
            self.text(left + width / 2, top - 0.05, above, ha="center", va="bottom")
        if below:
            self.text(left + width / 2, top + height + LABEL, below, ha="center")
        if beside:
            style = {"ha": "right", "va": "center", "rotation": 90, "rotation_mode": "default"}
            self.text(left - 0.27, top + height / 2, beside, **style)
        return axes

    def board(self) -> Axes:
        """Add bare axes over the whole sheet whose data coordinates are inches from the top left.

        One such costs a fraction of the many small axes that a mosaic would need.
        """
        axes = self.axes(0, 0, self.width, self.height)
        axes.set_xlim(0, self.width)
        axes.set_ylim(self.height, 0)
        axes.set_axis_off()
        return axes

    def text(self, left: float, top: float, text: str, **style: Any) -> Text:
        """Write text whose top left corner is given, unless `style` aligns it otherwise."""
        settings: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": NORMAL} | style
        return self.figure.text(left / self.width, 1 - top / self.height, text, **settings)

    def title(self, text: str) -> None:
        """Write the title of the sheet, broken by `heading`."""
        if text:
            self.text(0.1, 0.08, text, fontsize=LARGE, fontweight="bold")

    def line(self, xs: Sequence[float], tops: Sequence[float], **style: Any) -> Line2D:
        """Draw a line through points given in inches."""
        line = Line2D(
            [x / self.width for x in xs],
            [1 - top / self.height for top in tops],
            transform=self.figure.transFigure,
            **style,
        )
        self.figure.add_artist(line)
        return line


class Legend:
    """Names of methods with their line and marker, in columns as wide as the widest name."""

    KEY = 0.36
    GAP = 0.18

    def __init__(self, roster: Roster, methods: Sequence[str], width: float) -> None:
        self.roster, self.methods = roster, tuple(methods)
        room = min(width, LONGEST + self.KEY) - self.KEY
        self.labels = [wrap(roster.names[method], room, NORMAL, 2) for method in self.methods]
        column = widest(self.labels) + self.KEY + self.GAP
        columns = max(1, min(len(self.methods), math.floor((width + self.GAP) / column)))
        self.rows = math.ceil(len(self.methods) / columns) if self.methods else 0
        # As few columns as the rows need, so that the last row is not ragged.
        self.columns = math.ceil(len(self.methods) / self.rows) if self.rows else 0
        self.column = column
        self.row = max((text_size(label).height for label in self.labels), default=0.0) + 0.03

    @property
    def height(self) -> float:
        """How much room it takes, in inches."""
        return self.rows * self.row

    def draw(self, paper: Paper, left: float, top: float) -> None:
        """Draw it with its top left corner at a place."""
        for index, (method, label) in enumerate(zip(self.methods, self.labels, strict=True)):
            x = left + index // self.rows * self.column
            y = top + (index % self.rows + 0.5) * self.row
            key = [x, x + self.KEY / 2 - 0.04, x + self.KEY - 0.08]
            paper.line(key, [y] * 3, markevery=[1], **self.roster.styles[method].line)
            paper.text(
                x + self.KEY, y, label, va="center_baseline" if "\n" not in label else "center"
            )


def footnote(paper: Paper, text: str) -> None:
    """Write a small note at the foot of the sheet."""
    if not text:
        return
    paper.text(0.1, paper.height - 0.06, text, fontsize=SMALL, va="bottom", alpha=0.75)

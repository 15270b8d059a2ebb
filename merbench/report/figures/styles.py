"""How a method looks: one colour, marker and dash in every figure of a report."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import seaborn as sns

from merbench.analysis.findings import Findings

INK = "#010203"  # near black in files; inside a page it becomes the page's text colour
PAPER = "#fefeff"  # near white in files; inside a page it becomes the page's background
SMALL, NORMAL, LARGE = 6.5, 7.5, 9.0
FAMILY = "DejaVu Sans"  # comes with matplotlib, so every machine measures text alike
MARKERS = (("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"), ("X", "✖"))
# Shapes of one size do not look so: these do.
EVEN = {"o": 0.95, "s": 0.9, "^": 1.1, "D": 0.85, "v": 1.1, "P": 1.2, "X": 1.2}
Dash = tuple[float, tuple[float, ...] | None]
DASHES: tuple[Dash, ...] = (
    (0, None),
    (0, (4, 1.3)),
    (0, (1.2, 1.1)),
    (0, (6, 1.3, 1.2, 1.3)),
    (0, (9, 2)),
)
COLOURS = tuple(sns.color_palette("colorblind").as_hex())
# The palette's yellow and pale pink are hard to see on white: they come last.
ORDER = (0, 1, 2, 3, 4, 5, 9, 7, 6, 8)
SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "merbench",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # whole outlines: publishers refuse bitmap fonts
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": [FAMILY],
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "hatch.linewidth": 0.5,
    **dict.fromkeys(("xtick.major.width", "ytick.major.width"), 0.6),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
    **dict.fromkeys(("xtick.major.pad", "ytick.major.pad"), 2.0),
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}


@dataclass(frozen=True)
class Style:
    """How one method is drawn.

    Attributes:
        colour: hexadecimal.
        marker: matplotlib's name.
        dash: offset and lengths of the line, in line widths; no lengths for a whole line.
        hollow: True where the marker is not filled.
        glyph: the marker as a character, for legends in text.
    """

    colour: str
    marker: str
    dash: Dash
    hollow: bool
    glyph: str

    @property
    def point(self) -> dict[str, Any]:
        """Matplotlib's arguments for markers without a line."""
        # A rim in the colour of the paper keeps marks apart that lie over each other.
        return {
            "marker": self.marker,
            "color": self.colour,
            "markerfacecolor": PAPER if self.hollow else self.colour,
            "markeredgecolor": self.colour if self.hollow else PAPER,
            "markeredgewidth": 0.8 if self.hollow else 0.3,
            "markersize": 5.0 * EVEN[self.marker],
            "linestyle": "none",
        }

    @property
    def line(self) -> dict[str, Any]:
        """Matplotlib's arguments for a line with markers."""
        return self.point | {
            "linestyle": self.dash,
            "linewidth": 1.1,
            "markersize": 4.2 * EVEN[self.marker],
        }


def styles(methods: Sequence[str]) -> dict[str, Style]:
    """Give each method a look; 70 can be told apart, in grey as well.

    Colour and marker repeat together only after 70 methods; so do marker, dash and filling, which
    is what a grey print leaves.
    """
    chosen = {}
    for index, method in enumerate(methods):
        marker, glyph = MARKERS[index % len(MARKERS)]
        turn = index // len(MARKERS)
        chosen[method] = Style(
            colour=COLOURS[ORDER[index % len(ORDER)]],
            marker=marker,
            # Neighbours differ in their dash too, and a marker meets every dash before it is
            # drawn hollow.
            dash=DASHES[(index + turn) % len(DASHES)],
            hollow=turn // len(DASHES) % 2 == 1,
            glyph=glyph,
        )
    return chosen


@dataclass(frozen=True)
class Roster:
    """The methods of a run, in its order, as figures show them."""

    methods: tuple[str, ...]
    names: Mapping[str, str]
    styles: Mapping[str, Style]

    @classmethod
    def of(cls, findings: Findings) -> Roster:
        """Return the roster of a run."""
        methods = findings.header.methods
        names = {method: findings.names.get(method, method) for method in methods}
        return cls(methods, names, styles(methods))

    def tag(self, method: str) -> str:
        """Return a name for the parts of an SVG that show a method: `m0`, `m1`, ..."""
        return f"m{self.methods.index(method)}"


@contextmanager
def house_style() -> Iterator[None]:
    """Draw from matplotlib's defaults and ours, whatever the user's own settings are."""
    with matplotlib.style.context(["default", SETTINGS]), warnings.catch_warnings():
        # Names in a script that the font lacks show as boxes in PNG and PDF.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield

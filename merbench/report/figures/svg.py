"""Figures as SVG: for files, and to stand inside a page in its own ink and type."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

from matplotlib.figure import Figure

from merbench.report.figures.compact import METHOD, NAMESPACE, Compactor, rounded
from merbench.report.figures.styles import INK, PAPER

NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
LARGEST = 1.6  # how much a page may enlarge a figure: its type is then as large as the page's own


def svg_text(figure: Figure) -> str:
    """Return a figure as an SVG file: equal figures give equal text."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    # Several parts may show one method, and an id may stand only once.
    return re.sub(rf'<g id="({METHOD.pattern})"', r'<g class="\1"', buffer.getvalue())


def inline_svg(figure: Figure, identifier: str, label: str, style: str = "") -> str:
    """Return a figure as an element of a page.

    Args:
        figure: what to draw; nothing may rely on being clipped by its axes.
        identifier: before every id inside; parts that show a method carry `m0`, `m1`, ... as
            their class.
        label: what assistive technology reads; empty for a figure that says nothing by itself.
        style: CSS of the element; by default as wide as the page allows.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata=NO_METADATA)
    source = buffer.getvalue()
    root = ET.fromstring(source[source.index("<svg") :])
    Compactor(root, f"{identifier}-").run()
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    read = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    root.attrib.clear()
    root.attrib |= {
        "viewBox": f"0 0 {rounded(width, 1)} {rounded(height, 1)}",
        **read,
        "stroke-linejoin": "round",
        "fill": INK,
        "style": style or f"width:100%;max-width:{LARGEST * width:.0f}px",
    }
    ET.register_namespace("", NAMESPACE)
    text = ET.tostring(root, encoding="unicode").replace(" />", "/>")
    return text.replace(INK, "currentColor").replace(PAPER, "var(--page,Canvas)")

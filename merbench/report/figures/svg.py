"""SVG that can stand inside a page: small, in the page's own ink and type, its ids its own."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

from matplotlib.figure import Figure

from merbench.report.figures.styles import INK, PAPER

NAMESPACE = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
METHOD = re.compile(r"m\d{1,3}")  # see Roster.tag
_USUAL = {
    "stroke-linejoin": "round",
    "stroke-linecap": "butt",
    "fill-opacity": "1",
    "stroke-opacity": "1",
    "opacity": "1",
}
_GEOMETRY = ("d", "x", "y", "width", "height", "transform", "points")
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")


def svg_text(figure: Figure) -> str:
    """Return a figure as an SVG file: equal figures give equal text."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    # Several parts may show one method, and an id may stand only once.
    return re.sub(rf'<g id="({METHOD.pattern})"', r'<g class="\1"', buffer.getvalue())


def inline_svg(figure: Figure, identifier: str, label: str) -> str:
    """Return a figure as an element of a page.

    Args:
        figure: what to draw; nothing may rely on being clipped by its axes.
        identifier: before every id inside; parts that show a method carry `m0`, `m1`, ... as
            their class.
        label: what assistive technology reads.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata=NO_METADATA)
    source = buffer.getvalue()
    root = ET.fromstring(source[source.index("<svg") :])
    used = set(re.findall(r'href="#([^"]+)"', source))
    _compact(root, used, f"{identifier}-")
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    root.attrib.clear()
    root.attrib |= {
        "viewBox": f"0 0 {_rounded(width, 1)} {_rounded(height, 1)}",
        "role": "img",
        "aria-label": label,
        "stroke-linejoin": "round",
        "fill": INK,
        # As wide as it was drawn, so that its type is as large as the page's captions at most.
        "style": f"width:100%;max-width:{1.6 * width:.0f}px",
    }
    ET.register_namespace("", NAMESPACE)
    text = ET.tostring(root, encoding="unicode", short_empty_elements=True)
    text = re.sub(r"\s*\n\s*", "", text).replace(" />", "/>")
    return text.replace(INK, "currentColor").replace(PAPER, "var(--page,Canvas)")


def _compact(element: ET.Element, used: set[str], prefix: str) -> None:
    """Keep what is seen: drop empty groups, unused ids, default styles and needless digits."""
    for child in list(element):
        _compact(child, used, prefix)
    kept: list[ET.Element] = []
    for child in element:
        kept += _survivors(child)
    element[:] = kept
    _rename(element, used, prefix)
    _shorten(element)
    if _tag(element) == "g":
        _hoist(element)
    if not (element.text or "").strip():
        element.text = None
    element.tail = None


def _survivors(child: ET.Element) -> list[ET.Element]:
    """Return what stands in a child's place."""
    tag = _tag(child)
    if tag in ("metadata", "style", "clipPath"):
        return []
    if tag in ("g", "defs") and not len(child):
        return []
    if tag == "path" and child.attrib.get("style") == "fill:none":
        return []
    if tag == "g" and not child.attrib:
        return list(child)
    return [child]


def _tag(element: ET.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}") if isinstance(element.tag, str) else ""


def _rename(element: ET.Element, used: set[str], prefix: str) -> None:
    identifier = element.attrib.pop("id", "")
    if METHOD.fullmatch(identifier):
        element.set("class", identifier)
    elif identifier in used:
        element.set("id", prefix + identifier)
        if _tag(element) == "path":  # a marker: drawn in the style of its use
            element.attrib.pop("style", None)
    if HREF in element.attrib:
        element.set("href", f"#{prefix}{element.attrib.pop(HREF)[1:]}")
    element.attrib.pop("clip-path", None)


def _shorten(element: ET.Element) -> None:
    # Markers are a few points wide, so their outline needs another digit.
    digits = 2 if _tag(element) == "path" and "id" in element.attrib else 1
    for name in _GEOMETRY:
        if name in element.attrib:
            value = _NUMBER.sub(lambda m: _rounded(float(m[0]), digits), element.attrib[name])
            value = re.sub(r"\s*([A-Za-z])\s*", r"\1", value.strip()) if name == "d" else value
            element.set(name, value)
    if element.attrib.get("transform", "").startswith("rotate(0 "):
        del element.attrib["transform"]
    items = (item.split(":", 1) for item in element.attrib.pop("style", "").split(";") if item)
    style = {name.strip(): value.strip() for name, value in items}
    style = {k: v for k, v in style.items() if k != "font-family" and _USUAL.get(k) != v}
    if style.get("stroke-linecap") == "square":
        del style["stroke-linecap"]
    if style.get("text-anchor") == "start":
        del style["text-anchor"]
    if _tag(element) == "text" and style.get("fill") == INK:
        del style["fill"]  # the ink of the whole element
    if style:
        element.set("style", ";".join(f"{k}:{v}" for k, v in style.items()))


def _hoist(group: ET.Element) -> None:
    """Move a style that all markers of a group share to the group."""
    marks = [child for child in group if _tag(child) == "use"]
    shared = {child.attrib.get("style") for child in marks}
    if (
        len(marks) > 1
        and len(marks) == len(group)
        and len(shared) == 1
        and "style" not in group.attrib
    ):
        style = shared.pop()
        if style is not None:
            group.set("style", style)
            for child in marks:
                del child.attrib["style"]


def _rounded(number: float, digits: int) -> str:
    text = f"{number:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{number:.0f}"
    text = "0" if text in ("-0", "") else text
    return re.sub(r"^(-?)0\.", r"\1.", text)

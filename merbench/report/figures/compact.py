"""Making matplotlib's SVG small: a fifth of its size, and nothing that is seen changes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import groupby, pairwise

from merbench.report.figures.styles import INK

NAMESPACE = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
METHOD = re.compile(r"m\d{1,3}")  # see Roster.tag
_USUAL = {
    "stroke-linejoin": "round",
    "stroke-linecap": "butt",
    "fill-opacity": "1",
    "stroke-opacity": "1",
    "opacity": "1",
    "stroke-dashoffset": "0",
    "text-anchor": "start",
}
_GEOMETRY = ("d", "x", "y", "width", "height", "transform")
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
_STROKE = re.compile(r"M0 0 ?(-?[\d.]+) ?(-?[\d.]+)")  # a tick, from where it stands


class Compactor:
    """One pass over an SVG, after which its ids start with a prefix.

    Nothing may rely on being clipped, and marks of one line must stand on its points.
    """

    def __init__(self, root: ET.Element, prefix: str) -> None:
        self.root = root
        self.shapes = {
            e.attrib["id"]: e for e in root.iter(_name("path")) if e.attrib.get("id")
        }  # markers and ticks, by matplotlib's id
        self.prefix = prefix
        self.ids: dict[str, str] = {}
        self.markers: dict[tuple[str, str], str] = {}

    def run(self) -> None:
        """Change the tree in place."""
        for shape in self.shapes.values():  # drawn in the style of its use
            shape.attrib.pop("style", None)
            shape.set("d", _short_path(shape.attrib["d"], 2))
        self._visit(self.root)
        for path in self.root.iter(_name("path")):
            path.set("d", _relative(path.attrib["d"]))
        kept = []
        for old, new in self.ids.items():
            self.shapes[old].set("id", new)
            kept.append(self.shapes[old])
        kept += [self._marker(*key, new) for key, new in self.markers.items()]
        if kept:
            defs = ET.Element(_name("defs"))
            defs.extend(kept)
            self.root.insert(0, defs)

    def _visit(self, element: ET.Element) -> None:
        children: list[ET.Element] = []
        for child in list(element):
            if tag(child) in ("metadata", "style", "defs"):
                continue
            self._visit(child)
            if tag(child) == "g" and not child.attrib:
                children += list(child)
            elif tag(child) != "g" or len(child):
                children.append(child)
        children = [c for c in children if c.attrib.get("style") != "fill:none"]
        element[:] = children
        _shorten(element)
        if tag(element) in ("g", "svg"):
            self._marks(element)
            _merge_strokes(element)
            _share_style(element, "use", 2)
            self._fold(element)
            _share_style(element, "text", 3)
        if not (element.text or "").strip():
            element.text = None
        element.tail = None

    def _marks(self, group: ET.Element) -> None:
        """Turn ticks into strokes, and the marks of a line into its markers."""
        for index, child in enumerate(list(group)):
            if tag(child) != "use" or HREF not in child.attrib:
                continue
            old = child.attrib.pop(HREF)[1:]
            stroke = _STROKE.fullmatch(self.shapes[old].attrib["d"])
            if stroke is None:
                child.set("href", f"#{self._identifier(old)}")
                continue
            x, y = (float(child.attrib[name]) for name in ("x", "y"))
            end = f"{rounded(x + float(stroke[1]), 1)} {rounded(y + float(stroke[2]), 1)}"
            style = child.attrib["style"].replace(f"fill:{INK}", "fill:none")
            start = f"M{child.attrib['x']} {child.attrib['y']}"
            path = {"d": f"{start}L{end}", "style": style}
            group[index] = ET.Element(_name("path"), path)

    def _fold(self, group: ET.Element) -> None:
        """Let a line carry its marks, where they stand on each of its points."""
        for line, marks in pairwise(list(group)):
            uses = list(marks)
            style = marks.attrib.get("style")
            if tag(line) != "path" or style is None or not uses or tag(uses[0]) != "use":
                continue
            points = re.findall(r"[ML]?(-?[\d.]+) ?(-?[\d.]+)", line.attrib["d"])
            if points != [(use.attrib["x"], use.attrib["y"]) for use in uses]:
                continue
            new = self.markers.setdefault(
                (uses[0].attrib["href"], style), f"{self.prefix}k{len(self.markers)}"
            )
            line.attrib["style"] += f";marker:url(#{new})"
            group.remove(marks)

    def _marker(self, href: str, style: str, identifier: str) -> ET.Element:
        marker = ET.Element(
            _name("marker"),
            {"id": identifier, "markerUnits": "userSpaceOnUse", "overflow": "visible"},
        )
        ET.SubElement(marker, _name("use"), {"href": href, "style": style})
        return marker

    def _identifier(self, old: str) -> str:
        return self.ids.setdefault(old, f"{self.prefix}{len(self.ids)}")


def tag(element: ET.Element) -> str:
    """Return the name of an SVG element."""
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


def _shorten(element: ET.Element) -> None:
    """Drop default styles, unused ids and needless digits."""
    attributes = element.attrib
    identifier = attributes.pop("id", "")
    if METHOD.fullmatch(identifier):
        attributes["class"] = identifier
    attributes.pop("clip-path", None)
    for name in _GEOMETRY:
        if name in attributes:
            short = _NUMBER.sub(lambda match: rounded(float(match[0]), 1), attributes[name])
            attributes[name] = _short_path(short, 1) if name == "d" else short
    if attributes.get("transform", "").startswith("rotate(0 "):
        del attributes["transform"]
    items = (item.split(":", 1) for item in attributes.pop("style", "").split(";") if item)
    style = {name.strip(): value.strip() for name, value in items}
    style.pop("font-family", None)  # the page's own
    if style.get("stroke-linecap") == "square":
        del style["stroke-linecap"]
    if tag(element) == "text" and style.get("fill") == INK:
        del style["fill"]  # the ink of the whole element
    style = {name: value for name, value in style.items() if _USUAL.get(name) != value}
    if style:
        attributes["style"] = ";".join(f"{name}:{value}" for name, value in style.items())


def _short_path(path: str, digits: int) -> str:
    path = _NUMBER.sub(lambda match: rounded(float(match[0]), digits), path.strip())
    path = re.sub(r"\s*([A-Za-z])\s*", r"\1", path)
    # After M and L more points are lines too, and a minus parts numbers as well as a blank.
    return re.sub(r"(?<=\d) -", "-", re.sub(r"(?<=[ML])([^A-Za-z]+)L", r"\1 ", path))


def _relative(path: str) -> str:
    """Write each line of a path from where the last one ended, which takes fewer digits."""
    if re.search("[^-MLz0-9. ]", path):
        return path  # it has curves
    parts = []
    for piece in re.findall("M[^M]*", path):
        numbers = [float(number) for number in _NUMBER.findall(piece)]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        steps = [
            f"{rounded(x - before, 1)} {rounded(y - above, 1)}"
            for (before, above), (x, y) in pairwise(points)
        ]
        start = f"M{rounded(points[0][0], 1)} {rounded(points[0][1], 1)}"
        parts.append(f"{start}{'l' * bool(steps)}{' '.join(steps)}{'z' * piece.endswith('z')}")
    return re.sub(r"(?<=\d) -", "-", "".join(parts))


def _merge_strokes(group: ET.Element) -> None:
    """Draw lines of one style in the ink, such as those of the grid, in one go."""
    first: dict[str, ET.Element] = {}
    for child in list(group):
        style = child.attrib.get("style", "")
        if tag(child) != "path" or "fill:none" not in style or f"stroke:{INK}" not in style:
            continue
        if style in first:
            first[style].attrib["d"] += child.attrib["d"]
            group.remove(child)
        else:
            first[style] = child


def _share_style(group: ET.Element, kind: str, least: int) -> None:
    """Put neighbours of one style into a group that has it."""
    children: list[ET.Element] = []
    for (name, style), run in groupby(group, key=lambda c: (tag(c), c.attrib.get("style"))):
        members = list(run)
        if name != kind or style is None or len(members) < least:
            children += members
            continue
        for member in members:
            del member.attrib["style"]
        shared = ET.Element(_name("g"), {"style": style})
        shared.extend(members)
        children.append(shared)
    group[:] = children


def rounded(number: float, digits: int) -> str:
    """Return a number with at most so many decimals and no needless zero."""
    text = f"{number:.{digits}f}".rstrip("0").rstrip(".")
    text = "0" if text in ("-0", "") else text
    return re.sub(r"^(-?)0\.", r"\1.", text)

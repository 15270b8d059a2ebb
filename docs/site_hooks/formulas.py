"""Turns the formulas of a page into MathML, which browsers show without a script or a font."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content: str, **_: object) -> str:
    """Replace what `pymdownx.arithmatex` has marked."""
    content = BLOCK.sub(lambda found: _formula(found[1], "block"), content)
    return INLINE.sub(lambda found: _formula(found[1], "inline"), content)


def _formula(latex: str, display: str) -> str:
    formula: str = convert(html.unescape(latex).strip(), display=display)
    return f'<div class="formula">{formula}</div>' if display == "block" else formula

"""One self-contained page: no request leaves it, and it reads with scripts off."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from merbench.analysis.findings import Findings
from merbench.report.page.numbers import MINUS
from merbench.report.page.run_view import RunView, run_view
from merbench.report.page.side_by_side import side_by_side

# Runs before anything is drawn: controls appear only where they work.
NEGATIVE = re.compile(r"(?<![\w.-])-(?=\d)")  # a hyphen that stands for a minus
EARLY_SCRIPT = "document.documentElement.classList.add('js')"


@dataclass(frozen=True)
class Assets:
    """Styles and scripts, in the page itself.

    Attributes:
        style: CSS.
        scripts: in order.
        policy: Content-Security-Policy: these scripts and nothing else, nothing from elsewhere.
    """

    style: Markup
    scripts: tuple[Markup, ...]
    policy: str


def render_page(findings: Sequence[Findings]) -> str:
    """Return the report of one or several runs as HTML.

    Equal findings give equal bytes.

    Args:
        findings: one for each run, in the order of the page.

    Raises:
        ValueError: there is no run.
    """
    if not findings:
        raise ValueError("a page needs at least one run")
    alone = len(findings) == 1
    views = [
        run_view(one, "" if alone else f"run{number}-", 2 if alone else 3)
        for number, one in enumerate(findings, 1)
    ]
    return render(
        "page.html",
        views=views,
        alone=alone,
        together=None if alone else side_by_side(views),
        title=_title(views),
    )


def render(template: str, **values: object) -> str:
    """Return a page of the report's look.

    Args:
        template: name of the file.
        values: what it needs beside styles and scripts.
    """
    found = _environment().get_template(template)
    page = found.render(assets=_assets(), early=Markup(EARLY_SCRIPT), **values)
    return page.rstrip("\n") + "\n"


def _soft(name: str) -> Markup:
    """Let a name break where a reader would break it."""
    text = str(escape(name))
    for mark in "_+":
        text = text.replace(mark, f"{mark}<wbr>")
    return Markup(text)


def _title(views: Sequence[RunView]) -> str:
    return ", ".join(dict.fromkeys(view.findings.name for view in views))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("merbench", "report/page/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = Markup  # SVG of our own drawing, its text escaped there
    environment.filters["soft"] = _soft
    environment.filters["minus"] = lambda text: NEGATIVE.sub(MINUS, text)
    return environment


@cache
def _assets() -> Assets:
    here = files("merbench.report.page")

    def read(*path: str) -> str:
        return here.joinpath(*path).read_text(encoding="utf-8").strip()

    dark = read("assets", "dark.css")
    style = read("assets", "page.css").replace("/* dark.css */", dark)
    vendor = ("vendor", "uplot")
    licence = "/*\n" + read(*vendor, "LICENSE") + "\n*/\n"
    library = licence + read(*vendor, "uPlot.iife.min.js")
    scripts = (library, read("assets", "page.js"))
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in (EARLY_SCRIPT, *scripts))
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:"
    return Assets(
        Markup(read(*vendor, "uPlot.min.css") + "\n" + style),
        tuple(Markup(text) for text in scripts),
        policy,
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

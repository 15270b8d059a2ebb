"""The site builds, strictly, with every link and anchor in place, and fetches nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.docs.blocks import DOCS, ROOT

FETCHED = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(https?:)?//[^"]*"[^>]*>')


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("material", reason="needs the docs extra")
    out = tmp_path_factory.mktemp("site")
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return out


def test_every_page_of_the_guide_is_in_the_site_and_its_menu(site):
    menu = (site / "index.html").read_text("utf-8")
    for page in DOCS.glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
        assert f'href="{page.stem}.html"' in menu


def test_pages_outside_the_guide_are_in_the_site_with_what_they_link_to(site):
    assert (site / "reports" / "performance.html").is_file()
    assert (site / "reports" / "calibration" / "power.png").is_file()
    assert 'href="../ci.html"' not in (site / "ci.html").read_text("utf-8")


def test_nothing_is_fetched_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        asked = [found[0] for found in FETCHED.finditer(text) if 'rel="canonical"' not in found[0]]
        assert not asked, (page.name, asked[:3])
        assert "unpkg.com" not in text


def test_formulas_are_shown_without_a_script(site):
    text = (site / "statistics.html").read_text("utf-8")
    assert text.count("<math") > 20
    assert "arithmatex" not in text


def test_what_makes_pages_is_not_in_the_site(site):
    # The example is: a page tells its readers to run it.
    assert [path.name for path in site.rglob("*.py")] == ["outside_logreg.py"]


def test_the_ways_out_are_closed():
    # A broken link is an error only as long as these say so.
    settings = YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text("utf-8"))
    assert settings["strict"]
    assert {*settings["validation"]["links"].values()} == {"warn"}

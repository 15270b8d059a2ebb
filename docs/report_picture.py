"""Takes the picture of a report that the README shows; needs playwright and Debian's chromium.

merbench run full_grid && merbench report runs/full_grid
python docs/report_picture.py runs/full_grid/report/index.html docs/pictures/report.png
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SIZE = {"width": 1100, "height": 900}
COLOURS = 64  # few enough for a small file, and nobody sees it


def picture(page: Path, out: Path) -> None:
    """Write what a reader sees first of a report's page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shown = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        shown.set_default_timeout(300_000)  # a large page on a busy machine
        shown.goto(page.resolve().as_uri())
        shot = Image.open(io.BytesIO(shown.screenshot()))
        browser.close()
    shot.convert("RGB").quantize(COLOURS).save(out, optimize=True)


if __name__ == "__main__":
    picture(Path(sys.argv[1]), Path(sys.argv[2]))

"""One browser and one page for all tests; every request and every complaint of it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from merbench.analysis.build import analyse
from merbench.report.page.page import render_page
from tests.browser.runs import write_run

WIDE, PHONE = (1280, 900), (390, 844)
# Fewer than a report draws: a page looks the same for it.
DRAWS = 100

Opener = Callable[..., SimpleNamespace]


@pytest.fixture(scope="session")
def findings(tmp_path_factory):
    return analyse(write_run(tmp_path_factory.mktemp("runs") / "night"), draws=DRAWS)


@pytest.fixture(scope="session")
def page_file(findings, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(render_page([findings]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def together_file(findings, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("together") / "index.html"
    path.write_text(render_page([findings, findings]), encoding="utf-8")
    return path


@pytest.fixture
def open_page(browser, page_file) -> Iterator[Opener]:
    """Open the page at a width and in a theme: `.page`, `.requests` and `.complaints`."""
    with ExitStack() as stack:

        def opened(
            size: tuple[int, int] = WIDE,
            theme: str = "light",
            *,
            scripts: bool = True,
            file: Path = page_file,
        ) -> SimpleNamespace:
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme=theme,
                java_script_enabled=scripts,
                reduced_motion="reduce",
            )
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(30_000)  # a busy machine is slow to load
            requests: list[str] = []
            complaints: list[str] = []
            page.on("request", lambda request: requests.append(request.url))
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(file.as_uri())
            return SimpleNamespace(page=page, requests=requests, complaints=complaints)

        yield opened

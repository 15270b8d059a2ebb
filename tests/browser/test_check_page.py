"""The page of a gate in a browser."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from merbench.check.gate import check
from merbench.check.page import gate_page, stopped_page
from merbench.check.stopped import Stopped
from tests.browser.conftest import PHONE, WIDE
from tests.browser.test_page import CONTRAST, HEADINGS, UNNAMED
from tests.check.worlds import reference

HOSTILE = "<i class=sad>mine</i><script>window.hurt=1</script>"


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    skills = {"zero_fill": 0.62, "nmer": 0.4, "mine": 0.5}
    before = reference(folder, "before")
    after = reference(folder, "after", draw=1, skills=skills)
    return replace(after, header=replace(after.header, shown_as={"mine": HOSTILE})), before


@pytest.fixture(scope="module")
def checked(sides):
    return check(*sides)


@pytest.fixture(scope="module")
def check_file(sides, checked, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "check.html"
    path.write_text(gate_page(checked, *sides), encoding="utf-8")
    return path


@pytest.mark.parametrize("scripts", [True, False])
def test_the_page_stands_alone_and_nothing_complains(open_page, check_file, scripts):
    opened = open_page(file=check_file, scripts=scripts)
    assert opened.requests == [check_file.as_uri()]
    assert opened.complaints == []
    assert opened.page.inner_text(".lead").startswith("FAILED: nmer, ")


def test_every_rule_has_a_row_and_headings_sort(open_page, check_file, checked):
    page = open_page(file=check_file).page
    assert page.locator("table tbody tr").count() == len(checked.rules)
    page.locator("thead th").nth(6).locator("button").click()
    shown = page.locator("tbody tr > :nth-child(7)").all_inner_texts()
    values = [float(text.replace("−", "-")) for text in shown if text]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0 > values[-1]


def test_each_metric_has_a_waterfall_and_each_noise_a_panel(open_page, check_file):
    page = open_page(file=check_file).page
    assert page.locator("#changes ~ h3").all_inner_texts() == ["UA", "WA", "macro F1"]
    assert page.locator(".panel svg").count() == 2


def test_hostile_names_are_text(open_page, check_file):
    page = open_page(file=check_file).page
    assert page.evaluate("window.hurt") is None
    assert page.locator("i.sad").count() == 0
    assert HOSTILE in page.locator("tbody").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_it_fits_reads_and_is_named(open_page, check_file, size, theme):
    page = open_page(size, theme, file=check_file).page
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert [entry for entry in page.evaluate(CONTRAST) if entry[2] < 4.5] == []
    assert page.evaluate(UNNAMED) == []
    levels = page.evaluate(HEADINGS)
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_an_identical_run_and_an_empty_one_have_a_page(sides):
    before = sides[1]
    assert "every prediction count is the reference" in gate_page(
        check(before, before), before, before
    )
    assert "EMPTY" in gate_page(check(before, before, ()), before, before)


def test_equal_outcomes_are_equal_bytes(sides, checked):
    assert gate_page(checked, *sides) == gate_page(checked, *sides)


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_a_page_without_a_verdict_fits_and_says_why(open_page, tmp_path, size):
    path = tmp_path / "stopped.html"
    path.write_text(stopped_page(Stopped("mine", "theirs", HOSTILE + "f" * 200, 3)), "utf-8")
    opened = open_page(size, file=path)
    assert opened.complaints == []
    page = opened.page
    assert page.locator(".lead").inner_text() == f"INCOMPLETE: {HOSTILE}{'f' * 200}"
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate(UNNAMED) == []


def test_printed_the_page_has_every_rule_and_no_navigation(open_page, check_file, checked):
    page = open_page(file=check_file).page
    page.emulate_media(media="print")
    assert not page.locator("nav.contents").is_visible()
    rows = page.locator("table tbody tr")
    assert rows.count() == len(checked.rules)
    assert rows.last.is_visible()
    assert page.locator("figure.drawing svg").first.is_visible()

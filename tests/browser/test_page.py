"""The page in a browser: what a reader sees, points at, clicks and prints."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from merbench.report.page.numbers import percent
from merbench.report.page.page import render_page
from tests.browser.conftest import PHONE, WIDE
from tests.browser.runs import CLASSES, HOSTILE, SUITE

CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
UNNAMED = """() => {
  const named = "select, input:not([type=hidden]), button, table, svg[role=img], [role=region]";
  const words = e => [e.labels?.[0], e.caption, e].map(from => from?.textContent?.trim());
  return [...document.querySelectorAll(named)]
    .filter(e => !e.closest(".key") && !e.ariaLabel && !words(e).some(Boolean))
    .map(e => e.outerHTML.slice(0, 80));
}"""
STOPS = """() => {
  const usable = "a[href], button, select, summary, input:not([type=hidden]), .plot";
  const found = [...document.querySelectorAll(usable)].filter(e => e.getClientRects().length);
  found.forEach((e, k) => { e.dataset.stop = e.type === "radio" ? e.name : String(k); });
  return [...new Set(found.map(e => e.dataset.stop))];
}"""
TABLE = "#tables ~ .switch .pane:not([hidden]) table"


def column(page, selector, number):
    cells = page.locator(f"{selector} tbody tr > :nth-child({number})").all_inner_texts()
    return [text.split("\n")[0].strip("*") for text in cells]


def test_nothing_is_requested_but_the_page_and_nothing_complains(open_page, page_file):
    opened = open_page()
    opened.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert opened.requests == [page_file.as_uri()]
    assert opened.complaints == []


def test_hostile_names_are_text(open_page):
    opened = open_page()
    page = opened.page
    assert page.evaluate("window.hurt") is None
    assert page.inner_text("h1") == SUITE
    assert page.locator(f"{TABLE} tbody th").all_inner_texts()[-1] == HOSTILE
    assert page.locator(".live .legend button").filter(has_text=HOSTILE).count() == 3
    assert CLASSES[1] in page.locator(".matrix").first.inner_text()
    assert page.locator("img, i.sad, main b b").count() == 0
    assert opened.complaints == []


def test_a_heading_sorts_its_table_both_ways(open_page):
    page = open_page().page
    head = page.locator(f"{TABLE} thead th").nth(1)
    for state, descending in (("descending", True), ("ascending", False)):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == state
        values = [float(text) for text in column(page, TABLE, 2)]
        assert len(set(values)) > 2
        assert values == sorted(values, reverse=descending)
    page.locator(f"{TABLE} thead th button").first.click()
    assert column(page, TABLE, 1) == sorted(column(page, TABLE, 1), key=str.lower)


def test_tables_switch_between_metrics_and_noises(open_page):
    page = open_page().page
    panes = page.locator("#tables ~ .switch .pane")
    assert panes.count() == 15
    assert [pane.is_visible() for pane in panes.all()].count(True) == 1
    assert page.inner_text(f"{TABLE} caption") == "UA, missing modalities, no noise"
    page.get_by_label("WA").first.check()
    page.select_option("#tables-noise", "burst|present")
    assert page.inner_text(f"{TABLE} caption") == "WA, burst noise on present modalities"
    assert [pane.is_visible() for pane in panes.all()].count(True) == 1


def test_a_click_on_the_legend_takes_a_method_out_and_back(open_page):
    page = open_page().page
    page.locator("#curves").scroll_into_view_if_needed()
    button = page.locator("[data-chart=curves] .legend button", has_text="nmer")
    ink = "document.querySelector('[data-chart=curves] canvas').toDataURL()"

    def drawn():
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        page.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        return page.evaluate(ink)

    before = drawn()
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    without = drawn()
    assert without != before
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert drawn() == before


def test_pointing_at_a_curve_shows_its_values(open_page, findings):
    page = open_page().page
    page.select_option("#curves-noise", "burst|present")
    page.select_option("#curves-column", "audio")
    page.locator("[data-chart=curves] .u-over").hover()
    chart = page.locator("[data-chart=curves]")
    assert chart.locator(".readout").inner_text() == "severity .5"
    frame = findings.curves
    wanted = frame[
        (frame["metric"] == "ua")
        & (frame["noise"] == "burst")
        & (frame["on"] == "present")
        & (frame["column"] == "audio")
        & (frame["method"] == "nmer")
        & (frame["severity"] == 0.5)
    ].iloc[0]
    text = chart.locator(".legend button", has_text="nmer").locator("output").inner_text()
    shown = [percent(wanted[name]) for name in ("value", "low", "high")]
    assert text == f"{shown[0]} [{shown[1]}, {shown[2]}]"


def test_a_chart_reads_by_the_arrow_keys(open_page):
    page = open_page().page
    chart = page.locator("[data-chart=curves]")
    chart.locator(".plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert chart.locator(".readout").inner_text() == "severity .1"
    spoken = chart.locator(".spoken").inner_text()
    assert spoken.startswith("severity .1, ")
    assert "nmer" in spoken


def test_the_heat_map_tells_a_cell_by_pointer_and_by_keys(open_page):
    page = open_page().page
    page.select_option("#heat-noise", "burst|present")
    cells = page.locator(".heat .pane:not([hidden]) tbody td")
    cells.nth(1).hover()
    first = page.inner_text(".detail")
    assert first.startswith("zero_fill, audio, severity .1: UA ")
    assert "[" in first
    cells.nth(0).focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".detail") == first
    before = cells.all_inner_texts()
    page.locator(".heat").get_by_label("macro F1").check()
    assert cells.all_inner_texts() != before
    cells.nth(0).hover()
    assert "macro F1" in page.inner_text(".detail")


def test_confusions_follow_the_pattern_and_the_method(open_page, findings):
    page = open_page().page
    page.select_option("#confusions-pattern", label="text")
    found = page.locator(".matrix").nth(2).locator("tbody td").all_inner_texts()
    wanted = findings.confusions[2, findings.patterns.index("text")].ravel()
    assert [int(text) for text in found] == pytest.approx(100 * wanted, abs=0.51)
    page.select_option("#confusions-method", label="nmer")
    assert page.locator(".matrix:visible").count() == 1


def test_the_keyboard_reaches_every_control(open_page):
    page = open_page().page
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    expected = page.evaluate(STOPS)
    reached = set()
    for _ in range(3 * len(expected)):
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement.dataset.stop ?? ''")
        if stop in reached and len(reached) == len(expected):
            break
        reached.add(stop)
    assert set(expected) - reached == set()


def test_focus_is_visible(open_page):
    page = open_page().page
    for selector in ("#tables-noise", ".legend button >> nth=0", ".plot >> nth=0", ".theme"):
        page.keyboard.press("Tab")  # so that focus counts as the keyboard's
        page.locator(selector).focus()
        width = page.locator(selector).evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)")
        assert width >= 2, selector


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_page_never_scrolls_sideways(open_page, together_file, size):
    for file in ({}, {"file": together_file}):
        page = open_page(size, **file).page
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0]


def test_on_a_phone_the_first_column_stays_while_a_table_scrolls(open_page):
    page = open_page(PHONE).page
    box = page.locator("#tables ~ .switch .pane:not([hidden]) .scroll")
    head = box.locator("tbody th").first
    before = head.bounding_box()["x"]
    box.evaluate("e => { e.scrollLeft = 150; }")
    assert box.evaluate("e => e.scrollLeft") > 0
    assert head.bounding_box()["x"] == pytest.approx(before, abs=1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_can_be_read(open_page, theme):
    page = open_page(theme=theme).page
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    found = page.evaluate(CONTRAST)
    assert len(found) > 20
    assert [entry for entry in found if entry[2] < 4.5] == []


def test_the_switch_of_themes_wins_over_the_system(open_page):
    page = open_page(theme="dark").page
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.click(".theme")
    assert page.inner_text(".theme") == "Theme: light"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.click(".theme")
    assert page.evaluate(ground) == dark


def test_print_shows_figures_and_hides_controls(open_page):
    page = open_page(theme="dark").page
    assert page.locator("figure.static").first.is_hidden()
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".controls:visible, .live:visible, nav:visible").count() == 0
    assert page.locator("figure.static:visible svg").count() > 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_with_scripts_off_every_table_and_figure_is_there(open_page):
    page = open_page(scripts=False).page
    assert page.locator("#tables ~ .switch .pane:visible").count() == 15
    assert page.locator("#robustness ~ .switch .pane:visible").count() >= 5
    assert page.locator("#heat ~ .switch .pane:visible").count() == 4
    assert page.locator("figure.static:visible svg").count() > 0
    assert page.locator(".controls:visible, .live:visible, .theme:visible").count() == 0


def test_headings_are_in_order_and_everything_is_named(open_page, together_file):
    for file in ({}, {"file": together_file}):
        page = open_page(**file).page
        levels = page.evaluate(HEADINGS)
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))
        unnamed = page.evaluate(UNNAMED)
        assert unnamed == []
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        missing = page.evaluate(
            "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash.slice(1))"
            ".filter(id => !document.getElementById(id))"
        )
        assert missing == []


def test_several_runs_each_work(open_page, together_file):
    opened = open_page(file=together_file)
    page = opened.page
    assert page.locator("#together").inner_text() == SUITE
    page.select_option("#run2-tables-noise", "burst|absent")
    caption = "#run{}-tables ~ .switch .pane:visible caption"
    assert page.inner_text(caption.format(2)) == "UA, burst noise on absent modalities"
    assert page.inner_text(caption.format(1)) == "UA, missing modalities, no noise"
    assert opened.complaints == []


def test_equal_findings_give_equal_bytes(findings, page_file):
    assert render_page([findings]) == page_file.read_text(encoding="utf-8")

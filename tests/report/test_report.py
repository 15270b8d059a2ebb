import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

import matplotlib as mpl
import pandas as pd
import pytest

from merbench.errors import ConfigError, IncompleteError
from merbench.report.report import write_report, write_reports
from merbench.suite.load import load_suite

HOSTILE = '<script>alert("x")</script> & $\\frac$'


class Page(HTMLParser):
    """What a browser would make of the page: text, tags, ids, links; open tags must close."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "wbr"})

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.links, self.open = [], [], [], []
        self.cells, self.rows, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [v for k, v in attrs if k in ("href", "src", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


@pytest.fixture
def directory(reported):
    return reported


@pytest.fixture(scope="module")
def page(reported):
    return Page((reported / "report" / "index.html").read_text(encoding="utf-8"))


def test_the_page_lies_in_the_run_with_its_tables_and_plots_beside_it(directory, page):
    out = directory / "report"
    stems = {path.stem for path in (out / "tables").iterdir()}
    summaries = {
        f"{metric}-{what}"
        for metric in ("wa", "ua", "f1")
        for what in ("overview", "none", "gaussian-absent", "gaussian-present")
    }
    measures = {f"robustness-{name}" for name in ("area", "breakdown", "always-right")}
    numbers = {"robustness", "curves", "grid", "calibration"}
    assert stems >= summaries | measures | numbers
    assert {path.suffix for path in (out / "tables").iterdir()} == {".csv", ".md", ".tex"}
    figures = {path.name for path in (out / "figures").iterdir()}
    for stem in ("curves-gaussian-absent", "curves-gaussian-present", "overview", "reliability"):
        assert {f"{stem}.png", f"{stem}.svg", f"{stem}.pdf"} <= figures
    assert all(link.startswith("#") or link == "data:," for link in page.links)


def test_every_anchor_leads_somewhere_and_every_id_is_unique(page):
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_nothing_is_fetched_from_elsewhere_and_no_script_runs_but_ours(directory, page):
    html = (directory / "report" / "index.html").read_text(encoding="utf-8")
    assert not {"img", "iframe", "object"} & set(page.tags)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    assert "default-src 'none'" in policy
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert page.tags.count("script") == len(scripts) + 1  # the data, which does not run
    assert "@import" not in html
    assert "url(" not in html.replace("url(#", "")


def test_hostile_labels_are_shown_as_text_everywhere(directory, page):
    assert any(row and row[0] == HOSTILE for row in page.rows)
    assert "the test part has no <i>sad</i>" in page.text
    html = (directory / "report" / "index.html").read_text(encoding="utf-8")
    assert '<script>alert("x")' not in html
    assert "<i>sad" not in html


def test_the_page_shows_the_values_of_the_csv(directory, page):
    table = pd.read_csv(directory / "report" / "tables" / "ua-overview.csv")
    shown = next(row for row in page.rows if row[0] == "zero_fill")
    mine = table[table["method"] == "zero_fill"]
    for text, row in zip(shown[1:], mine.to_dict("records"), strict=True):
        value, low, high = (f"{100 * row[name]:.1f}" for name in ("value", "low", "high"))
        assert text.replace("*", "") == f"{value}[{low}, {high}]"
    assert mine["value"].iloc[0] > 0.5  # the generated predictions are far better than chance


def test_headline_and_provenance_come_from_the_record(page):
    text = " ".join(page.text.split())
    for expected in (
        "Suite night, version 3, hash 0123456789ab",
        "Corpus made, 60 utterances, 3 classes: neutral, sad, angry",
        "audio (sequence, 40-d), text (tokens, 128-d)",
        "Cells 12 of 12, 1 failed",
        "merbench 0.1.0",
        "Git revision abc123, with uncommitted changes",
        "Device name cpu, threads 1",
        "left out of every mean: audio+text, gaussian (1).",
    ):
        assert expected in text


@pytest.mark.parametrize(
    "record", [{}, {"suite": None, "corpus": [], "git": "?", "warnings": "no"}]
)
def test_a_record_that_says_nothing_still_gives_a_report(make_run, record):
    page = Page(write_report(make_run("bare", record=record)).read_text(encoding="utf-8"))
    text = " ".join(page.text.split())
    assert "bare" in text
    assert "Corpus made, 3 classes" in text
    assert "Where, when and with what Nothing was recorded." in text


def test_equal_runs_give_equal_bytes_whatever_the_users_plot_settings(make_run):
    first = make_run("one/night")
    second = make_run("two/night")
    write_report(first)
    with mpl.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "axes.facecolor": "red"}):
        write_report(second)
    files = sorted(p.relative_to(first) for p in (first / "report").rglob("*") if p.is_file())
    assert len(files) > 40
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_the_suite_as_it_was_run_lies_beside_the_page_and_loads_as_itself(make_run):
    suite = load_suite("quick").suite
    record = {"suite": suite.resolved() | {"name": "mine"}, "suite_hash": "unknown"}
    directory = make_run(record=record)
    write_report(directory)
    again = load_suite(str(directory / "report" / "suite.yaml")).suite
    assert again.resolved() == record["suite"]
    assert "merbench run suite.yaml" in (directory / "report" / "index.html").read_text()


def test_holes_are_refused_by_name_and_nothing_is_written(make_run):
    directory = make_run(lacking=[("zero_fill", "2", 1)])
    with pytest.raises(
        IncompleteError, match=r"lacks 1 of 12 cells: \(zero_fill, fold 2, seed 1\)"
    ):
        write_report(directory)
    assert not (directory / "report").exists()


def test_partial_reports_holes_as_blanks_and_lists_them(make_run):
    directory = make_run(lacking=[("zero_fill", "2", 0), ("zero_fill", "2", 1)])
    page = Page(write_report(directory, partial=True).read_text(encoding="utf-8"))
    text = " ".join(page.text.split())
    assert (
        "2 of 12 cells are missing: (zero_fill, fold 2, seed 0), (zero_fill, fold 2, seed 1)"
        in text
    )
    overview = next(row for row in page.rows if row[0] == "zero_fill")
    assert set(overview[1:]) == {""}
    assert all(row[1] for row in page.rows if row[0] == HOSTILE)


def test_several_runs_have_a_section_each_on_one_page(make_run, tmp_path):
    runs = [make_run("one"), make_run("two", record={"suite": {"name": "other"}})]
    out = tmp_path / "both"
    page = Page(write_reports(runs, out).read_text(encoding="utf-8"))
    assert page.tags.count("h1") == 1
    assert page.tags.count("article") == 2
    assert "other" in page.text
    assert len(page.ids) == len(set(page.ids))
    assert (out / "run1" / "tables" / "ua-overview.csv").is_file()
    assert (out / "run2" / "tables" / "ua-overview.csv").is_file()


def test_a_folder_without_a_run_and_a_broken_record_are_named(make_run, tmp_path):
    with pytest.raises(IncompleteError, match=r"not a run \(it has no run\.json\)"):
        write_report(tmp_path)
    directory = make_run()
    (directory / "run.json").write_text("{")
    with pytest.raises(ConfigError, match=r"run\.json: not valid JSON"):
        write_report(directory)
    (directory / "run.json").write_text("[]")
    with pytest.raises(ConfigError, match="expected a JSON object, found list"):
        write_report(directory)

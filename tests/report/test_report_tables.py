import re
from dataclasses import replace

import pandas as pd
import pytest
from made_findings import HOSTILE, NAN, made

from merbench.report.listings import contrasts_listing, robustness_listings
from merbench.report.tables import write_tables
from merbench.results.listing import listing_latex, listing_markdown


@pytest.fixture(scope="module")
def findings():
    return made()


def test_every_table_is_there_and_its_csv_has_full_precision(findings, tmp_path):
    paths = write_tables(findings, tmp_path / "tables")
    assert {path.name for path in paths if path.suffix == ".csv"} == {
        "ua-overview.csv", "robustness.csv", "contrasts.csv", "curves.csv", "grid.csv",
    }  # fmt: skip
    assert {path.stem for path in paths if path.suffix == ".tex"} == {
        "ua-overview", "robustness", "robustness-area", "robustness-breakdown", "contrasts",
    }  # fmt: skip
    back = pd.read_csv(
        tmp_path / "tables" / "robustness.csv", keep_default_na=False, na_values=[""]
    )
    assert back["value"].tolist() == findings.robustness["value"].tolist()
    for path in paths:
        if path.suffix == ".tex":
            text = path.read_text(encoding="utf-8")
            assert r"$\frac$" not in text
            assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_a_noise_may_be_called_anything_and_its_files_lie_where_they_belong(findings, tmp_path):
    (overview,) = findings.overviews
    called = ("ua-SNR 5/10-all", "ua-snr 5:10-all", "../../elsewhere", "ua-" + "long" * 200)
    tables = tuple(replace(overview, stem=stem) for stem in called)
    paths = write_tables(replace(findings, tables=tables), tmp_path / "here" / "tables")
    assert {path.parent for path in paths} == {tmp_path / "here" / "tables"}
    assert {path.stem for path in paths} >= {"ua-snr-5-10-all", "ua-snr-5-10-all-2", "elsewhere"}
    assert {path.name for path in tmp_path.iterdir()} == {"here"}
    assert max(len(path.name) for path in paths) < 100


def listings(findings):
    return {
        listing.stem: listing
        for listing in robustness_listings(
            findings.robustness, findings.header.methods, findings.names
        )
    }


def test_small_drops_and_large_areas_are_best(findings):
    whole = listings(findings)["robustness"]
    assert whole.headings == (
        "method", "area", "mean drop", "worst drop", "always right", "relative error",
    )  # fmt: skip
    for column, largest in enumerate([True, False, False, True, False]):
        values = [float(row.entries[column].text) for row in whole.rows]
        wanted = max(values) if largest else min(values)
        assert [row.entries[column].best for row in whole.rows] == [v == wanted for v in values]


def test_a_breakdown_beyond_the_grid_is_said_to_be_larger_and_its_interval_open(findings):
    frame = findings.robustness
    beyond = frame[frame["censored"]].iloc[0]
    listing = listings(findings)["robustness-breakdown"]
    row = next(r for r in listing.rows if r.name == findings.names[beyond["method"]])
    entry = row.entries[listing.headings.index(f"{beyond['noise']}, {beyond['on']}") - 1]
    assert entry.text == f"> {beyond['value']:.2f}"
    assert entry.interval == f"[{beyond['low']:.2f}, –)"


def test_contrasts_say_what_the_tests_say(findings):
    listing = contrasts_listing(findings.contrasts, {"ua": "UA"}, findings.names, 0.01)
    first = findings.contrasts.iloc[0]
    cells = dict(zip(listing.headings[1:], (e.text for e in listing.rows[0].entries), strict=True))
    assert listing.rows[0].name == "nmer − zero_fill"
    assert cells["metric"] == "UA"
    assert cells["difference"].replace("−", "-") == f"{100 * first['difference']:+.1f}"
    assert cells["P(equiv.)"] == "0.600"
    assert cells["note"] == "5 folds cannot reach p < .05"
    latex = listing_latex(listing)
    assert r"nmer $-$ zero\_fill & UA" in latex
    assert r"p{0.3\linewidth}}" in latex


def test_contrasts_without_intervals_or_tests_have_blanks():
    bare = made(intervals=False)
    bare.contrasts[["p_holm", "equivalent"]] = NAN
    listing = contrasts_listing(bare.contrasts, {}, bare.names, 0.01)
    cells = dict(zip(listing.headings[1:], listing.rows[0].entries, strict=True))
    assert cells["metric"].text == "ua"
    assert cells["interval"].text == cells["p (Holm)"].text == cells["P(equiv.)"].text == ""


def test_hostile_names_cannot_break_a_table(findings):
    for listing in listings(findings).values():
        lines = listing_markdown(listing).splitlines()
        rows = [line for line in lines if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
        assert not any("<script" in row for row in rows)
        latex = listing_latex(listing)
        body = latex.split(r"\midrule")[1].split(r"\bottomrule")[0]
        for line in body.strip().splitlines():
            assert len(re.findall(r"(?<!\\)&", line)) == len(listing.headings) - 1
    assert HOSTILE not in latex

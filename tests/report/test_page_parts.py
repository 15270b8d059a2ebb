"""What the page shows of findings, before any browser sees it."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from merbench.analysis.build import analyse
from merbench.analysis.published import IEMOCAP
from merbench.report.page.cells import Cell, ranked
from merbench.report.page.chart_data import safe_json
from merbench.report.page.contrast_rows import contrast_tables, explored
from merbench.report.page.heat import STEPS, heat_step, heat_tables
from merbench.report.page.measures import measure_views
from merbench.report.page.numbers import bracket, count, p_value, percent, points, severity
from merbench.report.page.page import render_page
from merbench.report.page.pattern_tables import best_table, table_views
from merbench.report.page.published_rows import published_views
from merbench.report.page.run_view import MOST_BANDS, run_view
from tests.browser.runs import write_run


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    return analyse(write_run(tmp_path_factory.mktemp("runs") / "night"), draws=100)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (percent(0.6125), "61.3"),
        (percent(math.nan), ""),
        (points(0.013), "+1.3"),
        (points(-0.013), "−1.3"),
        (points(-0.0001), "0.0"),
        (p_value(0.0312), ".031"),
        (p_value(0.0004), "< .001"),
        (p_value(0.9999), "1"),
        (severity(0.903), ".9"),
        (severity(0.0), "0"),
        (severity(1.0), "1"),
        (count(13_955_588), "14 M"),
        (count(484_100), "484 k"),
        (bracket("1", ""), ""),
    ],
)
def test_numbers_are_shown_short(text, wanted):
    assert text == wanted


def test_values_that_tie_as_shown_share_a_rank():
    values = [61.04, 60.96, 59.0, math.nan, 58.0]
    cells = ranked([Cell("") for _ in values], values, higher_is_better=True, digits=1)
    assert [cell.rank for cell in cells] == ["best", "best", "second", "", ""]
    lowest = ranked([Cell("") for _ in values], values, higher_is_better=False, digits=1)
    assert [cell.rank for cell in lowest] == ["", "", "second", "", "best"]


def test_a_lone_method_is_not_called_the_best():
    assert ranked([Cell("")], [1.0], higher_is_better=True, digits=1)[0].rank == ""


def test_no_label_ends_the_script_that_holds_the_data():
    label = "</script><!-- & \u2028"
    text = safe_json([label])
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == [label]


def test_the_page_holds_no_markup_of_a_label(findings):
    page = render_page([findings])
    assert "<script>window.hurt" not in page
    assert "<img src=x" not in page


def test_tables_show_every_value_of_the_findings(findings):
    for view, summary in zip(table_views(findings), findings.tables, strict=True):
        wide = summary.wide()
        for index, method in enumerate(summary.methods):
            shown = [cell.text for cell in view.rows[index].cells[: len(summary.columns)]]
            assert shown == [percent(wide.at[method, name]) for name in summary.columns]


def test_who_is_best_names_the_highest_and_those_level_with_it(findings):
    table = best_table(findings)
    name, cells = table.rows[0]
    assert name == "no noise"
    frame = findings.tables[0].frame
    audio = frame[frame["column"] == "audio"].set_index("method")
    best = audio["value"].idxmax()
    assert cells[0].names == findings.names[best]
    assert cells[0].level == (audio["p_best"].drop(best) > 0.05).sum()


def test_heat_maps_hold_every_condition_once_beside_the_noise_free(findings):
    tables = heat_tables(findings)
    noisy = [k for k, c in enumerate(findings.header.conditions) if not c.is_clean]
    clean = [k for k, c in enumerate(findings.header.conditions) if c.is_clean]
    found = [k for table in tables for own in table.members for k in own]
    assert sorted(k for k in found if k not in clean) == noisy
    absent = next(table for table in tables if table.noise == "burst|absent")
    assert absent.groups[0].severities == (".1", ".5", ".9", "gone")
    present = next(table for table in tables if table.noise == "burst|present")
    assert present.groups[0].severities == ("0", ".1", ".5", ".9")


def test_the_ramp_runs_from_chance_to_the_top():
    assert [heat_step(v, 0.25, 0.75) for v in (0.1, 0.25, 0.5, 0.75, math.nan)] == [
        0,
        0,
        STEPS // 2,
        STEPS - 1,
        0,
    ]


def test_a_breakdown_beyond_the_grid_says_so_and_wins(findings):
    rows = [
        ("breakdown", "burst", "present", "zero_fill", 0.43, 0.38, np.nan, False),
        ("breakdown", "burst", "present", "nmer", 0.9, 0.7, np.nan, True),
        ("breakdown", "burst", "present", "if_mmin", 0.61, 0.55, 0.68, False),
    ]
    frame = pd.DataFrame(rows, columns=findings.robustness.columns)
    (view,) = measure_views(replace(findings, robustness=frame))
    by_name = {row.name: row.cells[0] for row in view.table.rows}
    assert (by_name["nmer"].text, by_name["nmer"].rank) == ("> .9", "best")
    assert by_name["nmer"].interval == "[.7, > .9]"
    assert by_name["zero_fill"].interval == "[.38, > .9]"
    assert (by_name["if_mmin"].interval, by_name["if_mmin"].rank) == ("[.55, .68]", "second")


@pytest.mark.parametrize(
    ("difference", "p", "words"),
    [
        ((0.03, 0.01, 0.05), 0.01, "nmer is better"),
        ((-0.03, -0.05, -0.01), 0.01, "nmer is worse"),
        ((0.001, -0.004, 0.006), 0.8, "equivalent"),
        ((0.01, -0.01, 0.03), 0.4, "not decided: neither a difference nor equivalence is shown"),
        ((0.01, math.nan, math.nan), math.nan, "no claim: there is no test"),
    ],
)
def test_words_of_a_contrast_follow_its_interval(findings, difference, p, words):
    frame = findings.contrasts.head(1).copy()
    frame[["difference", "low", "high"]] = [difference]
    frame["p_holm"] = p
    (table,) = contrast_tables(replace(findings, contrasts=frame))
    assert table.rows[0].verdict == words


def test_a_test_that_cannot_reach_significance_says_so(findings):
    frame = findings.contrasts.head(1).assign(sign_flip_p=0.5, sign_flip_smallest=0.125)
    (table,) = contrast_tables(replace(findings, contrasts=frame))
    assert table.rows[0].tests[2] == ".500; cannot be significant at this size (at least .125)"


def test_explored_conditions_are_counted_both_ways(findings):
    frame = findings.exploratory.head(4).assign(
        difference=[0.1, -0.2, 0.05, 0.3], q=[0.01, 0.02, 0.03, 0.5]
    )
    (row,) = explored(replace(findings, exploratory=frame))
    assert (row.conditions, row.better, row.worse) == (4, 2, 1)
    assert row.largest.startswith("−20.0 on ")


def test_published_figures_stand_below_ours_of_the_same_patterns(findings):
    (view,) = published_views(replace(findings, published=(IEMOCAP,)))
    ours = next(r for r in view.rows if r.ours and r.metric == "UA" and r.system == "nmer")
    wide = findings.tables[0].wide()
    wanted = ["audio", None, "text", None, "audio+text", None, "mean"]
    assert list(ours.values) == [percent(wide.at["nmer", p]) if p else "" for p in wanted]
    assert any(row.leaky for row in view.rows)


@pytest.mark.parametrize(("methods", "shown"), [(MOST_BANDS, True), (MOST_BANDS + 1, False)])
def test_bands_of_many_methods_would_hide_each_other(findings, methods, shown):
    one = findings.curves[findings.curves["method"] == findings.curves["method"].iloc[0]]
    one = one.assign(low=one["value"] - 0.02, high=one["value"] + 0.02)
    many = pd.concat([one.assign(method=f"m{n}") for n in range(methods)])
    view = replace(run_view(findings, "run1-", 2), findings=replace(findings, curves=many))
    assert view.bands_shown is shown

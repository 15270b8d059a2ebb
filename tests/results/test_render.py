import io

import pandas as pd
import pytest
from rich.console import Console

from merbench.results.metrics import ConfusionMetric, confusion_metric
from merbench.results.render import latex_escape, to_csv, to_latex, to_markdown, to_rich
from merbench.results.summary import Summary

NAN = float("nan")


def summary(metric=None, values=None, columns=("a", "mean")):
    values = values or {"plain": (0.61234, 0.5), "50% & $x_1$": (0.61239, 0.4), "late": (NAN, NAN)}
    rows = [
        {
            "method": method,
            "column": column,
            "value": value,
            "fold_mean": value,
            "fold_sd": value if value != value else 0.02,  # NaN where there is none
            "seed_sd": NAN,
            "n": 8,
            "seeds": 1,
        }
        for method, row in values.items()
        for column, value in zip(columns, row, strict=True)
    ]
    metric = metric or confusion_metric("ua")
    return Summary("ua-none", "UA_t", "in %.", metric, tuple(values), columns, pd.DataFrame(rows))


def test_csv_is_the_long_form_in_full_precision():
    table = pd.read_csv(io.StringIO(to_csv(summary())))
    assert list(table.columns) == [
        "metric", "method", "column", "value", "fold_mean", "fold_sd", "seed_sd", "n", "seeds",
    ]  # fmt: skip
    assert table["value"][0] == 0.61234
    assert pd.isna(table["value"][4])


def test_markdown_has_bold_best_ties_as_shown_and_blanks():
    assert to_markdown(summary()).splitlines() == [
        r"**UA\_t**",
        "",
        "| method | a | mean | mean by fold |",
        "| --- | ---: | ---: | ---: |",
        "| plain | **61.2** | **50.0** | 50.0 ± 2.0 |",
        r"| 50% &amp; \$x\_1\$ | **61.2** | 40.0 | 40.0 ± 2.0 |",
        "| late |  |  |  |",
        "",
        "in %.",
    ]


def test_markdown_cells_cannot_break_the_table():
    text = to_markdown(summary(values={"a|b\n<b>": (0.5, 0.5)}))
    assert r"| a\|b &lt;b> | 50.0" in text


def test_latex_is_escaped_with_best_bold():
    text = to_latex(summary())
    assert r"50\% \& \$x\_1\$ & \textbf{61.2} & 40.0 & 40.0 $\pm$ 2.0 \\" in text
    assert r"\caption{UA\_t. in \%.}" in text
    assert r"\begin{tabular}{lrrr}" in text
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 1


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [("a\\b", r"a\textbackslash{}b"), ("{x}^~", r"\{x\}\textasciicircum{}\textasciitilde{}")],
)
def test_latex_escapes_its_own_signs_once(raw, escaped):
    assert latex_escape(raw) == escaped


def test_the_lowest_is_best_where_lower_is_better():
    error = ConfusionMetric(
        "er", "ER", False, confusion_metric("wa").bounds, "", lambda c: c.sum((-2, -1))
    )
    text = to_markdown(summary(error))
    assert "| 50% &amp; \\$x\\_1\\$ | **61.2** | **40.0** |" in text
    assert "| plain | **61.2** | 50.0 |" in text


def test_a_method_alone_is_not_called_best():
    assert "**5" not in to_markdown(summary(values={"alone": (0.5, 0.5)}))


def test_the_terminal_shows_labels_as_they_are_and_best_in_bold():
    values = {"[red]x[/red]": (0.7, 0.5), "y": (0.6, 0.5)}
    buffer = io.StringIO()
    console = Console(file=buffer, width=100, force_terminal=True, color_system="standard")
    console.print(to_rich(summary(values=values)))
    text = buffer.getvalue()
    assert "[red]x[/red]" in text
    assert "\x1b[1m70.0\x1b[0m" in text
    assert "\x1b[1m60.0" not in text


def with_intervals(values, **columns):
    table = summary(values=values)
    table.frame["low"] = table.frame["value"] - 0.0123
    table.frame["high"] = table.frame["value"] + 0.0123
    for name, numbers in columns.items():
        table.frame[name] = numbers
    return table


THREE = {"x": (0.7, 0.5), "y": (0.6, 0.5), "z": (0.5, 0.3)}


def test_the_second_is_underlined_where_three_compete():
    text = to_latex(summary(values=THREE))
    assert r"x & \textbf{70.0} & \textbf{50.0}" in text
    assert r"y & \underline{60.0} & \textbf{50.0}" in text
    assert r"z & 50.0 & 30.0" in text  # two share the first place of `mean`: none is second
    assert "Bold: best; underlined: second." in text
    assert "| y | *60.0* | **50.0** |" in to_markdown(summary(values=THREE))


def test_values_alike_as_shown_are_second_together():
    values = {"a": (0.7, 0.7), "b": (0.60001, 0.5), "c": (0.6, 0.4), "d": (0.1, 0.3)}
    text = to_latex(summary(values=values))
    assert text.count(r"\underline{60.0}") == 2
    assert text.count(r"\underline{50.0}") == 1


def test_intervals_stand_small_below_their_values():
    lines = to_latex(with_intervals(THREE)).splitlines()
    row = next(n for n, line in enumerate(lines) if line.startswith("x & "))
    assert lines[row + 1] == (r" & {\scriptsize $\pm$ 1.2} & {\scriptsize $\pm$ 1.2} &  \\")
    assert "In small type: the interval." in "".join(lines)
    assert "| z | 50.0<br><sub>± 1.2</sub> |" in to_markdown(with_intervals(THREE))


def test_a_lopsided_interval_shows_both_ends():
    table = with_intervals(THREE)
    table.frame["high"] = table.frame["value"] + 0.05
    assert "| z | 50.0<br><sub>\\[48.8, 55.0\\]</sub> |" in to_markdown(table)


def test_a_table_too_wide_for_its_intervals_leaves_them_to_the_csv():
    columns = tuple(f"pattern {i}" for i in range(20))
    table = summary(values={"x": (0.5,) * 20, "y": (0.4,) * 20}, columns=columns)
    table.frame["low"], table.frame["high"] = table.frame["value"] - 0.1, table.frame["value"] + 0.1
    text = to_latex(table)
    assert "scriptsize" not in text
    assert "The intervals are in the CSV." in text
    assert r"\footnotesize" in text
    assert pd.read_csv(io.StringIO(to_csv(table)))["low"].notna().all()


def test_a_difference_beyond_chance_is_marked_and_explained():
    marked = with_intervals(THREE, p_best=[NAN, NAN, 0.2, NAN, 0.049, 0.05])
    text = to_latex(marked)
    assert r"z & 50.0\textsuperscript{*} & 30.0 &" in text
    assert text.count("textsuperscript") == 1
    caption = "*: differs from the best, p {} .05, corrected for all pairs"
    assert caption.format(r"\textless{}") in text
    assert r"| z | 50.0\*<br>" in to_markdown(marked)
    assert "differs" not in to_latex(with_intervals(THREE, p_best=NAN))


def test_columns_without_any_number_change_nothing():
    bare = dict.fromkeys(("low", "high", "sample_se", "seed_se", "p_best"), NAN)
    table = summary()
    plain = to_markdown(table), to_latex(table)
    for name, value in bare.items():
        table.frame[name] = value
    assert (to_markdown(table), to_latex(table)) == plain
    assert "p_best" in to_csv(table).splitlines()[0]


def test_the_terminal_underlines_the_second_and_shows_values_alone():
    buffer = io.StringIO()
    console = Console(file=buffer, width=100, force_terminal=True, color_system="standard")
    console.print(to_rich(with_intervals(THREE)))
    text = buffer.getvalue()
    assert "\x1b[1m70.0\x1b[0m" in text
    assert "\x1b[4m60.0\x1b[0m" in text
    assert "1.2" not in text


def test_a_name_in_brackets_is_no_argument_of_the_line_before():
    text = to_latex(summary(values={"[x]": (0.5, 0.4), "a--b": (0.4, 0.3)}))
    assert r"{[}x] & " in text
    assert "a-{}-b & " in text

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

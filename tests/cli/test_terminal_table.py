"""The tables on a terminal: whole at 80 columns."""

import io

import pandas as pd
import pytest
from rich.console import Console

from merbench.results.metrics import confusion_metric
from merbench.results.render import to_rich
from merbench.results.summary import Summary

METHODS = ("logreg", "modality_dropout", "nmer w/o VAE")
COLUMNS = (
    "audio", "visual", "text", "audio+visual", "audio+text", "visual+text", "mean", "pooled",
    "audio+visual+text",
)  # fmt: skip


def printed(width, columns=COLUMNS, methods=METHODS):
    rows = [
        {
            "method": method, "column": column, "value": 0.1 * (m + 1) + 0.001 * c,
            "fold_mean": 0.5, "fold_sd": 0.101, "seed_sd": float("nan"), "n": 9, "seeds": 1,
        }
        for m, method in enumerate(methods)
        for c, column in enumerate(columns)
    ]  # fmt: skip
    summary = Summary(
        "ua", "UA", "In %.", confusion_metric("ua"), methods, columns, pd.DataFrame(rows)
    )
    buffer = io.StringIO()
    console = Console(file=buffer, width=width or 10_000, color_system=None)
    console.print(to_rich(summary, width), crop=False)
    return buffer.getvalue().splitlines()


def cells(lines, method):
    return next(line for line in lines if line.startswith(method)).removeprefix(method).split()


@pytest.mark.parametrize("width", [60, 80, 90, 100, 200, None])
def test_every_value_and_name_is_whole_at_any_width(width):
    lines = printed(width)
    for number, method in enumerate(METHODS):
        values = [f"{10 * (number + 1) + 0.1 * c:.1f}" for c in range(len(COLUMNS))]
        assert cells(lines, method)[: len(values)] == values
    assert "…" not in "\n".join(lines)


def test_80_columns_hold_all_patterns_and_the_deviation_over_folds():
    lines = printed(80)
    assert max(map(len, lines)) <= 80
    assert cells(lines, "logreg")[-1] == "10.1"
    assert len(cells(lines, "logreg")) == len(COLUMNS) + 1


def test_patterns_are_broken_before_each_plus():
    lines = printed(80)
    heading = next(n for n, line in enumerate(lines) if line.startswith("method"))
    assert lines[heading].split()[:7] == [
        "method", "audio", "visual", "text", "+visual", "+text", "+text",
    ]  # fmt: skip
    assert lines[heading - 1].split()[:3] == ["audio", "audio", "visual"]
    assert "+visual" in lines[heading - 1]
    assert lines[heading - 2].split()[0] == "audio"


def test_where_there_is_room_the_fold_mean_stands_beside_its_deviation():
    assert cells(printed(None), "logreg")[-3:] == ["50.0", "±", "10.1"]


def test_the_deviation_goes_before_a_value_does():
    lines = printed(77)
    assert max(map(len, lines)) <= 77
    assert len(cells(lines, "logreg")) == len(COLUMNS)


def test_brackets_in_names_are_shown():
    assert any(line.startswith("[red]x[/red]") for line in printed(80, methods=("[red]x[/red]",)))

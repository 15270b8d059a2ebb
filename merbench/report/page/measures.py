"""The robustness summaries as tables: one for each measure, methods down, noises across."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from merbench.analysis.findings import Findings
from merbench.report.page.cells import Cell, Column, TableView, columns_to_rows, ranked
from merbench.report.page.numbers import bracket, decimal, percent, severity
from merbench.results.conditions import CLEAN, NoiseColumn, columns_of

WHOLE_GRID = "whole grid"


@dataclass(frozen=True)
class Measure:
    """One robustness summary.

    Attributes:
        name: in the findings.
        label: for readers.
        help: one sentence on how to read it.
        higher_is_better: which way.
        text: how a value is shown.
        scale: from a value to the number shown, for ranks.
        digits: decimals of that number.
        censored: True where a value may lie beyond the grid.
    """

    name: str
    label: str
    help: str
    higher_is_better: bool
    text: Callable[[float], str]
    scale: float
    digits: int
    censored: bool = False


MEASURES = (
    Measure(
        "area",
        "Area under the curve",
        "Mean height of UA over severity, in %, on the mean of the patterns: what is kept over all "
        "severities taken together.",
        True,
        percent,
        100,
        1,
    ),
    Measure(
        "breakdown",
        "Breakdown",
        "The severity at which UA has fallen half-way from clean to guessing: the larger, the "
        "longer a method holds. “> .9” means that it still held at .9, the largest tested.",
        True,
        severity,
        1,
        2,
        censored=True,
    ),
    Measure(
        "mean_drop",
        "Mean drop",
        "Points of UA lost against clean data, mean over the conditions.",
        False,
        percent,
        100,
        1,
    ),
    Measure(
        "worst_drop",
        "Worst drop",
        "Points of UA lost against clean data in the worst condition.",
        False,
        percent,
        100,
        1,
    ),
    Measure(
        "always_right",
        "Always right",
        "Share of utterances, in %, that are recognised in every single condition.",
        True,
        percent,
        100,
        1,
    ),
    Measure(
        "relative_error",
        "Relative error",
        "Error divided by that of zero_fill under the same conditions: below 1 is better than "
        "filling with zeros. The only measure here that depends on another method.",
        False,
        decimal,
        1,
        2,
    ),
)


@dataclass(frozen=True)
class MeasureView:
    """One measure and its table."""

    measure: Measure
    table: TableView


def measure_views(findings: Findings) -> tuple[MeasureView, ...]:
    """Return a table for each measure that the findings have."""
    if findings.robustness.empty:
        return ()
    views = []
    for measure in MEASURES:
        frame = findings.robustness
        mine = frame[(frame["measure"] == measure.name) & frame["value"].notna()]
        if len(mine):
            views.append(MeasureView(measure, _table(findings, measure, mine)))
    return tuple(views)


def _table(findings: Findings, measure: Measure, frame: pd.DataFrame) -> TableView:
    heads, columns = [], []
    whole = NoiseColumn("", "")
    for column in (whole, *columns_of(findings.header.conditions)):
        mine = frame[(frame["noise"] == column.noise) & (frame["on"] == column.on)]
        if mine.empty:
            continue
        heads.append(
            Column(WHOLE_GRID)
            if column == whole
            else Column(column.noise if column.noise != CLEAN else column.short, _where(column))
        )
        columns.append(_column(findings, measure, mine))
    names = [findings.names.get(m, m) for m in findings.header.methods]
    return TableView(
        {"measure": measure.name},
        measure.label,
        measure.help,
        tuple(heads),
        columns_to_rows(names, columns),
    )


def _where(column: NoiseColumn) -> str:
    if column.at_random:
        return "missing at random"
    return f"on {column.on}" if column.on else ""


def _column(findings: Findings, measure: Measure, frame: pd.DataFrame) -> list[Cell]:
    rows = {row["method"]: row for row in frame.to_dict("records")}
    first = next(iter(rows.values()))
    column = NoiseColumn(first["noise"], first["on"])
    severities = [c.severity for c in findings.header.conditions if c.column == column]
    beyond = f"> {severity(max(severities, default=math.nan))}"
    cells, values = [], []
    for method in findings.header.methods:
        if method not in rows:
            cells.append(Cell(""))
            values.append(math.nan)
            continue
        value, low, high = (float(rows[method][name]) for name in ("value", "low", "high"))
        censored = bool(rows[method]["censored"])
        ends = [measure.text(low), measure.text(high)]
        if measure.censored:
            # An end that is unknown, or not below the last point, lies beyond the grid.
            ends = [
                e if end < max(severities) else beyond
                for e, end in zip(ends, (low, high), strict=True)
            ]
        known = not math.isnan(low)
        cells.append(
            Cell(beyond if censored else measure.text(value), bracket(*ends) if known else "")
        )
        values.append(math.inf if censored else measure.scale * value)
    return ranked(cells, values, measure.higher_is_better, measure.digits)

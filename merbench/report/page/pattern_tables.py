"""The tables of the papers, as a page shows them, and who is best where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from merbench.analysis.findings import Findings
from merbench.report.page.cells import Cell, Column, TableView, columns_to_rows, ranked
from merbench.report.page.numbers import bracket, join, percent
from merbench.results.averages import MEAN
from merbench.results.conditions import AT_RANDOM, CLEAN, NoiseColumn, columns_of
from merbench.results.summary import POOLED, Summary, rate_name
from merbench.statistics.outcome import ALPHA

BY_FOLD = Column("mean by fold", "± sd over folds")
NOTES = {
    MEAN: "of the partial patterns",
    POOLED: "one matrix over them",
    "partial mean": "something is missing, no noise",
    "complete": "nothing missing, no noise",
    "grid mean": "over every noise",
}

RATE_NOTES = {rate_name(0): "nothing missing", MEAN: "of the rates above 0"}


@dataclass(frozen=True)
class Best:
    """Who is best in one cell of the grid.

    Attributes:
        names: the best as shown, more than one where they tie.
        value: theirs.
        level: how many others are not significantly worse; None where that is not known.
    """

    names: str
    value: str
    level: int | None


@dataclass(frozen=True)
class BestTable:
    """Noises down, patterns across."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, tuple[Best | None, ...]], ...]


def noise_key(column: NoiseColumn) -> str:
    """Return what controls call a noise column."""
    return f"{column.noise}|{column.on}"


def noise_title(column: NoiseColumn) -> str:
    """Return what a reader calls a noise column."""
    if column.noise == CLEAN:
        return "no noise"
    if column.at_random:
        return f"{column.noise} (missing at random)"
    return f"{column.noise} on {column.on}"


def pattern_note(pattern: str, modalities: Sequence[str], on: str) -> str:
    """Say what happened to the modalities that a pattern does not name."""
    present = pattern.split("+")
    lost = [m for m in modalities if m not in present]
    if on == "all":
        return "all noised"
    if on == AT_RANDOM:
        return "some missing, at random"
    if not lost:
        return "all noised" if on == "present" else "nothing missing"
    return f"{join(lost)} {'noised' if on == 'absent' else 'missing'}"


def table_views(findings: Findings) -> tuple[TableView, ...]:
    """Return the tables of the findings, noise by noise."""
    columns = columns_of(findings.header.conditions)
    size = len(findings.metrics)
    return tuple(
        _view(findings, summary, columns[index // size])
        for index, summary in enumerate(findings.tables)
    )


def overview_views(findings: Findings) -> tuple[TableView, ...]:
    """Return the whole grid in a few columns, one table for each metric."""
    return tuple(_view(findings, summary, None) for summary in findings.overviews)


def best_table(findings: Findings) -> BestTable:
    """Say who is best by the main metric, for each noise and pattern."""
    columns = columns_of(findings.header.conditions)
    summaries = [s for s in findings.tables if s.metric.name == findings.metrics[0]]
    patterns = (s for s, column in zip(summaries, columns, strict=True) if not column.at_random)
    shown = list(dict.fromkeys(c for s in patterns for c in s.columns if c != POOLED))
    shown.sort(key=lambda name: name == MEAN)
    modalities = findings.header.modalities
    heads = tuple(Column(n, NOTES[n] if n in NOTES else _left(n, modalities)) for n in shown)
    rows = [
        (noise_title(column), tuple(_best(findings, summary, name) for name in shown))
        for column, summary in zip(columns, summaries, strict=True)
    ]
    return BestTable(heads, tuple(rows))


def _left(pattern: str, modalities: Sequence[str]) -> str:
    lost = [m for m in modalities if m not in pattern.split("+")]
    return f"without {join(lost)}" if lost else "nothing missing"


def _best(findings: Findings, summary: Summary, name: str) -> Best | None:
    if name not in summary.columns:
        return None
    frame = summary.frame[summary.frame["column"] == name].set_index("method")
    values = frame["value"].dropna()
    if values.empty:
        return None
    rounded = (100 * values).round(1)
    top = rounded.max() if summary.metric.higher_is_better else rounded.min()
    best = [m for m in summary.methods if m in rounded and rounded[m] == top]
    others = frame.loc[[m for m in values.index if m not in best]]
    known = "p_best" in others and others["p_best"].notna().all()
    level = int((others["p_best"] > ALPHA).sum()) if known else None
    return Best(join([findings.names[m] for m in best]), f"{top:.1f}", level)


def _view(findings: Findings, summary: Summary, column: NoiseColumn | None) -> TableView:
    names = [findings.names.get(m, m) for m in summary.methods]
    cells = [_column(summary, name) for name in summary.columns]
    on = column.on if column else ""
    modalities = findings.header.modalities
    heads = [
        Column(name, RATE_NOTES.get(name, "missing"))
        if on == AT_RANDOM
        else Column(name, NOTES[name] if name in NOTES else pattern_note(name, modalities, on))
        for name in summary.columns
    ]
    if spread := _spread(summary):
        cells.append(spread)
        heads.append(BY_FOLD)
    key = {"metric": summary.metric.name}
    if column:
        key["noise"] = noise_key(column)
    return TableView(
        key, summary.title, summary.caption, tuple(heads), columns_to_rows(names, cells)
    )


def _column(summary: Summary, name: str) -> list[Cell]:
    frame = summary.frame[summary.frame["column"] == name].set_index("method")
    frame = frame.reindex(list(summary.methods))
    cells = [
        Cell(
            percent(row.get("value", math.nan)),
            bracket(percent(row.get("low", math.nan)), percent(row.get("high", math.nan))),
            apart=bool(row.get("p_best", math.nan) <= ALPHA),
        )
        for _, row in frame.iterrows()
    ]
    values = [100 * v for v in frame["value"]]
    return ranked(cells, values, summary.metric.higher_is_better, digits=1)


def _spread(summary: Summary) -> list[Cell]:
    if MEAN not in summary.columns:
        return []
    means, deviations = (summary.wide(q)[MEAN] for q in ("fold_mean", "fold_sd"))
    if not deviations.notna().any():
        return []
    return [
        Cell(percent(mean), f"± {percent(sd)}" if pd.notna(sd) else "")
        for mean, sd in zip(means, deviations, strict=True)
    ]

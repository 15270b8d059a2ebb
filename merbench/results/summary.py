"""The tables of the papers: methods down, patterns across, a value of one metric in each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merbench.errors import IncompleteError
from merbench.results.averages import (
    MEAN,
    Average,
    Mean,
    evaluate,
    grid_mean,
    matrix_size,
    mean_of,
    over_settings,
    pooled_patterns,
)
from merbench.results.conditions import NO_NOISE, NoiseColumn, columns_of, patterns_of
from merbench.results.confusion import Confusion
from merbench.results.header import TableHeader
from merbench.results.metrics import ConfusionMetric
from merbench.results.severity import severity_points

POOLED = "pooled"
PARTIAL_MEAN = "partial mean"
COMPLETE = "complete"
GRID_MEAN = "grid mean"


@dataclass(frozen=True)
class Summary:
    """One table.

    Attributes:
        stem: metric, noise and where it falls, which names of files are made of.
        title: heading.
        caption: one line that says what the values are.
        metric: what is in the cells.
        methods: rows, by label.
        columns: columns, in order.
        frame: long form, one row for each (method, column), with
            `value`: pooled out-of-fold value, mean over seeds and over the column's conditions;
            `fold_mean`, `fold_sd`: mean and standard deviation (n - 1) over folds of the value in
            each fold; `seed_sd`: standard deviation (n - 1) of `value` over seeds; `n`: predictions
            in a confusion matrix; `seeds`: how many are averaged. NaN where there is no value.
        names: label -> how the method is shown, where that is not its label.
        averages: column -> what is averaged in it.
        headline: of an overview, the column that comparisons are about.
    """

    stem: str
    title: str
    caption: str
    metric: ConfusionMetric
    methods: tuple[str, ...]
    columns: tuple[str, ...]
    frame: pd.DataFrame
    names: Mapping[str, str] = field(default_factory=dict)
    averages: Mapping[str, Average] = field(default_factory=dict)
    headline: str = ""

    def wide(self, quantity: str = "value") -> pd.DataFrame:
        """Return one quantity with methods down and columns across."""
        table = self.frame.pivot(index="method", columns="column", values=quantity)
        return table.reindex(index=list(self.methods), columns=list(self.columns))


def summary_tables(
    confusion: Confusion, metric: ConfusionMetric, partial: bool = False
) -> tuple[Summary, ...]:
    """Return one table for each noise and where it falls, the noise-free one first."""
    return tuple(
        summary_table(confusion, metric, column, partial)
        for column in columns_of(confusion.header.conditions)
    )


def summary_table(
    confusion: Confusion, metric: ConfusionMetric, column: NoiseColumn, partial: bool = False
) -> Summary:
    """Return the table of one noise, or of one way of missing at random.

    Where modalities are missing at random, columns are the rates and `mean` of them; 0 is the
    complete pattern, which is in no mean. Else they are the partial patterns in grid order, `mean`
    of these, `pooled` (one confusion matrix over them for each seed, severity and draw), and the
    complete pattern, which is in neither; noise on absent modalities has no complete column, since
    nothing is absent there.

    Args:
        confusion: the run.
        metric: what to show.
        column: which noise, and where it falls.
        partial: leave cells blank that are not there, instead of refusing. A method shows the mean
            over those of its seeds that have every fold.

    Raises:
        IncompleteError: naming the missing cells; or the run has no cell at all.
    """
    header = confusion.header
    found = _by_rate(header, column) if column.at_random else _by_pattern(header, column)
    draws = len({c.draw for c in header.conditions if c.column == column})
    severities = len({c.severity for c in header.conditions if c.column == column})
    over = [_plural(severities, "severity", "severities")] if column.is_noise else []
    if draws > 1:
        over.append(_plural(draws, "draw"))
    return _build(
        confusion,
        metric,
        found.averages,
        partial=partial,
        stem="-".join(part for part in (_file_name(metric), column.noise, column.on) if part),
        title=f"{metric.label}, {column.title}",
        over=over,
        note=found.note + _told(confusion, column),
    )


class _Columns(NamedTuple):
    """The columns of a table: what each averages, and what has to be said of them."""

    averages: dict[str, Average]
    note: str


def _by_pattern(header: TableHeader, column: NoiseColumn) -> _Columns:
    conditions, complete = header.conditions, header.complete
    of_pattern = {
        pattern: average
        for pattern in patterns_of(conditions)
        if (average := over_settings(conditions, pattern, column)) is not None
    }
    partials = [pattern for pattern in of_pattern if pattern != complete]
    averages: dict[str, Average] = {pattern: of_pattern[pattern] for pattern in partials}
    mean = mean_of([of_pattern[p] for p in partials])
    pooled = pooled_patterns(conditions, partials, column)
    if mean is not None and pooled is not None:
        averages |= {MEAN: mean, POOLED: pooled}
    if complete in of_pattern:
        averages[complete] = of_pattern[complete]
    note = ""
    if partials:
        note = f"; {MEAN} and {POOLED} cover the {_plural(len(partials), 'partial pattern')}"
    return _Columns(averages, note)


def _by_rate(header: TableHeader, column: NoiseColumn) -> _Columns:
    (points,) = severity_points(header, column).values()
    rates = sorted(points.items())
    averages = {rate_name(rate): average for rate, average in rates}
    mean = Mean(tuple(average for rate, average in rates if rate))
    note = f"; columns are shares of all modalities, {MEAN} is over those above 0"
    return _Columns(averages | {MEAN: mean}, note)


def rate_name(rate: float) -> str:
    """Return what a column of a missing rate is called."""
    return f"{rate:.4g}"


def _file_name(metric: ConfusionMetric) -> str:
    return metric.name.replace(":", ".")


def _told(confusion: Confusion, column: NoiseColumn) -> str:
    """Say which methods met a noise in training, and which take noised for absent."""
    if not column.is_noise:
        return ""
    header = confusion.header
    seen = [header.shown_as.get(m, m) for m in header.seen.get(column.noise, ())]
    absent = [header.shown_as.get(m, m) for m in header.noised_as_absent]
    text = ""
    if column.noise in header.seen:
        text = f"; seen in training by {_join(seen) if seen else 'no method'}"
        elsewhere = [header.shown_as.get(m, m) for m in header.imported]
        text += f", not known of {_join(elsewhere)}" if elsewhere else ""
    return text + (f"; noised counts as absent for {_join(absent)}" if absent else "")


def overview(confusion: Confusion, metric: ConfusionMetric, partial: bool = False) -> Summary:
    """Return the whole grid in three columns.

    `partial mean` is the mean of the noise-free partial patterns, `complete` the noise-free
    complete pattern, `grid mean` the mean over severities, then noises, then patterns. Columns the
    grid lacks are left out.

    Raises:
        IncompleteError: as for `summary_table`.
    """
    averages = overview_averages(confusion.header)
    headline = headline_of(confusion.header)
    note = ""
    if GRID_MEAN in averages:
        note = f"; {GRID_MEAN}: over severities, then noises, then patterns, without the noise-free"
    return _build(
        confusion,
        metric,
        averages,
        partial=partial,
        stem=f"{_file_name(metric)}-overview",
        title=f"{metric.label}, overview",
        over=[],
        note=note,
        headline=headline,
    )


def headline_of(header: TableHeader) -> str:
    """Return the column of the overview that comparisons are about.

    The grid mean, where noise meets patterns that lack something; else the partial mean: noise on
    the complete pattern alone is not what robustness to missing modalities is about.
    """
    noisy = {c.pattern for c in header.conditions if c.column.is_noise}
    there = overview_averages(header)
    wanted = (GRID_MEAN, PARTIAL_MEAN) if noisy - {header.complete} else (PARTIAL_MEAN, GRID_MEAN)
    return next(column for column in (*wanted, COMPLETE) if column in there)


def overview_averages(header: TableHeader) -> dict[str, Average]:
    """Return what the columns of the overview average; those that the grid lacks are left out."""
    conditions, complete = header.conditions, header.complete
    clean = {p: over_settings(conditions, p, NO_NOISE) for p in patterns_of(conditions)}
    candidates = {
        PARTIAL_MEAN: mean_of([average for p, average in clean.items() if p != complete]),
        COMPLETE: clean.get(complete),
        GRID_MEAN: grid_mean(conditions),
    }
    return {name: average for name, average in candidates.items() if average is not None}


def _build(
    confusion: Confusion,
    metric: ConfusionMetric,
    averages: Mapping[str, Average],
    *,
    partial: bool,
    stem: str,
    title: str,
    over: list[str],
    note: str,
    headline: str = "",
) -> Summary:
    if not confusion.done.any():
        raise IncompleteError("the run has no finished cell")
    if not partial:
        confusion.require_complete()
    header = confusion.header
    rows = [
        {"method": method, "column": name} | _statistics(confusion, index, average, metric)
        for index, method in enumerate(header.methods)
        for name, average in averages.items()
    ]
    frame = pd.DataFrame(rows)
    seeds = sorted({int(n) for n in frame["seeds"] if n})
    several = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else ""
    over = [several or _plural(seeds[0] if seeds else 0, "seed"), *over]
    folds = _plural(len(header.folds), "fold")
    caption = (
        f"{metric.label} in %, pooled out-of-fold over {folds}, averaged over {_join(over)}{note}."
    )
    if confusion.missing:
        caption += f" Incomplete: {_plural(len(confusion.missing), 'cell')} missing."
    return Summary(
        stem,
        title,
        caption,
        metric,
        header.methods,
        tuple(averages),
        frame,
        header.shown_as,
        averages,
        headline,
    )


def _statistics(
    confusion: Confusion, method: int, average: Average, metric: ConfusionMetric
) -> dict[str, float]:
    usable = confusion.done[method].all(axis=-1)
    if not usable.any():
        blank = dict.fromkeys(("value", "fold_mean", "fold_sd", "seed_sd"), np.nan)
        return blank | {"n": 0, "seeds": 0}
    counts = confusion.counts[method][usable]
    of_seeds = evaluate(average, metric, counts.sum(axis=1))
    of_folds = evaluate(average, metric, counts).mean(axis=0)
    return {
        "value": float(of_seeds.mean()),
        "fold_mean": float(of_folds.mean()),
        "fold_sd": _sd(of_folds),
        "seed_sd": _sd(of_seeds),
        "n": matrix_size(average, counts[0].sum(axis=0)),
        "seeds": int(usable.sum()),
    }


def _sd(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

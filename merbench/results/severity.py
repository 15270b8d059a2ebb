"""Curves of a metric against severity."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from merbench.errors import IncompleteError
from merbench.results.averages import Average, Mean, Pool, evaluate, mean_of, over_settings
from merbench.results.conditions import CLEAN, NoiseColumn, columns_of, patterns_of
from merbench.results.confusion import Confusion
from merbench.results.header import TableHeader
from merbench.results.metrics import ConfusionMetric
from merbench.results.summary import MEAN, NO_NOISE


def noise_columns(confusion: Confusion) -> tuple[NoiseColumn, ...]:
    """Return the columns of the grid that have noise."""
    return tuple(c for c in columns_of(confusion.header.conditions) if c.noise != CLEAN)


def severity_curves(
    confusion: Confusion, metric: ConfusionMetric, column: NoiseColumn, partial: bool = False
) -> pd.DataFrame:
    """Return a metric against severity for each method and pattern, and for the partial mean.

    A point is the pooled out-of-fold value, averaged over seeds and draws. Curves start at severity
    0: where noise falls on present modalities, at the pattern's own noise-free column; otherwise
    (with nothing absent, no noise is no loss) at complete clean data. Where the grid lacks that
    column, a curve starts at its first severity.

    Returns:
        method, column (a pattern or `mean`), severity, value. Methods without a seed that has
        every fold are left out.

    Raises:
        IncompleteError: the run has holes, and `partial` is False.
    """
    if not partial:
        confusion.require_complete()
    if not confusion.done.any():
        raise IncompleteError("the run has no finished cell")
    points = [
        (name, severity, average)
        for name, averages in severity_points(confusion.header, column).items()
        for severity, average in sorted(averages.items())
    ]
    rows = []
    for index, method in enumerate(confusion.header.methods):
        usable = confusion.done[index].all(axis=-1)
        if not usable.any():
            continue
        counts = confusion.counts[index][usable].sum(axis=1)
        for name, severity, average in points:
            value = float(evaluate(average, metric, counts).mean())
            rows.append({"method": method, "column": name, "severity": severity, "value": value})
    return pd.DataFrame(rows, columns=["method", "column", "severity", "value"])


def origin_of(header: TableHeader, pattern: str, column: NoiseColumn) -> str:
    """Return the pattern whose noise-free column is severity 0."""
    return pattern if column.on == "present" else header.complete


def severity_points(header: TableHeader, column: NoiseColumn) -> dict[str, dict[float, Average]]:
    """Return, for `mean` and each pattern, what stands at each severity."""
    complete = header.complete
    patterns = {
        pattern: dict(_curve(header, pattern, column)) for pattern in patterns_of(header.conditions)
    }
    patterns = {pattern: curve for pattern, curve in patterns.items() if curve}
    partials = [curve for pattern, curve in patterns.items() if pattern != complete]
    # The mean stands only where every pattern has a point: else its members would change along it.
    shared = set.intersection(*(set(curve) for curve in partials)) if partials else set()
    mean: dict[float, Average] = {
        severity: average
        for severity in shared
        if (average := mean_of([curve[severity] for curve in partials])) is not None
    }
    return ({MEAN: mean} if mean else {}) | patterns


def _curve(
    header: TableHeader, pattern: str, column: NoiseColumn
) -> Iterator[tuple[float, Average]]:
    conditions = header.conditions
    draws: dict[float, list[Pool]] = {}
    for k, c in enumerate(conditions):
        if c.pattern == pattern and c.column == column:
            draws.setdefault(c.severity, []).append(Pool((k,)))
    if not draws:
        return
    start = over_settings(conditions, origin_of(header, pattern, column), NO_NOISE)
    if start is not None and 0.0 not in draws:
        yield 0.0, start
    for severity, found in draws.items():
        yield severity, Mean(tuple(found))

"""Robustness summaries: where a method breaks, how much it loses, and what it never gets wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merbench.analysis.curves import Curve, curves_of
from merbench.analysis.evidence import Evidence, linear, within
from merbench.analysis.quantities import Matrices, trapezoid
from merbench.results.averages import Average, Mean, mean_of, over_settings
from merbench.results.conditions import CLEAN, NO_NOISE, NoiseColumn, columns_of, patterns_of
from merbench.results.header import TableHeader
from merbench.results.metrics import confusion_metric
from merbench.results.severity import origin_of
from merbench.results.tally import Tally
from merbench.statistics.estimate import estimate
from merbench.statistics.interval import Intervals

METRIC = "ua"
REFERENCE = "zero_fill"
WHOLE = NoiseColumn("", "")
Floats = NDArray[np.floating]


class Measured(NamedTuple):
    """One measure of one method; `censored` where it lies beyond the grid."""

    measure: str
    noise: str
    on: str
    method: str
    value: float
    low: float
    high: float
    censored: bool = False


class Losses(NamedTuple):
    """What a noise takes away.

    Attributes:
        mean: (matrix,) weights of the mean drop, over severities, then patterns.
        cells: (cell, matrix) weights of the drop in each condition.
    """

    mean: Floats
    cells: Floats


def robustness(evidence: Evidence, tally: Tally) -> pd.DataFrame:
    """Return every summary of every method, of UA, with intervals.

    `area` is the mean height of the curve over severity (trapezoid rule); `mean_drop` and
    `worst_drop` are what is lost against the noise-free column that the curve starts at (the worst
    of many cells is partly the unluckiest, so it is too large, the more so the more cells);
    `always_right` is the share of utterances that are right in every condition; `breakdown` is the
    severity at which half of what is above chance is gone; `relative_error` is the error over that
    of zero_fill (for the whole grid, the mean of that over noises).
    """
    header = tally.header
    rows: list[Measured] = []
    columns = columns_of(header.conditions)
    # The mean of the patterns comes first of a noise's curves; without it, any stands for it.
    curves = {c.noise: c for c in reversed(curves_of(header))}
    losses = {c: _losses(header, evidence.matrices, c) for c in columns}
    for method in evidence.methods:
        for column in columns:
            if column in curves:
                rows += _of_curve(evidence, method, curves[column], 1 / len(header.classes))
            rows += _drops(evidence, method, column, losses[column])
        rows += _of_grid(evidence, method, header, list(curves.values()), losses)
    rows += _relative_errors(evidence, header)
    rows += _always_right(evidence, tally)
    order = ["area", "mean_drop", "worst_drop", "always_right", "breakdown", "relative_error"]
    frame = pd.DataFrame(rows, columns=Measured._fields)
    place = {(c.noise, c.on): k for k, c in enumerate((WHOLE, *columns))}
    keys = pd.DataFrame(
        {
            "measure": frame["measure"].map(order.index),
            "column": [place[key] for key in zip(frame["noise"], frame["on"], strict=True)],
            "method": frame["method"].map(header.methods.index),
        }
    ).astype(int)
    chosen = keys.sort_values(["measure", "column", "method"]).index
    return frame.loc[chosen].reset_index(drop=True)


def crossing(severities: Floats, height: Floats) -> float:
    """Return where a curve first comes down to 0, linear between points; NaN where it never does.

    Args:
        severities: (P,) ascending.
        height: (P,).
    """
    below = np.flatnonzero(height <= 0)
    if not len(below):
        return float("nan")
    k = below[0]
    if k == 0:
        return float(severities[0])
    before, after = height[k - 1], height[k]
    share = before / (before - after)
    return float(severities[k - 1] + share * (severities[k] - severities[k - 1]))


def _of_curve(evidence: Evidence, method: str, curve: Curve, chance: float) -> Iterator[Measured]:
    points, severities = curve.weights(evidence.matrices), curve.severities
    if len(severities) < 2:
        return
    area = evidence.average(METRIC, method, trapezoid(severities) @ points)
    yield _measured("area", curve.noise, method, area)
    # Where the start is unknown, or chance already, there is no half-way.
    start = float(points[0] @ evidence.values(METRIC, method))
    if severities[0] > 0 or start <= chance:
        yield Measured("breakdown", *curve.noise, method, np.nan, np.nan, np.nan)
        return
    # Height above half-way from the start to chance. Its band says where the crossing may be.
    half = linear(points - points[0] / 2)
    height = evidence.of(METRIC, method, lambda values: half(values) - chance / 2)
    value, low, high = (crossing(severities, h) for h in (height.value, height.low, height.high))
    yield Measured(
        "breakdown",
        *curve.noise,
        method,
        float(severities[-1]) if np.isnan(value) else value,
        float(severities[-1]) if np.isnan(low) and not np.isnan(height.low).any() else low,
        high,
        bool(np.isnan(value)),
    )


def _losses(header: TableHeader, matrices: Matrices, column: NoiseColumn) -> Losses | None:
    cells, of_patterns = [], []
    for pattern in patterns_of(header.conditions):
        clean = column.noise == CLEAN
        if clean and pattern == header.complete:
            continue
        origin = header.complete if clean else origin_of(header, pattern, column)
        start = over_settings(header.conditions, origin, NO_NOISE)
        noised = over_settings(header.conditions, pattern, column)
        if start is None or noised is None:
            continue
        drops = [matrices.weights(start) - matrices.weights(part) for part in noised.parts]
        cells += drops
        of_patterns.append(np.mean(drops, axis=0))
    return Losses(np.mean(of_patterns, axis=0), np.stack(cells)) if cells else None


def _drops(
    evidence: Evidence, method: str, column: NoiseColumn, losses: Losses | None
) -> Iterator[Measured]:
    if losses is None:
        return
    mean = evidence.of(METRIC, method, linear(losses.mean))
    yield _measured("mean_drop", column, method, mean)
    yield _measured("worst_drop", column, method, _worst(evidence, method, losses.cells))


def _worst(evidence: Evidence, method: str, cells: Floats) -> Intervals:
    drop = linear(cells)
    return evidence.of(METRIC, method, lambda values: drop(values).max(axis=-1))


def _of_grid(
    evidence: Evidence,
    method: str,
    header: TableHeader,
    curves: Sequence[Curve],
    losses: dict[NoiseColumn, Losses | None],
) -> Iterator[Measured]:
    matrices = evidence.matrices
    areas = [
        trapezoid(c.severities) @ c.weights(matrices)
        for c in curves
        if len(c.points) > 1 and c.noise.is_noise
    ]
    if areas:
        area = evidence.average(METRIC, method, np.mean(areas, axis=0))
        yield _measured("area", WHOLE, method, area)
    noised = [found for c, found in losses.items() if found is not None and c.is_noise]
    if noised:
        mean = evidence.of(METRIC, method, linear(np.mean([n.mean for n in noised], axis=0)))
        yield _measured("mean_drop", WHOLE, method, mean)
        worst = _worst(evidence, method, np.concatenate([n.cells for n in noised]))
        yield _measured("worst_drop", WHOLE, method, worst)


def _relative_errors(evidence: Evidence, header: TableHeader) -> Iterator[Measured]:
    if REFERENCE not in evidence.methods:
        return
    columns = columns_of(header.conditions)
    averages = {c: _over_patterns(header, c) for c in columns}
    there = [c for c in columns if averages[c] is not None]
    if not there:
        return
    weights = np.stack([evidence.matrices.weights(a) for a in averages.values() if a is not None])
    noised = [k for k, c in enumerate(there) if c.is_noise]
    value = linear(weights)

    def ratios(mine: Floats, other: Floats) -> Floats:
        found: Floats = (1 - value(mine)) / np.maximum(1 - value(other), 1e-9)
        return found

    for method in evidence.methods:
        found = evidence.paired(METRIC, method, REFERENCE, ratios)
        for k, column in enumerate(there):
            yield Measured(
                "relative_error",
                *column,
                method,
                float(found.value[k]),
                float(found.low[k]),
                float(found.high[k]),
            )
        if noised:
            mean = evidence.paired(
                METRIC,
                method,
                REFERENCE,
                lambda mine, other: ratios(mine, other)[..., noised].mean(axis=-1),
            )
            yield _measured("relative_error", WHOLE, method, mean)


def _over_patterns(header: TableHeader, column: NoiseColumn) -> Mean | None:
    """Return the mean over the patterns that something is missing from or that are noised."""
    parts: list[Average | None] = [
        over_settings(header.conditions, pattern, column)
        for pattern in patterns_of(header.conditions)
        if column.noise != CLEAN or pattern != header.complete
    ]
    return mean_of(parts)


def _always_right(evidence: Evidence, tally: Tally) -> Iterator[Measured]:
    """Yield the shares: each is the WA of a matrix of right and not right."""
    units, share = tally.units, confusion_metric("wa")
    for method in evidence.methods:
        right = tally.right[tally.header.methods.index(method), list(evidence.seeds[method])]
        counts = np.zeros((*right.shape, 2, 2), np.int64)
        counts[..., 0, 0] = right
        counts[..., 0, 1] = units.sizes[:, None] - right
        shares = estimate(counts, evidence.sampling, [share])[share.name]
        found = within(evidence.intervals(shares), share.bounds)
        for k, group in enumerate(tally.groups):
            yield Measured(
                "always_right",
                group.noise,
                group.on,
                method,
                float(found.value[k]),
                float(found.low[k]),
                float(found.high[k]),
            )


def _measured(measure: str, column: NoiseColumn, method: str, found: Intervals) -> Measured:
    return Measured(
        measure, *column, method, float(found.value), float(found.low), float(found.high)
    )

"""Curves of a metric against severity, with their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merbench.analysis.evidence import Evidence
from merbench.analysis.quantities import Matrices
from merbench.results.averages import Average
from merbench.results.conditions import CLEAN, NoiseColumn, columns_of
from merbench.results.header import TableHeader
from merbench.results.severity import severity_points

COLUMNS = ("metric", "noise", "on", "column", "method", "severity", "value", "low", "high")


@dataclass(frozen=True)
class Curve:
    """What stands at each severity of a noise, for a pattern or the mean over partial ones.

    Attributes:
        noise: and where it falls.
        name: the pattern, or `mean`.
        points: severity -> what is averaged there, ascending.
    """

    noise: NoiseColumn
    name: str
    points: Mapping[float, Average]

    @property
    def severities(self) -> NDArray[np.float64]:
        """Where the points are."""
        return np.array([*self.points])

    def weights(self, matrices: Matrices) -> NDArray[np.float64]:
        """Return (point, matrix) weights."""
        return np.stack([matrices.weights(average) for average in self.points.values()])


def curves_of(header: TableHeader) -> tuple[Curve, ...]:
    """Return the curves of every noise, that of the mean first."""
    return tuple(
        Curve(column, name, dict(sorted(points.items())))
        for column in columns_of(header.conditions)
        if column.noise != CLEAN
        for name, points in severity_points(header, column).items()
    )


def curve_values(
    evidence: Evidence, metrics: Sequence[str], curves: Sequence[Curve]
) -> pd.DataFrame:
    """Return the value and interval of every point.

    Returns:
        metric, noise, on, column, method, severity, value, low, high.
    """
    if not curves or not evidence.methods:
        return pd.DataFrame(columns=COLUMNS)
    weights = np.concatenate([curve.weights(evidence.matrices) for curve in curves])
    points = pd.DataFrame(
        [(*curve.noise, curve.name, severity) for curve in curves for severity in curve.points],
        columns=["noise", "on", "column", "severity"],
    )
    frames = []
    for metric in metrics:
        for method in evidence.methods:
            found = evidence.average(metric, method, weights)
            values = {"value": found.value, "low": found.low, "high": found.high}
            frames.append(points.assign(metric=metric, method=method, **values))
    return pd.concat(frames, ignore_index=True)[[*COLUMNS]]

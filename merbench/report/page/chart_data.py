"""What the page's script draws and fills in, as compact JSON: thousandths, in arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from merbench.analysis.findings import Findings
from merbench.report.figures import styles
from merbench.report.page.heat import QUANTITIES, HeatTable, grid_values, members_mean
from merbench.report.page.numbers import severity
from merbench.report.page.pattern_tables import noise_key
from merbench.results.conditions import columns_of
from merbench.results.metrics import ECE_BINS

SCALE = 1000  # what a reader is shown: percent with one decimal
SAFE = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def chart_json(findings: Findings, tables: Sequence[HeatTable]) -> str:
    """Return everything that scripts need, safe inside a script element."""
    drawn = styles(findings.header.methods)
    chance = 1 / len(findings.header.classes)
    content = {
        "methods": [
            [findings.names.get(m, m), style.colour, style.glyph, list(style.dash[1] or ())]
            for m, style in drawn.items()
        ],
        "chance": {"ua": whole(chance)},
        "axes": {noise_key(c): c.axis for c in columns_of(findings.header.conditions)},
        "curves": _curves(findings),
        "heat": _heat(findings, tables),
        "confusions": [
            [[whole(v, 100) for v in matrix.ravel()] for matrix in of_method]
            for of_method in findings.confusions
        ],
        "training": _training(findings),
        "reliability": _reliability(findings),
    }
    return safe_json(content)


def safe_json(content: Any) -> str:
    """Return JSON that no label can end the script element with."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.translate(SAFE)


def whole(value: float, scale: int = SCALE) -> int | None:
    """Return thousandths (or what the scale makes), None for NaN."""
    value = float(value)
    return round(scale * value) if math.isfinite(value) else None


def _lines(
    findings: Findings, frame: pd.DataFrame, axis: str, columns: Sequence[str]
) -> list[list[Any]]:
    """Return, for each column, (methods, points) on the sorted points of an axis."""
    points, places = np.unique(frame[axis].to_numpy(), return_inverse=True)
    methods = findings.header.methods
    rows = frame["method"].map({m: k for k, m in enumerate(methods)}).to_numpy(dtype=int)
    lines = []
    for column in columns:
        values = np.full((len(methods), len(points)), np.nan)
        values[rows, places] = frame[column].to_numpy(dtype=float)
        lines.append([[whole(v) for v in row] for row in values.tolist()])
    return lines


def _curves(findings: Findings) -> dict[str, Any]:
    """By metric -> noise -> column -> [severities, their names, values, lows, highs]."""
    curves: dict[str, Any] = {}
    if findings.curves.empty:
        return curves
    grouped = findings.curves.groupby(["metric", "noise", "on", "column"], sort=False)
    for key, frame in grouped:
        metric, noise, on, column = map(str, key)
        points = sorted(frame["severity"].unique())
        entry = [
            [round(float(p), 4) for p in points],
            [severity(p) for p in points],
            *_lines(findings, frame, "severity", QUANTITIES),
        ]
        curves.setdefault(metric, {}).setdefault(f"{noise}|{on}", {})[column] = entry
    return curves


def _heat(findings: Findings, tables: Iterable[HeatTable]) -> dict[str, Any]:
    """By metric -> noise -> [values, lows, highs], each (methods, columns) of the table."""
    tables = tuple(tables)
    heat: dict[str, Any] = {}
    for metric in findings.metrics:
        values = grid_values(findings, metric)
        heat[metric] = {
            table.noise: [
                [[whole(v) for v in row] for row in members_mean(values[name], table.members)]
                for name in QUANTITIES
            ]
            for table in tables
        }
    return heat


def _training(findings: Findings) -> dict[str, Any]:
    """By stage -> [epochs, values, lows, highs]."""
    if findings.training.empty:
        return {}
    return {
        str(stage): [
            [int(e) for e in sorted(frame["epoch"].unique())],
            *_lines(findings, frame, "epoch", QUANTITIES),
        ]
        for stage, frame in findings.training.groupby("stage", sort=False)
    }


def _reliability(findings: Findings) -> Mapping[str, Any]:
    """By group -> [middles of the bins, accuracies]: methods share the middles."""
    groups: dict[str, Any] = {}
    if findings.reliability.empty:
        return groups
    for group, frame in findings.reliability.groupby("group", sort=False):
        bins = np.sort(frame["bin"].unique())
        middles = [round((int(b) + 0.5) / ECE_BINS, 4) for b in bins]
        groups[str(group)] = [middles, *_lines(findings, frame, "bin", ["accuracy"])]
    return groups

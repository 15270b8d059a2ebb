"""Findings as JSON: every number that a report shows, for machines."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from merbench.analysis.findings import Findings
from merbench.results.metrics import Metric
from merbench.results.summary import Summary

FORMAT = 1
# More digits would differ between processors, and say nothing.
DIGITS = 8
SUMMARY = ("stem", "title", "caption", "metric", "columns", "frame")


def to_json(findings: Sequence[Findings]) -> str:
    """Return `{"format": 1, "runs": [...]}`, one entry a run; equal findings give equal text.

    The fields are those of `Findings`. Tables are `{"columns": [...], "rows": [[...], ...]}`;
    values are fractions with 8 significant digits; what is not known is null.
    """
    content = {"format": FORMAT, "runs": findings}
    return plain_json(content)


def _plain(value: Any) -> Any:
    """Return plain JSON values."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        fields = getattr(value, "_asdict", None)
        return [_plain(item) for item in value] if fields is None else _plain(fields())
    return _plain_object(value)


def _plain_object(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        columns = [_plain(value[name].tolist()) for name in value]
        return {
            "columns": [*map(str, value)],
            "rows": [[*row] for row in zip(*columns, strict=True)],
        }
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Metric):
        return value.name
    if isinstance(value, Summary):
        return {name: _plain(getattr(value, name)) for name in SUMMARY}
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def plain_json(value: Any) -> str:
    """Return dataclasses, tables and numbers as one JSON value, as `to_json` has them."""
    return json.dumps(_plain(value), separators=(",", ":"), allow_nan=False) + "\n"

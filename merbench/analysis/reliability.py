"""Reliability: how often predictions are right that claim a given confidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merbench.results.header import TableHeader
from merbench.results.metrics import ECE_BINS
from merbench.results.tally import Tally

COLUMNS = ("method", "group", "bin", "share", "confidence", "accuracy")


def reliability_table(tally: Tally) -> pd.DataFrame:
    """Return method, group, bin, share, confidence, accuracy, for bins that hold predictions.

    Groups are `complete` (nothing missing, no noise), `missing` (no noise) and `noised`.
    """
    rows = [
        (method, group, k, n / total, confidence / n, right / n)
        for method, group, bins in _bins(tally)
        if (total := bins[:, 0].sum())
        for k, (n, confidence, right) in enumerate(bins)
        if n
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def calibration_table(tally: Tally) -> pd.DataFrame:
    """Return method, group, ece: the mean over a group's conditions, each pooled over cells."""
    rows = []
    for index, method in enumerate(tally.header.methods):
        for group, conditions in _groups(tally.header).items():
            bins = tally.reliability[index, conditions]
            totals = bins[..., 0].sum(axis=-1)
            if conditions and totals.all():
                gaps = np.abs(bins[..., 1] - bins[..., 2]).sum(axis=-1) / totals
                rows.append((method, group, float(gaps.mean())))
    return pd.DataFrame(rows, columns=["method", "group", "ece"])


def _bins(tally: Tally) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    for index, method in enumerate(tally.header.methods):
        for group, conditions in _groups(tally.header).items():
            yield (
                method,
                group,
                tally.reliability[index, conditions].sum(axis=0).reshape(ECE_BINS, 3),
            )


def _groups(header: TableHeader) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {"complete": [], "missing": [], "noised": []}
    for k, condition in enumerate(header.conditions):
        clean = "complete" if condition.pattern == header.complete else "missing"
        groups[clean if condition.is_clean else "noised"].append(k)
    return groups

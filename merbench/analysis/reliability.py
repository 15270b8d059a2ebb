"""Reliability: how often predictions are right that claim a given confidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merbench.results.header import TableHeader
from merbench.results.reading import reading
from merbench.results.tables import RESULTS
from merbench.results.tally import Tally

COLUMNS = ("method", "group", "bin", "share", "confidence", "accuracy")


def reliability_table(tally: Tally) -> pd.DataFrame:
    """Return method, group, bin, share, confidence, accuracy, for bins that hold predictions.

    Groups are `complete` (nothing missing, no noise), `missing` (no noise) and `noised`. Seeds that
    lack a fold are left out.
    """
    rows = [
        (method, group, k, n / total, confidence / n, right / n)
        for method, group, bins in _bins(tally)
        if (total := bins[..., 0].sum())
        for k, (n, confidence, right) in enumerate(bins.sum(axis=(0, 1)))
        if n
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def calibration_table(directory: Path, tally: Tally) -> pd.DataFrame:
    """Return method, group, ece, nll: means over seeds and over a group's conditions.

    Args:
        directory: of the run; its results have the likelihoods.
        tally: its counts.
    """
    with reading(directory / RESULTS):
        losses = pd.read_parquet(
            directory / RESULTS, columns=["method", "seed", "condition", "n", "nll"]
        )
    rows = []
    for method, group, bins in _bins(tally):
        totals = bins[..., 0].sum(axis=-1)
        if totals.size and totals.all():
            gaps = np.abs(bins[..., 1] - bins[..., 2]).sum(axis=-1) / totals
            rows.append((method, group, float(gaps.mean()), _nll(losses, tally, method, group)))
    return pd.DataFrame(rows, columns=["method", "group", "ece", "nll"])


def _nll(losses: pd.DataFrame, tally: Tally, method: str, group: str) -> float:
    header = tally.header
    seeds = [header.seeds[s] for s in tally.whole_seeds(method)]
    mine = losses[
        (losses["method"] == method)
        & losses["seed"].isin(seeds)
        & losses["condition"].isin(_groups(header)[group])
    ]
    # Over folds by their size, then over seeds and conditions alike.
    whole = (mine["nll"] * mine["n"]).groupby([mine["seed"], mine["condition"]]).sum()
    sizes = mine["n"].groupby([mine["seed"], mine["condition"]]).sum()
    return float((whole / sizes).mean())


def _bins(tally: Tally) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """Yield method, group, (seed, condition, bin, 3) of the seeds that have every fold."""
    for index, method in enumerate(tally.header.methods):
        usable = tally.reliability[index, list(tally.whole_seeds(method))]
        for group, conditions in _groups(tally.header).items():
            yield method, group, usable[:, conditions]


def _groups(header: TableHeader) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {"complete": [], "missing": [], "noised": []}
    for k, condition in enumerate(header.conditions):
        if condition.column.is_noise:
            groups["noised"].append(k)
        else:
            complete = condition.is_clean and condition.pattern == header.complete
            groups["complete" if complete else "missing"].append(k)
    return groups

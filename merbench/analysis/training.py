"""Training curves, the epochs chosen, and what training and evaluation cost."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from merbench.results.cells import CELLS, CELLS_SCHEMA, CURVES, CURVES_SCHEMA
from merbench.results.header import TableHeader
from merbench.results.reading import reading
from merbench.results.tally import Tally

KEY = ["method", "fold", "seed"]
HALF = 0.5


def training_curves(directory: Path, header: TableHeader) -> pd.DataFrame:
    """Return method, stage, epoch, value, low, high, cells.

    The value is the validation score by which the stage is picked for what it serves here (see
    `_picked_on_complete`), its mean and range over the cells that trained so long.
    """
    curves = _table(directory / CURVES)
    value = curves["valid_complete"].where(
        _picked_on_complete(curves), curves["valid_partial"].fillna(curves["valid_complete"])
    )
    grouped = curves.assign(value=value).groupby(["method", "stage", "epoch"], sort=False)["value"]
    frame = grouped.agg(value="mean", low="min", high="max", cells="count").reset_index()
    return _in_order(frame, header, ["epoch"])


def chosen_epochs(directory: Path, header: TableHeader) -> pd.DataFrame:
    """Return method, stage, fold, seed, epoch: the weights that were evaluated, or taught by."""
    curves = _table(directory / CURVES)
    frame = curves.loc[_picked(curves), ["method", "stage", "fold", "seed", "epoch"]]
    return _in_order(frame, header, ["fold", "seed"])


def cut_short(directory: Path, header: TableHeader) -> tuple[str, ...]:
    """Return the methods that were still getting better when their epochs ran out.

    In half of its trainings or more the epoch such a method is evaluated with is the last there
    was; patience would have waited for another.
    """
    curves = _table(directory / CURVES)
    curves = curves[_predicts(curves)]
    ends = curves.groupby([*KEY, "stage"], sort=False)["epoch"].transform("max")
    late = (curves["epoch"] == ends)[_picked(curves)].groupby(curves["method"]).mean()
    return tuple(method for method in header.methods if late.get(method, 0.0) >= HALF)


def _picked(curves: pd.DataFrame) -> pd.Series[bool]:
    """Say of every row whether it is the epoch that its stage serves with."""
    on_complete = _picked_on_complete(curves)
    return curves["chosen_complete"].where(on_complete, curves["chosen_partial"]).astype(bool)


def _predicts(curves: pd.DataFrame) -> pd.Series[bool]:
    """Say of every row whether its stage is a method's last one."""
    return curves["stage"] == curves.groupby(KEY, sort=False)["stage"].transform("last")


def _picked_on_complete(curves: pd.DataFrame) -> pd.Series[bool]:
    """Say of every row whether its stage serves as picked on the complete pattern.

    A stage that teaches another hands that pick on, where it has one; what predicts is picked on
    the partial patterns (`Stage.selections`, `Stage.taught_by`).
    """
    stages = curves.groupby([*KEY, "stage"], sort=False)
    complete, partial = (
        stages[f"chosen_{criterion}"].transform("any").astype(bool)
        for criterion in ("complete", "partial")
    )
    return complete & ~(_predicts(curves) & partial)


def costs(directory: Path, tally: Tally) -> pd.DataFrame:
    """Return method, parameters, train_seconds, shared_seconds, ms_per_prediction, peak_memory.

    Means over cells; memory is the largest, in bytes. A prediction is one utterance under one
    condition.
    """
    header = tally.header
    cells = _table(directory / CELLS)
    sizes = {
        header.folds[fold]: int(tally.units.sizes[tally.units.fold == fold].sum())
        for fold in set(tally.units.fold.tolist())
    }
    predictions = cells["fold"].map(sizes).astype(float) * len(header.conditions)
    cells = cells.assign(ms_per_prediction=1000 * cells["evaluate_seconds"] / predictions)
    grouped = cells.groupby("method", sort=False)
    frame = grouped[["parameters", "train_seconds", "shared_seconds", "ms_per_prediction"]].mean()
    frame["peak_memory"] = grouped["peak_memory"].max()
    return _in_order(frame.reset_index(), header, [])


def _table(path: Path) -> pd.DataFrame:
    """Read a table; empty where the run has none."""
    if path.is_file():
        with reading(path):
            return pd.read_parquet(path)
    schema = {CELLS: CELLS_SCHEMA, CURVES: CURVES_SCHEMA}[path.name]
    empty: pd.DataFrame = schema.empty_table().to_pandas()
    return empty


def _in_order(frame: pd.DataFrame, header: TableHeader, by: list[str]) -> pd.DataFrame:
    """Sort by method as the suite has them, then by stage as they were trained."""
    stages = {name: k for k, name in enumerate(dict.fromkeys(frame.get("stage", ())))}
    keys = {"method": {m: k for k, m in enumerate(header.methods)}, "stage": stages}
    keys["fold"] = {fold: k for k, fold in enumerate(header.folds)}
    order = [name for name in ("method", "stage", *by) if name in frame]
    return frame.sort_values(
        order, key=lambda c: c.map(keys[c.name]) if c.name in keys else c, kind="stable"
    ).reset_index(drop=True)

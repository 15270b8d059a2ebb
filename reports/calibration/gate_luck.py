"""How large luck is in real runs, and in those that are simulated.

`python reports/calibration/gate_luck.py RUN ...` writes gate_luck.csv: a line for each method of
the runs, then for those of the simulation.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gate_calibrate import experiments, size_of
from gate_simulate import Experiment, count, draw, no_drop, reference_of, right_of
from numpy.typing import NDArray

from merbench.check.gate import check
from merbench.check.reference import Reference, reference_of_run
from merbench.results.cell_rows import open_predictions, rows_of_cells
from merbench.results.header import TableHeader
from merbench.results.tables import PREDICTIONS

HERE = Path(__file__).parent
Right = NDArray[np.bool_]
# Draws of each simulated pair; lucks are averaged over them.
DRAWS = 60
SEES = ("grid mean", "one noise", "one pattern")


class Luck(NamedTuple):
    """How far apart models are that differ in their seed alone, in points.

    Attributes:
        of_condition: sd of a model's luck under one condition.
        of_grid: sd of its luck in the mean over conditions.
        sampling: sd that the test utterances of a fold add under one condition.
        sampling_of_grid: likewise, of the mean over conditions.
        models: correlation of two models being right about an utterance.
        conditions: correlation of one model being right about it under two conditions.
    """

    of_condition: float
    of_grid: float
    sampling: float
    sampling_of_grid: float
    models: float
    conditions: float


def luck_of(folds: Sequence[Right]) -> Luck:
    """Take the luck of models apart from what their test utterances add.

    Args:
        folds: (S, K, n) whether each utterance of a fold is right.
    """
    of_condition, of_grid, models, conditions = [], [], [], []
    for right in folds:
        values = right.astype(np.float32)
        for mine, other in combinations(values, 2):
            apart = mine - other
            of_condition.append(_parts(apart))
            of_grid.append(_parts(apart.mean(axis=0)))
            models.append(np.mean([np.corrcoef(a, b)[0, 1] for a, b in _varied(mine, other)]))
        some = values[0][:: max(1, len(values[0]) // 40)]
        some = some[some.std(axis=1) > 0]
        conditions.append(np.corrcoef(some)[np.triu_indices(len(some), 1)].mean())
    luck, sampling = np.sqrt(np.maximum(np.mean(of_condition, axis=0), 0) / 2)
    grid_luck, grid_sampling = np.sqrt(np.maximum(np.mean(of_grid, axis=0), 0) / 2)
    return Luck(
        100 * luck,
        100 * grid_luck,
        100 * sampling,
        100 * grid_sampling,
        float(np.mean(models)),
        float(np.mean(conditions)),
    )


def _parts(apart: NDArray[np.float32]) -> tuple[float, float]:
    """Return the variance of means over utterances that is no sampling, and that which is."""
    sampling = apart.var(axis=-1, ddof=1) / apart.shape[-1]
    return float((apart.mean(axis=-1) ** 2 - sampling).mean()), float(sampling.mean())


def _varied(
    mine: NDArray[np.float32], other: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    for a, b in zip(mine[::7], other[::7], strict=True):
        if a.std() and b.std():
            yield a, b


def right_of_run(directory: Path) -> dict[str, list[Right]]:
    """Return which utterances of a run are right: method -> (S, K, n) of each fold."""
    path = directory / PREDICTIONS
    found: defaultdict[tuple[str, int], list[Right]] = defaultdict(list)
    with open_predictions(path) as file:
        header = TableHeader.from_schema(file.schema_arrow, path)
        for rows in rows_of_cells(file, header, clusters="", probabilities=False):
            method, _, fold = rows.place
            found[header.methods[method], fold].append(rows.predictions == rows.labels)
    of_methods: defaultdict[str, list[Right]] = defaultdict(list)
    for (method, _), seeds in found.items():
        of_methods[method].append(np.stack(seeds))
    return of_methods


def sees(runs: Sequence[Reference]) -> dict[tuple[str, str], float]:
    """Return the median smallest detectable drop of UA: (method, kind of group) -> points."""
    found = defaultdict(list)
    for run in runs:
        for rule in check(run, run, ("wa", "ua", "f1")).rules:
            if rule.metric == "ua":
                found[rule.method, size_of(rule.group)].append(rule.detectable)
    return {key: 100 * float(np.median(values)) for key, values in found.items()}


def simulated(experiment: Experiment) -> tuple[dict[str, list[Right]], list[Reference]]:
    """Return the reference of many simulated pairs."""
    rng, references = np.random.default_rng(0), []
    found: defaultdict[str, list[Right]] = defaultdict(list)
    for _ in range(DRAWS):
        drawn = draw(experiment, rng)
        _, counts = count(experiment, drawn, no_drop(experiment))
        references.append(reference_of(experiment, counts))
        right = right_of(experiment, drawn, 1, no_drop(experiment))
        for method, name in enumerate(references[0].header.methods):
            found[name] += [
                right[:, method][..., experiment.layout.folds == fold]
                for fold in range(int(experiment.layout.folds.max()) + 1)
            ]
    return found, references


def rows() -> Iterator[list[object]]:
    """Yield the lines of the csv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="*")
    sources = []
    for directory in parser.parse_args().runs:
        run = reference_of_run(directory)
        sources.append((run.suite, right_of_run(directory), [run]))
    for experiment in list(experiments())[:2]:
        sources.append((f"simulated, {experiment.name}", *simulated(experiment)))
    for name, right, references in sources:
        seen = sees(references)
        for method, folds in right.items():
            if len(folds[0]) > 1 and any((f != f[:1]).any() for f in folds):
                values = [*luck_of(folds), *(seen[method, group] for group in SEES)]
                yield [name, method, *(round(float(v), 2) for v in values)]


def main() -> None:
    """Write gate_luck.csv."""
    with (HERE / "gate_luck.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["run", "method", *Luck._fields, *SEES])
        table.writerows(rows())


if __name__ == "__main__":
    main()

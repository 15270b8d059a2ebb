"""A study of thousands of tiny cells, on one machine's workers and on a Dask cluster's.

    python -m tests.benchmarks.study --cells 2000 --workers 3 --out runs/study.json

The cells train next to nothing, so that what is measured is what lies around them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from merbench.execution.cluster.engine import DaskEngine
from merbench.execution.engine import Engine, Task
from merbench.execution.local import LocalEngine
from merbench.execution.plan import make_plan
from merbench.execution.run import run_plan
from merbench.execution.tasks import Outcome
from merbench.suite.load import load_suite

_FOLDS = 2
_TABLES = ("results.parquet", "predictions.parquet")
_EVERY = 0.25
_ENDS = 0.2


@dataclass(frozen=True)
class Measured:
    """One way of doing the study.

    Attributes:
        cells: done.
        lost: not done.
        seconds: from the first outcome to the last.
        per_cell: of these seconds, for each cell in between.
        memory: MiB of the coordinator while cells are done, at ten moments from first to last.
        growth: MiB between the median of the first and of the last fifth of that time.
        tables: sha256 of the tables that must be the same everywhere.
    """

    cells: int
    lost: int
    seconds: float
    per_cell: float
    memory: tuple[float, ...]
    growth: float
    tables: dict[str, str]


class _Clock:
    """A watcher that notes when outcomes come."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def start(self, tasks: Sequence[Task], kept: int) -> None:
        """Work begins."""

    def done(self, task: Task, outcome: Outcome) -> None:
        """A task ended."""
        self.times.append(time.monotonic())


class _Scale:
    """Weighs this process now and then."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        self._stop = threading.Event()

    def weigh(self) -> None:
        """Note the resident memory until told to stop."""
        process = psutil.Process()
        while not self._stop.wait(_EVERY):
            self.seen.append((time.monotonic(), process.memory_info().rss / 2**20))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Weigh while the block lasts."""
        thread = threading.Thread(target=self.weigh, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def between(self, first: float, last: float) -> list[float]:
        """Return MiB from one moment to another."""
        return [mebibytes for at, mebibytes in self.seen if first <= at <= last]


def suite(cells: int, method: str) -> dict[str, object]:
    """Return a suite of so many cells: one method, two folds, many seeds."""
    return {
        "name": "study",
        "corpus": {"reader": "synthetic", "utterances": 60},
        "folds": {"scheme": "group_kfold", "n": 3, "by": "speaker", "limit": _FOLDS},
        "seeds": [*range(cells // _FOLDS)],
        "methods": [method],
        "training": {"preset": "quick", "epochs": 1, "decay_epochs": 0},
        "grid": {"noise": [{"type": "gaussian", "severities": [0.5], "on": "present"}]},
    }


def measure(cells: int, engine: Engine, folder: Path, method: str = "logreg") -> Measured:
    """Do the study with an engine."""
    path, root = folder / "study.yaml", folder / "run"
    path.write_text(json.dumps(suite(cells, method)), "utf-8")
    clock, scale = _Clock(), _Scale()
    plan = make_plan(load_suite(path))
    with scale.running():
        outcome = run_plan(plan, root, engine, clock)
    first, last = clock.times[0], clock.times[-1]
    seen = scale.between(first, last)
    end = max(1, int(len(seen) * _ENDS))
    return Measured(
        cells=outcome.done,
        lost=outcome.total - outcome.done,
        seconds=last - first,
        per_cell=(last - first) / max(len(clock.times) - 1, 1),
        memory=tuple(round(seen[i * (len(seen) - 1) // 9], 1) for i in range(10)),
        growth=_median(seen[-end:]) - _median(seen[:end]),
        tables={name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in _TABLES},
    )


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def compare(cells: int, workers: int, folder: Path) -> dict[str, object]:
    """Do the study on local workers and on as many of a Dask cluster, one after the other.

    Returns:
        Both, and the milliseconds of wall time for each cell that Dask takes more.
    """
    found: dict[str, Measured] = {}
    engines: dict[str, Engine] = {"local": LocalEngine(workers), "dask": DaskEngine(workers)}
    for name, engine in engines.items():
        (folder / name).mkdir()
        found[name] = measure(cells, engine, folder / name)
    return {
        "cells": cells,
        "workers": workers,
        "load": os.getloadavg()[0],
        "overhead_ms": 1000 * (found["dask"].per_cell - found["local"].per_cell),
        "same_tables": found["dask"].tables == found["local"].tables,
        **{name: asdict(each) for name, each in found.items()},
    }


def main() -> None:
    """Run the comparison and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = compare(chosen.cells, chosen.workers, Path(folder))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""What the benchmarks measure with: one thread, and one finished run of 30 cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merbench.cli import call
from merbench.execution.tasks import cpu_threads

SUITE: dict[str, Any] = {
    "name": "speed",
    "corpus": {"reader": "synthetic", "utterances": 240},
    "folds": {"scheme": "group_kfold", "n": 5, "by": "speaker"},
    "seeds": [0, 1, 2],
    "methods": ["logreg", {"name": "logreg", "label": "logreg twice"}],
    "grid": {
        "noise": [{"type": "gaussian", "severities": [0.3, 0.6, 0.9], "on": ["absent", "present"]}]
    },
    "contrasts": [["logreg", "logreg twice"]],
}


class FinishedRun:
    """A run, and the suite that it is of."""

    def __init__(self, folder: Path) -> None:
        self.suite, self.root = folder / "suite.yaml", folder / "run"
        self.suite.write_text(json.dumps(SUITE), "utf-8")
        options = ("--out", str(self.root), "--jobs", "1", "--quiet", "--json")
        assert call(["run", str(self.suite), *options]) == 0


@pytest.fixture(autouse=True)
def one_thread():
    with cpu_threads(1):
        yield


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A finished run: read it, and rebuild nothing but its tables."""
    return FinishedRun(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="package")
def arrays():
    """A yardstick of array work: sums, products and sorting, 30 ms or so."""
    rng = np.random.default_rng(0)
    square, line = rng.random((400, 400)), rng.random(200_000)

    def work() -> None:
        for _ in range(2):
            np.sort(line)
            line.cumsum()
            square @ square

    return work

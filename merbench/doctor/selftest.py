"""A tiny suite, trained, evaluated and reported, then done again in other processes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from merbench.api.job import run
from merbench.api.run import Run
from merbench.doctor.finding import Finding
from merbench.errors import MerbenchError
from merbench.results.tables import PREDICTIONS, RESULTS

# One method of each door, one with two stages; noise, and a pattern of each kind.
SUITE: dict[str, Any] = {
    "name": "self-test",
    "corpus": {"reader": "synthetic", "utterances": 60},
    "folds": {"scheme": "group_kfold", "n": 3, "by": "speaker", "limit": 2},
    "methods": ["logreg", "mmin"],
    "training": {"preset": "quick", "epochs": 1, "decay_epochs": 0},
    "grid": {"noise": [{"type": "gaussian", "severities": [0.5], "on": "present"}]},
}
_TABLES = (PREDICTIONS, RESULTS)


class Step(NamedTuple):
    """One step of the self-test: what it does, and how it is done."""

    name: str
    do: Callable[[], str]


def self_test() -> Iterator[Finding]:
    """Do it, on the CPU, and yield a finding as each step ends; stop at the first that fails."""
    with tempfile.TemporaryDirectory(prefix="merbench-doctor-") as name:
        first, second = Path(name) / "first", Path(name) / "second"
        steps = (
            Step("train and evaluate", lambda: _run(first, 1)),
            Step("report", lambda: _report(first)),
            Step("again, in two processes", lambda: _run(second, 2)),
            Step("compare the tables", lambda: _compare(first, second)),
        )
        for step in steps:
            began = time.monotonic()
            try:
                text = step.do()
            except (MerbenchError, OSError, RuntimeError) as error:
                yield Finding("self-test", step.name, f"failed: {error}", "problem")
                return
            yield Finding("self-test", step.name, f"{text}, {time.monotonic() - began:.1f} s")


def _run(out: Path, jobs: int) -> str:
    found = run(SUITE, out=out, device="cpu", jobs=jobs, progress=False)
    return f"{len(found.cells)} cells"


def _report(out: Path) -> str:
    page = Run(out).report()
    return f"a page of {page.stat().st_size / 1024:.0f} KiB"


def _compare(first: Path, second: Path) -> str:
    """Compare the tables byte by byte.

    Raises:
        RuntimeError: they differ.
    """
    for name in _TABLES:
        if (first / name).read_bytes() != (second / name).read_bytes():
            raise RuntimeError(
                f"{name} differs between two runs of one suite; results of this machine do not "
                "repeat: look for a library that computes in its own way (versions, above)"
            )
    return "the same bytes"

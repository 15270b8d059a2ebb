"""The whole protocol through the path that a user's run takes, and what is left of it worked out.

Every network method, on ten speakers' folds of IEMOCAP's shape and three seeds, on the full grid.
"""

from __future__ import annotations

import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merbench import registry
from merbench.execution.local import LocalEngine
from merbench.execution.plan import CellTask, StageTask, make_plan
from merbench.execution.run import Quiet, run_plan
from merbench.execution.tasks import Outcome
from merbench.suite.load import load_suite

METHODS = ("nmer", "mmin", "if_mmin", "modality_dropout", "discard")  # what takes longest first
SEVERITIES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the full grid's six noises
FULL_GRID = "full_grid"
PATTERNS = 7  # without noise
CELLS = len(METHODS) * 10 * 3


@dataclass(frozen=True)
class Extent:
    """How much of the protocol is run.

    Attributes:
        utterances: of the corpus.
        folds: tested, of ten.
        seeds: of the training.
        epochs: of each stage; None for all that were published.
        severities: of each noise, of five.
        fleet: networks that train at once, or `auto`.
    """

    utterances: int = 5531
    folds: int = 10
    seeds: int = 3
    epochs: int | None = None
    severities: int = len(SEVERITIES)
    fleet: int | str = "auto"

    def settings(self) -> list[str]:
        """Return what changes in the full grid's suite."""
        values: dict[str, Any] = {
            "corpus": {"reader": "synthetic", "shape": "iemocap", "utterances": self.utterances},
            "folds": {"scheme": "speaker", "limit": self.folds},
            "seeds": list(range(self.seeds)),
            "methods": list(METHODS),
            "contrasts": [],
            "training": {"preset": "published"},
            "numerics.fleet": self.fleet,
        }
        if self.epochs is not None:
            values["training"] |= {"epochs": self.epochs, "decay_epochs": 0}
        kept = [SEVERITIES[k * 2 % 5] for k in range(self.severities)]
        for number in range(6):
            values[f"grid.noise.{number}.severities"] = sorted(kept)
        return [f"{key}={json.dumps(value)}" for key, value in values.items()]


class _Deadline(Quiet):
    """Interrupts a run that goes on for too long, as Ctrl-C does."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.perf_counter() + seconds

    def done(self, task: StageTask | CellTask, outcome: Outcome) -> None:
        """A task ended."""
        if time.perf_counter() > self.ends:
            raise KeyboardInterrupt


def measure_run(device: str, extent: Extent, seconds: float, jobs: int = 1) -> dict[str, Any]:
    """Run the protocol in a folder of its own, and work out what all of it would take.

    Args:
        device: to train and evaluate on.
        extent: how much of it.
        seconds: after which the run is interrupted, between two tasks.
        jobs: processes that share the device.
    """
    started = time.perf_counter()
    plan = make_plan(load_suite(FULL_GRID, extent.settings()), device)
    planned = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        interrupted, failures = False, []
        try:
            outcome = run_plan(plan, Path(folder) / "run", LocalEngine(jobs), _Deadline(seconds))
            failures = [f"{f.cell}: {f.error}" for f in outcome.failures]
        except KeyboardInterrupt:
            interrupted = True
        run = time.perf_counter() - started
        cells, stages = (_records(Path(folder) / "run" / kind) for kind in ("cells", "stages"))
    return {
        "methods": list(METHODS),
        "utterances": extent.utterances,
        "conditions": len(plan.protocol.grid.conditions),
        "epochs_of_a_stage": extent.epochs or "as published",
        "form": plan.protocol.form,
        "cells": {"done": len(cells), "planned": len(plan.cells), "full": CELLS},
        "interrupted": interrupted,
        "failures": failures,
        "jobs": jobs,
        "seconds_to_plan": planned,
        "seconds": run,
        **_summed(cells, stages),
        "extrapolated": _whole(
            len(plan.protocol.grid.conditions), extent, cells, stages, run, jobs
        ),
    }


def _records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*/record.json"))]


def _summed(cells: Sequence[dict[str, Any]], stages: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {
        "seconds_in_stages": sum(stage["seconds"] for stage in stages),
        "seconds_training_cells": sum(cell["seconds"]["train"] for cell in cells),
        "seconds_evaluating": sum(cell["seconds"]["evaluate"] for cell in cells),
    }


def _whole(
    conditions: int,
    extent: Extent,
    cells: Sequence[dict[str, Any]],
    stages: Sequence[dict[str, Any]],
    run: float,
    jobs: int,
) -> dict[str, Any] | None:
    """Add the epochs and conditions left out, then the cells; None where no cell was done.

    What was measured in processes side by side goes on in as many.
    """
    if not cells:
        return None
    published = {
        stage: settings.total_epochs
        for name in METHODS
        for stage, settings in registry.load("methods", name).published().items()
    }
    own = [stage for cell in cells for stage in cell["stages"] if not stage["shared"]]
    epochs = 0.0
    for stage in itertools.chain(stages, own):
        # The first ones also wait for what a device prepares once.
        each = statistics.median(epoch["seconds"] for epoch in stage["curve"])
        epochs += each * (published[stage["stage"]] - len(stage["curve"]))
    evaluated = sum(cell["seconds"]["evaluate"] for cell in cells)
    noised = (conditions - PATTERNS) * len(SEVERITIES) // extent.severities
    more = evaluated * ((PATTERNS + noised) / conditions - 1) / jobs
    epochs /= jobs
    scale = CELLS / len(cells)
    return {
        "seconds": (run + epochs + more) * scale,
        "of_it_epochs_not_run": epochs * scale,
        "of_it_conditions_not_run": more * scale,
        "cells_multiplied_by": scale,
        "assumes": "an epoch as long as those that ran, evaluation in proportion to conditions "
        "(too much: what is done once is multiplied as well), cells in proportion",
    }

"""One small suite on a GPU and on the CPU: do the tables say the same?

python -m tests.benchmarks.devices --out runs/on_cpu.parquet

writes what the CPU says, so that a GPU's time is not spent on it: `python -m tests.benchmarks.gpu
--on-cpu runs/on_cpu.parquet`.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd

from merbench.execution.local import LocalEngine
from merbench.execution.plan import make_plan
from merbench.execution.run import Quiet, run_plan
from merbench.suite.load import load_suite

CONDITION = ["method", "pattern", "noise", "on", "severity"]
BOTH = "each network alone on the CPU, fleets on the device; one corpus, folds, seeds and grid"


@dataclass(frozen=True)
class Small:
    """A suite that both devices do in a minute or so."""

    utterances: int = 360
    folds: int = 3
    seeds: int = 5
    epochs: int = 8
    methods: tuple[str, ...] = ("modality_dropout", "mmin", "if_mmin", "nmer")

    def suite(self, fleet: int | str) -> dict[str, Any]:
        """Return its content."""
        return {
            "name": "small",
            "corpus": {"reader": "synthetic", "utterances": self.utterances},
            "folds": {"scheme": "group_kfold", "n": max(3, self.folds), "by": "speaker",
                      "limit": self.folds},
            "seeds": list(range(self.seeds)),
            "methods": list(self.methods),
            "contrasts": [],
            "training": {"preset": "quick", "epochs": self.epochs, "decay_epochs": 2},
            "grid": {
                "noise": [
                    {"type": "gaussian", "severities": [0.3, 0.7], "on": ["absent", "present"]}
                ]
            },
            "numerics": {"fleet": fleet},
        }  # fmt: skip


def compare_devices(
    device: str, small: Small, fleet: int | str = "auto", on_cpu: Path | None = None
) -> dict[str, Any]:
    """Run a suite on the CPU and on a device, and compare UA condition by condition.

    Args:
        device: to compare with the CPU.
        small: the suite.
        fleet: networks that train at once on the device.
        on_cpu: what the CPU has found already; it runs the suite here where that is None.

    Returns:
        The difference of the means over seeds, against the standard deviation over seeds on the
        CPU and against the standard error of such a difference.
    """
    one = scores_on_cpu(small) if on_cpu is None else pd.read_parquet(on_cpu)
    other = _scores(device, small.suite(fleet), 1)
    by_seed = [table.groupby(CONDITION, observed=True)["ua"] for table in (one, other)]
    means, spreads = [g.mean() for g in by_seed], [g.std() for g in by_seed]
    difference = (means[1] - means[0]).abs()
    error = ((spreads[0] ** 2 + spreads[1] ** 2) / small.seeds).pow(0.5)
    worst = difference.idxmax()
    return {
        "what": BOTH,
        "conditions": len(difference),
        "seeds": small.seeds,
        "largest_difference": float(difference.max()),
        "where": [str(part) for part in worst],
        "seed_sd_there": float(spreads[0][worst]),
        "mean_difference": float(difference.mean()),
        "mean_signed_difference": float((means[1] - means[0]).mean()),
        "mean_seed_sd": float(spreads[0].mean()),
        "largest_seed_sd": float(spreads[0].max()),
        "share_within_two_errors": float((difference <= 2 * error + 1e-9).mean()),
    }


def scores_on_cpu(small: Small) -> pd.DataFrame:
    """Return what the CPU finds, each network trained alone."""
    return _scores("cpu", small.suite(1), min(8, os.cpu_count() or 1))


def _scores(device: str, content: dict[str, Any], jobs: int) -> pd.DataFrame:
    """Return one row for each condition and seed: UA, averaged over the folds."""
    with tempfile.TemporaryDirectory() as folder:
        path, root = Path(folder) / "small.yaml", Path(folder) / "run"
        path.write_text(json.dumps(content), "utf-8")
        outcome = run_plan(make_plan(load_suite(path), device), root, LocalEngine(jobs), Quiet())
        if outcome.failures:
            failure = outcome.failures[0]
            raise RuntimeError(f"{failure.cell} on {device}: {failure.error}")
        table = pd.read_parquet(root / "results.parquet")
    scores = table.groupby([*CONDITION, "seed"], observed=True)["ua"].mean()
    return scores.reset_index()


@click.command(help=__doc__)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(out: Path) -> None:
    """Write what the CPU finds."""
    out.parent.mkdir(parents=True, exist_ok=True)
    scores_on_cpu(Small()).to_parquet(out)


if __name__ == "__main__":
    main()

"""Measure a GPU in one call of under nine minutes, and write one JSON.

python -m tests.benchmarks.gpu --out runs/gpu.json
"""

from __future__ import annotations

import importlib.util
import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch

from merbench.corpus.corpus import Corpus
from merbench.execution.prepare import PreparedFold
from tests.benchmarks.fold import Sizes, make_corpus, make_fold, make_grid
from tests.benchmarks.grids import CONDITIONS
from tests.benchmarks.measure import QUICK, QUICK_CONDITIONS
from tests.benchmarks.ours import METHODS, Trained, evaluate, make_method, train
from tests.benchmarks.plain import PlainRun
from tests.benchmarks.timing import gemm_peak, in_turns, seconds_of

BUDGET = 480.0
FLEETS = "merbench.training.fleet"


@dataclass
class Budget:
    """The time that is left; what no longer fits is named, not measured.

    Attributes:
        seconds: in all.
        skipped: what was left out.
    """

    seconds: float
    started: float = field(default_factory=time.perf_counter)
    skipped: list[str] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def run(self, name: str, expected: float, action: Callable[[], Any]) -> Any:
        """Do something if there is time for what it is expected to take; else return None."""
        if self.spent + expected > self.seconds:
            self.skipped.append(name)
            return None
        return action()


@click.command(help=__doc__)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--device", default="cuda:0")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--budget", type=click.FloatRange(0), default=BUDGET, help="seconds")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), help="of the utterances")
@click.option("--quick", is_flag=True, help="a tenth of everything, to see that it works")
def main(
    out: Path, device: str, rounds: int, budget: float, share: float | None, quick: bool
) -> None:
    """Measure."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise click.UsageError("no CUDA device is here; --device cpu --quick tries the script")
    share = share or (QUICK if quick else 1.0)
    sizes = Sizes() if share == 1 else Sizes().scaled(share)
    conditions = max(QUICK_CONDITIONS if quick else CONDITIONS)
    record = measure(device, sizes, conditions, rounds, Budget(budget))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def measure(
    device: str, sizes: Sizes, conditions: int, rounds: int, budget: Budget
) -> dict[str, Any]:
    """Measure what fits into the budget, what matters most first.

    Returns:
        For each method the seconds of an epoch a stage, of the grid, and peak memory; then fleets,
        and the usual loop's epochs.
    """
    corpus = make_corpus(sizes.total)
    fold = make_fold(corpus, sizes, device)
    record: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "torch": torch.__version__,
        "utterances": {"train": sizes.train, "valid": sizes.valid, "test": sizes.test},
        "gemm_peak_gflops": gemm_peak(device, size=512 if device == "cpu" else 8192),
        "seconds_to_prepare": budget.spent,
    }
    methods = {name: make_method(name, fold) for name in METHODS}
    record["ours"] = {
        name: budget.run(name, 20, lambda t=t: _ours(t, fold, corpus, conditions, rounds, device))
        for name, t in methods.items()
    }
    record["fleets"] = fleets()
    record["plain"] = {
        label: budget.run(f"plain {label}", 45, lambda t=t, n=n: _plain(t, n, fold))
        for label, t, n in _stages(methods)
    }
    record["skipped_for_time"] = budget.skipped
    record["seconds"] = budget.spent
    return record


def _stages(methods: dict[str, Trained]) -> Iterator[tuple[str, Trained, int]]:
    for name, trained in methods.items():
        # Last stages first: they are what tables are about.
        for number in reversed(range(len(trained.stages))):
            yield f"{name} stage {number + 1}", trained, number


def _ours(
    trained: Trained,
    fold: PreparedFold,
    corpus: Corpus,
    conditions: int,
    rounds: int,
    device: str,
) -> dict[str, Any]:
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    found: dict[str, Any] = {"stages": {}}
    for number, stage in enumerate(trained.stages):
        train(trained, number, fold)  # kernels are chosen and memory is taken on first use
        ways = {"epoch": lambda n=number: train(trained, n, fold).epoch}
        times = in_turns(ways, rounds)
        found["stages"][stage.name] = {
            "batch_size": stage.training.batch_size,
            **times["epoch"].record(),
        }
    found["train_peak_memory"] = peak_memory(device)
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    grid = make_grid(corpus, conditions)
    evaluation = in_turns(
        {"grid": lambda: seconds_of(lambda: evaluate(trained, fold, grid), device)}, rounds
    )
    found["grid"] = {"conditions": len(grid.conditions), **evaluation["grid"].record()}
    found["grid_peak_memory"] = peak_memory(device)
    return found


def _plain(trained: Trained, number: int, fold: PreparedFold) -> dict[str, float]:
    stage = trained.stages[number]
    epoch = PlainRun(stage, trained.networks[number], trained.teacher(number), fold).epoch()
    return {"train": epoch.train_seconds, "evaluate": epoch.evaluate_seconds}


def peak_memory(device: str) -> int:
    """Return bytes: of the device where it is a GPU, else the most this process ever held."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fleets() -> dict[str, Any]:
    """Say whether many members can be trained at once.

    Whoever adds them measures them here: members against as many trained one at a time.
    """
    if importlib.util.find_spec(FLEETS) is None:
        return {"offered": False, "why": f"there is no {FLEETS}: members train one at a time"}
    return {"offered": True, "why": "not measured: this script does not know how to call them"}


if __name__ == "__main__":
    main()

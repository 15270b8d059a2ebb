"""Measure a GPU in one call of under nine minutes, and write one JSON.

python -m tests.benchmarks.gpu --out runs/gpu.json
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import torch

from merbench import registry
from merbench.corpus.corpus import Corpus
from merbench.execution.prepare import PreparedFold
from tests.benchmarks.devices import Small, compare_devices
from tests.benchmarks.fleets import MEMBERS, measure_fleet
from tests.benchmarks.fold import Sizes, make_corpus, make_fold, make_grid, with_grid
from tests.benchmarks.grids import CONDITIONS
from tests.benchmarks.measure import QUICK, QUICK_CONDITIONS
from tests.benchmarks.ours import METHODS, Trained, evaluate, make_method, train
from tests.benchmarks.plain import PlainRun
from tests.benchmarks.timing import gemm_peak, in_turns, seconds_of
from tests.benchmarks.whole_run import Extent, measure_run

BUDGET = 480.0
PARTS = ("fleets", "tables", "protocol", "plain")


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


@dataclass(frozen=True)
class Asked:
    """What is measured.

    Attributes:
        device: where.
        sizes: of a fold.
        conditions: of the grid, for an evaluation by itself.
        rounds: measurements behind a median.
        members: of fleets.
        extents: of the protocol, the largest first; the first that fits is run.
        small: the suite that both devices do.
        parts: of all this, those that are measured.
        on_cpu: the tables of the small suite on the CPU; None has them made.
        jobs: processes that share the device in the protocol.
    """

    device: str
    sizes: Sizes
    conditions: int
    rounds: int
    members: tuple[int, ...] = MEMBERS
    extents: tuple[Extent, ...] = (
        Extent(),
        Extent(epochs=4),
        Extent(epochs=1),
        Extent(epochs=1, severities=1),
        Extent(epochs=1, severities=1, folds=4),
    )
    small: Small = field(default_factory=Small)
    parts: frozenset[str] = frozenset(PARTS)
    on_cpu: Path | None = None
    jobs: int = 1


@click.command(help=__doc__)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--device", default="cuda:0")
@click.option("--rounds", type=click.IntRange(1), default=2)
@click.option("--budget", type=click.FloatRange(0), default=BUDGET, help="seconds")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), help="of the utterances")
@click.option("--only", type=click.Choice(PARTS), multiple=True, default=PARTS, help="parts")
@click.option(
    "--on-cpu",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="what tests.benchmarks.devices has written, for the tables",
)
@click.option("--jobs", type=click.IntRange(1), default=1, help="processes, for the protocol")
@click.option("--members", type=click.IntRange(2), multiple=True, default=MEMBERS, help="of fleets")
@click.option("--epochs", type=click.IntRange(1), help="of each stage, for the protocol")
@click.option("--severities", type=click.IntRange(1, 5), default=5, help="of a noise, there")
@click.option("--quick", is_flag=True, help="a tenth of everything, to see that it works")
def main(
    out: Path,
    device: str,
    rounds: int,
    budget: float,
    share: float | None,
    only: tuple[str, ...],
    on_cpu: Path | None,
    jobs: int,
    members: tuple[int, ...],
    epochs: int | None,
    severities: int,
    quick: bool,
) -> None:
    """Measure."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise click.UsageError("no CUDA device is here; --device cpu --quick tries the script")
    share = share or (QUICK if quick else 1.0)
    sizes = Sizes() if share == 1 else Sizes().scaled(share)
    conditions = max(QUICK_CONDITIONS if quick else CONDITIONS)
    asked = Asked(
        device,
        sizes,
        conditions,
        rounds,
        members,
        parts=frozenset(only),
        on_cpu=on_cpu,
        jobs=jobs,
    )
    if epochs is not None:
        asked = replace(asked, extents=(Extent(epochs=epochs, severities=severities),))
    if quick:
        extent = Extent(max(60, sizes.total), folds=2, seeds=1, epochs=1, severities=1, fleet=30)
        small = Small(utterances=60, folds=1, seeds=2, epochs=1, methods=("modality_dropout",))
        asked = replace(asked, members=(2, 3), extents=(extent,), small=small)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Written after every step, so that a call that is cut off leaves what it had.
    for record in measure(asked, Budget(budget)):
        out.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def measure(asked: Asked, budget: Budget) -> Iterator[dict[str, Any]]:
    """Measure what fits into the budget, what matters most first.

    Yields:
        The record as it grows: each method alone and in fleets, the two devices compared, the
        whole protocol, the usual loop's epochs.
    """
    device, sizes = asked.device, asked.sizes
    corpus = make_corpus(sizes.total)
    begun = time.perf_counter()
    fold = make_fold(corpus, sizes, device)
    prepared = time.perf_counter() - begun
    record: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "torch": torch.__version__,
        "utterances": {"train": sizes.train, "valid": sizes.valid, "test": sizes.test},
        "gemm_peak_gflops": gemm_peak(device, size=512 if device == "cpu" else 8192),
        "seconds_to_prepare": prepared,
        "ours": {},
        "fleets": {},
        "skipped_for_time": budget.skipped,
    }
    methods = {name: make_method(name, fold) for name in METHODS}
    stages = list(_stages(methods))
    for name, t in methods.items() if "fleets" in asked.parts else ():
        record["ours"][name] = budget.run(name, 20, lambda t=t: _ours(t, fold, corpus, asked))
        yield _timed(record, budget)
    for label, t, n in stages if "fleets" in asked.parts else ():
        alone = _found(record, "ours", t.name, "stages", t.stages[n].name, "median")
        # Two epochs each; a fleet is hoped to take a fifth of what its members take alone.
        expected = 2 * alone * sum(asked.members) / 5
        record["fleets"][label] = budget.run(
            f"fleets of {label}",
            expected,
            lambda t=t, n=n, a=alone: measure_fleet(t, n, fold, asked.members, a),
        )
        yield _timed(record, budget)
    if "tables" in asked.parts:
        record["same_tables"] = budget.run(
            "the same tables on both devices",
            60 if device.startswith("cuda") else 0,
            lambda: compare_devices(device, asked.small, on_cpu=asked.on_cpu),
        )
        yield _timed(record, budget)
    if "protocol" in asked.parts:
        record["protocol"] = _protocol(asked, record, budget)
        yield _timed(record, budget)
    record["plain"] = {}
    for label, t, n in stages if "plain" in asked.parts else ():
        record["plain"][label] = budget.run(
            f"plain {label}", 45, lambda t=t, n=n: _plain(t, n, fold)
        )
        yield _timed(record, budget)


def _timed(record: dict[str, Any], budget: Budget) -> dict[str, Any]:
    return {**record, "seconds": budget.spent}


def _found(record: dict[str, Any], *place: str) -> float:
    """Return a figure that was measured, and where it was not, more than there is time for."""
    found: Any = record
    for key in place:
        found = (found or {}).get(key)
    return float("inf") if found is None else float(found)


def _protocol(asked: Asked, record: dict[str, Any], budget: Budget) -> dict[str, Any] | None:
    """Run as much of the protocol as should fit; name what does not."""
    left = budget.seconds - budget.spent
    for extent in asked.extents:
        # By itself it is begun whatever it may take: it is interrupted where the budget ends.
        expected = _expected(extent, record, asked) if record["fleets"] else 0.0
        if expected < left or (left > 0 and len(asked.extents) == 1):
            found = measure_run(asked.device, extent, left, asked.jobs)
            return {"expected_seconds": expected, **found}
        budget.skipped.append(
            f"the protocol, {extent.folds} folds, {extent.epochs or 'all'} epochs, "
            f"{extent.severities} severities (expected {expected:.0f} s)"
        )
    return None


def _expected(extent: Extent, record: dict[str, Any], asked: Asked) -> float:
    """Estimate a run from what was measured; the simpler methods as half of MMIN."""
    members, largest = extent.folds * extent.seeds, str(max(asked.members))
    total = extent.folds * 2 * record["seconds_to_prepare"]
    conditions = (7 + 78 * extent.severities) / asked.conditions
    for name in METHODS:
        share = 2.0 if name == "mmin" else 1.0
        # What is drawn for a fold stays on the device, for all that is evaluated on it.
        grid = _found(record, "ours", name, "grid_drawn_already", "median")
        total += share * members * grid * conditions
        if name == "mmin":
            anew = _found(record, "ours", name, "grid", "median")
            total += extent.folds * (anew - grid) * conditions
        for number, settings in enumerate(registry.load("methods", name).published().values()):
            epoch = _found(record, "fleets", f"{name} stage {number + 1}", largest, "epoch")
            epochs = extent.epochs or settings.total_epochs
            total += share * epoch * epochs * members / max(asked.members)
    return total


def _stages(methods: dict[str, Trained]) -> Iterator[tuple[str, Trained, int]]:
    for name, trained in methods.items():
        # Last stages first: they are what tables are about.
        for number in reversed(range(len(trained.stages))):
            yield f"{name} stage {number + 1}", trained, number


def _ours(trained: Trained, fold: PreparedFold, corpus: Corpus, asked: Asked) -> dict[str, Any]:
    device, rounds = asked.device, asked.rounds
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
    grid = make_grid(corpus, asked.conditions)
    drawn = with_grid(fold.evaluator, grid)
    ways = {
        "grid": lambda: evaluate(trained, fold, grid),
        "grid_drawn_already": lambda: drawn.evaluate(
            trained.method, trained.predictor, ("benchmark", 0)
        ),
    }
    ways["grid_drawn_already"]()
    evaluation = in_turns(
        {name: lambda way=way: seconds_of(way, device) for name, way in ways.items()}, rounds
    )
    for name, times in evaluation.items():
        found[name] = {"conditions": len(grid.conditions), **times.record()}
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


if __name__ == "__main__":
    main()

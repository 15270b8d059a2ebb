"""Our way: what is measured goes through the training loop and the evaluator, as in a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from merbench import registry, seeds
from merbench.corruption.grid import Grid
from merbench.execution.device import products
from merbench.execution.prepare import PreparedFold
from merbench.methods.base import Network, NetworkMethod, Stage
from merbench.training.loop import train_stage
from tests.benchmarks.fold import with_grid

METHODS = ("mmin", "if_mmin", "nmer")


@dataclass(frozen=True)
class Trained:
    """A method and networks of its stages, as they are built: weights do not matter to a clock.

    Attributes:
        name: of the method.
        method: itself.
        stages: as published.
        networks: one a stage.
    """

    name: str
    method: NetworkMethod
    stages: tuple[Stage, ...]
    networks: tuple[Network, ...]

    @property
    def predictor(self) -> Network:
        """The network of the last stage."""
        return self.networks[-1]

    def teacher(self, number: int) -> Network | None:
        """Return the network that teaches a stage."""
        return self.networks[number - 1] if number else None


@dataclass(frozen=True)
class OurEpoch:
    """Seconds of one epoch with its validation, and of what a stage does once."""

    epoch: float
    once: float


def make_method(name: str, fold: PreparedFold) -> Trained:
    """Return a method with its published settings."""
    kind = registry.load("methods", name)
    method = kind(kind.Config())
    stages = method.stages(list(kind.published().values()))
    device = fold.train.labels.device
    networks = []
    for stage in stages:
        with seeds.torch_scope(device, "benchmark", stage.name):
            networks.append(stage.build(fold.shape).to(device).eval())
    return Trained(name, method, stages, tuple(networks))


def each_stage(fold: PreparedFold) -> Iterator[tuple[str, Trained, int]]:
    """Yield every stage of every method under its name in tables."""
    for name in METHODS:
        trained = make_method(name, fold)
        for number in range(len(trained.stages)):
            yield f"{name} stage {number + 1}", trained, number


def train(trained: Trained, number: int, fold: PreparedFold, epochs: int = 1) -> OurEpoch:
    """Train a stage for some epochs; the last one counts."""
    stage = trained.stages[number]
    settings = stage.training.model_copy(update={"epochs": epochs, "decay_epochs": 0})
    stage = replace(stage, training=settings)
    data = fold.training_data(stage)
    started = time.perf_counter()
    with products(str(data.train.labels.device), tf32=True):  # as a run has them
        result = train_stage(stage, data, trained.teacher(number), ("benchmark", 0))
    total = time.perf_counter() - started
    return OurEpoch(result.curve[-1].seconds, total - sum(r.seconds for r in result.curve))


def evaluate(trained: Trained, fold: PreparedFold, grid: Grid | None = None) -> None:
    """Evaluate the last stage's network on a grid, everything drawn anew."""
    evaluator = with_grid(fold.evaluator, grid or fold.evaluator.grid)
    with torch.no_grad():
        evaluator.evaluate(trained.method, trained.predictor, ("benchmark", 0))

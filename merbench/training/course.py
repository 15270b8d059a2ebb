"""One network's way through a stage: its batches, its losses, its scores, its best epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from merbench.errors import CellError
from merbench.methods.base import Network, Selection, Stage, trainable_parameters
from merbench.training.config import StageTraining
from merbench.training.sampling import Source, batches
from merbench.training.validate import Validator

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one stage.

    Attributes:
        stage: its name.
        epoch: 1-based.
        lr: learning rate.
        loss: mean over the steps of the summed terms.
        terms: mean of each term.
        complete: validation score on the complete pattern.
        partial: validation score averaged over the partial patterns.
        seconds: time it took, validation included; in a fleet, the member's share.
    """

    stage: str
    epoch: int
    lr: float
    loss: float
    terms: dict[str, float]
    complete: float
    partial: float
    seconds: float


@dataclass(frozen=True)
class TrainedStage:
    """What training a stage leaves.

    Attributes:
        weights: criterion -> state of the network at the epoch it picked, on the device.
        chosen: criterion -> that epoch, 1-based.
        curve: one record an epoch.
        parameters: trainable ones.
        members: networks that trained beside it, itself included.
        diagnostics: the network's own figures, at the epoch of the last criterion.
    """

    weights: dict[Selection, Weights]
    chosen: dict[Selection, int]
    curve: list[EpochRecord]
    parameters: int
    members: int = 1
    diagnostics: dict[str, float] = field(default_factory=dict)


def learning_rate(training: StageTraining, epoch: int) -> float:
    """Return the learning rate of a 1-based epoch: constant, then linear decay that never ends."""
    decayed = max(0, epoch - training.epochs) / (training.decay_epochs + 1)
    return training.lr * (1 - decayed)


def make_optimiser(training: StageTraining, parameters: Iterable[Tensor]) -> torch.optim.Adam:
    """Return a stage's optimiser of some parameters."""
    return torch.optim.Adam(parameters, lr=training.lr, betas=training.betas, fused=True)


def take_step(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Take a step at a learning rate; what has no gradient stays as it is."""
    for group in optimiser.param_groups:
        group["lr"] = lr
    optimiser.step()


class Course:
    """One network's training, step by step; whoever takes the steps calls it.

    Attributes:
        steps: the rows of each batch of the epoch.
    """

    def __init__(
        self, stage: Stage, network: Network, source: Source, validator: Validator
    ) -> None:
        self.stage, self.network = stage, network
        self.source, self.validator = source, validator
        self.steps: list[Tensor] = []
        self.curve: list[EpochRecord] = []
        self.best: dict[Selection, float] = dict.fromkeys(stage.selections, -1.0)
        self.chosen: dict[Selection, int] = dict.fromkeys(stage.selections, 0)
        self.weights: dict[Selection, Weights] = {}
        self._names: Sequence[str] = ()
        self._terms: list[Tensor] = []
        self._means: dict[str, float] = {}

    def start(self) -> None:
        """Draw an epoch's order."""
        self.network.train()
        size = self.stage.training.batch_size
        self.steps = list(batches(len(self.source.part), size, self.source.generator))
        self._terms = []

    def progress(self, epoch: int, number: int) -> float:
        """Return the share of the stage's epochs that is done before a step."""
        done = epoch - 1 + number / len(self.steps)
        return done / self.stage.training.total_epochs

    def add(self, names: Sequence[str], terms: Tensor) -> None:
        """Note the (k,) terms of a step's loss, which may still lie on the device."""
        self._names = names
        self._terms.append(terms)

    def check(self, epoch: int) -> None:
        """Take the means of an epoch's terms, and refuse to go on with a loss that is none.

        Raises:
            CellError: the epoch's loss is not finite.
        """
        means = torch.stack(self._terms).mean(0).tolist()
        self._means = dict(zip(self._names, means, strict=True))
        loss = sum(means)
        if not math.isfinite(loss):
            raise CellError(
                f"stage {self.stage.name!r}: the loss is {loss} in epoch {epoch} "
                f"(terms {self._means})"
            )

    def end(self, epoch: int, scores: dict[Selection, float], seconds: float) -> None:
        """Note a checked epoch, and keep its weights where it is the best by some criterion.

        Each criterion has patience of its own: what it picks is what training for it alone would
        have picked, whoever else the stage is trained for.
        """
        terms = self._means
        waiting = [c for c in self.stage.selections if not self._settled(c)]
        lr = learning_rate(self.stage.training, epoch)
        record = EpochRecord(
            self.stage.name,
            epoch,
            lr,
            sum(terms.values()),
            terms,
            scores["complete"],
            scores["partial"],
            seconds,
        )
        self.curve.append(record)
        kept: Weights | None = None
        for criterion in waiting:
            if scores[criterion] > self.best[criterion]:
                kept = kept or {
                    name: value.detach().clone()
                    for name, value in self.network.state_dict().items()
                }
                self.best[criterion], self.chosen[criterion] = scores[criterion], epoch
                self.weights[criterion] = kept

    def _settled(self, criterion: Selection) -> bool:
        """Say whether too many epochs have passed without a better one by a criterion."""
        patience = self.stage.training.patience
        return patience is not None and len(self.curve) - self.chosen[criterion] >= patience

    @property
    def over(self) -> bool:
        """Say whether all epochs are done, or nobody waits for a better one."""
        done = len(self.curve) == self.stage.training.total_epochs
        return done or all(map(self._settled, self.stage.selections))

    def result(self, members: int) -> TrainedStage:
        """Return what the training leaves."""
        self.network.load_state_dict(self.weights[self.stage.selections[-1]])
        for module in self.network.modules():
            if isinstance(module, nn.RNNBase):
                module.flatten_parameters()  # a fleet's lie apart, where a GPU wants them in a row
        return TrainedStage(
            self.weights,
            self.chosen,
            self.curve,
            trainable_parameters(self.network),
            members,
            self.validator.diagnose(self.network),
        )

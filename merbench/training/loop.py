"""The training loop, the only one: every stage of every network method goes through it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from merbench import seeds
from merbench.corruption.training import TrainingNoise
from merbench.errors import CellError
from merbench.features.observation import zero_input
from merbench.features.part import CorpusShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Network, Selection, Stage, trainable_parameters
from merbench.training.config import StageTraining
from merbench.training.sampling import Sampler, batches
from merbench.training.validate import Validator, clean_embeddings

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class TrainingData:
    """All that training may touch: no test utterance is in it.

    Attributes:
        train: utterances to learn from.
        valid: utterances to pick the epoch by.
        shape: of the fold.
        absent: modality -> frozen stand-ins of an absent input for the validation utterances.
        noised: modality -> frozen noised features of the validation utterances, None where the
            stage validates on clean ones.
        noise: the suite's noises on the training part, None where the stage does without.
    """

    train: Part
    valid: Part
    shape: CorpusShape
    absent: dict[str, Ragged]
    noised: dict[str, Ragged] | None = None
    noise: TrainingNoise | None = None


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
        seconds: time it took, validation included.
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
        weights: criterion -> state of the network at the epoch it picked.
        chosen: criterion -> that epoch, 1-based.
        curve: one record an epoch.
        parameters: trainable ones.
        diagnostics: the network's own figures, at the epoch of the last criterion.
    """

    weights: dict[Selection, Weights]
    chosen: dict[Selection, int]
    curve: list[EpochRecord]
    parameters: int
    diagnostics: dict[str, float] = field(default_factory=dict)


def learning_rate(training: StageTraining, epoch: int) -> float:
    """Return the learning rate of a 1-based epoch: constant, then linear decay that never ends."""
    decayed = max(0, epoch - training.epochs) / (training.decay_epochs + 1)
    return training.lr * (1 - decayed)


def restore(stage: Stage, shape: CorpusShape, weights: Weights, device: torch.device) -> Network:
    """Build a stage's network with trained weights, ready to predict."""
    with seeds.torch_scope(device, "restore"):
        network = stage.build(shape)
    network.load_state_dict(weights)
    return network.to(device).eval()


def train_stage(
    stage: Stage,
    data: TrainingData,
    teacher: Network | None,
    key: tuple[seeds.Part, ...],
) -> TrainedStage:
    """Train one stage.

    Args:
        stage: the recipe.
        data: training and validation parts, on the device to train on.
        teacher: the stage's trained teacher, where it has one.
        key: fold and seed, whatever all random numbers depend on beside the stage's name.

    Raises:
        CellError: too little complete data, or a loss that is not finite.
    """
    device = data.train.labels.device
    train = usable(stage, data.train)
    with seeds.torch_scope(device, "training", stage.name, *key):
        network = stage.build(data.shape)
        network.to(device)
        stage.prepare(network, train.labels)
        if teacher is not None:
            stage.warm_start(network, teacher)
        fit = _Fit(stage, network, data, _sampler(stage, data, train, teacher, key), key)
        return fit.run()


def usable(stage: Stage, train: Part) -> Part:
    """Return the training utterances that a stage may train on.

    Raises:
        CellError: it wants complete ones, and there are less than two batches.
    """
    complete = train.available.all(1)
    if not stage.complete_only or bool(complete.all()):
        return train
    needed = 2 * stage.training.batch_size
    if int(complete.sum()) < needed:
        raise CellError(
            f"stage {stage.name!r} trains on complete utterances: {int(complete.sum())} of "
            f"{len(train)} are, and two batches of {stage.training.batch_size} need {needed}"
        )
    return train.select(complete.nonzero().squeeze(1))


def _sampler(
    stage: Stage,
    data: TrainingData,
    train: Part,
    teacher: Network | None,
    key: tuple[seeds.Part, ...],
) -> Sampler:
    known = {}
    device = train.labels.device
    if teacher is not None:
        teacher.eval()
        zeros = {m.name: zero_input(m, device) for m in data.shape.modalities}
        with torch.no_grad():
            known = clean_embeddings(teacher, train, zeros)
    generator = seeds.torch_generator(device, "sampling", stage.name, *key)
    return Sampler(
        train,
        data.shape,
        stage.sampling,
        known,
        generator,
        _class_weights(stage.training, train.labels, data.shape.classes),
        None if data.noise is None else replace(data.noise, part=train),
        (stage.name, *key),
    )


def _class_weights(training: StageTraining, labels: Tensor, classes: int) -> Tensor | None:
    """Return (C,) n / (C n_c) over the classes there are, 0 for the others; None where off."""
    if training.class_weights == "off":
        return None
    counts = torch.bincount(labels, minlength=classes).to(torch.get_default_dtype())
    there = counts > 0
    return torch.where(there, len(labels) / (there.sum() * counts.clamp(min=1)), 0.0)


class _Fit:
    """One run of the loop: the state that epochs share."""

    def __init__(
        self,
        stage: Stage,
        network: Network,
        data: TrainingData,
        sampler: Sampler,
        key: tuple[seeds.Part, ...],
    ) -> None:
        self.stage, self.network, self.sampler = stage, network, sampler
        self.training = stage.training
        self.validator = Validator(
            data.valid,
            data.shape,
            data.absent,
            data.noised,
            self.training.select_by,
            (stage.name, *key),
        )
        trained = [p for p in network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(
            trained, lr=self.training.lr, betas=self.training.betas, fused=True
        )
        self.clipped = [list(part.parameters()) for part in network.subnetworks()]
        self.best: dict[Selection, float] = dict.fromkeys(stage.selections, -1.0)
        self.weights: dict[Selection, Weights] = {}
        self.chosen: dict[Selection, int] = dict.fromkeys(stage.selections, 0)

    def run(self) -> TrainedStage:
        """Train, validate after every epoch, keep the first best epoch of each criterion."""
        curve = []
        for epoch in range(1, self.training.total_epochs + 1):
            curve.append(self._epoch(epoch))
            self._remember(curve[-1])
            patience = self.training.patience
            if patience is not None and epoch - max(self.chosen.values()) >= patience:
                break
        last = self.stage.selections[-1]
        self.network.load_state_dict(self.weights[last])
        return TrainedStage(
            self.weights,
            self.chosen,
            curve,
            trainable_parameters(self.network),
            self.validator.diagnose(self.network),
        )

    def _epoch(self, epoch: int) -> EpochRecord:
        started = time.perf_counter()
        lr = learning_rate(self.training, epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        self.network.train()
        self.sampler.start_epoch(epoch)
        sums: dict[str, Any] = {}
        steps = list(
            batches(len(self.sampler.part), self.training.batch_size, self.sampler.generator)
        )
        for number, rows in enumerate(steps):
            progress = (epoch - 1 + number / len(steps)) / self.training.total_epochs
            for name, value in self._step(rows, progress).items():
                sums[name] = sums.get(name, 0.0) + value
        terms = {name: float(value) / len(steps) for name, value in sums.items()}
        loss = sum(terms.values())
        if not math.isfinite(loss):
            raise CellError(
                f"stage {self.stage.name!r}: the loss is {loss} in epoch {epoch} (terms {terms})"
            )
        scores = self.validator.scores(self.network)
        return EpochRecord(
            self.stage.name,
            epoch,
            lr,
            loss,
            terms,
            scores["complete"],
            scores["partial"],
            time.perf_counter() - started,
        )

    def _step(self, rows: Tensor, progress: float) -> dict[str, Tensor]:
        terms = self.stage.loss(self.network, self.sampler.batch(rows, progress))
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        for parameters in self.clipped:
            torch.nn.utils.clip_grad_norm_(parameters, self.training.clip)
        self.optimiser.step()
        return {name: term.detach() for name, term in terms.items()}

    def _remember(self, record: EpochRecord) -> None:
        """Keep the weights of an epoch that is strictly the best so far by some criterion."""
        kept: Weights | None = None
        for criterion in self.stage.selections:
            score: float = getattr(record, criterion)
            if score > self.best[criterion]:
                kept = kept or {
                    name: value.detach().clone().cpu()
                    for name, value in self.network.state_dict().items()
                }
                self.best[criterion], self.chosen[criterion] = score, record.epoch
                self.weights[criterion] = kept

"""The usual training loop of the family: what ours is measured against."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from merbench.execution.prepare import PreparedFold
from merbench.methods.base import Network, Stage
from merbench.training.validate import accuracy, unweighted_accuracy
from tests.benchmarks.plain_data import (
    EVALUATION_BATCH,
    PlainBatch,
    PlainDataset,
    PlainItem,
    make_loader,
)
from tests.benchmarks.plain_networks import Features, PlainNetwork, plain_network


@dataclass(frozen=True)
class PlainEpoch:
    """One epoch.

    Attributes:
        loss: mean over the steps.
        valid: unweighted accuracy on the validation part, over all its items.
        test: likewise on the test part.
        train_seconds: of the steps.
        evaluate_seconds: of both evaluations.
    """

    loss: float
    valid: float
    test: float
    train_seconds: float
    evaluate_seconds: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.train_seconds + self.evaluate_seconds


class PlainRun:
    """Trains one stage, and evaluates validation and test part after every epoch.

    Args:
        stage: whose settings it trains with.
        network: whose weights it starts from.
        teacher: of the stage before.
        fold: the parts.
    """

    def __init__(
        self, stage: Stage, network: Network, teacher: Network | None, fold: PreparedFold
    ) -> None:
        self.stage, self.classes = stage, fold.shape.classes
        self.device = fold.train.labels.device
        self.network = plain_network(network).to(self.device)
        self.teacher: PlainNetwork | None = None
        if teacher is not None:
            self.teacher = plain_network(teacher).to(self.device).eval().requires_grad_(False)
        complete = stage.sampling.patterns == "complete"
        names, parts = fold.shape.names, (fold.valid, fold.evaluator.part)
        training = PlainDataset(fold.train, names, "complete" if complete else "random")
        self.training = make_loader(training, stage.training.batch_size)
        self.valid, self.test = (
            make_loader(
                PlainDataset(p, names, "complete" if complete else "each"), EVALUATION_BATCH
            )
            for p in parts
        )
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), lr=stage.training.lr, betas=stage.training.betas
        )

    def see(self, batch: PlainBatch) -> Features:
        """Return what the network sees of a batch."""
        noised = self.stage.sampling.train_noise == "scheduler"
        return batch.noised() if noised else batch.zeroed()

    def epoch(self) -> PlainEpoch:
        """Train once through, then evaluate."""
        started = time.perf_counter()
        loss = self.train()
        trained = time.perf_counter()
        valid, test = self.evaluate(self.valid), self.evaluate(self.test)
        ended = time.perf_counter()
        return PlainEpoch(loss, valid, test, trained - started, ended - trained)

    def train(self) -> float:
        """Take every step of an epoch."""
        self.network.train()
        total = 0.0
        for loaded in self.training:
            total += self.step(loaded.to(self.device))
        return total / len(self.training)

    def step(self, batch: PlainBatch) -> float:
        """Take one step: losses, gradients, a clip for each sub-network, Adam."""
        terms = self.network.losses(batch, self.see(batch), self.teacher)
        loss = sum(terms.values(), torch.zeros((), device=self.device))
        self.optimiser.zero_grad()
        loss.backward()
        for part in self.network.subnetworks():
            nn.utils.clip_grad_norm_(part.parameters(), self.stage.training.clip)
        self.optimiser.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, loader: DataLoader[PlainItem]) -> float:
        """Return the unweighted accuracy over the items of a part, each encoded afresh."""
        self.network.eval()
        predicted: list[Tensor] = []
        labels: list[Tensor] = []
        for loaded in loader:
            batch = loaded.to(self.device)
            predicted.append(self.network(self.see(batch)).argmax(1).cpu())
            labels.append(batch.labels.cpu())
        found, true = torch.cat(predicted), torch.cat(labels)
        accuracy(found, true, self.classes)
        return unweighted_accuracy(found, true, self.classes)

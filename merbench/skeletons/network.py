"""Skeleton: an encoder for each modality, weighted by how much each has to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from merbench.features.observation import ObservedModality, State
from merbench.features.part import CorpusShape
from merbench.methods.base import Batch, Network, NetworkConfig, NetworkMethod, Stage, StateUse
from merbench.methods.parts.encoders import WIDTH, Encoders
from merbench.methods.parts.layers import Classifier
from merbench.training.config import StageTraining


class SkeletonNetwork(Network):
    """Predicts in two halves, so that each noisy input is encoded once for the whole grid."""

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.encoders = Encoders(shape)  # LSTM, TextCNN or two layers, as a modality's kind asks
        self.says = nn.Linear(WIDTH, 1, bias=False)
        self.classifier = Classifier(WIDTH, shape.classes, dropout)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d) embeddings of one modality; `observed.dense()` has its padded frames."""
        return self.encoders.encode(modality, observed)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits; a row may look at nothing but itself."""
        stacked = torch.stack([embeddings[name] for name in self.shape.names], 1)
        says: Tensor = self.says(stacked).squeeze(2)
        weights = says.masked_fill(states == State.ABSENT, -1e4).softmax(1)
        logits: Tensor = self.classifier((weights[..., None] * stacked).sum(1))
        return logits


@dataclass(frozen=True, kw_only=True)
class SkeletonStage(Stage):
    """One training of one network. Its fields are its recipe; add yours."""

    name: ClassVar[str] = "skeleton"

    def build(self, shape: CorpusShape) -> SkeletonNetwork:
        """Build the network."""
        return SkeletonNetwork(shape, self.training.dropout)

    def loss(self, network: SkeletonNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the terms whose sum is minimised; each is logged under its name."""
        logits = network.fuse(network.embed(batch.observed), batch.states)
        return {"ce": batch.cross_entropy(logits)}


class SkeletonConfig(NetworkConfig):
    """Settings, as a suite writes them: `{name: ..., include_complete: false}`."""

    include_complete: bool = True


class Skeleton(NetworkMethod):
    """Trained on random missing patterns."""

    summary = "encoders weighted by how much each has to say"
    uses_states = StateUse.ABSENCE  # `fuse` looks at which modalities are absent
    Config = SkeletonConfig
    config: SkeletonConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """Return how each stage is trained where a suite says nothing else."""
        return {"skeleton": StageTraining(epochs=20, decay_epochs=20, batch_size=128, dropout=0.3)}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the stages; an earlier one may be the `teacher` of a later one."""
        sampling = self.partial_sampling(include_complete=self.config.include_complete)
        return (SkeletonStage(training=training[0], sampling=sampling),)

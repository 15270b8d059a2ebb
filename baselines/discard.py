"""discard: incomplete utterances are dropped, one network a modality, logits averaged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from merbench.features.observation import ObservedModality, State
from merbench.features.part import CorpusShape
from merbench.methods.base import (
    Batch,
    Network,
    NetworkConfig,
    NetworkMethod,
    Sampling,
    Stage,
    StateUse,
)
from merbench.methods.parts.encoders import WIDTH, Encoder, build_encoder
from merbench.methods.parts.layers import Classifier, initialise
from merbench.training.config import StageTraining

from .zero_fill import PUBLISHED


class Expert(nn.Module):
    """Encoder and classifier of one modality."""

    def __init__(self, encoder: Encoder, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = Classifier(WIDTH, classes, dropout)

    def forward(self, observed: ObservedModality) -> Tensor:
        """Return (B, C) logits."""
        logits: Tensor = self.classifier(self.encoder(observed))
        return logits


class LateFusionNetwork(Network):
    """One expert a modality; the mean of the logits of those that are not absent."""

    in_fleets = True
    prior: Tensor

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.experts = nn.ModuleList(
            Expert(build_encoder(m), shape.classes, dropout) for m in shape.modalities
        )
        self.register_buffer("prior", torch.zeros(shape.classes))
        initialise(self)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, C) logits of the modality's expert."""
        logits: Tensor = self.experts[self.shape.names.index(modality)](observed)
        return logits

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C): mean logits, or the class prior where nothing is present."""
        there = (states != State.ABSENT).to(self.prior.dtype)
        logits = torch.stack([embeddings[name] for name in self.shape.names], 1)
        count = there.sum(1, keepdim=True)
        mean = (logits * there[..., None]).sum(1) / count.clamp(min=1)
        return torch.where(count > 0, mean, self.prior)

    def subnetworks(self) -> Iterator[nn.Module]:
        """Yield every expert's encoder and classifier."""
        for expert in self.experts:
            yield from expert.children()


@dataclass(frozen=True, kw_only=True)
class LateFusionStage(Stage):
    """Cross-entropy of every expert on its own."""

    name: ClassVar[str] = "late_fusion"

    def build(self, shape: CorpusShape) -> LateFusionNetwork:
        """Build the network."""
        return LateFusionNetwork(shape, self.training.dropout)

    def prepare(self, network: LateFusionNetwork, labels: Tensor) -> None:
        """Set the class prior from the training labels, with one more count a class."""
        counts = torch.bincount(labels, minlength=network.shape.classes) + 1.0
        network.prior.copy_((counts / counts.sum()).log())

    def loss(self, network: LateFusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return one cross-entropy a modality."""
        return {
            f"ce_{name}": batch.cross_entropy(logits)
            for name, logits in network.embed(batch.observed).items()
        }


class DiscardConfig(NetworkConfig):
    """Settings of discarding: it simulates nothing missing, so there is nothing to noise."""

    train_noise: Literal["off"] = "off"


class Discard(NetworkMethod):
    """Listwise deletion and late fusion: nothing is imputed."""

    summary = "late fusion of single-modality networks trained on complete utterances only"
    uses_states = StateUse.ABSENCE
    Config = DiscardConfig

    def shown_as(self, label: str, *, complete: bool) -> str:
        """Say late fusion where there is nothing to discard."""
        return f"{label} (late fusion)" if complete else label

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """As zero_fill."""
        return {LateFusionStage.name: PUBLISHED}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the one stage."""
        sampling = Sampling(absent_input=self.config.absent_input)
        return (LateFusionStage(training=training[0], sampling=sampling, complete_only=True),)

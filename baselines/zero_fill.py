"""zero_fill: encoders, concatenation, classifier; what is absent is zeros."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from merbench.features.observation import ObservedModality
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
from merbench.methods.parts.encoders import WIDTH, Encoders
from merbench.methods.parts.layers import Classifier, Init, concatenate, initialise
from merbench.training.config import StageTraining

PUBLISHED = StageTraining(epochs=10, decay_epochs=10, batch_size=128, dropout=0.3)


class FusionNetwork(Network):
    """One encoder a modality, and a classifier on the concatenated embeddings."""

    in_fleets = True

    def __init__(self, shape: CorpusShape, dropout: float, init: Init) -> None:
        super().__init__()
        self.shape = shape
        self.encoders = Encoders(shape)
        self.classifier = Classifier(WIDTH * len(shape.modalities), shape.classes, dropout)
        initialise(self, init)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d)."""
        return self.encoders.encode(modality, observed)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of the concatenation [audio, text, visual]."""
        logits: Tensor = self.classifier(concatenate(embeddings, self.shape.order))
        return logits


@dataclass(frozen=True, kw_only=True)
class FusionStage(Stage):
    """Cross-entropy on the fusion network. MMIN's teacher is this stage on complete data."""

    name: ClassVar[str] = "fusion"
    init: Init = "kaiming"

    def build(self, shape: CorpusShape) -> FusionNetwork:
        """Build the network."""
        return FusionNetwork(shape, self.training.dropout, self.init)

    def loss(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy."""
        logits = network.fuse(network.embed(batch.observed), batch.states)
        return {"ce": batch.cross_entropy(logits)}


class FusionConfig(NetworkConfig):
    """Settings of the methods that are one fusion network."""

    init: Init = "kaiming"


class ZeroFillConfig(FusionConfig):
    """Settings of zero filling: it simulates nothing missing, so there is nothing to noise."""

    train_noise: Literal["off"] = "off"


class ZeroFill(NetworkMethod):
    """The fusion network, trained on what the training set holds."""

    summary = "fusion network trained on what there is; absent modalities are zeros"
    uses_states = StateUse.NOTHING
    Config = ZeroFillConfig
    config: ZeroFillConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """MMIN's stage 1."""
        return {FusionStage.name: PUBLISHED}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the one stage."""
        sampling = Sampling(absent_input=self.config.absent_input)
        return (FusionStage(training=training[0], sampling=sampling, init=self.config.init),)

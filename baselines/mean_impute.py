"""mean_impute: an absent modality's embedding is the mean of those seen in training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from merbench.features.part import CorpusShape
from merbench.methods.base import Batch, NetworkMethod, Sampling, Stage, StateUse
from merbench.methods.parts.encoders import WIDTH
from merbench.methods.parts.layers import Init, concatenate
from merbench.training.config import StageTraining

from .presence import over_columns, present
from .zero_fill import PUBLISHED, FusionNetwork, ZeroFillConfig

# What a step adds to a running sum shrinks by this factor with every later step: moments follow
# encoders that still move, over about twenty batches.
MEMORY = 0.95


class ImputingNetwork(FusionNetwork):
    """The fusion network on embeddings without gaps; subclasses say what fills a gap.

    Everything is imputed from moments of the embeddings of training, which follow the encoders.
    """

    @abstractmethod
    def follow(self, h: Tensor, there: Tensor) -> None:
        """Take the embeddings of a training step into the moments.

        Args:
            h: (B, M d), modalities in the order of concatenation; nothing flows back.
            there: (B, M) bool in the same order.
        """

    @abstractmethod
    def impute(self, h: Tensor, there: Tensor) -> Tensor:
        """Return (B, M d): `h` where it is there, else what is imputed."""

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits."""
        h = concatenate(embeddings, self.shape.order)
        logits: Tensor = self.classifier(self.impute(h, present(states, self.shape)))
        return logits


class MeanNetwork(ImputingNetwork):
    """What is absent has the running mean of the modality's embeddings."""

    total: Tensor
    count: Tensor

    def __init__(self, shape: CorpusShape, dropout: float, init: Init) -> None:
        super().__init__(shape, dropout, init)
        modalities = len(shape.modalities)
        self.register_buffer("total", torch.zeros(modalities * WIDTH))
        self.register_buffer("count", torch.zeros(modalities))

    def follow(self, h: Tensor, there: Tensor) -> None:
        """Count every embedding that is there."""
        self.total.mul_(MEMORY).add_((h * over_columns(there)).sum(0))
        self.count.mul_(MEMORY).add_(there.sum(0))

    def impute(self, h: Tensor, there: Tensor) -> Tensor:
        """Fill gaps with means; 0 of a modality that was never seen."""
        count = torch.where(self.count > 0, self.count, 1.0)
        return torch.where(over_columns(there), h, self.total / over_columns(count))


@dataclass(frozen=True, kw_only=True)
class ImputingStage(Stage):
    """Cross-entropy, with moments that follow the encoders."""

    init: Init = "kaiming"

    @abstractmethod
    def build(self, shape: CorpusShape) -> ImputingNetwork:
        """Build the network."""

    def loss(self, network: ImputingNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy."""
        embeddings = network.embed(batch.observed)
        if network.training:
            h = concatenate(embeddings, network.shape.order)
            network.follow(h.detach(), present(batch.states, network.shape))
        return {"ce": batch.cross_entropy(network.fuse(embeddings, batch.states))}


@dataclass(frozen=True, kw_only=True)
class MeanStage(ImputingStage):
    """Gaps are filled with means."""

    name: ClassVar[str] = "mean_impute"

    def build(self, shape: CorpusShape) -> MeanNetwork:
        """Build the network."""
        return MeanNetwork(shape, self.training.dropout, self.init)


class MeanImpute(NetworkMethod):
    """Mean imputation, of embeddings: of normalised features it would be zero_fill."""

    summary = "fusion network; an absent modality's embedding is the training mean"
    uses_states = StateUse.ABSENCE
    Config = ZeroFillConfig
    config: ZeroFillConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """As zero_fill."""
        return {MeanStage.name: PUBLISHED}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the one stage."""
        sampling = Sampling(absent_input=self.config.absent_input)
        return (MeanStage(training=training[0], sampling=sampling, init=self.config.init),)

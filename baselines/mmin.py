"""mmin: the missing modality imagination network (Zhao et al., ACL 2021.acl-long.203)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn import functional

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
from merbench.methods.parts.imagination import AUTOENCODERS, CODE, Cascade
from merbench.methods.parts.layers import Classifier, concatenate, initialise, masked_mse
from merbench.methods.parts.targets import known_modalities, missing_targets
from merbench.training.config import StageTraining

from .zero_fill import PUBLISHED, FusionNetwork, FusionStage


class MminNetwork(Network):
    """Encoders, a forward and a backward imagination cascade, and a classifier on the code."""

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        width = WIDTH * len(shape.modalities)
        self.encoders = Encoders(shape)
        self.imagine = Cascade(width)
        self.imagine_back = Cascade(width)
        self.classifier = Classifier(AUTOENCODERS * CODE, shape.classes, dropout)
        initialise(self)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d)."""
        return self.encoders.encode(modality, observed)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of the code z."""
        logits: Tensor = self.classifier(
            self.imagine(concatenate(embeddings, self.shape.order)).code
        )
        return logits


@dataclass(frozen=True, kw_only=True)
class MminStage(Stage):
    """Stage 2: imagine what is missing, and back.

    Loss = CE + `forward_weight` MSE(h*, h') + `cycle_weight` MSE(stop_grad(h), h'').
    """

    name: ClassVar[str] = "mmin"
    forward_weight: float
    cycle_weight: float

    def build(self, shape: CorpusShape) -> MminNetwork:
        """Build the network."""
        return MminNetwork(shape, self.training.dropout)

    def warm_start(self, network: MminNetwork, teacher: FusionNetwork) -> None:
        """Take the teacher's encoders."""
        network.encoders.load_state_dict(teacher.encoders.state_dict())

    def loss(self, network: MminNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the three terms."""
        order = network.shape.order
        h = concatenate(network.embed(batch.observed), order)
        there = network.imagine(h)
        back = network.imagine_back(there.reconstruction)
        target = missing_targets(batch, network.shape)
        known = known_modalities(batch, network.shape)
        everything = torch.ones_like(known)
        return {
            "ce": functional.cross_entropy(network.classifier(there.code), batch.labels),
            "mse": self.forward_weight * masked_mse(there.reconstruction, target, known),
            "cycle": self.cycle_weight * masked_mse(back.reconstruction, h.detach(), everything),
        }


class MminConfig(NetworkConfig):
    """Settings of MMIN."""

    forward_weight: NonNegativeFloat = 4.0
    cycle_weight: NonNegativeFloat = 2.0
    include_complete: bool = False


class Mmin(NetworkMethod):
    """The missing modality imagination network."""

    summary = "cascade of residual autoencoders that imagines what is missing (ACL 2021)"
    uses_states = StateUse.NOTHING
    Config = MminConfig
    config: MminConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """The authors' scripts'."""
        second = StageTraining(
            epochs=30, decay_epochs=30, batch_size=128, dropout=0.5, betas=(0.5, 0.999), clip=1.0
        )
        return {FusionStage.name: PUBLISHED, MminStage.name: second}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the teacher's stage and the imagination stage."""
        teacher = FusionStage(training=training[0], complete_only=True)
        sampling = Sampling(
            patterns="partial",
            include_complete=self.config.include_complete,
            train_noise=self.config.train_noise,
            absent_input=self.config.absent_input,
        )
        second = MminStage(
            training=training[1],
            sampling=sampling,
            teacher=teacher,
            forward_weight=self.config.forward_weight,
            cycle_weight=self.config.cycle_weight,
        )
        return (teacher, second)

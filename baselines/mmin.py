"""mmin: the missing modality imagination network (Zhao et al., ACL 2021.acl-long.203)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import NonNegativeFloat, model_validator
from torch import Tensor

from merbench.features.observation import ObservedModality
from merbench.features.part import CorpusShape
from merbench.methods.base import (
    Batch,
    Network,
    NetworkConfig,
    NetworkMethod,
    Stage,
    StateUse,
)
from merbench.methods.parts.encoders import WIDTH, Encoders
from merbench.methods.parts.imagination import AUTOENCODERS, CODE, Cascade
from merbench.methods.parts.layers import Classifier, concatenate, initialise, masked_mse
from merbench.methods.parts.targets import known_modalities, missing_targets
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace

from .zero_fill import PUBLISHED, FusionNetwork, FusionStage


class MminNetwork(Network):
    """Encoders, a forward and a backward imagination cascade, and a classifier on the code."""

    in_fleets = True

    def __init__(self, shape: CorpusShape, dropout: float, own_way_back: bool = True) -> None:
        super().__init__()
        self.shape = shape
        width = WIDTH * len(shape.modalities)
        self.encoders = Encoders(shape)
        self.imagine = Cascade(width)
        # Without a cascade of its own, the way back, where there is one, is the way there.
        self.imagine_back = Cascade(width) if own_way_back else None
        self.classifier = Classifier(AUTOENCODERS * CODE, shape.classes, dropout)
        initialise(self)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d)."""
        return self.encoders.encode(modality, observed)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of the code z."""
        codes = self.imagine.codes(concatenate(embeddings, self.shape.order))
        logits: Tensor = self.classifier(codes)
        return logits


@dataclass(frozen=True, kw_only=True)
class MminStage(Stage):
    """Stage 2: imagine what is missing, and back.

    Loss = CE + `forward_weight` MSE(h*, h') + `cycle_weight` MSE(stop_grad(h), h'').

    Attributes:
        cycle: False leaves the way back and its term out.
        shared: one cascade goes both ways.
    """

    name: ClassVar[str] = "mmin"
    forward_weight: float
    cycle_weight: float
    cycle: bool = True
    shared: bool = False

    def build(self, shape: CorpusShape) -> MminNetwork:
        """Build the network."""
        return MminNetwork(shape, self.training.dropout, self.cycle and not self.shared)

    def warm_start(self, network: MminNetwork, teacher: FusionNetwork) -> None:
        """Take the teacher's encoders."""
        network.encoders.load_state_dict(teacher.encoders.state_dict())

    def loss(self, network: MminNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the three terms."""
        order = network.shape.order
        h = concatenate(network.embed(batch.observed), order)
        there = network.imagine(h)
        target = concatenate(missing_targets(batch, network.shape), order)
        known = known_modalities(batch, network.shape)
        terms = {
            "ce": batch.cross_entropy(network.classifier(there.code)),
            "mse": self.forward_weight * masked_mse(there.reconstruction, target, known),
        }
        if self.cycle:
            way_back = network.imagine_back or network.imagine
            back = way_back(there.reconstruction).reconstruction
            everything = torch.ones_like(known)
            terms["cycle"] = self.cycle_weight * masked_mse(back, h.detach(), everything)
        return terms


@dataclass(frozen=True, kw_only=True)
class NoImaginationStage(FusionStage):
    """Stage 2 without imagination: the teacher's encoders, trained on partial patterns by CE."""

    name: ClassVar[str] = MminStage.name

    def warm_start(self, network: FusionNetwork, teacher: FusionNetwork) -> None:
        """Take the teacher's encoders."""
        network.encoders.load_state_dict(teacher.encoders.state_dict())


class MminConfig(NetworkConfig):
    """Settings of MMIN. `cycle` and `imagination` swap a part out.

    `cascades: shared` with weights 2 and 0.5 is what the authors run on MSP-IMPROV.
    """

    forward_weight: NonNegativeFloat = 4.0
    cycle_weight: NonNegativeFloat = 2.0
    cascades: Literal["separate", "shared"] = "separate"
    cycle: Literal["on", "off"] = "on"
    imagination: Literal["on", "off"] = "on"
    include_complete: bool = False
    search_space: ClassVar[SearchSpace] = {
        "forward_weight": Float(0.4, 40.0, log=True),
        "cycle_weight": Float(0.2, 20.0, log=True),
    }

    @model_validator(mode="after")
    def _go_together(self) -> MminConfig:
        if self.imagination == "off":
            of_it = ("forward_weight", "cycle_weight", "cascades", "cycle")
            self.refuse_changed("imagination: off", *of_it)
        if self.cycle == "off":
            self.refuse_changed("cycle: off", "cycle_weight", "cascades")
        return self


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
        config = self.config
        teacher = FusionStage(training=training[0], complete_only=True)
        sampling = self.partial_sampling(include_complete=config.include_complete)
        if config.imagination == "off":
            plain = NoImaginationStage(training=training[1], sampling=sampling, teacher=teacher)
            return (teacher, plain)
        second = MminStage(
            training=training[1],
            sampling=sampling,
            teacher=teacher,
            forward_weight=config.forward_weight,
            cycle_weight=config.cycle_weight,
            cycle=config.cycle == "on",
            shared=config.cascades == "shared",
        )
        return (teacher, second)

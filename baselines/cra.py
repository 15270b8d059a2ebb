"""cra: the cascaded residual autoencoder (Tran et al., CVPR 2017, "Missing Modalities Imputation").

With h the embeddings of what is there and 0 elsewhere: `u_1 = h`, `u_{k+1} = u_k + RA_k(u_k)` over
five residual autoencoders, each of which learns what is still missing of the complete h*: its
error is `||h* - u_{k+1}||^2`. The classifier reads h where it is there and `u_6` where it is not.
All autoencoders train at once; in the paper first one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

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
from merbench.methods.parts.imagination import AUTOENCODERS, ResidualAutoencoder
from merbench.methods.parts.layers import Classifier, concatenate, initialise, masked_mse
from merbench.methods.parts.targets import complete_targets, known_modalities
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace

from .presence import over_columns, present
from .zero_fill import PUBLISHED, FusionNetwork, FusionStage


class Residual(ResidualAutoencoder):
    """A residual autoencoder that is a function of its input alone."""

    def forward(self, u: Tensor) -> Tensor:
        """Return (B, M d) what is missing of (B, M d) `u`."""
        missing: Tensor = self.decoder(self.encoder(u))
        return missing


class CraNetwork(Network):
    """Encoders, a cascade that completes their embeddings, and a classifier on them."""

    in_fleets = True

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        width = WIDTH * len(shape.modalities)
        self.encoders = Encoders(shape)
        self.cascade = nn.ModuleList(Residual(width) for _ in range(AUTOENCODERS))
        self.classifier = Classifier(width, shape.classes, dropout)
        initialise(self)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d)."""
        return self.encoders.encode(modality, observed)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits."""
        return self.classify(embeddings, states, self.completed(embeddings, states)[-1])

    def completed(self, embeddings: Mapping[str, Tensor], states: Tensor) -> list[Tensor]:
        """Return what each autoencoder makes of it: u_2 to u_6, (B, M d) each."""
        u = concatenate(embeddings, self.shape.order) * over_columns(present(states, self.shape))
        found = []
        for autoencoder in self.cascade:
            u = u + autoencoder(u)
            found.append(u)
        return found

    def classify(
        self, embeddings: Mapping[str, Tensor], states: Tensor, completed: Tensor
    ) -> Tensor:
        """Return (B, C) logits of what is there, and of `completed` where nothing is."""
        h = concatenate(embeddings, self.shape.order)
        logits: Tensor = self.classifier(
            torch.where(over_columns(present(states, self.shape)), h, completed)
        )
        return logits


@dataclass(frozen=True, kw_only=True)
class CraStage(Stage):
    """Loss = CE + `mse_weight` mean_k MSE(h*, u_{k+1})."""

    name: ClassVar[str] = "cra"
    mse_weight: float

    def build(self, shape: CorpusShape) -> CraNetwork:
        """Build the network."""
        return CraNetwork(shape, self.training.dropout)

    def warm_start(self, network: CraNetwork, teacher: FusionNetwork) -> None:
        """Take the teacher's encoders."""
        network.encoders.load_state_dict(teacher.encoders.state_dict())

    def loss(self, network: CraNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the two terms."""
        shape = network.shape
        embeddings = network.embed(batch.observed)
        completed = network.completed(embeddings, batch.states)
        target = concatenate(complete_targets(batch, shape), shape.order)
        known = known_modalities(batch, shape)
        errors = [masked_mse(u, target, known) for u in completed]
        logits = network.classify(embeddings, batch.states, completed[-1])
        return {
            "ce": batch.cross_entropy(logits),
            "mse": self.mse_weight * torch.stack(errors).mean(),
        }


class CraConfig(NetworkConfig):
    """Settings of the cascaded residual autoencoder."""

    mse_weight: NonNegativeFloat = 1.0
    include_complete: bool = False
    search_space: ClassVar[SearchSpace] = {"mse_weight": Float(0.05, 20.0, log=True)}


class Cra(NetworkMethod):
    """The cascaded residual autoencoder, with the classifier on what it completes."""

    summary = "cascaded residual autoencoder that completes embeddings (CVPR 2017)"
    uses_states = StateUse.ABSENCE
    Config = CraConfig
    config: CraConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """MMIN's: the paper completes images, and has none for such embeddings."""
        second = StageTraining(
            epochs=30, decay_epochs=30, batch_size=128, dropout=0.5, betas=(0.5, 0.999), clip=1.0
        )
        return {FusionStage.name: PUBLISHED, CraStage.name: second}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the teacher's stage and the cascade's."""
        teacher = FusionStage(training=training[0], complete_only=True)
        second = CraStage(
            training=training[1],
            sampling=self.partial_sampling(include_complete=self.config.include_complete),
            teacher=teacher,
            mse_weight=self.config.mse_weight,
        )
        return (teacher, second)

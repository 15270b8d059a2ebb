"""cif_mmin: imagination with contrastive invariant features (Liu et al., TAFFC 2024).

Of "Contrastive Learning Based Modality-Invariant Feature Acquisition for Robust Multimodal Emotion
Recognition With Missing Modalities". Each modality has a specific and an invariant encoder, whose
outputs are h and s. Stage 1, on complete data: the classifier reads h; projections of s are held
together by a contrastive loss, in which an utterance's modalities are positives and those of the
others in the batch negatives. Stage 2 imagines h' as IF-MMIN does; the classifier reads h + h'.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional

from merbench.features.observation import ObservedModality
from merbench.features.part import CorpusShape
from merbench.methods.base import Batch, NetworkConfig, NetworkMethod, Stage, StateUse
from merbench.methods.parts.alignment import BranchedNetwork
from merbench.methods.parts.branches import Branches
from merbench.methods.parts.encoders import WIDTH, Encoders
from merbench.methods.parts.imagination import Cascade, Imagined
from merbench.methods.parts.layers import LEAK, Classifier, initialise, masked_mse
from merbench.methods.parts.pairs import Halves, halves, pair
from merbench.methods.parts.targets import complete_targets, known_modalities, missing_targets
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace

# Similarities are multiplied by e: the released temperature is exp(1), and nothing trains it.
SHARPNESS = math.e


class TwoBranches(Branches):
    """Two encoders a modality: an embedding is [h_m, s_m]; classifiers read h alone."""

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__(shape)
        self.specific = Encoders(shape)
        self.invariant = Encoders(shape)
        self.width = WIDTH * len(shape.modalities)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, 2 d)."""
        specific = self.specific.encode(modality, observed)
        return pair(specific, self.invariant.encode(modality, observed))

    def split(self, embeddings: Mapping[str, Tensor]) -> Halves:
        """Return h and s."""
        return halves(embeddings, self.order)

    def joined(self, embeddings: Mapping[str, Tensor]) -> Tensor:
        """Return h."""
        return self.split(embeddings).first


class Projection(nn.Sequential):
    """What is contrasted of a modality's s."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(WIDTH, WIDTH),
            nn.LeakyReLU(LEAK),
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, WIDTH),
            nn.LeakyReLU(LEAK),
        )


class ContrastiveNetwork(BranchedNetwork):
    """Stage 1: a classifier on h, and projections of s for the contrastive loss."""

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        branches = TwoBranches(shape)
        super().__init__(shape, branches, Classifier(branches.width, shape.classes, dropout))
        self.projections = nn.ModuleList(Projection() for _ in shape.modalities)
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of h."""
        logits: Tensor = self.classifier(self.branches.joined(embeddings))
        return logits

    def projected(self, embeddings: Mapping[str, Tensor]) -> list[Tensor]:
        """Return (B, d) projections of each modality's s, of length 1."""
        parts = self.branches.split(embeddings).second.split(WIDTH, 1)
        return [
            functional.normalize(projection(s))
            for projection, s in zip(self.projections, parts, strict=True)
        ]


def contrast(one: Tensor, other: Tensor) -> Tensor:
    """Return the contrastive loss of two modalities, a mean of both directions.

    `-log(exp(e s_ii) / sum_{j != i} exp(e s_ij))` with s the cosine similarity.

    Args:
        one: (B, d) of length 1.
        other: (B, d) of length 1.
    """
    similar = SHARPNESS * one @ other.T
    own = torch.eye(len(one), dtype=torch.bool, device=one.device)
    others = torch.where(own, -torch.inf, similar)
    positive = similar.diagonal()
    both = others.logsumexp(1) + others.logsumexp(0) - 2 * positive
    return both.mean() / 2


@dataclass(frozen=True, kw_only=True)
class ContrastiveStage(Stage):
    """Loss = CE + `contrast_weight` times the contrastive loss, a mean over pairs of modalities."""

    name: ClassVar[str] = "cif_mmin_contrast"
    contrast_weight: float

    def build(self, shape: CorpusShape) -> ContrastiveNetwork:
        """Build the network."""
        return ContrastiveNetwork(shape, self.training.dropout)

    def loss(self, network: ContrastiveNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the two terms."""
        embeddings = network.embed(batch.observed)
        pairs = itertools.combinations(network.projected(embeddings), 2)
        contrasts = torch.stack([contrast(one, other) for one, other in pairs])
        return {
            "ce": batch.cross_entropy(network.fuse(embeddings, batch.states)),
            "contrast": self.contrast_weight * contrasts.mean(),
        }


class CifCascade(Cascade):
    """IF-MMIN's cascade, whose transition reads the last autoencoder's input beside its output.

    `u_k = o_{k-1} + s`, `o_0 = h`, `h' = T(u_5 + o_5)`, as released: s has a short way to h'.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, "invariant")

    def forward(self, h: Tensor, s: Tensor | None = None) -> Imagined:
        """Imagine from (B, M d) `h` and `s`."""
        u, codes = self._encoded(h, s)
        o = self._chain[-1].decoder(codes[-1])
        return Imagined(self.transition(u + o), torch.cat(codes, 1))


class CifMminNetwork(BranchedNetwork):
    """Stage 2: a cascade fed with invariant features, and a classifier on h + h'."""

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        branches = TwoBranches(shape)
        super().__init__(shape, branches, Classifier(branches.width, shape.classes, dropout))
        self.imagine = CifCascade(branches.width)
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits."""
        h, s = self.branches.split(embeddings)
        logits: Tensor = self.classifier(h + self.imagine(h, s).reconstruction)
        return logits


@dataclass(frozen=True, kw_only=True)
class CifMminStage(Stage):
    """Loss = CE + `mse_weight` MSE(h*, h') + `invariant_weight` MSE(s*, s)."""

    name: ClassVar[str] = "cif_mmin"
    mse_weight: float
    invariant_weight: float

    def build(self, shape: CorpusShape) -> CifMminNetwork:
        """Build the network."""
        return CifMminNetwork(shape, self.training.dropout)

    def warm_start(self, network: CifMminNetwork, teacher: ContrastiveNetwork) -> None:
        """Take the teacher's encoders."""
        network.branches.load_state_dict(teacher.branches.state_dict())

    def loss(self, network: CifMminNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the three terms."""
        split, shape = network.branches.split, network.shape
        h, s = split(network.embed(batch.observed))
        imagined = network.imagine(h, s).reconstruction
        known = known_modalities(batch, shape)
        h_true = split(missing_targets(batch, shape)).first
        s_true = split(complete_targets(batch, shape)).second
        return {
            "ce": batch.cross_entropy(network.classifier(h + imagined)),
            "mse": self.mse_weight * masked_mse(imagined, h_true, known),
            "invariant": self.invariant_weight * masked_mse(s, s_true, known),
        }


class CifMminConfig(NetworkConfig):
    """Settings of CIF-MMIN: the weights of its losses.

    Published are 8 and 100 in stage 2. With them the transition dies at once, and h' is a constant.
    """

    contrast_weight: NonNegativeFloat = 1.0
    mse_weight: NonNegativeFloat = 0.1
    invariant_weight: NonNegativeFloat = 1.0
    include_complete: bool = False
    search_space: ClassVar[SearchSpace] = {
        "contrast_weight": Float(0.1, 10.0, log=True),
        "mse_weight": Float(0.01, 10.0, log=True),
    }


class CifMmin(NetworkMethod):
    """Imagination with invariant features from contrastive learning."""

    summary = "IF-MMIN with contrastive invariant features, of encoders of their own (TAFFC 2024)"
    uses_states = StateUse.NOTHING
    Config = CifMminConfig
    config: CifMminConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """The authors' scripts'."""
        return {
            ContrastiveStage.name: StageTraining(
                epochs=30, decay_epochs=10, batch_size=64, dropout=0.3
            ),
            CifMminStage.name: StageTraining(
                epochs=20,
                decay_epochs=20,
                batch_size=64,
                dropout=0.5,
                betas=(0.5, 0.999),
                clip=1.0,
            ),
        }

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the contrastive stage and the imagination stage."""
        config = self.config
        teacher = ContrastiveStage(
            training=training[0], complete_only=True, contrast_weight=config.contrast_weight
        )
        second = CifMminStage(
            training=training[1],
            sampling=self.partial_sampling(include_complete=config.include_complete),
            teacher=teacher,
            mse_weight=config.mse_weight,
            invariant_weight=config.invariant_weight,
        )
        return (teacher, second)

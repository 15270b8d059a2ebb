"""shaspec: shared and specific features (Wang et al., CVPR 2023).

Of "Multi-modal Learning with Missing Modality via Shared-Specific Feature Modelling". A modality
has specific features r_m, of its own encoder, and shared features s_m, of an encoder for all. Where
m is there, `f_m = W [r_m, s_m] + s_m`; where it is not, f_m is the mean s_n of those that are. The
classifier reads all f_m side by side. Two losses shape the features: shared ones are to be alike
(L1 distance of pairs), and modalities are to be told from specific ones (a linear classifier).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional

from merbench.features.part import CorpusShape
from merbench.methods.base import Batch, NetworkConfig, NetworkMethod, Stage, StateUse
from merbench.methods.parts.alignment import BranchedNetwork
from merbench.methods.parts.branches import InvariantBranches
from merbench.methods.parts.encoders import WIDTH
from merbench.methods.parts.layers import Classifier, initialise
from merbench.methods.parts.pairs import Halves
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace

from .presence import present


class ShaSpecNetwork(BranchedNetwork):
    """Specific and shared encoders, a fusion of both, and two classifiers."""

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        modalities = len(shape.modalities)
        classifier = Classifier(modalities * WIDTH, shape.classes, dropout)
        super().__init__(shape, InvariantBranches(shape), classifier)
        self.project = nn.Linear(2 * WIDTH, WIDTH)
        self.tell = nn.Linear(WIDTH, modalities)
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits."""
        there = present(states, self.shape)
        specific, shared = self.features(embeddings)
        shown = shared * there[..., None]
        mean = shown.sum(1, keepdim=True) / there.sum(1).clamp(min=1)[:, None, None]
        fused = self.project(torch.cat([specific, shared], 2)) + shared
        filled = torch.where(there[..., None], fused, mean)
        logits: Tensor = self.classifier(filled.flatten(1))
        return logits

    def features(self, embeddings: Mapping[str, Tensor]) -> Halves:
        """Return specific and shared features, (B, M, d) each in the order of concatenation."""
        specific, shared = self.branches.split(embeddings)
        return Halves(specific.unflatten(1, (-1, WIDTH)), shared.unflatten(1, (-1, WIDTH)))


@dataclass(frozen=True, kw_only=True)
class ShaSpecStage(Stage):
    """Loss = CE + `shared_weight` L_shared + `specific_weight` L_specific.

    L_shared is the mean absolute difference of shared features, summed over the pairs of
    modalities, over utterances that have both; L_specific the cross-entropy of telling modalities
    from their specific features, over what is there.
    """

    name: ClassVar[str] = "shaspec"
    shared_weight: float
    specific_weight: float

    def build(self, shape: CorpusShape) -> ShaSpecNetwork:
        """Build the network."""
        return ShaSpecNetwork(shape, self.training.dropout)

    def loss(self, network: ShaSpecNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the three terms."""
        embeddings = network.embed(batch.observed)
        there = present(batch.states, network.shape)
        specific, shared = network.features(embeddings)
        return {
            "ce": batch.cross_entropy(network.fuse(embeddings, batch.states)),
            "shared": self.shared_weight * _distance(shared, there),
            "specific": self.specific_weight * _confusion(network.tell(specific), there),
        }


def _distance(shared: Tensor, there: Tensor) -> Tensor:
    """Return the L1 distance of (B, M, d) features, summed over pairs of modalities."""
    distances = []
    for one, other in itertools.combinations(range(there.shape[1]), 2):
        both = there[:, one] & there[:, other]
        apart = (shared[:, one] - shared[:, other]).abs().mean(1)
        distances.append((apart * both).sum() / both.sum().clamp(min=1))
    return torch.stack(distances).sum()


def _confusion(logits: Tensor, there: Tensor) -> Tensor:
    """Return the cross-entropy of (B, M, M) logits for the modality, over what is there."""
    modalities = torch.arange(there.shape[1], device=there.device).expand_as(there)
    each = functional.cross_entropy(logits.transpose(1, 2), modalities, reduction="none")
    return (each * there).sum() / there.sum().clamp(min=1)


class ShaSpecConfig(NetworkConfig):
    """Settings of ShaSpec: the paper's weights of its two losses."""

    shared_weight: NonNegativeFloat = 0.1
    specific_weight: NonNegativeFloat = 0.02
    include_complete: bool = True
    search_space: ClassVar[SearchSpace] = {
        "shared_weight": Float(0.01, 1.0, log=True),
        "specific_weight": Float(0.002, 0.2, log=True),
    }


class ShaSpec(NetworkMethod):
    """Shared features stand in for what is missing."""

    summary = "shared and specific features; the shared ones stand in for gaps (CVPR 2023)"
    uses_states = StateUse.ABSENCE
    Config = ShaSpecConfig
    config: ShaSpecConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """Those of modality_dropout: the paper's are for volumes of images."""
        return {
            ShaSpecStage.name: StageTraining(
                epochs=20, decay_epochs=20, batch_size=128, dropout=0.3
            )
        }

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the one stage."""
        config = self.config
        stage = ShaSpecStage(
            training=training[0],
            sampling=self.partial_sampling(include_complete=config.include_complete),
            shared_weight=config.shared_weight,
            specific_weight=config.specific_weight,
        )
        return (stage,)

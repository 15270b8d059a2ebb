"""tate: tag-assisted Transformer encoding (Zeng et al., SIGIR 2022).

Of "Tag-assisted Multimodal Sentiment Analysis under Uncertain Missing Modalities". Each modality is
a token: its embedding (0 where absent), projected by matrices that each pair of modalities shares,
and behind it the tag of the pattern, whose digits are "nothing is missing" and "m is missing" of
each m. A Transformer layer encodes the tokens; the classifier reads them side by side. Three losses
help: the encoding is to be that of the complete utterance (forward), a second layer is to decode
the tokens from it (backward), and the tag is to be read off the encoding.
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
from merbench.methods.parts.attention import TransformerLayer
from merbench.methods.parts.encoders import WIDTH, Encoders
from merbench.methods.parts.layers import Classifier, initialise
from merbench.methods.parts.targets import complete_targets
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace

from .presence import present
from .zero_fill import PUBLISHED, FusionNetwork, FusionStage


class TateNetwork(Network):
    """Encoders, shared projections, a Transformer layer to encode and one to decode."""

    in_fleets = True

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        modalities = len(shape.modalities)
        self.encoders = Encoders(shape)
        self.pairs = list(itertools.combinations(range(modalities), 2))
        share = (WIDTH - modalities - 1) // (modalities - 1)
        self.shared = nn.ModuleList(nn.Linear(WIDTH, share, bias=False) for _ in self.pairs)
        self.encoder = TransformerLayer(WIDTH)
        self.decoder = TransformerLayer(WIDTH)
        self.classifier = Classifier(modalities * WIDTH, shape.classes, dropout)
        initialise(self)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d)."""
        return self.encoders.encode(modality, observed)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits."""
        encoded = self.encoder(self.tokens(embeddings, present(states, self.shape)))
        logits: Tensor = self.classifier(encoded.flatten(1))
        return logits

    def tokens(self, embeddings: Mapping[str, Tensor], there: Tensor) -> Tensor:
        """Return (B, M, d) tokens in the order of concatenation, the tag their last digits.

        Args:
            embeddings: modality -> (B, d).
            there: (B, M) bool in the order of concatenation.
        """
        tag = tag_of(there)
        found = []
        for number, name in enumerate(self.shape.order):
            h = torch.where(there[:, [number]], embeddings[name], 0.0)
            common = [
                projection(h)
                for pair, projection in zip(self.pairs, self.shared, strict=True)
                if number in pair
            ]
            token = torch.cat(common, 1)
            spare = WIDTH - token.shape[1] - tag.shape[1]
            found.append(torch.cat([functional.pad(token, (0, spare)), tag], 1))
        return torch.stack(found, 1)


def tag_of(there: Tensor) -> Tensor:
    """Return (B, 1 + M): whether nothing is missing, and of each modality whether it is."""
    digits = torch.cat([there.all(1, keepdim=True), ~there], 1)
    return digits.to(torch.get_default_dtype())


@dataclass(frozen=True, kw_only=True)
class TateStage(Stage):
    """Loss = CE + `weight` (forward + backward + tag).

    Forward and backward are divergences `KL(p, q) + KL(q, p)` of the softmax over a token, averaged
    over tokens: of the encoding and that of the complete utterance (held constant; utterances that
    natively lack something do not count), and of the decoded tokens and the tokens. Tag is the mean
    absolute error of the tag, read by a sigmoid from the last digits of the mean encoded token.
    """

    name: ClassVar[str] = "tate"
    weight: float

    def build(self, shape: CorpusShape) -> TateNetwork:
        """Build the network."""
        return TateNetwork(shape, self.training.dropout)

    def warm_start(self, network: TateNetwork, teacher: FusionNetwork) -> None:
        """Take the teacher's encoders."""
        network.encoders.load_state_dict(teacher.encoders.state_dict())

    def loss(self, network: TateNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the four terms."""
        there = present(batch.states, network.shape)
        tokens = network.tokens(network.embed(batch.observed), there)
        encoded = network.encoder(tokens)
        complete = network.tokens(complete_targets(batch, network.shape), torch.ones_like(there))
        target = network.encoder(complete).detach()
        known = batch.available.all(1)
        apart = divergence(encoded, target)
        tag = tag_of(there)
        read = encoded.mean(1)[:, -tag.shape[1] :].sigmoid()
        terms = {
            "forward": (apart * known).sum() / known.sum().clamp(min=1),
            "backward": divergence(network.decoder(encoded), tokens).mean(),
            "tag": (read - tag).abs().mean(),
        }
        ce = batch.cross_entropy(network.classifier(encoded.flatten(1)))
        return {"ce": ce, **{name: self.weight * term for name, term in terms.items()}}


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """Return (B,) KL(p, q) + KL(q, p) of softmaxes over (B, T, d) tokens, a mean over tokens."""
    p, q = one.log_softmax(2), other.log_softmax(2)
    return ((p.exp() - q.exp()) * (p - q)).sum(2).mean(1)


class TateConfig(NetworkConfig):
    """Settings of TATE: the paper's weight of each of its three losses."""

    weight: NonNegativeFloat = 0.1
    include_complete: bool = True
    search_space: ClassVar[SearchSpace] = {"weight": Float(0.01, 1.0, log=True)}


class Tate(NetworkMethod):
    """A Transformer over modalities that are tagged with what is missing."""

    summary = "Transformer over modalities tagged with the missing pattern (SIGIR 2022)"
    uses_states = StateUse.ABSENCE
    Config = TateConfig
    config: TateConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """The released settings'; of the teacher, those of every other one here."""
        second = StageTraining(epochs=15, decay_epochs=0, batch_size=32, lr=1e-3, dropout=0.3)
        return {FusionStage.name: PUBLISHED, TateStage.name: second}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the teacher's stage and the Transformer's."""
        config = self.config
        teacher = FusionStage(training=training[0], complete_only=True)
        second = TateStage(
            training=training[1],
            sampling=self.partial_sampling(include_complete=config.include_complete),
            teacher=teacher,
            weight=config.weight,
        )
        return (teacher, second)

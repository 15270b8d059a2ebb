"""momke: a mixture of modality experts, as one model for all patterns (Xu et al., MM 2024).

Of "Leveraging Knowledge of Modality Experts for Incomplete Multimodal Learning". Stage 1 trains
each modality's expert on that modality alone. Stage 2 lets every expert read every modality that
is there, and a router for each modality, which is told the pattern, weigh what they say:
`z_m = sum_k g_mk expert_k(h_m)` with `g_m = softmax(router_m([h_m, pattern]))`, and `z_m = 0`
where m is absent. The classifier reads `z + dropout(ReLU(W z))`, with z all z_m side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import PositiveInt
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
from merbench.methods.parts.draws import Dropout
from merbench.methods.parts.encoders import WIDTH, Encoder, build_encoder
from merbench.methods.parts.layers import Classifier, initialise
from merbench.training.config import StageTraining
from merbench.tuning.space import Int, SearchSpace

from .presence import present


class FeedForward(nn.Sequential):
    """Linear, GELU, Linear."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Linear(inputs, WIDTH), nn.GELU(), nn.Linear(WIDTH, outputs))


class Knowledge(nn.Module):
    """What an expert makes of any modality's embedding: residual layers `x + v + mlp(v)`, v = W x.

    The released layer is attention over the utterances of a dialogue and an MLP. Of one utterance,
    attention is its value projection. It starts from the framework's default: no norm holds what
    the residuals add, and from Kaiming's larger weights an expert dies in its first epoch.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.values = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(depth))
        self.layers = nn.ModuleList(FeedForward(WIDTH, WIDTH) for _ in range(depth))

    def restart(self) -> None:
        """Draw the framework's initial weights."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., d)."""
        for value, layer in zip(self.values, self.layers, strict=True):
            v = value(x)
            x = x + v + layer(v)
        return x


class Expert(nn.Module):
    """The encoder of a modality, and what its expert knows."""

    def __init__(self, encoder: Encoder, depth: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.knowledge = Knowledge(depth)


class _ExpertsNetwork(Network):
    """A network of experts, in the order of concatenation."""

    in_fleets = True

    def __init__(self, shape: CorpusShape, depth: int) -> None:
        super().__init__()
        self.shape = shape
        by_name = {m.name: m for m in shape.modalities}
        self.experts = nn.ModuleList(
            Expert(build_encoder(by_name[name]), depth) for name in shape.order
        )

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d)."""
        expert = self.experts[self.shape.order.index(modality)]
        embedding: Tensor = expert.get_submodule("encoder")(observed)
        return embedding

    def initialise(self) -> None:
        """Draw the initial weights."""
        initialise(self)
        for module in self.modules():
            if isinstance(module, Knowledge):
                module.restart()

    def knows(self, number: int, h: Tensor) -> Tensor:
        """Return (B, d) what an expert makes of embeddings."""
        known: Tensor = self.experts[number].get_submodule("knowledge")(h)
        return known

    def subnetworks(self) -> Iterator[nn.Module]:
        """Yield each expert's two parts, and the other parts."""
        for child in self.children():
            for part in child.children() if isinstance(child, nn.ModuleList) else (child,):
                yield from part.children() if isinstance(part, Expert) else (part,)


class UnimodalNetwork(_ExpertsNetwork):
    """Stage 1: experts with a classifier each; the mean of the logits of those that are there."""

    def __init__(self, shape: CorpusShape, depth: int, dropout: float) -> None:
        super().__init__(shape, depth)
        self.classifiers = nn.ModuleList(
            Classifier(WIDTH, shape.classes, dropout) for _ in shape.modalities
        )
        self.initialise()

    def logits(self, embeddings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return (B, C) logits of each modality alone."""
        return {
            name: self.classifiers[number](self.knows(number, embeddings[name]))
            for number, name in enumerate(self.shape.order)
        }

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) mean logits."""
        there = present(states, self.shape)[..., None].to(torch.get_default_dtype())
        logits = torch.stack(list(self.logits(embeddings).values()), 1)
        return (logits * there).sum(1) / there.sum(1).clamp(min=1)


class MixtureNetwork(_ExpertsNetwork):
    """Stage 2: every expert on every modality that is there, weighed by routers."""

    def __init__(self, shape: CorpusShape, depth: int, dropout: float) -> None:
        super().__init__(shape, depth)
        modalities = len(shape.modalities)
        self.routers = nn.ModuleList(
            FeedForward(WIDTH + modalities, modalities) for _ in range(modalities)
        )
        self.project = nn.Linear(modalities * WIDTH, modalities * WIDTH)
        self.dropout = Dropout(dropout)
        self.classifier = Classifier(modalities * WIDTH, shape.classes, dropout)
        self.initialise()

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits."""
        there = present(states, self.shape)
        mixed = []
        for number, name in enumerate(self.shape.order):
            h = embeddings[name]
            shares = self.routers[number](torch.cat([h, there.to(h.dtype)], 1)).softmax(1)
            said = torch.stack([self.knows(k, h) for k in range(len(self.experts))], 1)
            z = (shares[..., None] * said).sum(1)
            mixed.append(torch.where(there[:, [number]], z, 0.0))
        joint = torch.cat(mixed, 1)
        hidden = joint + self.dropout(self.project(joint).relu())
        logits: Tensor = self.classifier(hidden)
        return logits


@dataclass(frozen=True, kw_only=True)
class UnimodalStage(Stage):
    """Cross-entropy of every expert on its own modality."""

    name: ClassVar[str] = "momke_experts"
    depth: int

    def build(self, shape: CorpusShape) -> UnimodalNetwork:
        """Build the network."""
        return UnimodalNetwork(shape, self.depth, self.training.dropout)

    def loss(self, network: UnimodalNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return one cross-entropy a modality."""
        logits = network.logits(network.embed(batch.observed))
        return {f"ce_{name}": batch.cross_entropy(each) for name, each in logits.items()}


@dataclass(frozen=True, kw_only=True)
class MixtureStage(Stage):
    """Cross-entropy of the mixture."""

    name: ClassVar[str] = "momke"
    depth: int

    def build(self, shape: CorpusShape) -> MixtureNetwork:
        """Build the network."""
        return MixtureNetwork(shape, self.depth, self.training.dropout)

    def warm_start(self, network: MixtureNetwork, teacher: UnimodalNetwork) -> None:
        """Take the experts."""
        network.experts.load_state_dict(teacher.experts.state_dict())

    def loss(self, network: MixtureNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy."""
        logits = network.fuse(network.embed(batch.observed), batch.states)
        return {"ce": batch.cross_entropy(logits)}


class MomkeConfig(NetworkConfig):
    """Settings of the mixture of modality experts: `depth` layers in each expert."""

    depth: PositiveInt = 2
    include_complete: bool = True
    search_space: ClassVar[SearchSpace] = {"depth": Int(1, 4)}


class Momke(NetworkMethod):
    """One mixture of modality experts for all patterns; the released code trains one for each."""

    summary = "mixture of modality experts with routers that know the pattern (MM 2024)"
    uses_states = StateUse.ABSENCE
    Config = MomkeConfig
    config: MomkeConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """The script's for IEMOCAP; its batch of 16 dialogues is some hundred utterances."""
        training = StageTraining(epochs=100, decay_epochs=0, batch_size=128, lr=1e-4, dropout=0.5)
        return {UnimodalStage.name: training, MixtureStage.name: training}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the experts' stage and the mixture's."""
        config = self.config
        teacher = UnimodalStage(training=training[0], complete_only=True, depth=config.depth)
        second = MixtureStage(
            training=training[1],
            sampling=self.partial_sampling(include_complete=config.include_complete),
            teacher=teacher,
            depth=config.depth,
        )
        return (teacher, second)

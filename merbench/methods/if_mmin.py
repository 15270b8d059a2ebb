"""if_mmin: imagination with invariant features (Zuo et al., arXiv 2210.15359)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

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
from merbench.methods.parts.imagination import AUTOENCODERS, CODE, Cascade, CascadeForm
from merbench.methods.parts.invariant import InvariantEncoder, mean_pairwise_cmd
from merbench.methods.parts.layers import Classifier, initialise, masked_mse
from merbench.methods.parts.pairs import Halves, halves, pair, target_halves
from merbench.methods.parts.targets import complete_targets, known_modalities, missing_targets
from merbench.training.config import StageTraining


class InvariantNetwork(Network):
    """Encoders and the shared invariant encoder: an embedding is [h_m, S(h_m)]."""

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoders = Encoders(shape)
        self.invariant = InvariantEncoder()

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, 2 d): specific and invariant features side by side."""
        h = self.encoders.encode(modality, observed)
        return pair(h, self.invariant(h))

    def split(self, embeddings: Mapping[str, Tensor]) -> Halves:
        """Return h and s, each (B, M d)."""
        return halves(embeddings, self.shape.order)


class AlignmentNetwork(InvariantNetwork):
    """Stage 1: classifier on [h, s]."""

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        super().__init__(shape)
        self.classifier = Classifier(2 * WIDTH * len(shape.modalities), shape.classes, dropout)
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of [h, s]."""
        logits: Tensor = self.classifier(pair(*self.split(embeddings)))
        return logits


@dataclass(frozen=True, kw_only=True)
class AlignmentStage(Stage):
    """Loss = CE + `cmd_weight` CMD between the invariant features of the modalities."""

    name: ClassVar[str] = "if_mmin_alignment"
    cmd_weight: float = 1.0

    def build(self, shape: CorpusShape) -> AlignmentNetwork:
        """Build the network."""
        return AlignmentNetwork(shape, self.training.dropout)

    def loss(self, network: AlignmentNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the two terms."""
        embeddings = network.embed(batch.observed)
        invariant = network.split(embeddings).second.split(WIDTH, 1)
        logits = network.fuse(embeddings, batch.states)
        return {
            "ce": functional.cross_entropy(logits, batch.labels),
            "cmd": self.cmd_weight * mean_pairwise_cmd(invariant),
        }


class IfMminNetwork(InvariantNetwork):
    """Stage 2: a cascade fed with invariant features, and a classifier on its code."""

    def __init__(self, shape: CorpusShape, dropout: float, form: CascadeForm) -> None:
        super().__init__(shape)
        self.imagine = Cascade(WIDTH * len(shape.modalities), form)
        self.classifier = Classifier(AUTOENCODERS * CODE, shape.classes, dropout)
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of the code z."""
        logits: Tensor = self.classifier(self.imagine(*self.split(embeddings)).code)
        return logits


@dataclass(frozen=True, kw_only=True)
class IfMminStage(Stage):
    """Loss = CE + `mse_weight` MSE(h*, h') + `invariant_weight` MSE(s*, s)."""

    name: ClassVar[str] = "if_mmin"
    form: CascadeForm
    mse_weight: float
    invariant_weight: float

    def build(self, shape: CorpusShape) -> IfMminNetwork:
        """Build the network."""
        return IfMminNetwork(shape, self.training.dropout, self.form)

    def warm_start(self, network: IfMminNetwork, teacher: AlignmentNetwork) -> None:
        """Take the teacher's encoders and S."""
        network.encoders.load_state_dict(teacher.encoders.state_dict())
        network.invariant.load_state_dict(teacher.invariant.state_dict())

    def loss(self, network: IfMminNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the three terms."""
        h, s = network.split(network.embed(batch.observed))
        imagined = network.imagine(h, s)
        modalities, known = len(network.shape.order), known_modalities(batch, network.shape)
        h_true = target_halves(missing_targets(batch, network.shape), modalities).first
        s_true = target_halves(complete_targets(batch, network.shape), modalities).second
        return {
            "ce": functional.cross_entropy(network.classifier(imagined.code), batch.labels),
            "mse": self.mse_weight * masked_mse(imagined.reconstruction, h_true, known),
            "invariant": self.invariant_weight * masked_mse(s, s_true, known),
        }


class IfMminConfig(NetworkConfig):
    """Settings of IF-MMIN.

    `invariant_weight` is the intended one; the released script never applies it (weight 1).
    """

    cascade: Literal["2024", "2022"] = "2024"
    cmd_weight: NonNegativeFloat = 1.0
    mse_weight: NonNegativeFloat = 1.0
    invariant_weight: NonNegativeFloat = 100.0
    include_complete: bool = False


class IfMmin(NetworkMethod):
    """Imagination with modality-invariant features."""

    summary = "MMIN whose imagination is fed with modality-invariant features (2022)"
    uses_states = StateUse.NOTHING
    Config = IfMminConfig
    config: IfMminConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """The authors' scripts'."""
        return {
            AlignmentStage.name: StageTraining(
                epochs=10, decay_epochs=10, batch_size=64, dropout=0.3
            ),
            IfMminStage.name: StageTraining(
                epochs=20,
                decay_epochs=20,
                batch_size=128,
                dropout=0.5,
                betas=(0.5, 0.999),
                clip=1.0,
            ),
        }

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the alignment stage and the imagination stage."""
        config = self.config
        teacher = AlignmentStage(
            training=training[0], complete_only=True, cmd_weight=config.cmd_weight
        )
        sampling = Sampling(
            patterns="partial",
            include_complete=config.include_complete,
            train_noise=config.train_noise,
            absent_input=config.absent_input,
        )
        second = IfMminStage(
            training=training[1],
            sampling=sampling,
            teacher=teacher,
            form="invariant" if config.cascade == "2024" else "invariant_2022",
            mse_weight=config.mse_weight,
            invariant_weight=config.invariant_weight,
        )
        return (teacher, second)

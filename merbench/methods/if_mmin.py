"""if_mmin: imagination with invariant features (Zuo et al., arXiv 2210.15359)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import NonNegativeFloat, model_validator
from torch import Tensor

from merbench.features.part import CorpusShape
from merbench.methods.base import Batch, NetworkConfig, NetworkMethod, Stage, StateUse
from merbench.methods.parts.alignment import AlignmentNetwork, AlignmentStage, BranchedNetwork
from merbench.methods.parts.branches import Branches, InvariantBranches, SpecificBranch
from merbench.methods.parts.encoders import WIDTH
from merbench.methods.parts.imagination import AUTOENCODERS, CODE, Cascade, CascadeForm
from merbench.methods.parts.layers import Classifier, initialise, masked_mse
from merbench.methods.parts.targets import complete_targets, known_modalities, missing_targets
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace


@dataclass(frozen=True, kw_only=True)
class IfMminAlignmentStage(AlignmentStage):
    """Stage 1: S on top of each modality's encoder."""

    name: ClassVar[str] = "if_mmin_alignment"

    def branches(self, shape: CorpusShape) -> Branches:
        """Build what encodes."""
        return _branches(shape, self.invariant)


def _branches(shape: CorpusShape, invariant: bool) -> Branches:
    return InvariantBranches(shape) if invariant else SpecificBranch(shape)


class IfMminNetwork(BranchedNetwork):
    """Stage 2: a cascade fed with invariant features, and a classifier on its code."""

    def __init__(
        self, shape: CorpusShape, branches: Branches, dropout: float, form: CascadeForm
    ) -> None:
        super().__init__(shape, branches, Classifier(AUTOENCODERS * CODE, shape.classes, dropout))
        self.imagine = Cascade(WIDTH * len(shape.modalities), form)
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of the code z."""
        logits: Tensor = self.classifier(self.imagine.codes(*self.branches.split(embeddings)))
        return logits


@dataclass(frozen=True, kw_only=True)
class IfMminStage(Stage):
    """Loss = CE + `mse_weight` MSE(h*, h') + `invariant_weight` MSE(s*, s).

    Attributes:
        invariant: False for s = 0, without its term.
    """

    name: ClassVar[str] = "if_mmin"
    form: CascadeForm
    mse_weight: float
    invariant_weight: float
    invariant: bool = True

    def build(self, shape: CorpusShape) -> IfMminNetwork:
        """Build the network."""
        branches = _branches(shape, self.invariant)
        return IfMminNetwork(shape, branches, self.training.dropout, self.form)

    def warm_start(self, network: IfMminNetwork, teacher: AlignmentNetwork) -> None:
        """Take the teacher's encoders and S."""
        network.branches.load_state_dict(teacher.branches.state_dict())

    def loss(self, network: IfMminNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the three terms."""
        split, shape = network.branches.split, network.shape
        h, s = split(network.embed(batch.observed))
        imagined = network.imagine(h, s)
        known = known_modalities(batch, shape)
        h_true = split(missing_targets(batch, shape)).first
        terms = {
            "ce": batch.cross_entropy(network.classifier(imagined.code)),
            "mse": self.mse_weight * masked_mse(imagined.reconstruction, h_true, known),
        }
        if self.invariant:
            s_true = split(complete_targets(batch, shape)).second
            terms["invariant"] = self.invariant_weight * masked_mse(s, s_true, known)
        return terms


class IfMminConfig(NetworkConfig):
    """Settings of IF-MMIN. `invariant` (s = 0) and `cmd` swap a part out.

    `invariant_weight` is the intended one; the released script never applies it (weight 1).
    """

    cascade: Literal["2024", "2022"] = "2024"
    cmd_weight: NonNegativeFloat = 1.0
    mse_weight: NonNegativeFloat = 1.0
    invariant_weight: NonNegativeFloat = 100.0
    invariant: Literal["on", "off"] = "on"
    cmd: Literal["on", "off"] = "on"
    include_complete: bool = False
    search_space: ClassVar[SearchSpace] = {
        "mse_weight": Float(0.1, 10.0, log=True),
        "invariant_weight": Float(1.0, 1e3, log=True),
    }

    @model_validator(mode="after")
    def _go_together(self) -> IfMminConfig:
        if self.invariant == "off":
            self.refuse_changed("invariant: off", "cmd", "cmd_weight", "invariant_weight")
        if self.cmd == "off":
            self.refuse_changed("cmd: off", "cmd_weight")
        return self


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
            IfMminAlignmentStage.name: StageTraining(
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
        invariant = config.invariant == "on"
        teacher = IfMminAlignmentStage(
            training=training[0],
            complete_only=True,
            cmd_weight=config.cmd_weight if config.cmd == "on" else 0.0,
            invariant=invariant,
        )
        second = IfMminStage(
            training=training[1],
            sampling=self.partial_sampling(include_complete=config.include_complete),
            teacher=teacher,
            invariant=invariant,
            form="invariant" if config.cascade == "2024" else "invariant_2022",
            mse_weight=config.mse_weight,
            invariant_weight=config.invariant_weight,
        )
        return (teacher, second)

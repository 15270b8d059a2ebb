"""nmer: noise-robust MER by a noise scheduler and a conditional VAE (arXiv 2311.16114), repaired.

What the released code does otherwise is in docs/methods.md; each property is a setting here, and
`nmer_released` has them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, model_validator
from torch import Tensor

from merbench.features.observation import AbsentInput
from merbench.features.part import CorpusShape
from merbench.methods.base import (
    Batch,
    LevelDraw,
    LevelScale,
    NetworkConfig,
    NetworkMethod,
    Stage,
    StateUse,
    TrainNoise,
    Validation,
)
from merbench.methods.parts.alignment import AlignmentNetwork, AlignmentStage, BranchedNetwork
from merbench.methods.parts.branches import Branches, SpecificBranch, TwoEncoderBranches
from merbench.methods.parts.encoders import WIDTH
from merbench.methods.parts.imagination import Cascade
from merbench.methods.parts.layers import Classifier, initialise, masked_mse
from merbench.methods.parts.targets import complete_targets, known_modalities
from merbench.methods.parts.vae import ConditionalVae, Output, Reduction, Tokens
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace

Switch = Literal["on", "off"]
_OF_THE_VAE = (
    "beta", "warm_up", "free_bits", "attention", "tokens", "latent", "kl", "decoder_output",
)  # fmt: skip
# A latent dimension whose mean varies less than this between utterances is switched off
# (Burda et al. 2016, "active units").
_ACTIVE_VARIANCE = 0.01
# As many rows as the released code reads at once.
RELEASED_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class NmerTeacherStage(AlignmentStage):
    """Stage 1: two encoders a modality, S on top of the second."""

    name: ClassVar[str] = "nmer_teacher"

    def branches(self, shape: CorpusShape) -> Branches:
        """Build what encodes."""
        return _branches(shape, self.invariant)


def _branches(shape: CorpusShape, invariant: bool) -> Branches:
    return TwoEncoderBranches(shape) if invariant else SpecificBranch(shape)


class NmerNetwork(BranchedNetwork):
    """Stage 2: a conditional VAE imagines the clean embedding, a classifier reads it."""

    def __init__(
        self,
        shape: CorpusShape,
        branches: Branches,
        vae: ConditionalVae,
        dropout: float,
        *,
        sampled: bool,
    ) -> None:
        width = WIDTH * len(shape.modalities)
        classifier = Classifier(width, shape.classes, dropout, batch_norm=True)
        super().__init__(shape, branches, classifier)
        self.vae, self.sampled = vae, sampled
        if sampled or vae.tokens == "batch":
            self.fused_rows = RELEASED_BATCH
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of h' decoded from the latent's mean, or from a sample of it."""
        imagined = self.vae(*self.branches.split(embeddings), sample=self.sampled)
        logits: Tensor = self.classifier(imagined.embedding)
        return logits

    def diagnose(self, embeddings: Mapping[str, Tensor], states: Tensor) -> dict[str, float]:
        """Say how alive the latent is.

        `active_units`: share of latent dimensions whose mean varies between utterances;
        `latent_flips`: share of predictions that change when utterances swap their latents.
        """
        h, s = self.branches.split(embeddings)
        latent = self.vae.encode(h, s)
        own = self.classifier(self.vae.decode(latent.mean, s)).argmax(1)
        # The half-way roll gives every utterance a stranger's latent, and draws nothing.
        strange = latent.mean.roll(len(latent.mean) // 2, 0)
        swapped = self.classifier(self.vae.decode(strange, s)).argmax(1)
        active = latent.mean.var(0) > _ACTIVE_VARIANCE
        return {
            "active_units": float(active.double().mean()),
            "latent_flips": float((own != swapped).double().mean()),
        }


@dataclass(frozen=True, kw_only=True)
class NmerSecondStage(Stage):
    """What stage 2 is, whatever imagines h': CE + MSE(h', h*) + MSE(s, s*).

    The truth, h* and s*, is the frozen stage-1 network's on complete clean input.

    Attributes:
        invariant: False for s = 0, without its term.
    """

    name: ClassVar[str] = "nmer"
    invariant: bool = True

    def warm_start(self, network: BranchedNetwork, teacher: AlignmentNetwork) -> None:
        """Take the teacher's encoders, both kinds, and S."""
        network.branches.load_state_dict(teacher.branches.state_dict())

    def terms(
        self, network: BranchedNetwork, batch: Batch, imagined: Tensor, s: Tensor
    ) -> dict[str, Tensor]:
        """Return the terms that h' and s, (B, M d) each, give."""
        known = known_modalities(batch, network.shape)
        truth = network.branches.split(complete_targets(batch, network.shape))
        found = {
            "ce": batch.cross_entropy(network.classifier(imagined)),
            "mse": masked_mse(imagined, truth.first, known),
        }
        if self.invariant:
            found["invariant"] = masked_mse(s, truth.second, known)
        return found


@dataclass(frozen=True, kw_only=True)
class NmerStage(NmerSecondStage):
    """Stage 2: its loss has `beta` KL beside the other terms.

    Attributes:
        tokens: what attention runs over.
        latent: what h' is decoded from at test: the latent's mean, or a sample.
        output: what the decoder ends with.
        kl: how the KL term is reduced over the batch.
    """

    beta: float
    warm_up: float
    free_bits: float
    tokens: Tokens = "one"
    latent: Literal["mean", "sampled"] = "mean"
    output: Output = "linear"
    kl: Reduction = "mean"

    def build(self, shape: CorpusShape) -> NmerNetwork:
        """Build the network."""
        modalities = len(shape.modalities)
        vae = ConditionalVae(WIDTH * modalities, modalities, self.tokens, self.output)
        return NmerNetwork(
            shape,
            _branches(shape, self.invariant),
            vae,
            self.training.dropout,
            sampled=self.latent == "sampled",
        )

    def loss(self, network: NmerNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the four terms."""
        h, s = network.branches.split(network.embed(batch.observed))
        imagined = network.vae(h, s, sample=True)
        kl = imagined.latent.kl(self.free_bits, self.kl)
        if self.warm_up:
            kl = kl * torch.as_tensor(batch.progress / self.warm_up).clamp(max=1)
        return {
            **self.terms(network, batch, imagined.embedding, s),
            "kl": self.beta * kl,
        }


class CascadeNetwork(BranchedNetwork):
    """Stage 2 without its VAE: MMIN's cascade imagines the clean embedding."""

    def __init__(self, shape: CorpusShape, branches: Branches, dropout: float) -> None:
        width = WIDTH * len(shape.modalities)
        super().__init__(
            shape, branches, Classifier(width, shape.classes, dropout, batch_norm=True)
        )
        self.cascade = Cascade(width)
        initialise(self)

    def imagine(self, embeddings: Mapping[str, Tensor]) -> Tensor:
        """Return (B, M d) h'."""
        reconstruction: Tensor = self.cascade(self.branches.split(embeddings).first).reconstruction
        return reconstruction

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of h'."""
        logits: Tensor = self.classifier(self.imagine(embeddings))
        return logits


@dataclass(frozen=True, kw_only=True)
class CascadeStage(NmerSecondStage):
    """Stage 2 with a cascade for its VAE."""

    def build(self, shape: CorpusShape) -> CascadeNetwork:
        """Build the network."""
        return CascadeNetwork(shape, _branches(shape, self.invariant), self.training.dropout)

    def loss(self, network: CascadeNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the three terms."""
        embeddings = network.embed(batch.observed)
        s = network.branches.split(embeddings).second
        return self.terms(network, batch, network.imagine(embeddings), s)


class NmerConfig(NetworkConfig):
    """Settings of NMER. The evidence for the default `beta` is in docs/training.md.

    `attention`, `latent`, `kl`, `level_draw`, `decoder_output` and `selection` each have what the
    released code does as their other value; `tokens`, `vae`, `invariant` and `scheduler` swap a
    part out. `level_scale: severity` spreads the scheduler's levels evenly over severity.
    """

    train_noise: TrainNoise = "scheduler"
    absent_input: AbsentInput = "noise"
    beta: NonNegativeFloat = 1e-3
    warm_up: float = Field(0.0, ge=0, le=1)
    free_bits: NonNegativeFloat = 0.0
    include_complete: bool = False
    attention: Literal["utterance", "batch"] = "utterance"
    tokens: Literal["one", "modalities"] = "one"
    latent: Literal["mean", "sampled"] = "mean"
    kl: Reduction = "mean"
    level_draw: LevelDraw = "utterance"
    level_scale: LevelScale = "steps"
    decoder_output: Output = "linear"
    selection: Validation = "clean"
    scheduler: Switch = "on"
    vae: Switch = "on"
    invariant: Switch = "on"
    # At 1e-3 and above its post-norm Transformer settles at a constant output.
    search_space: ClassVar[SearchSpace] = {
        "beta": Float(1e-5, 1.0, log=True),
        "lr": Float(3e-5, 1e-3, log=True),
    }

    @model_validator(mode="before")
    @classmethod
    def _without_scheduler(cls, values: Any) -> Any:
        """Without a scheduler what is missing is zeros, in training and in validation too."""
        if isinstance(values, dict) and values.get("scheduler") == "off":
            return {"train_noise": "off", "absent_input": "zeros", "selection": "clean", **values}
        return values

    @model_validator(mode="after")
    def _go_together(self) -> NmerConfig:
        if self.attention == "batch" and self.tokens == "modalities":
            raise ValueError(
                "attention: batch reads each utterance as one token; expected tokens: one"
            )
        if self.scheduler == "off":
            if self.train_noise == "scheduler":
                raise ValueError(
                    "scheduler: off leaves no noise; expected train_noise: off or suite"
                )
            if self.absent_input == "noise" or self.selection == "noised":
                raise ValueError(
                    "scheduler: off reads zeros where something is missing; expected absent_input: "
                    "zeros and selection: clean"
                )
        if self.train_noise != "scheduler":
            self.refuse_changed(f"train_noise: {self.train_noise}", "level_draw", "level_scale")
        if self.vae == "off":
            self.refuse_changed("vae: off", *_OF_THE_VAE)
        return self


class Nmer(NetworkMethod):
    """Noise scheduler, two encoders a modality, conditional VAE."""

    summary = "noise scheduler and conditional VAE on specific and invariant features (2023)"
    uses_states = StateUse.NOTHING
    Config = NmerConfig
    config: NmerConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """The authors' scripts'."""
        return {
            NmerTeacherStage.name: StageTraining(
                epochs=10, decay_epochs=10, batch_size=64, dropout=0.2
            ),
            NmerStage.name: StageTraining(
                epochs=40,
                decay_epochs=40,
                batch_size=RELEASED_BATCH,
                dropout=0.1,
                betas=(0.5, 0.999),
                clip=1.0,
            ),
        }

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the teacher's stage and the VAE's (or the cascade's) stage."""
        config = self.config
        invariant = config.invariant == "on"
        teacher = NmerTeacherStage(training=training[0], complete_only=True, invariant=invariant)
        second: dict[str, Any] = {
            "training": training[1],
            "sampling": self.partial_sampling(
                include_complete=config.include_complete,
                level_draw=config.level_draw,
                level_scale=config.level_scale,
            ),
            "validation": config.selection,
            "teacher": teacher,
            "invariant": invariant,
        }
        if config.vae == "off":
            return (teacher, CascadeStage(**second))
        vae = NmerStage(
            **second,
            beta=config.beta,
            warm_up=config.warm_up,
            free_bits=config.free_bits,
            tokens="batch" if config.attention == "batch" else config.tokens,
            latent=config.latent,
            output=config.decoder_output,
            kl=config.kl,
        )
        return (teacher, vae)


class NmerReleasedConfig(NmerConfig):
    """Settings of NMER, each with the released code's value for a default."""

    beta: NonNegativeFloat = 1.0
    attention: Literal["utterance", "batch"] = "batch"
    latent: Literal["mean", "sampled"] = "sampled"
    kl: Reduction = "sum"
    level_draw: LevelDraw = "batch"
    decoder_output: Output = "sigmoid"
    selection: Validation = "noised"


class NmerReleased(Nmer):
    """NMER with the properties of the released code, frozen draws and masked padding aside."""

    summary = "NMER as released: attention across the batch, sampled latent, summed KL, sigmoid"
    Config = NmerReleasedConfig

"""nmer: noise-robust MER by a noise scheduler and a conditional VAE (arXiv 2311.16114), repaired.

What the released code does otherwise, and why ours does not, is in docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional

from merbench.features.observation import AbsentInput, ObservedModality
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
from merbench.methods.parts.invariant import InvariantEncoder, mean_pairwise_cmd
from merbench.methods.parts.layers import Classifier, initialise, masked_mse
from merbench.methods.parts.pairs import Halves, halves, pair, target_halves
from merbench.methods.parts.targets import complete_targets, known_modalities
from merbench.methods.parts.vae import ConditionalVae
from merbench.training.config import StageTraining

# A latent dimension whose mean varies less than this between utterances is switched off
# (Burda et al. 2016, "active units").
_ACTIVE_VARIANCE = 0.01


class TwoEncoderNetwork(Network):
    """Two encoders a modality, specific and invariant: an embedding is [spec_m, S(inv_m)]."""

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__()
        self.shape = shape
        self.specific = Encoders(shape)
        self.common = Encoders(shape)
        self.invariant = InvariantEncoder()

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, 2 d)."""
        common = self.invariant(self.common.encode(modality, observed))
        return pair(self.specific.encode(modality, observed), common)

    def split(self, embeddings: Mapping[str, Tensor]) -> Halves:
        """Return h and s, each (B, M d)."""
        return halves(embeddings, self.shape.order)


class NmerTeacherNetwork(TwoEncoderNetwork):
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
class NmerTeacherStage(Stage):
    """Loss = CE + CMD between the invariant features, on complete data."""

    name: ClassVar[str] = "nmer_teacher"

    def build(self, shape: CorpusShape) -> NmerTeacherNetwork:
        """Build the network."""
        return NmerTeacherNetwork(shape, self.training.dropout)

    def loss(self, network: NmerTeacherNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the two terms."""
        embeddings = network.embed(batch.observed)
        invariant = network.split(embeddings).second.split(WIDTH, 1)
        logits = network.fuse(embeddings, batch.states)
        return {
            "ce": functional.cross_entropy(logits, batch.labels),
            "cmd": mean_pairwise_cmd(invariant),
        }


class NmerNetwork(TwoEncoderNetwork):
    """Stage 2: a conditional VAE imagines the clean embedding, a classifier reads it."""

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        super().__init__(shape)
        width = WIDTH * len(shape.modalities)
        self.vae = ConditionalVae(width)
        self.classifier = Classifier(width, shape.classes, dropout, batch_norm=True)
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of h' decoded from the latent's mean."""
        h, s = self.split(embeddings)
        logits: Tensor = self.classifier(self.vae.decode(self.vae.encode(h, s).mean, s))
        return logits

    def diagnose(self, embeddings: Mapping[str, Tensor], states: Tensor) -> dict[str, float]:
        """Say how alive the latent is.

        `active_units`: share of latent dimensions whose mean varies between utterances;
        `latent_flips`: share of predictions that change when utterances swap their latents.
        """
        h, s = self.split(embeddings)
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
class NmerStage(Stage):
    """Loss = CE + MSE(h', h*) + beta KL + MSE(s, s*), the truth from complete clean input."""

    name: ClassVar[str] = "nmer"
    beta: float
    warm_up: float
    free_bits: float

    def build(self, shape: CorpusShape) -> NmerNetwork:
        """Build the network."""
        return NmerNetwork(shape, self.training.dropout)

    def warm_start(self, network: NmerNetwork, teacher: NmerTeacherNetwork) -> None:
        """Take the teacher's encoders, both kinds, and S."""
        for part in ("specific", "common", "invariant"):
            learnt: nn.Module = getattr(teacher, part)
            getattr(network, part).load_state_dict(learnt.state_dict())

    def loss(self, network: NmerNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the four terms."""
        h, s = network.split(network.embed(batch.observed))
        latent = network.vae.encode(h, s)
        imagined = network.vae.decode(latent.sample(), s)
        known = known_modalities(batch, network.shape)
        truth = target_halves(complete_targets(batch, network.shape), known.shape[1])
        ramp = min(1.0, batch.progress / self.warm_up) if self.warm_up else 1.0
        return {
            "ce": functional.cross_entropy(network.classifier(imagined), batch.labels),
            "mse": masked_mse(imagined, truth.first, known),
            "kl": self.beta * ramp * latent.kl(self.free_bits),
            "invariant": masked_mse(s, truth.second, known),
        }


class NmerConfig(NetworkConfig):
    """Settings of NMER. The evidence for the default `beta` is in docs/methods.md."""

    train_noise: Literal["off", "scheduler"] = "scheduler"
    absent_input: AbsentInput = "noise"
    beta: NonNegativeFloat = 1e-3
    warm_up: float = Field(0.0, ge=0, le=1)
    free_bits: NonNegativeFloat = 0.0
    include_complete: bool = False


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
                batch_size=128,
                dropout=0.1,
                betas=(0.5, 0.999),
                clip=1.0,
            ),
        }

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the teacher's stage and the VAE's stage."""
        config = self.config
        teacher = NmerTeacherStage(training=training[0], complete_only=True)
        sampling = Sampling(
            patterns="partial",
            include_complete=config.include_complete,
            train_noise=config.train_noise,
            absent_input=config.absent_input,
        )
        second = NmerStage(
            training=training[1],
            sampling=sampling,
            teacher=teacher,
            beta=config.beta,
            warm_up=config.warm_up,
            free_bits=config.free_bits,
        )
        return (teacher, second)

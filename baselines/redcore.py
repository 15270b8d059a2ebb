"""redcore: relative advantage aware cross-modal representation learning (Sun et al., AAAI 2024).

Every modality is a Gaussian `z_m ~ N(mu_m, sigma_m^2)` (a variational information bottleneck), and
a cross-encoder imagines it from the others: `g_m = X_m([z_n, n != m])`, 0 for what is absent. The
classifier reads z_m where it is there and g_m where it is not; z is sampled in training, and the
mean at test. No truth is needed of what is missing: the mean squared error e_m of g_m is learnt
where m is there. z_m is a constant in it: moving towards what is imagined, as in the released code,
the latents of all but one modality died.

Modalities that are imagined worse, being seen less, get more weight in turns with training:
`b_m <- b_m - step (mean e - e_m) / mean e`, at least 0.1, then ||b|| = 1, e a running mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

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
from merbench.methods.parts.draws import standard_normal_like
from merbench.methods.parts.encoders import WIDTH, Encoders
from merbench.methods.parts.layers import Classifier, initialise
from merbench.methods.parts.pairs import Halves, halves, pair
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace

from .cra import Residual
from .presence import over_columns, present

# What log sigma^2 starts from: sigma is about 0.14.
START = -4.0
# Of the weights' updates, from the released code.
SHARE, INTERVAL, LEAST = 0.7, 3, 0.1


class CrossEncoder(nn.Module):
    """Imagines one modality from the others: a residual autoencoder and a transition.

    The released script has five of them; each doubles, at initialisation, what comes through.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.autoencoder = Residual(inputs)
        self.transition = nn.Sequential(
            nn.Linear(inputs, inputs), nn.ReLU(), nn.Linear(inputs, WIDTH)
        )

    def forward(self, u: Tensor) -> Tensor:
        """Return (B, d) from (B, (M - 1) d)."""
        imagined: Tensor = self.transition(u + self.autoencoder(u))
        return imagined


class Filled(NamedTuple):
    """Latents with what is imagined in their gaps, and all that is imagined: (B, M d) each."""

    filled: Tensor
    imagined: Tensor


class RedcoreNetwork(Network):
    """Variational encoders, cross-encoders, a classifier, and one of each modality for training."""

    in_fleets = True
    emphasis: Tensor
    errors: Tensor
    steps: Tensor

    def __init__(self, shape: CorpusShape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        modalities = len(shape.modalities)
        self.encoders = Encoders(shape)
        self.mean = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(modalities))
        self.log_variance = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(modalities))
        self.imagine = nn.ModuleList(
            CrossEncoder((modalities - 1) * WIDTH) for _ in range(modalities)
        )
        self.classifier = Classifier(modalities * WIDTH, shape.classes, dropout)
        self.alone = nn.ModuleList(
            Classifier(WIDTH, shape.classes, dropout) for _ in range(modalities)
        )
        self.register_buffer("emphasis", torch.ones(modalities))
        self.register_buffer("errors", torch.zeros(modalities))
        self.register_buffer("steps", torch.zeros(()))
        initialise(self)

    def subnetworks(self) -> Iterator[nn.Module]:
        """Yield each encoder, and of each modality the other parts; and the classifier."""
        for child in self.children():
            grouped = isinstance(child, Encoders | nn.ModuleList)
            yield from child.children() if grouped else (child,)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, 2 d): mu and log sigma^2."""
        h = self.encoders.encode(modality, observed)
        number = self.shape.order.index(modality)
        return pair(self.mean[number](h), self.log_variance[number](h) + START)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of the means."""
        mean = halves(embeddings, self.shape.order).first
        logits: Tensor = self.classifier(self.fill(mean, present(states, self.shape)).filled)
        return logits

    def fill(self, z: Tensor, there: Tensor) -> Filled:
        """Imagine every modality from the others.

        Args:
            z: (B, M d) latents in the order of concatenation.
            there: (B, M) bool in the same order.
        """
        shown = torch.where(over_columns(there), z, 0.0)
        blocks = shown.split(WIDTH, 1)
        imagined = torch.cat(
            [
                cross_encoder(torch.cat([*blocks[:number], *blocks[number + 1 :]], 1))
                for number, cross_encoder in enumerate(self.imagine)
            ],
            1,
        )
        return Filled(torch.where(over_columns(there), z, imagined), imagined)

    def weigh(self, errors: Tensor, counts: Tensor, step: float) -> None:
        """Update the weights b of the modalities.

        Args:
            errors: (M,) e of a training step.
            counts: (M,) utterances that have the modality; without one its e stays.
            step: of the update.
        """
        new = torch.where(counts > 0, errors, self.errors)
        self.errors.mul_(1 - SHARE).add_(SHARE * new)
        mean = self.errors.mean()
        advantage = (mean - self.errors) / torch.where(mean > 0, mean, 1.0)
        moved = (self.emphasis - step * advantage).clamp(min=LEAST)
        its_turn = self.steps % INTERVAL == 0
        self.emphasis.copy_(torch.where(its_turn, moved / moved.norm(), self.emphasis))
        self.steps.add_(1)


@dataclass(frozen=True, kw_only=True)
class RedcoreStage(Stage):
    """Loss = CE + sum_m CE_m + `kl_weight` sum_m KL_m + `mse_weight` sum_m b_m e_m.

    CE_m is of a classifier on what is filled in for m alone; KL_m, against N(0, I), counts the
    utterances that have m.

    Attributes:
        step: of the weights b; 0 leaves them equal.
    """

    name: ClassVar[str] = "redcore"
    kl_weight: float
    mse_weight: float
    step: float

    def build(self, shape: CorpusShape) -> RedcoreNetwork:
        """Build the network."""
        return RedcoreNetwork(shape, self.training.dropout)

    def loss(self, network: RedcoreNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the terms."""
        order = network.shape.order
        latent = halves(network.embed(batch.observed), order)
        there = present(batch.states, network.shape)
        z = latent.first + standard_normal_like(latent.first) * (0.5 * latent.second).exp()
        filled, imagined = network.fill(z, there)
        squares = (imagined - z.detach()).square() / WIDTH
        errors = _of_modalities(squares, there) / there.sum(0).clamp(min=1)
        if network.training:
            network.weigh(errors.detach(), there.sum(0), self.step)
        alone = zip(order, network.alone, filled.split(WIDTH, 1), strict=True)
        return {
            "ce": batch.cross_entropy(network.classifier(filled)),
            **{f"ce_{name}": batch.cross_entropy(one(block)) for name, one, block in alone},
            "kl": self.kl_weight * _of_modalities(_kl(latent), there).sum() / len(there),
            "mse": self.mse_weight * (network.emphasis * errors).sum(),
        }


def _kl(latent: Halves) -> Tensor:
    """Return (B, M d) KL(N(mu, sigma^2) || N(0, 1))."""
    mean, log_variance = latent
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def _of_modalities(x: Tensor, there: Tensor) -> Tensor:
    """Return (M,) sums of (B, M d) over what is there."""
    sums: Tensor = (x.unflatten(1, (there.shape[1], -1)) * there[..., None]).sum((0, 2))
    return sums


class RedcoreConfig(NetworkConfig):
    """Settings of RedCore: weights of the terms, and the `step` of the modalities' weights."""

    kl_weight: NonNegativeFloat = 0.0016
    mse_weight: NonNegativeFloat = 0.15
    step: NonNegativeFloat = 0.1
    include_complete: bool = True
    search_space: ClassVar[SearchSpace] = {
        "kl_weight": Float(1e-4, 0.1, log=True),
        "mse_weight": Float(0.015, 1.5, log=True),
    }


class Redcore(NetworkMethod):
    """Variational cross-modal imagination that watches which modality it imagines worse."""

    summary = (
        "variational bottleneck and cross-modal imagination, for imbalanced missing (AAAI 2024)"
    )
    uses_states = StateUse.ABSENCE
    Config = RedcoreConfig
    config: RedcoreConfig
    inert_by_construction: ClassVar[Mapping[str, str]] = {
        "log_variance*": "the latents' variance is for training, at test z is the mean",
    }

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """The script's for IEMOCAP."""
        return {
            RedcoreStage.name: StageTraining(
                epochs=30, decay_epochs=30, batch_size=128, dropout=0.5, clip=1.0
            )
        }

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the one stage."""
        config = self.config
        stage = RedcoreStage(
            training=training[0],
            sampling=self.partial_sampling(include_complete=config.include_complete),
            kl_weight=config.kl_weight,
            mse_weight=config.mse_weight,
            step=config.step,
        )
        return (stage,)

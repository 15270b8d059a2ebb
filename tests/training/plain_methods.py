"""The methods' losses written out from their equations, over lists of utterances."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tests.training import plain_layers as layers
from tests.training.plain_layers import WIDTH, Weights

Frames = Mapping[str, Tensor]


@dataclass(frozen=True)
class Utterance:
    """One utterance as a network meets it.

    Attributes:
        label: its class.
        seen: modality -> (T, D) what the network reads.
        present: the modalities that are neither absent nor noised.
        clean: modality -> (T, D) the true input, of those that exist.
    """

    label: int
    seen: Frames
    present: frozenset[str]
    clean: Frames


@dataclass(frozen=True)
class Step:
    """What a step trains on.

    Attributes:
        utterances: of the batch.
        progress: share of the epochs done.
        latent_noise: (B, 64) standard normal draws of NMER's latent, None elsewhere.
    """

    utterances: Sequence[Utterance]
    progress: float
    latent_noise: Tensor | None = None


@dataclass(frozen=True)
class PlainMethod(ABC):
    """One stage of a method.

    Attributes:
        kinds: modality -> kind, in corpus order.
        widths: modality -> feature columns.
        class_weights: of the cross-entropy, None where all classes count alike.
    """

    kinds: Mapping[str, str]
    widths: Mapping[str, int]
    class_weights: Sequence[float] | None = None

    @property
    def order(self) -> list[str]:
        """Modalities as they are concatenated."""
        return sorted(self.kinds)

    @abstractmethod
    def logits(self, w: Weights, utterance: Utterance) -> Tensor:
        """Return (C,) as at test."""

    @abstractmethod
    def terms(self, w: Weights, step: Step, teacher: Weights) -> dict[str, Tensor]:
        """Return the weighted terms of a step's loss."""

    def encode(self, w: Weights, encoders: str, seen: Frames) -> list[Tensor]:
        """Return (d,) of each modality of one utterance."""
        return [self._encode(w, f"{encoders}.of_{name}", name, seen[name]) for name in self.order]

    def _encode(self, w: Weights, encoder: str, name: str, frames: Tensor) -> Tensor:
        return layers.ENCODERS[self.kinds[name]](w, encoder, frames)

    def zeros(self, name: str) -> Tensor:
        """Return what an absent modality reads as."""
        return torch.zeros(1 if self.kinds[name] == "vector" else 5, self.widths[name])

    def truth(self, utterance: Utterance) -> Frames:
        """Return the clean input, zeros where there is none."""
        return {name: utterance.clean.get(name, self.zeros(name)) for name in self.kinds}

    def hidden(self, utterance: Utterance) -> Frames:
        """Return the clean input of what the network does not see, and zeros for what it sees."""
        clean = self.truth(utterance)
        return {n: self.zeros(n) if n in utterance.present else clean[n] for n in self.kinds}

    def cross_entropy(self, logits: Tensor, step: Step) -> Tensor:
        """Return the mean over the utterances, each weighted by its class."""
        total, weights = logits.new_zeros(()), 0.0
        for row, utterance in zip(logits, step.utterances, strict=True):
            weight = 1.0 if self.class_weights is None else self.class_weights[utterance.label]
            total = total - weight * torch.log_softmax(row, 0)[utterance.label]
            weights += weight
        return total / weights

    def known_mse(self, found: Tensor, target: Tensor, step: Step) -> Tensor:
        """Return the mean square of (B, M d) over the modalities whose truth exists."""
        squares = [
            (found[i] - target[i]).split(WIDTH)[m] ** 2
            for i, utterance in enumerate(step.utterances)
            for m, name in enumerate(self.order)
            if name in utterance.clean
        ]
        return torch.cat(squares).mean()


class PlainFusion(PlainMethod):
    """MMIN's first stage."""

    def h(self, w: Weights, seen: Frames) -> Tensor:
        """Return (M d,)."""
        return torch.cat(self.encode(w, "encoders", seen))

    def logits(self, w: Weights, utterance: Utterance) -> Tensor:
        return layers.classifier(w, "classifier", self.h(w, utterance.seen))

    def terms(self, w: Weights, step: Step, teacher: Weights) -> dict[str, Tensor]:
        logits = torch.stack([self.logits(w, u) for u in step.utterances])
        return {"ce": self.cross_entropy(logits, step)}


class PlainMmin(PlainFusion):
    """MMIN's second stage."""

    def logits(self, w: Weights, utterance: Utterance) -> Tensor:
        _, z = layers.mmin_cascade(w, "imagine", self.h(w, utterance.seen))
        return layers.classifier(w, "classifier", z)

    def terms(self, w: Weights, step: Step, teacher: Weights) -> dict[str, Tensor]:
        h = torch.stack([self.h(w, u.seen) for u in step.utterances])
        target = torch.stack([self.h(teacher, self.hidden(u)) for u in step.utterances])
        there, z = layers.mmin_cascade(w, "imagine", h)
        back, _ = layers.mmin_cascade(w, "imagine_back", there)
        return {
            "ce": self.cross_entropy(layers.classifier(w, "classifier", z), step),
            "mse": 4 * self.known_mse(there, target.detach(), step),
            "cycle": 2 * ((back - h.detach()) ** 2).mean(),
        }


@dataclass(frozen=True)
class PlainAlignment(PlainMethod):
    """The first stage of IF-MMIN, and of NMER: S reads encoders of its own there.

    Attributes:
        below: the encoders that S reads.
    """

    below: str = "branches.specific"

    def h(self, w: Weights, seen: Frames) -> Tensor:
        """Return (M d,)."""
        return torch.cat(self.encode(w, "branches.specific", seen))

    def s(self, w: Weights, seen: Frames) -> Tensor:
        """Return (M d,)."""
        each = self.encode(w, self.below, seen)
        return torch.cat([layers.shared_encoder(w, "branches.invariant", one) for one in each])

    def both(self, w: Weights, step: Step) -> tuple[Tensor, Tensor]:
        """Return h and s of a batch, (B, M d) each."""
        h = torch.stack([self.h(w, u.seen) for u in step.utterances])
        return h, torch.stack([self.s(w, u.seen) for u in step.utterances])

    def logits(self, w: Weights, utterance: Utterance) -> Tensor:
        h, s = self.h(w, utterance.seen), self.s(w, utterance.seen)
        return layers.classifier(w, "classifier", torch.cat([h, s]))

    def terms(self, w: Weights, step: Step, teacher: Weights) -> dict[str, Tensor]:
        h, s = self.both(w, step)
        logits = layers.classifier(w, "classifier", torch.cat([h, s], 1))
        pairs = [cmd(x, y) for x, y in itertools.combinations(s.split(WIDTH, 1), 2)]
        return {"ce": self.cross_entropy(logits, step), "cmd": sum(pairs) / len(pairs)}


def cmd(x: Tensor, y: Tensor) -> Tensor:
    """Central moment discrepancy of order 5 between (B, d) and (B, d)."""
    total = (x.mean(0) - y.mean(0)).norm()
    for k in range(2, 6):
        total = total + (((x - x.mean(0)) ** k).mean(0) - ((y - y.mean(0)) ** k).mean(0)).norm()
    return total


class PlainIfMmin(PlainAlignment):
    """IF-MMIN's second stage."""

    def logits(self, w: Weights, utterance: Utterance) -> Tensor:
        h, s = self.h(w, utterance.seen), self.s(w, utterance.seen)
        return layers.classifier(w, "classifier", layers.if_mmin_cascade(w, "imagine", h, s)[1])

    def terms(self, w: Weights, step: Step, teacher: Weights) -> dict[str, Tensor]:
        h, s = self.both(w, step)
        h_true = torch.stack([self.h(teacher, self.hidden(u)) for u in step.utterances])
        s_true = torch.stack([self.s(teacher, self.truth(u)) for u in step.utterances])
        there, z = layers.if_mmin_cascade(w, "imagine", h, s)
        return {
            "ce": self.cross_entropy(layers.classifier(w, "classifier", z), step),
            "mse": self.known_mse(there, h_true.detach(), step),
            "invariant": 100 * self.known_mse(s, s_true.detach(), step),
        }


@dataclass(frozen=True)
class PlainNmer(PlainAlignment):
    """NMER's second stage.

    Attributes:
        beta: weight of the KL term, which is reached after `warm_up` of the epochs.
        warm_up: share of the epochs.
        depth: layers of the Transformer.
    """

    below: str = "branches.common"
    beta: float = 1e-3
    warm_up: float = 0.0
    depth: int = 5

    def latent(self, w: Weights, h: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return (64,) mean and log variance of one utterance: a sequence of one token."""
        (read,) = layers.transformer(w, "vae.transformer", self.depth, torch.cat([h, s])[None])
        return layers.linear(w, "vae.mean", read), layers.linear(w, "vae.log_variance", read)

    def decode(self, w: Weights, z: Tensor, s: Tensor) -> Tensor:
        """Return (M d,) h'."""
        hidden = layers.leaky(layers.linear(w, "vae.decoder.0", torch.cat([z, s])))
        return layers.linear(w, "vae.decoder.2", hidden)

    def logits(self, w: Weights, utterance: Utterance) -> Tensor:
        h, s = self.h(w, utterance.seen), self.s(w, utterance.seen)
        imagined = self.decode(w, self.latent(w, h, s)[0], s)
        return layers.normalised_classifier(w, "classifier", imagined, training=False)

    def terms(self, w: Weights, step: Step, teacher: Weights) -> dict[str, Tensor]:
        h, s = self.both(w, step)
        assert step.latent_noise is not None
        imagined, divergences = [], []
        for one, other, noise in zip(h, s, step.latent_noise, strict=True):
            mean, log_variance = self.latent(w, one, other)
            z = mean + torch.exp(log_variance / 2) * noise
            imagined.append(self.decode(w, z, other))
            variance = torch.exp(log_variance)
            divergences.append(((mean**2 + variance - log_variance - 1) / 2).sum())
        there = torch.stack(imagined)
        h_true = torch.stack([self.h(teacher, self.truth(u)) for u in step.utterances])
        s_true = torch.stack([self.s(teacher, self.truth(u)) for u in step.utterances])
        logits = layers.normalised_classifier(w, "classifier", there, training=True)
        ramp = min(1.0, step.progress / self.warm_up) if self.warm_up > 0 else 1.0
        return {
            "ce": self.cross_entropy(logits, step),
            "mse": self.known_mse(there, h_true.detach(), step),
            "invariant": self.known_mse(s, s_true.detach(), step),
            "kl": self.beta * ramp * torch.stack(divergences).mean(),
        }


@dataclass(frozen=True)
class PlainLateFusion(PlainMethod):
    """discard: one classifier a modality.

    Attributes:
        labels: of the training utterances, for the prior.
        classes: C.
    """

    labels: Sequence[int] = field(default_factory=list)
    classes: int = 0

    def expert(self, w: Weights, name: str, frames: Tensor) -> Tensor:
        """Return (C,) of one modality."""
        expert = f"experts.{list(self.kinds).index(name)}"
        return layers.classifier(
            w, f"{expert}.classifier", self._encode(w, f"{expert}.encoder", name, frames)
        )

    def logits(self, w: Weights, utterance: Utterance) -> Tensor:
        if not utterance.present:
            counts = [self.labels.count(c) + 1 for c in range(self.classes)]
            return (torch.tensor(counts) / sum(counts)).log()
        each = [self.expert(w, name, utterance.seen[name]) for name in sorted(utterance.present)]
        return sum(each, torch.zeros(self.classes)) / len(each)

    def terms(self, w: Weights, step: Step, teacher: Weights) -> dict[str, Tensor]:
        found = {}
        for name in self.kinds:
            logits = [self.expert(w, name, u.seen[name]) for u in step.utterances]
            found[f"ce_{name}"] = self.cross_entropy(torch.stack(logits), step)
        return found

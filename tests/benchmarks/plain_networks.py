"""The networks as the family's code runs them: every modality, padded, whether absent or not.

Encoders are written out; cascades, the VAE and classifiers are the same layers in either way and
are taken from the network that is copied.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from merbench_baselines.mmin import MminNetwork
from merbench_baselines.zero_fill import FusionNetwork
from torch import Tensor, nn
from torch.nn import functional

from merbench.methods.base import Network
from merbench.methods.if_mmin import IfMminNetwork
from merbench.methods.nmer import NmerNetwork
from merbench.methods.parts.alignment import AlignmentNetwork
from merbench.methods.parts.branches import TwoEncoderBranches
from merbench.methods.parts.encoders import (
    KERNELS,
    TEXT_DROPOUT,
    WIDTH,
    Encoder,
    Encoders,
    LstmEncoder,
    TextCnnEncoder,
)
from merbench.methods.parts.invariant import mean_pairwise_cmd
from merbench.methods.parts.vae import ConditionalVae, Tokens
from tests.benchmarks.plain_data import PlainBatch

Features = Mapping[str, Tensor]


class PaddedLstm(nn.Module):
    """An LSTM over the padded batch, max-pooled over all of it."""

    def __init__(self, ours: LstmEncoder) -> None:
        super().__init__()
        self.lstm = nn.LSTM(ours.lstm.input_size, WIDTH, batch_first=True)
        self.load_state_dict(ours.state_dict())

    def forward(self, values: Tensor) -> Tensor:
        """Return (B, d) from (B, T, D)."""
        outputs, _ = self.lstm(values)
        outputs = outputs.transpose(1, 2)
        return functional.max_pool1d(outputs, outputs.shape[2]).squeeze(2)


class ConvText(nn.Module):
    """TextCNN as two-dimensional convolutions whose kernels span the whole width."""

    def __init__(self, ours: TextCnnEncoder) -> None:
        super().__init__()
        inputs = ours.convolutions[0].in_channels
        self.convolutions = nn.ModuleList(nn.Conv2d(1, WIDTH, (k, inputs)) for k in KERNELS)
        self.dropout, self.project = nn.Dropout(TEXT_DROPOUT), copy.deepcopy(ours.project)
        for mine, other in zip(self.convolutions, ours.convolutions, strict=True):
            mine.weight.data.copy_(other.weight.data.transpose(1, 2)[:, None])
            mine.bias.data.copy_(other.bias.data)

    def forward(self, values: Tensor) -> Tensor:
        """Return (B, d) from (B, T, D)."""
        short = max(KERNELS) - values.shape[1]
        if short > 0:
            values = functional.pad(values, (0, 0, 0, short))
        pooled = []
        for convolution in self.convolutions:
            windows = functional.relu(convolution(values[:, None])).squeeze(3)
            pooled.append(functional.max_pool1d(windows, windows.shape[2]).squeeze(2))
        return functional.relu(self.project(self.dropout(torch.cat(pooled, 1))))


def plain_encoder(ours: Encoder) -> nn.Module:
    """Return an encoder with the same weights."""
    if isinstance(ours, LstmEncoder):
        return PaddedLstm(ours)
    if isinstance(ours, TextCnnEncoder):
        return ConvText(ours)
    raise TypeError(f"no plain form of {type(ours).__name__}")


class PlainEncoders(nn.Module):
    """One encoder a modality."""

    def __init__(self, ours: Encoders, names: Sequence[str]) -> None:
        super().__init__()
        each = zip(names, ours.values(), strict=True)
        self.each = nn.ModuleDict({name: plain_encoder(encoder) for name, encoder in each})
        self.order = sorted(names)

    def forward(self, features: Features) -> list[Tensor]:
        """Return (B, d) of each modality, in the order of concatenation."""
        return [self.each[name](features[name]) for name in self.order]


class PlainNetwork(nn.Module):
    """A network and its losses; `teacher` is another one, frozen, run anew for every batch."""

    def forward(self, features: Features) -> Tensor:
        """Return (B, C) logits."""
        raise NotImplementedError

    def losses(self, batch: PlainBatch, seen: Features, teacher: Any) -> dict[str, Tensor]:
        """Return the weighted terms.

        Args:
            batch: the truth.
            seen: what the network sees of it.
            teacher: the trained network of the stage before.
        """
        raise NotImplementedError

    def subnetworks(self) -> Iterator[nn.Module]:
        """Yield what is clipped one by one: each encoder, and each other part."""
        for child in self.children():
            if isinstance(child, PlainEncoders):
                yield from child.each.values()
            else:
                yield child


class PlainFusion(PlainNetwork):
    """MMIN's stage 1."""

    def __init__(self, ours: FusionNetwork) -> None:
        super().__init__()
        self.encoders = PlainEncoders(ours.encoders, ours.shape.names)
        self.classifier = copy.deepcopy(ours.classifier)

    def forward(self, features: Features) -> Tensor:
        return self.classifier(torch.cat(self.encoders(features), 1))

    def losses(self, batch: PlainBatch, seen: Features, teacher: Any) -> dict[str, Tensor]:
        return {"ce": functional.cross_entropy(self(seen), batch.labels)}


class PlainMmin(PlainNetwork):
    """MMIN's stage 2: the teacher reads what is missing."""

    def __init__(self, ours: MminNetwork) -> None:
        super().__init__()
        self.encoders = PlainEncoders(ours.encoders, ours.shape.names)
        self.imagine = copy.deepcopy(ours.imagine)
        self.imagine_back = copy.deepcopy(ours.imagine_back)
        self.classifier = copy.deepcopy(ours.classifier)

    def forward(self, features: Features) -> Tensor:
        return self.classifier(self.imagine(torch.cat(self.encoders(features), 1)).code)

    def losses(self, batch: PlainBatch, seen: Features, teacher: PlainFusion) -> dict[str, Tensor]:
        h = torch.cat(self.encoders(seen), 1)
        there = self.imagine(h)
        back = self.imagine_back(there.reconstruction).reconstruction
        with torch.no_grad():
            target = torch.cat(teacher.encoders(batch.hidden()), 1)
        return {
            "ce": functional.cross_entropy(self.classifier(there.code), batch.labels),
            "mse": 4 * functional.mse_loss(there.reconstruction, target),
            "cycle": 2 * functional.mse_loss(back, h.detach()),
        }


class PlainBranches(PlainNetwork):
    """Specific and invariant features of every modality."""

    def __init__(self, ours: AlignmentNetwork | IfMminNetwork | NmerNetwork) -> None:
        super().__init__()
        branches, names = ours.branches, ours.shape.names
        self.specific = PlainEncoders(branches.specific, names)
        self.common = None
        if isinstance(branches, TwoEncoderBranches):
            self.common = PlainEncoders(branches.common, names)
        self.invariant = copy.deepcopy(branches.invariant)
        self.classifier = copy.deepcopy(ours.classifier)

    def split(self, features: Features) -> tuple[list[Tensor], list[Tensor]]:
        """Return h and s of each modality."""
        h = self.specific(features)
        below = h if self.common is None else self.common(features)
        return h, [self.invariant(one) for one in below]


class PlainAlignment(PlainBranches):
    """Stage 1 of IF-MMIN and NMER."""

    def forward(self, features: Features) -> Tensor:
        h, s = self.split(features)
        return self.classifier(torch.cat([*h, *s], 1))

    def losses(self, batch: PlainBatch, seen: Features, teacher: Any) -> dict[str, Tensor]:
        h, s = self.split(seen)
        logits = self.classifier(torch.cat([*h, *s], 1))
        return {
            "ce": functional.cross_entropy(logits, batch.labels),
            "cmd": mean_pairwise_cmd(s),
        }


class PlainIfMmin(PlainBranches):
    """IF-MMIN's stage 2: the teacher reads what is missing, and then everything."""

    def __init__(self, ours: IfMminNetwork) -> None:
        super().__init__(ours)
        self.imagine = copy.deepcopy(ours.imagine)

    def forward(self, features: Features) -> Tensor:
        h, s = self.split(features)
        return self.classifier(self.imagine(torch.cat(h, 1), torch.cat(s, 1)).code)

    def losses(
        self, batch: PlainBatch, seen: Features, teacher: PlainAlignment
    ) -> dict[str, Tensor]:
        h, s = (torch.cat(each, 1) for each in self.split(seen))
        imagined = self.imagine(h, s)
        with torch.no_grad():
            h_true = torch.cat(teacher.specific(batch.hidden()), 1)
            s_true = torch.cat(teacher.split(batch.features)[1], 1)
        return {
            "ce": functional.cross_entropy(self.classifier(imagined.code), batch.labels),
            "mse": functional.mse_loss(imagined.reconstruction, h_true),
            "invariant": 100 * functional.mse_loss(s, s_true),
        }


class PlainNmer(PlainBranches):
    """NMER's stage 2: the teacher reads everything, clean; attention runs over the batch."""

    def __init__(self, ours: NmerNetwork, beta: float = 1e-3, tokens: Tokens = "batch") -> None:
        super().__init__(ours)
        width = WIDTH * len(ours.shape.modalities)
        self.vae, self.beta = ConditionalVae(width, len(ours.shape.modalities), tokens), beta
        self.vae.load_state_dict(ours.vae.state_dict())

    def forward(self, features: Features) -> Tensor:
        h, s = (torch.cat(each, 1) for each in self.split(features))
        return self.classifier(self.vae(h, s, sample=False).embedding)

    def losses(
        self, batch: PlainBatch, seen: Features, teacher: PlainAlignment
    ) -> dict[str, Tensor]:
        h, s = (torch.cat(each, 1) for each in self.split(seen))
        imagined = self.vae(h, s, sample=True)
        with torch.no_grad():
            h_true, s_true = (torch.cat(each, 1) for each in teacher.split(batch.features))
        return {
            "ce": functional.cross_entropy(self.classifier(imagined.embedding), batch.labels),
            "mse": functional.mse_loss(imagined.embedding, h_true),
            "kl": self.beta * imagined.latent.kl(),
            "invariant": functional.mse_loss(s, s_true),
        }


_PLAIN: dict[type[Network], type[PlainNetwork]] = {
    FusionNetwork: PlainFusion,
    MminNetwork: PlainMmin,
    AlignmentNetwork: PlainAlignment,
    IfMminNetwork: PlainIfMmin,
    NmerNetwork: PlainNmer,
}


def plain_network(ours: Network, **settings: Any) -> PlainNetwork:
    """Return the plain form of a network, with its weights."""
    return _PLAIN[type(ours)](ours, **settings)

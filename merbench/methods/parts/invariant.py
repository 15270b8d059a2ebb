"""Modality-invariant features: the shared encoder and the discrepancy that aligns them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from merbench.methods.parts.encoders import WIDTH
from merbench.methods.parts.layers import LEAK

MOMENTS = 5


class InvariantEncoder(nn.Sequential):
    """S: Linear, LeakyReLU, Linear, LeakyReLU, shared by the embeddings of all modalities."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__(
            nn.Linear(width, width),
            nn.LeakyReLU(LEAK),
            nn.Linear(width, width),
            nn.LeakyReLU(LEAK),
        )


def _norm(x: Tensor) -> Tensor:
    """Euclidean norm with gradient 0 at 0, where the plain one has none."""
    square = x.square().sum()
    positive = square > 0
    return torch.where(positive, square, 1.0).sqrt() * positive


def cmd(x: Tensor, y: Tensor, moments: int = MOMENTS) -> Tensor:
    """Return the central moment discrepancy of two samples (Zellinger et al. 2017, b - a = 1).

    `||E x - E y|| + sum_{k=2..K} ||c_k(x) - c_k(y)||`, c_k the k-th central moment of each feature.

    Args:
        x: (B, d) features; a batch of one has no moments and gives the distance of the means.
        y: (B, d) features.
        moments: K.
    """
    mean_x, mean_y = x.mean(0), y.mean(0)
    total = _norm(mean_x - mean_y)
    centred_x, centred_y = x - mean_x, y - mean_y
    power_x, power_y = centred_x, centred_y
    for _ in range(2, moments + 1):
        power_x, power_y = power_x * centred_x, power_y * centred_y
        total = total + _norm(power_x.mean(0) - power_y.mean(0))
    return total


def mean_pairwise_cmd(features: Sequence[Tensor]) -> Tensor:
    """Return the discrepancy averaged over the pairs of modalities (IF-MMIN eq. 2)."""
    pairs = [cmd(x, y) for x, y in itertools.combinations(features, 2)]
    return torch.stack(pairs).mean()

"""Embeddings made of two halves of equal width: modality-specific and modality-invariant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Halves(NamedTuple):
    """Both halves of all modalities, each (B, M d) in the order of concatenation."""

    first: Tensor
    second: Tensor


def pair(first: Tensor, second: Tensor) -> Tensor:
    """Put two halves side by side."""
    return torch.cat([first, second], 1)


def halves(embeddings: Mapping[str, Tensor], order: Sequence[str]) -> Halves:
    """Split (B, 2 d) embeddings and concatenate each half over the modalities."""
    split = [embeddings[name].chunk(2, 1) for name in order]
    return Halves(torch.cat([one for one, _ in split], 1), torch.cat([two for _, two in split], 1))

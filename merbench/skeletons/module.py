"""Skeleton: a torch module that takes padded features and masks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from merbench.features.part import CorpusShape
from merbench.methods.module import ModuleMethod


class SkeletonModule(nn.Module):
    """A layer and the mean over time for each modality, and a classifier on their mean."""

    def __init__(
        self, widths: Mapping[str, int], classes: int, dropout: float, hidden: int = 64
    ) -> None:
        super().__init__()
        self.names = tuple(widths)
        self.read = nn.ModuleList(nn.Linear(width, hidden) for width in widths.values())
        self.decide = nn.Sequential(
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)
        )

    def forward(
        self, features: Mapping[str, Tensor], masks: Mapping[str, Tensor], available: Tensor
    ) -> Tensor:
        """Return (B, C) logits.

        Args:
            features: modality -> (B, T, D), 0 where a sequence has ended.
            masks: modality -> (B, T) True where there is a frame.
            available: (B, M) False where a modality is absent: its features are zeros then.
        """
        means = []
        for name, read in zip(self.names, self.read, strict=True):
            mask = masks[name][..., None]
            means.append((read(features[name]).relu() * mask).sum(1) / mask.sum(1))
        here = available[..., None].to(means[0].dtype)
        mean = (torch.stack(means, 1) * here).sum(1) / here.sum(1).clamp(min=1)
        logits: Tensor = self.decide(mean)
        return logits


class Skeleton(ModuleMethod):
    """The module, trained by merbench on random missing patterns."""

    summary = "the mean of a layer for each modality"

    def module(self, shape: CorpusShape, dropout: float) -> nn.Module:
        """Build the module."""
        return SkeletonModule({m.name: m.width for m in shape.modalities}, shape.classes, dropout)

"""Shift: one modality runs ahead of or behind the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench.corruption.noises.base import Damage, Noise, Point, Target
from merbench.features.ragged import Ragged


@dataclass(frozen=True)
class Shifted(Damage):
    """The sequence moves one way.

    Attributes:
        direction: (n,) +1 later, -1 earlier.
    """

    direction: Tensor

    def apply(self, clean: Ragged, point: Point) -> Tensor:
        """Move each sequence by `round(severity T)` frames; vacated frames are 0."""
        by = (clean.lengths * point.severity).round().long() * self.direction
        row = clean.row
        source = clean.position - by[row]
        inside = (source >= 0) & (source < clean.lengths[row])
        moved = clean.values[(clean.starts[row] + source).clamp(0, max(len(row) - 1, 0))]
        return moved * inside[:, None]

    def tensors(self) -> Sequence[Tensor]:
        """Return the directions."""
        return (self.direction,)


class Shift(Noise):
    """The sequence moves against the other modalities by a share of its length."""

    summary = "the sequence moves against the other modalities, vacated frames 0"
    family = "shift"

    def plan(self, row: int, target: Target) -> NDArray[np.int64]:
        """Return the direction, +1 or -1."""
        return 2 * target.stream(row).integers(2, size=1) - 1

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw a direction for every utterance."""
        directions = [self.plan(i, target)[0] for i in range(len(target.lengths))]
        return Shifted(torch.from_numpy(np.array(directions, np.int64)).to(device))

"""One contiguous span of an utterance is lost (burst) or stands still (freeze)."""

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
class Span(Damage):
    """A span that grows rightwards from its start, then leftwards.

    Attributes:
        start: (n,) int64 first frame of the smallest span.
        freeze: fill it with the frame before `start` (0 where there is none) instead of 0.
    """

    start: Tensor
    freeze: bool

    def apply(self, clean: Ragged, point: Point) -> Tensor:
        """Replace the frames of the span, `round(severity T)` of them."""
        size = (clean.lengths * point.severity).round().long()
        left = torch.minimum(self.start, clean.lengths - size)
        row, position = clean.row, clean.position
        inside = (position >= left[row]) & (position < (left + size)[row])
        if not self.freeze:
            return clean.values * ~inside[:, None]
        before = clean.values[(clean.starts + self.start - 1).clamp(min=0)[row]]
        fill = before * (self.start[row] > 0)[:, None]
        return torch.where(inside[:, None], fill, clean.values)

    def tensors(self) -> Sequence[Tensor]:
        """Return the starts."""
        return (self.start,)


class Burst(Noise):
    """A contiguous span is set to 0: packet loss, occlusion."""

    summary = "one contiguous span set to 0"
    family = "span"
    _freeze = False

    def plan(self, row: int, target: Target) -> NDArray[np.int64]:
        """Return the span's start."""
        return target.stream(row).integers(max(1, int(target.lengths[row])), size=1)

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw a start for every utterance."""
        starts = np.array([self.plan(i, target)[0] for i in range(len(target.lengths))], np.int64)
        return Span(torch.from_numpy(starts).to(device), self._freeze)


class Freeze(Burst):
    """The same span as a burst's repeats the frame before its start: a frozen picture."""

    summary = "the same span repeats the frame before it"
    _freeze = True

"""Frame drop: frames lost one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from merbench.corruption.noises.base import Damage, Noise, Point, Target
from merbench.features.ragged import Ragged


@dataclass(frozen=True)
class Dropped(Damage):
    """A frame is lost as soon as severity exceeds its threshold.

    Attributes:
        threshold: (F,) float64 in [0, 1).
    """

    threshold: Tensor

    def apply(self, clean: Ragged, point: Point) -> Tensor:
        """Set the lost frames to 0."""
        return clean.values * (self.threshold >= point.severity)[:, None]

    def tensors(self) -> Sequence[Tensor]:
        """Return the thresholds."""
        return (self.threshold,)


class FrameDrop(Noise):
    """Each frame is set to 0 with probability equal to the severity."""

    summary = "frames set to 0 independently"
    family = "frame_drop"

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw a threshold for every frame."""
        threshold = target.over_frames(lambda rng, length: rng.random(length))
        return Dropped(torch.from_numpy(threshold).to(device))

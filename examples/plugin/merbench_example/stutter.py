"""A noise: a lossy line that repeats the last frame that came through."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from merbench.corruption.noises.base import Damage, Noise, Point, Target
from merbench.features.ragged import Ragged


@dataclass(frozen=True)
class Stuttered(Damage):
    """A frame is lost as soon as severity exceeds its threshold; the first one never is.

    Attributes:
        threshold: (F,) float64 in [0, 1).
    """

    threshold: Tensor

    def apply(self, clean: Ragged, point: Point) -> Tensor:
        """Repeat, in the place of each lost frame, the last one before it that is not lost."""
        came = (self.threshold >= point.severity) | (clean.position == 0)
        places = torch.arange(len(came), device=came.device)
        # The first frame of every sequence came, so this never reaches into the one before.
        last = torch.where(came, places, 0).cummax(0).values
        return clean.values[last]

    def tensors(self) -> Sequence[Tensor]:
        """Return the thresholds."""
        return (self.threshold,)


class Stutter(Noise):
    """Each frame is lost with probability equal to the severity, and the last one repeated."""

    summary = "lost frames repeat the last one that came through"
    family = "stutter"

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw a threshold for every frame, each utterance from its own frozen stream."""
        threshold = target.over_frames(lambda rng, length: rng.random(length))
        return Stuttered(torch.from_numpy(threshold).to(device))

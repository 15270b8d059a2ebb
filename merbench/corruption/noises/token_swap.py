"""Token swap: frames replaced by other utterances' frames, as a recogniser's substitutions."""

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
class Swapped(Damage):
    """A frame is replaced as soon as severity exceeds its threshold.

    Attributes:
        threshold: (F,) float64 in [0, 1).
        foreign: (F, k) the frame that replaces each.
        donors: (F,) whose frame that is.
    """

    threshold: Tensor
    foreign: Tensor
    donors: NDArray[np.int64]

    def apply(self, clean: Ragged, point: Point) -> Tensor:
        """Replace the frames past their threshold."""
        return torch.where((self.threshold < point.severity)[:, None], self.foreign, clean.values)

    def tensors(self) -> Sequence[Tensor]:
        """Return thresholds and foreign frames."""
        return (self.threshold, self.foreign)

    def lenders(self) -> NDArray[np.int64]:
        """Return whose frames they are."""
        return self.donors


class TokenSwap(Noise):
    """Each frame is replaced by a donor's frame with probability equal to the severity."""

    summary = "frames replaced by other utterances' frames (ASR substitutions)"
    family = "token_swap"

    def plan(self, row: int, target: Target) -> NDArray[np.int64]:
        """Return (2 T,) the donor of every frame, then the place in it that is taken."""
        rng, length = target.stream(row), int(target.lengths[row])
        donors = target.donors.choose(int(target.utterances[row]), length, rng)
        return np.concatenate([donors, rng.integers(target.donors.lengths(donors))])

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw donors, places and thresholds for every frame."""
        plans = [self.plan(i, target).reshape(2, -1) for i in range(len(target.lengths))]
        donors, places = np.concatenate(plans, axis=1)
        # Thresholds come from a jump ahead in the stream, where the plan cannot reach.
        threshold = np.concatenate(
            [
                np.random.Generator(target.stream(i).bit_generator.jumped()).random(int(t))  # type: ignore[attr-defined]
                for i, t in enumerate(target.lengths)
            ]
        )
        return Swapped(
            torch.from_numpy(threshold).to(device),
            torch.from_numpy(target.donors.frames(donors, places)).to(device),
            donors,
        )

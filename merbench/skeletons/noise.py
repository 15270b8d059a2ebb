"""Skeleton: features that fall silent, as the channels of a sensor do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from merbench.corruption.noises.base import Damage, Noise, Point, Target
from merbench.features.ragged import Ragged


@dataclass(frozen=True)
class SkeletonDamage(Damage):
    """What was drawn, ready to be applied at any severity.

    Attributes:
        threshold: (n, D) in [0, 1): a feature falls silent as soon as severity exceeds its own.
    """

    threshold: Tensor

    def apply(self, clean: Ragged, point: Point) -> Tensor:
        """Return the (F, D) damaged frames; at severity 0 the clean ones, bit for bit."""
        return clean.values * (self.threshold >= point.severity)[clean.row]

    def tensors(self) -> Sequence[Tensor]:
        """Return what was drawn, for the digest of a run."""
        return (self.threshold,)


class Skeleton(Noise):
    """Each feature of an utterance is 0 throughout with probability equal to the severity."""

    summary = "features that are 0 throughout an utterance"
    family = "skeleton"  # names the random stream
    timed = False  # True where it has no meaning without a time axis

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw from each utterance's own frozen stream, and from nothing else.

        At the raw width, of which a fold keeps some columns: draws must not depend on the fold.
        """
        rows = [target.stream(i).random(target.raw_width) for i in range(len(target.lengths))]
        return SkeletonDamage(torch.from_numpy(np.stack(rows)[:, target.keep]).to(device))

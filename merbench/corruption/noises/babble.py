"""Babble: other people talking over the utterance."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt

from merbench.corruption.noises.base import (
    Additive,
    Damage,
    ScheduledConfig,
    ScheduledNoise,
    Target,
)

_SILENT = 1e-6


class BabbleConfig(ScheduledConfig):
    """Settings of babble."""

    talkers: PositiveInt = 4


class Babble(ScheduledNoise):
    """e = sum of donor utterances, repeated to the utterance's length, scaled to unit power."""

    summary = "the sum of other speakers' utterances mixed in"
    family = "babble"
    Config = BabbleConfig
    config: BabbleConfig

    def plan(self, row: int, target: Target) -> NDArray[np.int64]:
        """Return the donors."""
        utterance = int(target.utterances[row])
        return target.donors.choose(utterance, self.config.talkers, target.stream(row))

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Sum each utterance's donors; its mean square over frames and features becomes 1."""
        n = len(target.lengths)
        donors = np.array([self.plan(i, target) for i in range(n)]).reshape(n, -1)
        row = np.repeat(np.arange(n), target.lengths)
        position = np.concatenate([np.arange(t) for t in target.lengths])
        total = np.zeros((len(row), len(target.keep)), np.float32)
        for talker in donors.T:
            length = target.donors.lengths(talker)[row]
            total += target.donors.frames(talker[row], position % length)
        ragged_rows = np.bincount(row, (total.astype(np.float64) ** 2).mean(axis=1), minlength=n)
        power = ragged_rows / np.maximum(target.lengths, 1)
        total /= np.sqrt(np.maximum(power, _SILENT))[row, None].astype(np.float32)
        return Additive(torch.from_numpy(total).to(device), donors.ravel())

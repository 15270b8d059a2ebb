"""Gaussian and impulse noise: drawn per frame and feature."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from merbench.corruption.noises.base import (
    Additive,
    Damage,
    ScheduledConfig,
    ScheduledNoise,
    Target,
)

_IMPULSE_SHARE = 0.3


class Gaussian(ScheduledNoise):
    """e ~ N(0, 1) per frame and feature (NMER's scheduler)."""

    summary = "N(0,1) mixed into every frame and feature"
    family = "gaussian"

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw e for every frame at the raw width, then keep the normaliser's columns."""

        def normal(rng: np.random.Generator, length: int) -> NDArray[np.generic]:
            e = rng.standard_normal((length, target.raw_width), np.float32)
            return e[:, target.keep]

        return Additive(torch.from_numpy(target.over_frames(normal)).to(device))


class ImpulseConfig(ScheduledConfig):
    """Settings of impulse noise."""

    raw: bool = False


class Impulse(ScheduledNoise):
    """e = +-1 on three in ten entries, 0 elsewhere, scaled to unit variance.

    NMER's released code leaves it unscaled, 5.2 dB milder: `raw: true`.
    """

    summary = "signed spikes on 30 % of the frames' features"
    family = "impulse"
    Config = ImpulseConfig
    config: ImpulseConfig

    @property
    def variance(self) -> float:
        """1, or 0.3 where the released scale is kept."""
        return _IMPULSE_SHARE if self.config.raw else 1.0

    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw spikes for every frame at the raw width, then keep the normaliser's columns."""
        size = 1.0 if self.config.raw else _IMPULSE_SHARE**-0.5

        def spikes(rng: np.random.Generator, length: int) -> NDArray[np.generic]:
            u = rng.random((length, target.raw_width))
            # U above 0.7 spikes; the two halves of that range are the two signs.
            sign = np.where(u > 1 - _IMPULSE_SHARE / 2, size, -size)
            return np.where(u > 1 - _IMPULSE_SHARE, sign, 0.0).astype(np.float32)[:, target.keep]

        return Additive(torch.from_numpy(target.over_frames(spikes)).to(device))

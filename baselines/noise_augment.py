"""noise_augment: modality dropout that puts NMER's training noise where a modality is missing.

The contrast that tells NMER's model from its augmentation.
"""

from __future__ import annotations

from merbench.features.observation import AbsentInput
from merbench.methods.base import TrainNoise

from .modality_dropout import ModalityDropout, ModalityDropoutConfig


class NoiseAugmentConfig(ModalityDropoutConfig):
    """Settings of noise augmentation: absent modalities read as in NMER."""

    train_noise: TrainNoise = "scheduler"
    absent_input: AbsentInput = "noise"


class NoiseAugment(ModalityDropout):
    """Modality dropout with the scheduler's noise on what is missing."""

    summary = "modality dropout with NMER's training noise on what is missing"
    Config = NoiseAugmentConfig

"""What a noise is: a frozen draw per utterance, and damage that grows with severity."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench.config import Config
from merbench.corruption.donors import Donors
from merbench.corruption.schedule import STEPS, ScheduleName, signal_share
from merbench.features.ragged import Ragged


@dataclass(frozen=True)
class Point:
    """One place on a noise's axis.

    Attributes:
        requested: the severity asked for; a level or SNR is asked for by its own severity. Points
            that were asked for differently and apply the same are equal.
        severity: what is applied, 0 (clean) to 1 (everything lost).
        level: step of the schedule, None for noises measured as a share.
    """

    requested: float = field(compare=False)
    severity: float
    level: int | None = None


@dataclass(frozen=True)
class Target:
    """The utterances a noise is drawn for, in one modality.

    Attributes:
        utterances: (n,) positions in the corpus.
        lengths: (n,) int64 frames.
        keep: (k,) the raw columns that normalisation kept, of `raw_width`.
        raw_width: columns of the raw features: draws are made at this width, so that they do not
            depend on the fold.
        stream: row -> the frozen random stream of that utterance.
        donors: where foreign frames come from.
    """

    utterances: NDArray[np.int64]
    lengths: NDArray[np.int64]
    keep: NDArray[np.int64]
    raw_width: int
    stream: Callable[[int], np.random.Generator]
    donors: Donors

    def over_frames(
        self, draw: Callable[[np.random.Generator, int], NDArray[np.generic]]
    ) -> NDArray[np.generic]:
        """Draw (T_i, ...) numbers for every utterance and put them one after the other."""
        return np.concatenate([draw(self.stream(i), int(t)) for i, t in enumerate(self.lengths)])


NO_DONORS: NDArray[np.int64] = np.empty(0, np.int64)


class Damage(ABC):
    """A frozen draw for some utterances, ready to be applied at any severity."""

    @abstractmethod
    def apply(self, clean: Ragged, point: Point) -> Tensor:
        """Return the damaged (F, D) frames; severity 0 returns the clean ones."""

    @abstractmethod
    def tensors(self) -> Sequence[Tensor]:
        """Return what was drawn, for the digest of values."""

    def lenders(self) -> NDArray[np.int64]:
        """Return the positions in the corpus that it borrows from, one for each loan."""
        return NO_DONORS


class NoSettings(Config):
    """Settings of a noise that has none."""


class Noise(ABC):
    """One type of noise. Registered under `merbench.noises`; its settings are its `Config`.

    Attributes:
        summary: one line for `merbench list noises`.
        scheduled: True where severity follows a schedule (levels and SNRs make sense).
        timed: True where it has no meaning for a modality without a time axis.
        family: names the frozen stream; types of one family share their draws.
    """

    summary: ClassVar[str]
    scheduled: ClassVar[bool] = False
    timed: ClassVar[bool] = True
    family: ClassVar[str]
    Config: ClassVar[type[Config]] = NoSettings

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def draw(self, target: Target, device: torch.device) -> Damage:
        """Draw the noise for some utterances."""

    def plan(self, row: int, target: Target) -> NDArray[np.int64]:
        """Return the whole numbers (spans, directions, donors) drawn for an utterance."""
        return np.empty(0, np.int64)

    def trace(self, row: int, target: Target) -> bytes:
        """Return what identifies an utterance's draw on every machine: its plan and random bits."""
        bits = target.stream(row).bit_generator.random_raw(4)
        return self.plan(row, target).astype("<i8").tobytes() + bits.astype("<u8").tobytes()

    def at_severity(self, severity: float) -> Point:
        """Return the point nearest to a severity."""
        return Point(severity, severity)


class ScheduledConfig(Config):
    """Settings of a noise that is mixed into the features."""

    schedule: ScheduleName = "scaled_linear"


class ScheduledNoise(Noise):
    """Noise mixed into the features: `sqrt(abar_t) x + sqrt(1 - abar_t) e`."""

    scheduled = True
    timed = False
    Config = ScheduledConfig
    config: ScheduledConfig

    @property
    def variance(self) -> float:
        """Variance of e, for unit-variance features."""
        return 1.0

    def at_level(self, level: int) -> Point:
        """Return the point at a step of the schedule, 0..T."""
        if not 0 <= level <= STEPS:
            raise ValueError(f"level {level} is outside 0..{STEPS}")
        severity = float(1 - signal_share(self.config.schedule)[level])
        return Point(severity, severity, level)

    def at_severity(self, severity: float) -> Point:
        """Return the step whose severity is nearest."""
        level = int(np.abs(1 - signal_share(self.config.schedule) - severity).argmin())
        return Point(severity, self.at_level(level).severity, level)

    def snr(self, point: Point) -> float:
        """Return the signal-to-noise ratio in dB at a point, for unit-variance features."""
        if point.severity <= 0:
            return math.inf
        signal = max(1 - point.severity, 1e-300)
        return 10 * math.log10(signal / (point.severity * self.variance))

    def at_snr(self, decibel: float) -> Point:
        """Return the step whose signal-to-noise ratio is nearest."""
        steps = [self.at_level(level) for level in range(1, STEPS + 1)]
        nearest = min(steps, key=lambda point: abs(self.snr(point) - decibel))
        noise = 1 / (1 + 10 ** (decibel / 10) * self.variance)
        return Point(noise, nearest.severity, nearest.level)


@dataclass(frozen=True)
class Additive(Damage):
    """Noise e of the features' shape, mixed in by the schedule."""

    e: Tensor
    donors: NDArray[np.int64] = field(default_factory=lambda: NO_DONORS)

    def apply(self, clean: Ragged, point: Point) -> Tensor:
        """Return sqrt(1 - severity) x + sqrt(severity) e."""
        if point.severity == 0:
            return clean.values
        return clean.values * math.sqrt(1 - point.severity) + self.e * math.sqrt(point.severity)

    def tensors(self) -> Sequence[Tensor]:
        """Return e."""
        return (self.e,)

    def lenders(self) -> NDArray[np.int64]:
        """Return whose frames e is made of."""
        return self.donors

"""The noise scheduler: how much of the signal is left after t of T steps.

NMER (arXiv 2311.16114) noises an absent modality by the forward process of a diffusion model,
`x_t = sqrt(abar_t) x + sqrt(1 - abar_t) e`. Fixing t fixes the noise: it is our level.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

ScheduleName = Literal["linear", "scaled_linear", "sigmoid", "cosine"]
SCHEDULES: tuple[ScheduleName, ...] = get_args(ScheduleName)
STEPS = 100
_FIRST, _LAST = 0.01, 0.5


def betas(schedule: ScheduleName, steps: int = STEPS) -> NDArray[np.float64]:
    """Return (steps,) the share of variance that each step replaces by noise."""
    found: NDArray[np.float64]
    if schedule == "linear":
        found = np.linspace(_FIRST, _LAST, steps)
    elif schedule == "scaled_linear":
        found = np.linspace(_FIRST**0.5, _LAST**0.5, steps) ** 2
    elif schedule == "sigmoid":
        found = _FIRST + (_LAST - _FIRST) / (1 + np.exp(-np.linspace(-6, 6, steps)))
    else:
        s = 0.008
        signal = np.cos((np.arange(steps + 1) / steps + s) / (1 + s) * np.pi / 2) ** 2
        found = np.minimum(1 - signal[1:] / signal[:-1], 0.999)
    return found


@cache
def signal_share(schedule: ScheduleName, steps: int = STEPS) -> NDArray[np.float64]:
    """Return (steps + 1,) abar_t for t = 0..steps; abar_0 = 1; severity is 1 - abar_t."""
    shares = np.concatenate([[1.0], np.cumprod(1 - betas(schedule, steps))])
    shares.flags.writeable = False
    return shares

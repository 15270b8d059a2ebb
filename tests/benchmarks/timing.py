"""Stop-watches: ways of doing one thing, taken in turns, and the speed of the machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

_GEMM = 2048


@dataclass(frozen=True)
class Timed:
    """What one way took in seconds (or did, where it returns a rate), a figure a round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    def record(self) -> dict[str, object]:
        """Return the median and the figures it is of."""
        return {"median": self.median, "all": list(self.seconds)}


def synchronise(device: str) -> None:
    """Wait for what a device still does."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def seconds_of(action: Callable[[], object], device: str = "cpu") -> float:
    """Return how long something takes."""
    synchronise(device)
    started = time.perf_counter()
    action()
    synchronise(device)
    return time.perf_counter() - started


def in_turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Timed]:
    """Measure ways in turns, so that what disturbs the machine disturbs them alike.

    Args:
        ways: name -> does it and returns the seconds that count.
        rounds: how often each is measured.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return {name: Timed(tuple(seconds)) for name, seconds in found.items()}


def gemm_peak(device: str = "cpu", repeats: int = 9, size: int = _GEMM) -> float:
    """Return GFLOP/s of a float32 matrix product, the best of some, as peaks are.

    The threads are torch's of the moment.
    """
    one, other = torch.randn(2, size, size, device=device).unbind()
    out = torch.empty(size, size, device=device)
    best = min(
        seconds_of(lambda: torch.mm(one, other, out=out), device) for _ in range(repeats + 1)
    )
    return 2 * size**3 / best * 1e-9

"""A clock whose unit is what a yardstick just took, so that a stored time holds elsewhere.

Seconds of one machine say little on another, or on the same one at another hour. A yardstick is
work of the same kind that has nothing of ours in it: what disturbs one disturbs the other. Both are
measured in processor time, which neighbours on a busy machine hardly change; waiting is not seen.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from typing import Protocol

import pytest


def processor_time() -> float:
    """Return the seconds that this process has computed, and those it started and that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Yardstick:
    """A clock for pytest-benchmark that ticks in yardsticks.

    Args:
        now: tells seconds.
    """

    def __init__(self, now: Callable[[], float] = processor_time) -> None:
        self.now, self.unit = now, 1.0

    def lay(self, work: Callable[[], object], parts: int = 1) -> None:
        """Do a yardstick's work, and tick at its speed from now on.

        Args:
            work: the yardstick.
            parts: how many yardsticks the benchmark is to be divided by.
        """
        gc.collect()
        gc.disable()
        try:
            started = self.now()
            work()
            self.unit = (self.now() - started) * parts
        finally:
            gc.enable()

    def __call__(self) -> float:
        """Return the time in yardsticks."""
        return self.now() / self.unit


CLOCK = Yardstick()
# What others left behind is collected before a yardstick, and nothing is while it is laid or
# compared with: a collection costs more than a short yardstick.
SPEED = [pytest.mark.speed, pytest.mark.benchmark(timer=CLOCK, disable_gc=True)]


class Pedantic(Protocol):
    """What is used of pytest-benchmark's fixture."""

    def pedantic(
        self,
        target: Callable[[], object],
        *,
        setup: Callable[[], None],
        rounds: int,
        warmup_rounds: int,
    ) -> object:
        """Measure."""


def beside(
    benchmark: Pedantic,
    yardstick: Callable[[], object],
    work: Callable[[], object],
    *,
    rounds: int,
    warmup: int = 1,
    parts: int = 1,
    clock: Yardstick = CLOCK,
) -> None:
    """Measure some work in yardsticks, the yardstick before every round.

    Args:
        benchmark: pytest-benchmark's fixture, in a test marked with `SPEED`.
        yardstick: work of the same kind, of some hundredths of a second or more.
        work: what is measured.
        rounds: how often each is done.
        warmup: how often before that, uncounted.
        parts: divides what is measured, where the yardstick is one part of it.
        clock: what the test is marked with.
    """
    benchmark.pedantic(
        work, setup=lambda: clock.lay(yardstick, parts), rounds=rounds, warmup_rounds=warmup
    )

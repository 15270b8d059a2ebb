"""What a setting may be tuned over: the words a method states its search space in.

A method's config has them beside its fields:

    class MineConfig(NetworkConfig):
        weight: NonNegativeFloat = 0.1
        search_space: ClassVar[SearchSpace] = {"weight": Float(0.01, 1.0, log=True)}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

Value = float | int | str | bool
# A value within this share of the range from an end lies at the edge.
_EDGE = 0.05


@dataclass(frozen=True)
class _Range:
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            found = f"found {self.low:g} to {self.high:g}"
            raise ValueError(f"{found}; expected a lower and a higher end")
        if self.log and self.low <= 0:
            raise ValueError(f"found log from {self.low:g}; expected a lower end above 0")

    @property
    def samples(self) -> tuple[Value, ...]:
        """Values that stand for all of them: the ends."""
        return self.low, self.high


@dataclass(frozen=True)
class Float(_Range):
    """A number from `low` to `high`; `log` draws its logarithm.

    Raises:
        ValueError: an empty range, or a logarithm of what is not above 0.
    """

    def holding(self, value: Value) -> Float:
        """Return the range, widened where it has to be to hold a value."""
        number = float(value)
        return replace(self, low=min(self.low, number), high=max(self.high, number))

    def tidy(self, value: Value) -> float:
        """Return a drawn value as it is used: to three digits, so that a suite can be read."""
        return min(max(float(f"{value:.3g}"), self.low), self.high)

    def beyond(self, value: Value) -> float | None:
        """Return a value outside the range that is near one at its edge, None where none is."""
        low, high, at = self.low, self.high, float(value)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        step = _EDGE * (high - low)
        if step < at - low and step < high - at:
            return None
        outside = low - step if at - low <= step else high + step
        return math.exp(outside) if self.log else outside


@dataclass(frozen=True)
class Int(_Range):
    """A whole number from `low` to `high`, both included; `log` draws its logarithm.

    Raises:
        ValueError: an empty range, or a logarithm of what is not above 0.
    """

    low: int
    high: int

    def holding(self, value: Value) -> Int:
        """Return the range, widened where it has to be to hold a value."""
        number = int(value)
        return replace(self, low=min(self.low, number), high=max(self.high, number))

    def tidy(self, value: Value) -> int:
        """Return a drawn value as it is used."""
        return int(value)

    def beyond(self, value: Value) -> int | None:
        """Return the neighbour outside the range of a value at its end, None elsewhere."""
        return {self.low: self.low - 1, self.high: self.high + 1}.get(int(value))


@dataclass(frozen=True)
class Choice:
    """One of some values, without an order.

    Raises:
        ValueError: fewer than two values.
    """

    options: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(self.options) < 2:
            raise ValueError(f"found {self.options!r}; expected at least two values")

    @property
    def samples(self) -> tuple[Value, ...]:
        """Values that stand for all of them."""
        return self.options

    def holding(self, value: Value) -> Choice:
        """Return the values, and this one."""
        return self if value in self.options else Choice((*self.options, value))

    def tidy(self, value: Value) -> Value:
        """Return a drawn value as it is used."""
        return value

    def beyond(self, value: Value) -> None:
        """Return None: what has no order has no edge."""


Space = Float | Int | Choice
SearchSpace = Mapping[str, Space]

"""Sequences of different length, one after the other in one tensor: no padding is stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Padded(NamedTuple):
    """Sequences side by side.

    Attributes:
        values: (n, T, D), 0 where there is no frame.
        mask: (n, T) True where there is one.
    """

    values: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Ragged:
    """n sequences.

    Attributes:
        values: (F, D) frames of all sequences, one sequence after the other.
        lengths: (n,) int64 frames of each.
    """

    values: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def width(self) -> int:
        """Features of a frame."""
        return self.values.shape[1]

    @property
    def total(self) -> int:
        """F, frames of all sequences."""
        return len(self.values)

    @property
    def device(self) -> torch.device:
        """Where the sequences are."""
        return self.lengths.device

    def read(self, places: Tensor) -> Tensor:
        """Return copies of (k,) frames, (k, D), by their places in `values`."""
        return self.values[places]

    @cached_property
    def lengths_on_host(self) -> NDArray[np.int64]:
        """(n,) the lengths again, where they can be computed with at once."""
        found: NDArray[np.int64] = self.lengths.cpu().numpy()
        return found

    @cached_property
    def starts(self) -> Tensor:
        """(n,) position of each sequence's first frame."""
        return self.lengths.cumsum(0) - self.lengths

    @cached_property
    def row(self) -> Tensor:
        """(F,) the sequence each frame belongs to."""
        return torch.repeat_interleave(
            torch.arange(len(self), device=self.lengths.device),
            self.lengths,
            output_size=self.total,
        )

    @cached_property
    def position(self) -> Tensor:
        """(F,) each frame's place in its sequence."""
        return torch.arange(self.total, device=self.row.device) - self.starts[self.row]

    def with_values(self, values: Tensor) -> Ragged:
        """Return the same layout with other frames."""
        return Ragged(values, self.lengths)

    def take(self, rows: Tensor) -> Ragged:
        """Return the sequences `rows`, in that order (a row may come more than once)."""
        lengths = self.lengths[rows]
        first = self.starts[rows] - (lengths.cumsum(0) - lengths)
        frames = torch.repeat_interleave(first, lengths)
        frames += torch.arange(len(frames), device=frames.device)
        return Ragged(self.read(frames), lengths)

    def subset(self, rows: Tensor) -> Ragged:
        """Return the sequences `rows`, as `take` does, but read no sooner than these are."""
        return self.take(rows)

    def loaded(self) -> Ragged:
        """Return the sequences with all frames in memory."""
        return self

    def fills(self, length: int) -> bool:
        """Say whether every sequence has so many frames, if none has more."""
        return self.total == len(self) * length

    def padded(self, at_least: int = 1) -> Padded:
        """Return the sequences padded with zeros to the longest, and to `at_least` frames."""
        longest = max(at_least, int(self.lengths.max())) if len(self) else at_least
        if self.fills(longest):
            mask = torch.ones(len(self), longest, dtype=torch.bool, device=self.lengths.device)
            return Padded(self.values.view(len(self), longest, self.width), mask)
        flat = self.values.new_zeros(len(self) * longest, self.width)
        flat[self.row * longest + self.position] = self.values
        steps = torch.arange(longest, device=self.lengths.device)
        return Padded(flat.view(len(self), longest, self.width), steps < self.lengths[:, None])

    def to(self, device: torch.device) -> Ragged:
        """Move to a device."""
        return Ragged(self.values.to(device), self.lengths.to(device))

    @classmethod
    def constant(cls, value: float, length: int, width: int, device: torch.device) -> Ragged:
        """Return one sequence of equal values."""
        return cls(
            torch.full((length, width), value, device=device),
            torch.tensor([length], device=device),
        )

    @classmethod
    def concatenate(cls, parts: list[Ragged]) -> Ragged:
        """Put several lists of sequences one after the other."""
        return cls(torch.cat([p.values for p in parts]), torch.cat([p.lengths for p in parts]))

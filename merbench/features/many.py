"""The sequences of many networks at once, laid out by the host: a device is asked for nothing.

Where each sequence lies, and how long it is, is known in NumPy; what takes a pass over frames is
done on the device, in as many operations for a hundred networks as for one.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench.features.ragged import Ragged

Indices = NDArray[np.int64]
Some = TypeVar("Some", bound=Sized)


def put(array: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array on a device, without waiting for it; a CPU's shares the array's memory."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda":
        tensor = tensor.pin_memory()  # a copy from anywhere else may wait for the device
    return tensor.to(device, non_blocking=True)


def spans(first: Indices, lengths: Indices, device: torch.device) -> Tensor:
    """Return (sum of lengths,) places: `first[0]` and what follows it, then `first[1]`, and so on.

    Args:
        first: (k,) first place of each span.
        lengths: (k,) places of each.
        device: where to.
    """
    before = lengths.cumsum() - lengths
    shifts, counts = put(np.stack([first - before, lengths]), device)
    places = torch.repeat_interleave(shifts, counts, output_size=int(lengths.sum()))
    places += torch.arange(len(places), device=device)
    return places


def begins(lists: Sequence[Sized]) -> list[int]:
    """Return where each list begins when they lie one after the other."""
    return list(accumulate(map(len, lists), initial=0))[:-1]


def distinct(lists: Sequence[Some]) -> tuple[list[Some], list[int]]:
    """Return each list once, and where each of those given begins when these lie in a row."""
    once = {id(each): each for each in lists}
    first = dict(zip(once, begins(list(once.values())), strict=True))
    return list(once.values()), [first[id(each)] for each in lists]


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors one after the other; a single one is not copied."""
    return tensors[0] if len(tensors) == 1 else torch.cat([*tensors])


@dataclass(frozen=True)
class Steps:
    """Sequences of N networks, laid out step by step.

    First comes the first frame of every sequence, then the second of every sequence that has one,
    and so on, longest sequences first.

    A step is as wide as the network with most sequences in it needs; others have empty columns.

    Attributes:
        sizes: sequences that each step has.
        values: (N, S, D) frames, S the sum of the sizes; 0 in empty columns.
        there: (N, S) False in empty columns.
        column: (S,) the sequence of each frame, longest first.
        order: (N, R) the place of each sequence in that order.
    """

    sizes: list[int]
    values: Tensor
    there: Tensor
    column: Tensor
    order: Tensor


@dataclass(frozen=True)
class ManySequences:
    """The sequences of one modality that each of N networks reads, those of each on their own.

    Attributes:
        values: (F, D) frames: the first network's sequences one after the other, and so on.
        lengths: (N, R) frames of each sequence, 0 where a network has fewer than R.
    """

    values: Tensor
    lengths: Indices

    @cached_property
    def starts(self) -> Indices:
        """(N, R) place of each sequence's first frame."""
        ends = self.lengths.cumsum().reshape(self.lengths.shape)
        return ends - self.lengths

    @cached_property
    def steps(self) -> Steps:
        """The frames laid out step by step, for the recurrences that read them."""
        device = self.values.device
        ranked = np.argsort(-self.lengths, axis=1, kind="stable")
        order = ranked.argsort(1)
        lengths = np.take_along_axis(self.lengths, ranked, 1)
        starts = np.take_along_axis(self.starts, ranked, 1)
        longest = lengths.max(0)
        wide = longest > np.arange(longest[0])[:, None]
        step, column = put(np.stack(wide.nonzero()), device)
        lengths_there, starts_there, order_there = put(np.stack([lengths, starts, order]), device)
        there = lengths_there[:, column] > step
        frames = torch.where(there, starts_there[:, column] + step, 0)
        values = self.values[frames.flatten()].unflatten(0, frames.shape)
        values.masked_fill_(~there[..., None], 0)
        return Steps(wide.sum(1).tolist(), values, there, column, order_there)

    def padded(self, at_least: int = 1) -> Tensor:
        """Return (N, R, T, D) frames, 0 where there is none; a view where there is no padding."""
        n, sequences = self.lengths.shape
        longest = max(at_least, int(self.lengths.max()))
        width = self.values.shape[1]
        if bool((self.lengths == longest).all()):
            return self.values.view(n, sequences, longest, width)
        first = np.arange(n * sequences) * longest
        flat = self.values.new_zeros(n * sequences * longest, width)
        flat[spans(first, self.lengths.ravel(), flat.device)] = self.values
        return flat.view(n, sequences, longest, width)


@dataclass(frozen=True)
class Pool:
    """Lists of sequences one after the other, to read from.

    Attributes:
        sequences: P of them.
        lengths: (P,) frames of each.
    """

    sequences: Ragged
    lengths: Indices

    @classmethod
    def of(cls, lists: Sequence[Ragged]) -> Pool:
        """Put lists one after the other; a single one is not copied."""
        lengths = np.concatenate([each.lengths_on_host for each in lists])
        return cls(lists[0] if len(lists) == 1 else Ragged.concatenate([*lists]), lengths)

    @cached_property
    def starts(self) -> Indices:
        """(P,) place of each sequence's first frame."""
        return self.lengths.cumsum() - self.lengths

    def take(self, rows: Indices, lengths: Indices | None = None) -> ManySequences:
        """Return copies of sequences, (N, R) of them.

        Args:
            rows: (N, R) sequences of the pool; -1 for none of them.
            lengths: (N, R) frames of each where some are none of the pool's: the caller fills those
                in. By default they have no frame.
        """
        if lengths is None:
            lengths = self.lengths_of(rows)
        total, pool = int(lengths.sum()), self.sequences
        if not pool.total:
            return ManySequences(pool.values.new_zeros(total, pool.width), lengths)
        first = np.where(rows < 0, 0, self.starts[rows])
        frames = spans(first.ravel(), lengths.ravel(), pool.device)
        if (rows < 0).any():
            frames.clamp_(max=pool.total - 1)
        return ManySequences(pool.read(frames), lengths)

    def lengths_of(self, rows: Indices) -> Indices:
        """Return frames of sequences, 0 for those that are none of the pool's."""
        return np.where(rows < 0, 0, self.lengths[rows]) if len(self.lengths) else 0 * rows

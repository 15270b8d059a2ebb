"""The batches of a step: one for each of the networks that take it, and what they read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from merbench.features.many import Indices, ManySequences, put
from merbench.features.observation import ObservedModality
from merbench.features.ragged import Ragged
from merbench.methods.base import Batch, TeacherRows


class ManyObserved(NamedTuple):
    """One modality as N networks see it, B utterances each.

    Attributes:
        sequences: R of each at most.
        rows: (N, B) the sequence, of its network's, that each utterance reads.
    """

    sequences: ManySequences
    rows: Tensor


class Batches(NamedTuple):
    """One batch for each of N networks, all of one size.

    Attributes: those of `Batch`, with N in front.
    """

    labels: Tensor
    states: Tensor
    available: Tensor
    observed: dict[str, ManyObserved]
    teacher: dict[str, TeacherRows]
    progress: list[float]
    class_weights: Tensor | None

    def lone(self) -> Batch:
        """Return the batch of the only network."""
        (states,) = self.states
        observed = {}
        for column, (name, (sequences, (rows,))) in enumerate(self.observed.items()):
            lengths = put(sequences.lengths[0], rows.device)
            seen = Ragged(sequences.values, lengths)
            observed[name] = ObservedModality(seen, rows, states[:, column])
        return Batch(
            self.labels[0],
            states,
            self.available[0],
            observed,
            {name: TeacherRows(t.clean[0], t.absent[0]) for name, t in self.teacher.items()},
            self.progress[0],
            None if self.class_weights is None else self.class_weights[0],
        )


class Reads(NamedTuple):
    """Which sequences n networks read for B utterances each, in one modality.

    Each network's own come first, then the stand-ins of what is absent.

    Attributes:
        rows: (n, B) the sequence that each utterance reads.
        source: (n, R) the sequence of the pool, -1 where it is none.
        stands_in: (n, R) True for stand-ins.
    """

    rows: Indices
    source: Indices
    stands_in: NDArray[np.bool_]

    @classmethod
    def of(cls, at: Indices, absent: NDArray[np.bool_], shared: bool) -> Reads:
        """Lay out what is read.

        Args:
            at: (n, B) the sequence of the pool that an utterance reads if it is not absent.
            absent: (n, B).
            shared: whether the absent ones of a network share one stand-in.
        """
        there = ~absent
        own = there.sum(1, keepdims=True)
        stand_ins = absent.any(1, keepdims=True) if shared else absent.sum(1, keepdims=True)
        number = 0 if shared else absent.cumsum(1) - 1
        rows = np.where(there, there.cumsum(1) - 1, own + number)
        columns = np.arange(int((own + stand_ins).max()))
        source = np.full((len(at), len(columns)), -1)
        np.put_along_axis(source, rows, np.where(there, at, -1), 1)
        return cls(rows, source, (columns >= own) & (columns < own + stand_ins))

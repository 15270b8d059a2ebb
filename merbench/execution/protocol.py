"""What every task of a run shares, and the data that one is given."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus
from merbench.corpus.folds import Fold
from merbench.corruption.grid import Grid


@dataclass(frozen=True)
class Protocol:
    """What every task of a run shares.

    Attributes:
        corpus: all utterances.
        grid: the conditions.
        seed: of the frozen draws.
        reserved: held-out donors, None where any utterance may donate.
        threads: of the CPU, for each task.
        evaluation_batch: rows fused at once.
        device: where tensors live, such as `cpu` or `cuda:0`.
        fleet: networks of one stage that train at once, at most.
        tf32: whether products keep ten bits of their factors in training.
    """

    corpus: Corpus
    grid: Grid
    seed: int
    reserved: NDArray[np.int64] | None
    threads: int
    evaluation_batch: int
    device: str
    fleet: int = 1
    tf32: bool = False

    @property
    def form(self) -> str:
        """How networks are trained: alone, or so many at once at most; by which products."""
        form = "single" if self.fleet == 1 else f"fleet of {self.fleet}"
        return f"{form}, tf32" if self.tf32 else form

    @cached_property
    def token(self) -> str:
        """Names the protocol in a process: equal tokens prepare folds equally."""
        grid = [dataclasses.asdict(condition) for condition in self.grid.conditions]
        noises = [
            [
                column.label,
                f"{type(column.noise).__module__}:{type(column.noise).__qualname__}",
                column.noise.config.model_dump(),
                [dataclasses.asdict(point) for point in column.points],
            ]
            for column in self.grid.columns
        ]
        reserved = None if self.reserved is None else self.reserved.tolist()
        settings = [self.seed, reserved, self.evaluation_batch]
        content = [self.corpus.fingerprint, grid, noises, settings, self.device]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Division:
    """What a task trains, selects and tests on.

    Attributes:
        fold: of the corpus.
        missing_rate: share of the training utterances that is made incomplete.
    """

    fold: Fold
    missing_rate: float = 0.0

    @property
    def key(self) -> str:
        """What tells it from every other division of the corpus."""
        return f"{self.fold.key} {self.missing_rate!r}"

    def is_complete(self, corpus: Corpus) -> bool:
        """Say whether no training utterance lacks anything."""
        return self.missing_rate == 0 and bool(corpus.available[self.fold.train].all())

"""The frame that predictions have to fill: every test utterance of every fold and condition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus
from merbench.exchange.conditions import ConditionLookup
from merbench.execution.plan import Plan


@dataclass(frozen=True)
class Frame:
    """Slots in the order fold, condition, utterance: one prediction each, for each seed.

    Attributes:
        corpus: its utterances and classes.
        folds: names.
        tests: (n_f,) positions of each fold's test utterances.
        count: K, how many conditions there are.
        lookup: finds conditions.
    """

    NONE: ClassVar[int] = -1
    SEVERAL: ClassVar[int] = -2
    corpus: Corpus
    folds: tuple[str, ...]
    tests: tuple[NDArray[np.int64], ...]
    count: int
    lookup: ConditionLookup

    @classmethod
    def of(cls, plan: Plan) -> Frame:
        """Return what a plan asks of a method."""
        corpus = plan.protocol.corpus
        return cls(
            corpus,
            tuple(fold.name for fold in plan.folds),
            tuple(fold.test for fold in plan.folds),
            len(plan.conditions),
            ConditionLookup(plan.conditions, corpus.names),
        )

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(F + 1,) the first slot of each fold, and the number of slots."""
        sizes = [self.count * len(test) for test in self.tests]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(F,) test utterances of each fold."""
        return np.array([len(test) for test in self.tests], np.int64)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(F, N) where an utterance stands in a fold's test part, -1 where it does not."""
        places = np.full((len(self.folds), len(self.corpus)), -1, np.int64)
        for fold, test in enumerate(self.tests):
            places[fold, test] = np.arange(len(test))
        return places

    @cached_property
    def only_fold(self) -> NDArray[np.int64]:
        """(N,) the fold that tests an utterance; `NONE` where none does, `SEVERAL` where many."""
        times = (self.places >= 0).sum(axis=0)
        fold = (self.places >= 0).argmax(axis=0)
        return np.where(times == 0, self.NONE, np.where(times > 1, self.SEVERAL, fold))

    def slots(
        self,
        folds: NDArray[np.int64],
        conditions: NDArray[np.int64],
        utterances: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Return the slot of each row, -1 where fold, condition or utterance is not known."""
        known = (folds >= 0) & (conditions >= 0) & (utterances >= 0)
        place = np.where(known, self.places[folds, utterances], -1)
        slot = self.starts[folds] + conditions * self.sizes[folds] + place
        return np.where(place >= 0, slot, -1)

    def describe(self, slot: int) -> str:
        """Say which prediction a slot asks for, within its fold."""
        fold = int(np.searchsorted(self.starts, slot, side="right")) - 1
        condition, place = divmod(slot - int(self.starts[fold]), int(self.sizes[fold]))
        utterance = self.corpus.utterances[int(self.tests[fold][place])]
        return f"utterance {utterance!r} under condition {self.lookup.name(condition)}"

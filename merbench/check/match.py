"""A run and its reference: whether they compare, and what is held against what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merbench.check.reference import Reference
from merbench.errors import ConfigError, IncompleteError, NotComparableError, did_you_mean
from merbench.results.header import TableHeader


class Counts(NamedTuple):
    """Confusion counts of a method in both runs, (seed, fold, condition, C, C), seeds in pairs."""

    mine: NDArray[np.int64]
    other: NDArray[np.int64]


@dataclass(frozen=True)
class Match:
    """A run and a reference.

    Attributes:
        run: what is checked.
        reference: what it is held against.
        names: how they are called in messages.
    """

    run: Reference
    reference: Reference
    names: tuple[str, str] = ("the run", "the reference")

    @property
    def paired(self) -> bool:
        """Whether both met the same corruptions."""
        return self.run.protocol.draws == self.reference.protocol.draws

    def require_comparable(self) -> None:
        """Refuse another protocol; the draws alone may differ.

        Raises:
            NotComparableError: naming what differs.
        """
        mine, other = self.run.protocol, self.reference.protocol
        redrawn = mine.model_copy(update={"draws": other.draws})
        differing = redrawn.all_differences(other, *self.names)
        if not differing:
            ours, theirs = (_axes(side.header) for side in (self.run, self.reference))
            differing = [f"{name}: they differ" for name in ours if ours[name] != theirs[name]]
        if differing:
            raise self._not_comparable("; ".join(differing))

    def methods(self, wanted: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the labels to check: those wanted, or all of the reference and of the run.

        Raises:
            ConfigError: a wanted one is in neither.
            IncompleteError: the run lacks one.
        """
        ours = self.run.header.methods
        known = tuple(dict.fromkeys((*self.reference.header.methods, *ours)))
        for method in wanted:
            if method not in known:
                raise ConfigError(
                    f"{self.names[0]} and {self.names[1]} have no method {method!r}; "
                    f"{did_you_mean(method, known)}"
                )
        chosen = tuple(wanted) or known
        lacking = [method for method in chosen if method not in ours]
        if lacking:
            raise IncompleteError(
                f"{self.names[0]} has no {', '.join(lacking)}, which is to be held against "
                f"{self.names[1]}; it has {', '.join(ours)}"
            )
        return chosen

    def counts(self, method: str) -> Counts:
        """Return the counts of a method that both have.

        A seed stands beside itself where the run has it, else beside the next one that is left.

        Raises:
            IncompleteError: the run has fewer seeds of it than the reference.
            NotComparableError: the labels of the utterances differ.
        """
        mine, other = self.run.seeds(method), self.reference.seeds(method)
        if len(mine) < len(other):
            raise IncompleteError(
                f"{self.names[0]} has {_listed(mine)} of {method}, {self.names[1]} "
                f"{_listed(other)}; expected as many or more"
            )
        free = iter([place for place, seed in enumerate(mine) if seed not in other])
        places = [mine.index(seed) if seed in mine else next(free) for seed in other]
        found = Counts(self.run.by_fold(method)[places], self.reference.by_fold(method))
        if not np.array_equal(*(side.sum(axis=-1) for side in found)):
            raise self._not_comparable("the labels of test utterances differ")
        return found

    def _not_comparable(self, why: str) -> NotComparableError:
        return NotComparableError(f"{self.names[0]} is not comparable with {self.names[1]}: {why}")


def _axes(header: TableHeader) -> dict[str, object]:
    conditions = [condition.applied for condition in header.conditions]
    return {"classes": header.classes, "modalities": header.modalities, "conditions": conditions}


def _listed(seeds: Sequence[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"

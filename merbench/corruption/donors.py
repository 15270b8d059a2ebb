"""Donors: whose frames babble and token substitution put in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from merbench import seeds
from merbench.corpus.corpus import Corpus
from merbench.corpus.normalise import Normaliser
from merbench.errors import CorpusError

_RESERVED_SHARE = 0.1


def reserved_donors(corpus: Corpus, seed: int) -> NDArray[np.int64]:
    """Return the tenth of the utterances that `donors: held_out` keeps out of every part."""
    keys = [seeds.digest("reserved donors", seed, u) for u in corpus.utterances]
    chosen = sorted(range(len(corpus)), key=keys.__getitem__)
    return np.sort(np.array(chosen[: max(1, round(_RESERVED_SHARE * len(corpus)))], np.int64))


@dataclass(frozen=True)
class Donors:
    """The donors of one modality.

    A donor comes from another speaker, where speakers are unknown from another dialogue, else from
    another utterance; whatever its part; and has the modality. Which one is a function of the
    frozen stream alone.

    Attributes:
        corpus: all utterances.
        modality: position of the modality.
        normaliser: the fold's, for the frames handed out (None: frames are not needed).
        pool: positions that may donate.
    """

    corpus: Corpus
    modality: int
    normaliser: Normaliser | None
    pool: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        modality: int,
        normaliser: Normaliser | None,
        reserved: NDArray[np.int64] | None = None,
    ) -> Donors:
        """Build the pool: every utterance that has the modality, or the reserved ones of them."""
        has_it = corpus.available[:, modality]
        among = np.arange(len(corpus)) if reserved is None else reserved
        return cls(corpus, modality, normaliser, among[has_it[among]])

    @cached_property
    def _groups(self) -> NDArray[np.str_]:
        known = self.corpus.groups
        for name in ("speaker", "dialogue"):
            if name in known and len(set(known[name][self.pool].tolist())) > 1:
                return known[name]
        return np.array(self.corpus.utterances)

    @cached_property
    def _by_group(self) -> dict[str, NDArray[np.int64]]:
        return {}

    def strangers(self, utterance: int) -> NDArray[np.int64]:
        """Return the positions that may donate to an utterance."""
        group = str(self._groups[utterance])
        if group not in self._by_group:
            self._by_group[group] = self.pool[self._groups[self.pool] != group]
        found = self._by_group[group]
        return found if len(found) else self.pool[self.pool != utterance]

    def choose(self, utterance: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw `count` donors, with replacement."""
        strangers = self.strangers(utterance)
        if not len(strangers):
            name = self.corpus.modalities[self.modality].name
            raise CorpusError(
                f"corpus {self.corpus.name!r}: no other utterance can donate {name} to "
                f"{self.corpus.utterances[utterance]!r} ({len(self.pool)} may donate at all); "
                "babble and token_swap need more"
            )
        return strangers[rng.integers(len(strangers), size=count)]

    def lengths(self, donors: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the donors' frame counts."""
        return self.corpus.modalities[self.modality].lengths[donors]

    def frames(
        self, donors: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return (F, k) normalised frames: `positions[i]` of donor `donors[i]`."""
        if self.normaliser is None:
            raise ValueError("these donors were built without a normaliser")
        modality = self.corpus.modalities[self.modality]
        raw = modality.read(modality.offsets[donors] + positions)
        return self.normaliser.modalities[self.modality].apply(raw)

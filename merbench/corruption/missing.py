"""Modalities missing at random: frozen masks, nested in the rate, that leave everyone something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merbench import seeds
from merbench.corpus.corpus import Corpus

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MissingColumn:
    """One `missing` entry of a suite.

    Attributes:
        label: how tables call it.
        weights: (M,) how the rate is divided among the modalities; equal ones are the usual case.
        rates: shares of all modalities of all utterances that are to be missing.
    """

    label: str
    weights: tuple[float, ...]
    rates: tuple[float, ...]

    def at(self, rate: float, draw: int) -> RandomMissing:
        """Return the masks at a rate, or at the highest that leaves everyone a modality."""
        everything = np.ones((1, len(self.weights)), np.bool_)
        most = float(_highest(np.array(self.weights), everything)[0])
        return RandomMissing(self.weights, min(rate, most), draw)


@dataclass(frozen=True)
class RandomMissing:
    """Which modalities of which utterances are missing, as a function of frozen draws.

    Attributes:
        weights: (M,) how the rate is divided.
        rate: the share of all modalities that is missing.
        draw: which frozen draw.
    """

    weights: tuple[float, ...]
    rate: float
    draw: int


@dataclass(frozen=True)
class MissingDraw:
    """What was drawn for n utterances, at any rate.

    One modality of an utterance is kept whatever the rate, each of the others is lost as soon as
    its own number is below a threshold that is proportional to the rate. So masks are nested, and
    the expected share of a modality is exactly what the rate asks for. With equal weights these are
    the masks of GCNet (Lian et al., TPAMI 2023): one modality kept at random, each of the other
    M - 1 missing with probability rate M / (M - 1).

    Attributes:
        kept: (n,) in [0, 1): decides which modality is kept.
        lost: (n, M) in [0, 1).
        available: (n, M) what the corpus has.
    """

    kept: Floats
    lost: Floats
    available: NDArray[np.bool_]

    def gone(self, missing: RandomMissing) -> NDArray[np.bool_]:
        """Return (n, M) which available modalities are missing.

        A modality's rate is `r_m = rate M w_m / sum(w)`. Modality m is the kept one with
        probability `(1 - R_m) / sum(1 - R)`, where R are the rates at the highest possible rate;
        otherwise it is missing with probability `r_m / P(m is not kept)`. An utterance that lacks
        a modality already has the same rates in the others, as far as one of them can be kept.
        """
        weights = np.array(missing.weights)
        highest = _highest(weights, self.available)
        spread = np.where(self.available, weights, 0.0) * len(weights) / weights.sum()
        spare = np.where(self.available, 1 - highest[:, None] * spread, 0.0)
        chance = spare / np.maximum(spare.sum(axis=1, keepdims=True), _TINY)
        place = (np.cumsum(chance, axis=1) <= self.kept[:, None]).sum(axis=1)
        # Rounding may leave the last sum below 1; the last modality with a chance is meant then.
        last = chance.shape[1] - 1 - (chance[:, ::-1] > 0).argmax(axis=1)
        kept = np.minimum(place, last)
        rates = np.minimum(missing.rate, highest)[:, None] * spread
        threshold = rates / np.maximum(1 - chance, _TINY)
        found: NDArray[np.bool_] = self.available & (self.lost < threshold)
        found[np.arange(len(found)), kept] = False
        return found


_TINY = 1e-12


def draw_missing(
    corpus: Corpus, seed: int, utterances: NDArray[np.int64], draw: int
) -> MissingDraw:
    """Draw for some utterances: a function of seed, corpus, utterance and draw alone.

    Args:
        corpus: with its fingerprint.
        seed: the suite's.
        utterances: (n,) positions in the corpus.
        draw: number of the draw.
    """
    numbers = np.stack(
        [
            seeds.generator(
                "frozen draw", seed, corpus.fingerprint, corpus.utterances[u], "missing", draw
            ).random(1 + len(corpus.names))
            for u in utterances.tolist()
        ]
    )
    return MissingDraw(numbers[:, 0], numbers[:, 1:], corpus.available[utterances])


def _highest(weights: Floats, available: NDArray[np.bool_]) -> Floats:
    """Return (n,) the highest rates at which no modality is lost more often than always.

    Args:
        weights: (M,) with a positive sum.
        available: (n, M).
    """
    spread = weights * len(weights) / weights.sum()
    together = (available * spread).sum(axis=1)
    single = np.where(available, spread, 0.0).max(axis=1)
    keep_one = np.maximum(available.sum(axis=1) - 1, 0) / np.maximum(together, _TINY)
    never_twice = 1 / np.maximum(single, _TINY)
    found: Floats = np.minimum(np.minimum(keep_one, never_twice), 1.0)
    return found


def trace_missing(corpus: Corpus, seed: int, draws: Sequence[int]) -> bytes:
    """Return what was drawn for everyone, equal on every machine."""
    everyone = np.arange(len(corpus))
    found = [draw_missing(corpus, seed, everyone, draw) for draw in draws]
    return b"".join(f.kept.tobytes() + f.lost.tobytes() for f in found)

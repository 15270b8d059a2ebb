"""Frozen draws: the same utterance meets the same damage in every method, fold and worker."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from merbench import seeds
from merbench.corpus.corpus import Corpus
from merbench.corpus.normalise import Normaliser
from merbench.corruption.donors import Donors
from merbench.corruption.missing import MissingDraw, draw_missing, trace_missing
from merbench.corruption.noises.base import Damage, Noise, Target
from merbench.corruption.schedule import STEPS, signal_share
from merbench.features.part import Part
from merbench.features.ragged import Ragged


@dataclass(frozen=True)
class Corruptor:
    """Draws the damage of a suite for one fold.

    Attributes:
        corpus: all utterances (donors come from any part).
        normaliser: of the fold.
        seed: the suite's.
        reserved: positions of held-out donors, None where any utterance may donate.
    """

    corpus: Corpus
    normaliser: Normaliser
    seed: int
    reserved: NDArray[np.int64] | None = None

    def damage(
        self,
        noise: Noise,
        modality: int,
        utterances: NDArray[np.int64],
        draw: int,
        device: torch.device,
    ) -> Damage:
        """Draw a noise for some utterances of one modality.

        Args:
            noise: what to draw.
            modality: position in the corpus.
            utterances: (n,) positions in the corpus.
            draw: number of the draw.
            device: where the tensors go.
        """
        norm = self.normaliser.modalities[modality]
        donors = Donors.of(self.corpus, modality, self.normaliser, self.reserved)
        target = _target(
            self.corpus, modality, utterances, noise.family, draw, self.seed, norm.keep, donors
        )
        return noise.draw(target, device)

    def absent_noise(
        self, modality: int, utterances: NDArray[np.int64], length: int, device: torch.device
    ) -> Ragged:
        """Return the frozen N(0,1) sequences that stand in for an absent modality.

        Every utterance gets `length` frames: its own length is not known when it is missing.
        """
        norm = self.normaliser.modalities[modality]
        width = self.corpus.modalities[modality].width
        name = self.corpus.modalities[modality].name
        values = np.concatenate(
            [
                _stream(self.corpus, self.seed, int(u), name, "absent", 0).standard_normal(
                    (length, width), np.float32
                )[:, norm.keep]
                for u in utterances
            ]
        )
        lengths = torch.full((len(utterances),), length)
        return Ragged(torch.from_numpy(values), lengths).to(device)

    def missing(self, utterances: NDArray[np.int64], draw: int) -> MissingDraw:
        """Draw what some utterances miss at random, at any rate."""
        return draw_missing(self.corpus, self.seed, utterances, draw)

    def scheduled(self, modality: int, part: Part) -> Ragged:
        """Return a part's features under NMER's scheduler, frozen.

        Each utterance has a level of its own, uniform in 1..T, whatever method asks.
        """
        norm, features = self.normaliser.modalities[modality], self.corpus.modalities[modality]
        clean = part.features[features.name]
        noise, share = [], []
        for u, length in zip(part.positions.tolist(), clean.lengths.tolist(), strict=True):
            rng = _stream(self.corpus, self.seed, u, features.name, "scheduled", 0)
            share.append(signal_share("scaled_linear")[1 + rng.integers(STEPS)])
            frames = rng.standard_normal((length, features.width), np.float32)
            noise.append(frames[:, norm.keep])
        device = clean.values.device
        e = torch.from_numpy(np.concatenate(noise)).to(device)
        signal = torch.tensor(share, dtype=torch.float32, device=device)[clean.row, None]
        return clean.with_values(clean.values * signal.sqrt() + e * (1 - signal).sqrt())


def _stream(
    corpus: Corpus, seed: int, utterance: int, modality: str, family: str, draw: int
) -> np.random.Generator:
    name = corpus.utterances[utterance]
    return seeds.generator("frozen draw", seed, corpus.fingerprint, name, modality, family, draw)


def _target(
    corpus: Corpus,
    modality: int,
    utterances: NDArray[np.int64],
    family: str,
    draw: int,
    seed: int,
    keep: NDArray[np.int64],
    donors: Donors,
) -> Target:
    features = corpus.modalities[modality]
    return Target(
        utterances,
        features.lengths[utterances],
        keep,
        features.width,
        lambda row: _stream(corpus, seed, int(utterances[row]), features.name, family, draw),
        donors,
    )


def draws_hash(
    corpus: Corpus,
    noises: Sequence[Noise],
    draws: int,
    seed: int,
    reserved: NDArray[np.int64] | None = None,
    *,
    at_random: bool = False,
) -> str:
    """Return the digest of every frozen draw of a suite: equal on every machine.

    It covers keys, spans, directions, donors and random bits, not float values, so it does not
    depend on folds or on how a platform rounds.

    Args:
        corpus: whose utterances.
        noises: of the suite.
        draws: of each.
        seed: of the suite.
        reserved: positions of held-out donors, None where any utterance may donate.
        at_random: whether modalities are missing at random as well.
    """
    sha = hashlib.sha256(seeds.digest("draws", seed, corpus.fingerprint))
    everyone = np.arange(len(corpus))
    for index, modality in enumerate(corpus.modalities):
        donors = Donors.of(corpus, index, None, reserved)
        columns = np.arange(modality.width)
        for noise in noises:
            if noise.timed and modality.kind == "vector":
                continue
            for draw in range(draws):
                target = _target(corpus, index, everyone, noise.family, draw, seed, columns, donors)
                sha.update(f"{modality.name} {type(noise).__qualname__} {draw}\n".encode())
                for row in np.flatnonzero(~modality.absent):
                    sha.update(noise.trace(int(row), target))
    if at_random:
        sha.update(trace_missing(corpus, seed, range(draws)))
    return sha.hexdigest()

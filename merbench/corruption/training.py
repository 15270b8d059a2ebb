"""Noise in training: the suite's own noises, drawn anew for each utterance and epoch.

Nothing here is frozen across methods, and nothing here may know the test part: donors are training
utterances, and only those that still have the modality.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from merbench import seeds
from merbench.corpus.corpus import Corpus
from merbench.corpus.normalise import Normaliser
from merbench.corruption.donors import Donors
from merbench.corruption.grid import NoiseColumn
from merbench.corruption.noises.base import Noise, Point, Target
from merbench.features.part import Part
from merbench.features.ragged import Ragged


@dataclass(frozen=True)
class Choice:
    """One noise at one point: what an utterance may meet in an epoch."""

    noise: Noise
    point: Point


@dataclass(frozen=True)
class TrainingNoise:
    """The noises of a suite, for the training part of one fold.

    Attributes:
        corpus: all utterances; only those of `part` are read.
        normaliser: of the fold.
        part: the training part.
        columns: the suite's noises.
    """

    corpus: Corpus
    normaliser: Normaliser
    part: Part
    columns: Sequence[NoiseColumn]

    @cached_property
    def choices(self) -> tuple[tuple[Choice, ...], ...]:
        """For each modality, what its utterances may meet; empty where no noise applies."""
        return tuple(
            tuple(
                Choice(column.noise, point)
                for column in self.columns
                if not (column.noise.timed and modality.kind == "vector")
                for point in column.points
                if point.severity > 0
            )
            for modality in self.corpus.modalities
        )

    def noised(self, modality: int, key: tuple[seeds.Part, ...]) -> Ragged:
        """Return every training utterance's features under a noise and point drawn uniformly.

        Args:
            modality: position in the corpus; must have choices.
            key: of the draws: fold, seed, stage and epoch.
        """
        features = self.part.features[self.corpus.names[modality]]
        drawn = seeds.generator("training noise", *key, self.corpus.names[modality]).integers(
            len(self.choices[modality]), size=len(self.part)
        )
        pieces, order = [], []
        for rows, choice in self._groups(modality, drawn):
            some = torch.from_numpy(rows).to(features.device)
            clean = features.take(some)
            target = self._target(modality, rows, choice.noise.family, key)
            damage = choice.noise.draw(target, clean.device)
            pieces.append(clean.with_values(damage.apply(clean, choice.point)))
            order.append(some)
        return Ragged.concatenate(pieces).take(torch.cat(order).argsort())

    def _groups(
        self, modality: int, drawn: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], Choice]]:
        for number, choice in enumerate(self.choices[modality]):
            rows = np.flatnonzero(drawn == number)
            if len(rows):
                yield rows, choice

    def _target(
        self, modality: int, rows: NDArray[np.int64], family: str, key: tuple[seeds.Part, ...]
    ) -> Target:
        features = self.corpus.modalities[modality]
        utterances = self.part.positions[rows]
        lengths = self.part.features[features.name].lengths.cpu().numpy()[rows]
        return Target(
            utterances,
            lengths,
            self.normaliser.modalities[modality].keep,
            features.width,
            lambda row: seeds.generator(
                "training noise",
                *key,
                features.name,
                family,
                self.corpus.utterances[utterances[row]],
            ),
            self._donors[modality],
        )

    @cached_property
    def _donors(self) -> tuple[Donors, ...]:
        """For each modality, the training utterances that still have it."""
        there = self.part.available.cpu().numpy()
        return tuple(
            Donors(self.corpus, m, self.normaliser, np.sort(self.part.positions[there[:, m]]))
            for m in range(len(self.corpus.modalities))
        )

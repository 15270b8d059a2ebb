"""One part of a fold (train, validation or test) as a method may see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench.corpus.corpus import Corpus, Kind
from merbench.corpus.normalise import Normaliser, frame_positions
from merbench.features.ragged import Ragged


@dataclass(frozen=True)
class ModalityShape:
    """What a network must know of a modality to be built.

    Attributes:
        name: as the corpus calls it.
        kind: decides the encoder.
        width: normalised feature columns.
        typical_length: median frames of a training utterance.
    """

    name: str
    kind: Kind
    width: int
    typical_length: int


@dataclass(frozen=True)
class CorpusShape:
    """What a network must know of a fold to be built: modalities in corpus order, and C."""

    modalities: tuple[ModalityShape, ...]
    classes: int

    @property
    def layout(self) -> tuple[tuple[tuple[str, Kind, int], ...], int]:
        """What decides the shape of a network's tensors; folds differ in typical lengths."""
        return tuple((m.name, m.kind, m.width) for m in self.modalities), self.classes

    @property
    def names(self) -> tuple[str, ...]:
        """Modality names in corpus order."""
        return tuple(m.name for m in self.modalities)

    @property
    def order(self) -> tuple[str, ...]:
        """Modality names in the order of every concatenation: audio, text, visual."""
        return tuple(sorted(self.names))


@dataclass(frozen=True)
class Part:
    """The normalised features of some utterances.

    Attributes:
        positions: (n,) int64 where the utterances stand in the corpus.
        labels: (n,) int64.
        features: modality -> n sequences; length 0 where natively absent.
        available: (n, M) bool, False where natively absent (or withheld from training).
    """

    positions: NDArray[np.int64]
    labels: Tensor
    features: dict[str, Ragged]
    available: Tensor

    def __len__(self) -> int:
        return len(self.positions)

    def select(self, rows: Tensor) -> Part:
        """Return some of the utterances, in the order of `rows`."""
        return Part(
            self.positions[rows.cpu().numpy()],
            self.labels[rows],
            {name: ragged.take(rows) for name, ragged in self.features.items()},
            self.available[rows],
        )


def make_part(
    corpus: Corpus,
    normaliser: Normaliser,
    positions: NDArray[np.int64],
    device: torch.device,
    available: NDArray[np.bool_] | None = None,
) -> Part:
    """Normalise some utterances and put them on a device.

    Args:
        corpus: all utterances.
        normaliser: of the fold.
        positions: (n,) the utterances.
        device: where to.
        available: (n, M) which of their modalities are shown; all that are there if None.
    """
    shown = corpus.available[positions] if available is None else available
    features = {}
    for column, (modality, norm) in enumerate(
        zip(corpus.modalities, normaliser.modalities, strict=True)
    ):
        there = shown[:, column]
        values = norm.apply(modality.values, frame_positions(modality, positions[there]))
        modality.release()
        lengths = torch.from_numpy(np.where(there, modality.lengths[positions], 0))
        features[modality.name] = Ragged(torch.from_numpy(values), lengths).to(device)
    return Part(
        positions,
        torch.from_numpy(corpus.labels[positions]).to(device),
        features,
        torch.from_numpy(shown.copy()).to(device),
    )


def corpus_shape(
    corpus: Corpus,
    normaliser: Normaliser,
    train: NDArray[np.int64],
    available: NDArray[np.bool_] | None = None,
) -> CorpusShape:
    """Describe a fold for building networks, from what its training part shows."""
    shown = corpus.available[train] if available is None else available
    return CorpusShape(
        tuple(
            ModalityShape(
                modality.name,
                modality.kind,
                norm.width,
                int(np.median(modality.lengths[train[shown[:, column]]])),
            )
            for column, (modality, norm) in enumerate(
                zip(corpus.modalities, normaliser.modalities, strict=True)
            )
        ),
        len(corpus.classes),
    )

"""One part of a fold (train, validation or test) as a method may see it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench.corpus.corpus import Corpus, Kind, Modality
from merbench.corpus.normalise import ModalityNormaliser, Normaliser, frame_positions
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


class Stored(Ragged):
    """Sequences whose frames stay in the corpus, and are normalised whenever they are read.

    A training part would be most of what a process holds, and worker processes share the corpus.

    Args:
        modality: of the corpus.
        norm: of the modality.
        positions: (n,) utterances of the corpus.
        there: (n,) False where a sequence is empty, whatever the corpus has.
    """

    def __init__(
        self,
        modality: Modality,
        norm: ModalityNormaliser,
        positions: NDArray[np.int64],
        there: NDArray[np.bool_],
    ) -> None:
        vars(self).update(
            lengths=torch.from_numpy(np.where(there, modality.lengths[positions], 0)),
            _of=(modality, norm, positions, there),
            _places=frame_positions(modality, positions[there]),
        )

    @property
    def values(self) -> Tensor:
        """(F, D) all frames, read anew whenever they are asked for."""
        return self._read(self._places)

    @property
    def width(self) -> int:
        """Features of a frame."""
        return self._of[1].width

    @property
    def total(self) -> int:
        """F, frames of all sequences."""
        return len(self._places)

    @property
    def nbytes(self) -> int:
        """Bytes of all frames, were they in memory."""
        return 4 * self.total * self.width

    def read(self, places: Tensor) -> Tensor:
        """Return (k,) frames, (k, D)."""
        return self._read(self._places[places.numpy()])

    def subset(self, rows: Tensor) -> Stored:
        """Return the sequences `rows`, still in the corpus."""
        modality, norm, positions, there = self._of
        return Stored(modality, norm, positions[rows.numpy()], there[rows.numpy()])

    def loaded(self) -> Ragged:
        """Return the sequences with all frames in memory."""
        return Ragged(self.values, self.lengths)

    def _read(self, frames: NDArray[np.int64]) -> Tensor:
        modality, norm, *_ = self._of
        return torch.from_numpy(norm.read(modality, frames))

    _of: tuple[Modality, ModalityNormaliser, NDArray[np.int64], NDArray[np.bool_]]
    _places: NDArray[np.int64]


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
            {name: ragged.subset(rows) for name, ragged in self.features.items()},
            self.available[rows],
        )

    def loaded(self) -> Part:
        """Return the part with all its frames in memory."""
        return replace(self, features={n: r.loaded() for n, r in self.features.items()})


def make_part(
    corpus: Corpus,
    normaliser: Normaliser,
    positions: NDArray[np.int64],
    device: torch.device,
    available: NDArray[np.bool_] | None = None,
    *,
    held: float = math.inf,
) -> Part:
    """Normalise some utterances and put them on a device.

    Args:
        corpus: all utterances.
        normaliser: of the fold.
        positions: (n,) the utterances.
        device: where to.
        available: (n, M) which of their modalities are shown; all that are there if None.
        held: a modality that takes more bytes stays in the corpus until it is read, if the device
            is a CPU.
    """
    shown = corpus.available[positions] if available is None else available
    features: dict[str, Ragged] = {}
    for column, (modality, norm) in enumerate(
        zip(corpus.modalities, normaliser.modalities, strict=True)
    ):
        kept = Stored(modality, norm, positions, shown[:, column])
        stays = kept.nbytes > held and device.type == "cpu"
        features[modality.name] = kept if stays else kept.loaded().to(device)
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

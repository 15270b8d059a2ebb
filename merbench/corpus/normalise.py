"""Normalisation: statistics of the training part alone, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus, Modality
from merbench.errors import CorpusError

# A column whose spread is this small a share of its size is constant up to float32 rounding.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class ModalityNormaliser:
    """What one modality's features are centred and scaled by.

    Attributes:
        keep: (k,) raw columns that stay, increasing.
        mean: (k,) float64 training mean of each kept column; also fills its NaN.
        sd: (k,) float64 training standard deviation (population).
        mostly_nan: raw columns dropped because more than half of the training values are NaN.
        constant: raw columns dropped because they do not vary in training.
        filled: NaN values in the kept columns of the whole corpus.
    """

    keep: NDArray[np.int64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    mostly_nan: tuple[int, ...]
    constant: tuple[int, ...]
    filled: int

    @property
    def width(self) -> int:
        """Number of columns that stay."""
        return len(self.keep)

    def read(self, modality: Modality, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Normalise frames of a corpus, some at a time: only the result is held whole.

        Args:
            modality: of the corpus.
            frames: (n,) which of its frames, in the order wanted.

        Returns:
            (n, k), as `apply` has them.
        """
        out = np.empty((len(frames), self.width), np.float32)
        for some, values in modality.pieces(frames):
            out[some] = self.apply(values)
        return out

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise raw frames.

        Args:
            values: (n, D) raw frames.

        Returns:
            (n, k) float32 with zero mean and unit variance over the training frames; NaN -> 0.
        """
        kept = values if self.width == values.shape[1] else values[:, self.keep]
        scaled = kept - self.mean
        scaled /= self.sd
        holes = np.isnan(scaled)
        if holes.any():
            scaled[holes] = 0.0
        return scaled.astype(np.float32)


@dataclass(frozen=True)
class Normaliser:
    """One `ModalityNormaliser` for each modality of a corpus, in corpus order."""

    modalities: tuple[ModalityNormaliser, ...]

    def notes(self, corpus: Corpus) -> list[str]:
        """Say what was done about untidy columns, for the record."""
        notes = []
        for modality, normaliser in zip(corpus.modalities, self.modalities, strict=True):
            for columns, why in (
                (normaliser.mostly_nan, "more than half NaN"),
                (normaliser.constant, "constant in training"),
            ):
                if columns:
                    listed = ", ".join(map(str, columns[:8])) + ("..." if len(columns) > 8 else "")
                    notes.append(
                        f"{modality.name}: dropped {len(columns)} columns ({why}): {listed}"
                    )
            if normaliser.filled:
                notes.append(
                    f"{modality.name}: {normaliser.filled} NaN values filled by the training mean"
                )
        return notes


def _sums(
    modality: Modality,
    frames: NDArray[np.int64],
    around: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many values the columns of some frames have, and their sums.

    Args:
        modality: whose frames they are.
        frames: (n,) places.
        around: (D,) to add up the squares of the values' differences from, instead of the values.
    """
    count, total = np.zeros(modality.width, np.int64), np.zeros(modality.width)
    for _, values in modality.pieces(frames):
        x = values.astype(np.float64)
        if around is not None:
            x -= around
            x *= x
        found = x.sum(axis=0)
        holes = np.isnan(found)
        count += len(x)
        if holes.any():
            count[holes] -= np.isnan(x[:, holes]).sum(axis=0)
            found[holes] = np.nansum(x[:, holes], axis=0)
        total += found
    return count, total


def frame_positions(modality: Modality, utterances: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of `modality.values` that belong to the utterances, in their order."""
    lengths = modality.lengths[utterances]
    ends = np.cumsum(lengths)
    first = np.repeat(modality.offsets[utterances] - (ends - lengths), lengths)
    return first + np.arange(ends[-1] if len(ends) else 0)


def fit_normaliser(
    corpus: Corpus, train: NDArray[np.int64], available: NDArray[np.bool_] | None = None
) -> Normaliser:
    """Measure each modality on the training utterances.

    Args:
        corpus: all utterances.
        train: (n,) positions of the training utterances.
        available: (n, M) which modalities of theirs may be looked at; all that are there if None.

    Raises:
        CorpusError: a modality has no usable column in the training part.
    """
    shown = corpus.available[train] if available is None else available
    return Normaliser(
        tuple(
            _fit(corpus, modality, train[shown[:, column]])
            for column, modality in enumerate(corpus.modalities)
        )
    )


def _fit(corpus: Corpus, modality: Modality, train: NDArray[np.int64]) -> ModalityNormaliser:
    frames = frame_positions(modality, train)
    count, total = _sums(modality, frames)
    mean = total / np.maximum(count, 1)
    _, squares = _sums(modality, frames, mean)
    sd = np.sqrt(squares / np.maximum(count, 1))
    mostly_nan = 2 * count < len(frames)
    constant = ~mostly_nan & (sd <= _CONSTANT * np.abs(mean))
    keep = np.flatnonzero(~mostly_nan & ~constant)
    if not len(keep):
        raise CorpusError(
            f"corpus {corpus.name!r}: modality {modality.name!r} has no column that varies in the "
            f"training part ({mostly_nan.sum()} mostly NaN, {constant.sum()} constant)"
        )
    return ModalityNormaliser(
        keep=keep,
        mean=mean[keep],
        sd=sd[keep],
        mostly_nan=tuple(np.flatnonzero(mostly_nan).tolist()),
        constant=tuple(np.flatnonzero(constant).tolist()),
        filled=int(modality.holes[keep].sum()),
    )

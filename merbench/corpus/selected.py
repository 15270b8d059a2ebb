"""Some utterances of a corpus, as a corpus of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus, Modality
from merbench.corpus.folds import Indices


def selected(corpus: Corpus, kept: Indices) -> Corpus:
    """Return some utterances of a corpus as a corpus of their own, without folds.

    Args:
        corpus: all utterances.
        kept: (n,) positions, in the order they are to have.
    """
    rows = kept.tolist()

    def of(column: NDArray[np.str_] | None) -> NDArray[np.str_] | None:
        return None if column is None else column[kept]

    return Corpus(
        corpus.name,
        tuple(corpus.utterances[u] for u in rows),
        corpus.labels[kept],
        corpus.classes,
        tuple(with_sequences(m, [m.sequence(u) for u in rows]) for m in corpus.modalities),
        of(corpus.speakers),
        of(corpus.sessions),
        of(corpus.dialogues),
    )


def with_sequences(modality: Modality, sequences: list[NDArray[np.float32]]) -> Modality:
    """Return a modality of the same name and kind that holds other sequences."""
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sequences])]).astype(np.int64)
    return Modality(modality.name, modality.kind, np.concatenate(sequences), offsets)

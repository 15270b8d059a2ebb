"""The corpora that plug-ins are tested on."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np

from merbench.audit.corpora import Ground, folds_of
from merbench.corpus.corpus import Corpus, Modality
from merbench.corpus.load import load_corpus

_UTTERANCES = 120
_EVERY = 7  # one utterance in so many lacks a modality natively


@cache
def small_corpus() -> Corpus:
    """Return audio, visual and text of 4 classes, a vector beside them, and natively absent ones.

    A column is constant among the first utterances, so that folds keep different columns.
    """
    corpus = load_corpus("synthetic", utterances=_UTTERANCES)
    audio, visual, text = corpus.modalities
    values = audio.values.copy()
    values[: audio.offsets[_UTTERANCES // 2], 1] = 2.0
    audio = dataclasses.replace(audio, values=values)
    return dataclasses.replace(
        corpus, modalities=(_lacking(audio), visual, text, _as_vector(visual, "face"))
    )


@cache
def vector_ground() -> Ground:
    """Return a corpus unlike the audit's: two vectors of other names, two classes, and gaps."""
    corpus = load_corpus("synthetic", utterances=2 * _UTTERANCES)
    audio, _, text = corpus.modalities
    corpus = dataclasses.replace(
        corpus,
        name="two vectors",
        labels=corpus.labels % 2,
        classes=("calm", "not calm"),
        modalities=(_lacking(_as_vector(audio, "heart.rate")), _as_vector(text, "posture")),
    )
    return Ground(corpus, folds_of(corpus)[0])


def _as_vector(modality: Modality, name: str) -> Modality:
    rows = [modality.sequence(u).mean(0) for u in range(len(modality.lengths))]
    return Modality.build(name, np.stack(rows), kind="vector")


def _lacking(modality: Modality) -> Modality:
    """Return the modality without some of its utterances."""
    sequences = [modality.sequence(u) for u in range(len(modality.lengths))]
    kept = [s[:0] if u % _EVERY == 3 else s for u, s in enumerate(sequences)]
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in kept])])
    return Modality.build(modality.name, np.concatenate(kept), offsets, modality.kind)

"""The corpora of an audit: a small one to work on, and copies of it that hold a canary."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from merbench import seeds
from merbench.corpus.corpus import Corpus, Modality
from merbench.corpus.folds import PARTS, Fold, FoldsConfig, make_folds
from merbench.corpus.load import configure, load_corpus, parse_spec, read
from merbench.corpus.selected import selected, with_sequences
from merbench.errors import CorpusError

UTTERANCES = 360
# Utterances of a larger corpus that an audit takes, for each part: it asks whether a protocol is
# kept, and that needs no more.
MOST = {"train": 400, "valid": 100, "test": 100}
_GROUPS: tuple[Literal["speaker", "dialogue", "session"], ...] = ("speaker", "dialogue", "session")
_FOLDS = 5

Indices = NDArray[np.int64]


class Ground(NamedTuple):
    """A corpus, one division of it, and where it was read from, if from anywhere."""

    corpus: Corpus
    fold: Fold
    path: Path | None = None


def synthetic_ground() -> Ground:
    """Return the seeded corpus that comes with the audit, and its first fold by speaker."""
    return _divided(read("synthetic", configure("synthetic", utterances=UTTERANCES)))


def ground_of(spec: str, **options: Any) -> Ground:
    """Return some utterances of a user's corpus, and their division.

    Args:
        spec: as `merbench run --corpus` takes it.
        options: settings of its reader.

    Raises:
        MerbenchError: the corpus cannot be read or divided.
    """
    ground = _divided(load_corpus(spec, **options))
    return ground._replace(path=parse_spec(spec).path)


def folds_of(corpus: Corpus) -> tuple[Fold, ...]:
    """Return the corpus's own folds, else five by the first grouping that is known.

    Raises:
        CorpusError: it cannot be divided.
    """
    return make_folds(corpus, _scheme(corpus))


def _divided(corpus: Corpus) -> Ground:
    fold = folds_of(corpus)[0]
    train, valid, test = (_some(getattr(fold, part), MOST[part], part) for part in PARTS)
    kept = np.sort(np.concatenate([train, valid, test]))
    train, valid, test = (np.searchsorted(kept, rows) for rows in (train, valid, test))
    return Ground(selected(corpus, kept), Fold(fold.name, train, valid, test))


def _scheme(corpus: Corpus) -> FoldsConfig:
    if corpus.predefined:
        return FoldsConfig(scheme="predefined")
    for by in _GROUPS:
        groups = len(set(corpus.groups[by].tolist())) if by in corpus.groups else 0
        if groups >= 3:
            return FoldsConfig(scheme="group_kfold", n=min(_FOLDS, groups), by=by)
    if len(corpus) < 3 * _FOLDS:
        raise CorpusError(
            f"corpus {corpus.name!r} has {len(corpus)} utterances; an audit needs at least "
            f"{3 * _FOLDS}"
        )
    return FoldsConfig(scheme="group_kfold", n=_FOLDS, by="utterance")


def _some(members: Indices, most: int, part: str) -> Indices:
    if len(members) <= most:
        return members
    rng = seeds.generator("audit", part)
    return np.sort(rng.choice(members, most, replace=False))


def _pinned(corpus: Corpus, like: Corpus) -> Corpus:
    """Give a copy the fingerprint of the corpus that it was made from.

    Frozen draws are keyed by the fingerprint: with another one, every stand-in for what is missing
    would be another as well, and no two trainings could be compared.
    """
    vars(corpus)["fingerprint"] = like.fingerprint
    return corpus


def with_labels(corpus: Corpus, labels: Indices) -> Corpus:
    """Return a copy with other labels and the same frozen draws."""
    return _pinned(dataclasses.replace(corpus, labels=labels), corpus)


def shuffled_labels(corpus: Corpus, members: Indices, key: str) -> Corpus:
    """Return a copy in which the labels of some utterances are dealt out anew among them."""
    labels = corpus.labels.copy()
    labels[members] = seeds.generator("audit labels", key).permutation(labels[members])
    return with_labels(corpus, labels)


def with_garbage(corpus: Corpus, members: Indices, modalities: tuple[str, ...]) -> Corpus:
    """Return a copy in which features of some utterances are noise far from any feature.

    Lengths are dealt out anew as well, since a length can be read, too. What is natively absent
    stays so.
    """
    return _pinned(
        dataclasses.replace(
            corpus,
            modalities=tuple(
                _spoilt(m, members) if m.name in modalities else m for m in corpus.modalities
            ),
        ),
        corpus,
    )


def _spoilt(modality: Modality, members: Indices) -> Modality:
    rng = seeds.generator("audit garbage", modality.name)
    scale = 1.0 + np.nanmax(np.abs(modality.values), axis=0)
    sequences = [modality.sequence(u) for u in range(len(modality.lengths))]
    there = members[modality.lengths[members] > 0]
    lengths = rng.permutation(modality.lengths[there])
    if modality.kind != "vector":
        lengths = lengths + 3
    for u, length in zip(there.tolist(), lengths.tolist(), strict=True):
        noise = rng.standard_normal((length, modality.width)) + 3.0
        sequences[u] = (scale * noise).astype(np.float32)
    return with_sequences(modality, sequences)

"""Builds small corpora in memory, for tests to divide, damage and spoil."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from merbench import registry
from merbench.corpus.corpus import Corpus, Kind, Modality
from merbench.corpus.normalise import fit_normaliser
from merbench.corruption.corruptor import Corruptor
from merbench.features.part import Part, make_part

CPU = torch.device("cpu")


class Stream(NamedTuple):
    """One modality to be made: lengths run from 1 (0 with `absent`) to `longest`."""

    name: str
    width: int
    longest: int
    kind: Kind | None = None


THREE = (Stream("audio", 5, 9), Stream("visual", 3, 6), Stream("text", 4, 7))
MIXED = (Stream("audio", 5, 9), Stream("prosody", 3, 1), Stream("text", 4, 7))


def modality(
    stream: Stream, n: int, rng: np.random.Generator, absent: float = 0.0, nan: float = 0.0
) -> Modality:
    """Make n sequences with means and scales of their own in each column."""
    lengths = rng.integers(1, stream.longest + 1, size=n)
    lengths[0] = stream.longest
    lengths[1:][rng.random(n - 1) < absent] = 0
    values = rng.normal(size=(lengths.sum(), stream.width))
    values = values * 10.0 ** rng.integers(-2, 3, stream.width) + rng.normal(size=stream.width)
    values[rng.random(values.shape) < nan] = np.nan
    return Modality.build(
        stream.name, values, np.concatenate([[0], np.cumsum(lengths)]), stream.kind
    )


def make_corpus(
    n: int = 24,
    *,
    streams: Sequence[Stream] = THREE,
    speakers: int | None = 4,
    classes: int = 2,
    seed: int = 0,
    absent: float = 0.0,
    nan: float = 0.0,
) -> Corpus:
    """Make a corpus: speakers take turns, pairs of them form a session, six turns a dialogue.

    Without speakers there are no groups at all.
    """
    rng = np.random.default_rng(seed)
    turn = np.arange(n) % speakers if speakers else None
    session = None if turn is None else turn // 2
    return Corpus(
        name="small",
        utterances=tuple(f"u{i:03d}" for i in range(n)),
        labels=np.arange(n) // (speakers or 1) % classes,
        classes=tuple(f"c{k}" for k in range(classes)),
        modalities=tuple(modality(s, n, rng, absent, nan) for s in streams),
        speakers=None if turn is None else _names("speaker", turn),
        sessions=None if session is None else _names("session", session),
        dialogues=None if session is None else _names("talk", session * n + np.arange(n) // 6),
    )


def _names(stem: str, numbers: NDArray[np.int64]) -> NDArray[np.str_]:
    return np.array([f"{stem}{number}" for number in numbers.tolist()])


def with_values(
    corpus: Corpus, index: int, change: Callable[[NDArray[np.float32]], None]
) -> Corpus:
    """Return the corpus with the frames of one modality changed in place by `change`."""
    old = corpus.modalities[index]
    values = old.values.copy()
    change(values)
    modalities = list(corpus.modalities)
    modalities[index] = Modality(old.name, old.kind, values, old.offsets)
    return dataclasses.replace(corpus, modalities=tuple(modalities))


def everyone(corpus: Corpus) -> NDArray[np.int64]:
    return np.arange(len(corpus))


def noise(name: str, **options):
    """Build a registered noise."""
    found = registry.load("noises", name)
    return found(found.Config(**options))


def corruptor(corpus: Corpus, *, train=None, seed: int = 0, reserved=None) -> Corruptor:
    """Return a corruptor whose normaliser saw `train`: everyone by default."""
    train = everyone(corpus) if train is None else np.asarray(train)
    return Corruptor(corpus, fit_normaliser(corpus, train), seed, reserved)


def clean_part(source: Corruptor, utterances=None) -> Part:
    """Return the normalised features of some utterances: everyone by default."""
    utterances = everyone(source.corpus) if utterances is None else np.asarray(utterances)
    return make_part(source.corpus, source.normaliser, utterances, CPU)

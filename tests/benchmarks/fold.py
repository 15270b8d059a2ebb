"""The data of every measurement: one fold of IEMOCAP's shape, from the built-in corpus."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from merbench import registry, seeds
from merbench.corpus.corpus import Corpus, Modality
from merbench.corpus.folds import Fold
from merbench.corpus.readers.synthetic import SyntheticConfig, SyntheticReader
from merbench.corruption.grid import Grid, NoiseColumn, all_patterns, build_grid
from merbench.evaluation.evaluator import GridEvaluator
from merbench.execution.prepare import PreparedFold, prepare
from merbench.execution.protocol import Division, Protocol

Text = Literal["full", "ragged"]
NOISES = (
    "gaussian", "impulse", "babble", "burst", "frame_drop", "token_swap", "shift", "freeze",
)  # fmt: skip
TEXT_TOKENS = 22
# Every point of a noise on three modalities: on what is present (7 patterns), and on what is
# absent (6).
_OF_A_POINT = 13


@dataclass(frozen=True)
class Sizes:
    """How many utterances a fold has in each part; those of IEMOCAP's first by default."""

    train: int = 4446
    valid: int = 557
    test: int = 528

    def scaled(self, share: float) -> Sizes:
        """Return a smaller fold; no part is without a batch, and no batch of one is left over."""
        train, valid, test = (max(12, int(n * share)) for n in (self.train, self.valid, self.test))
        while train % 128 == 1 or train % 64 == 1:
            train += 1
        return Sizes(train, valid, test)

    @property
    def total(self) -> int:
        """Utterances in all."""
        return self.train + self.valid + self.test


def make_corpus(utterances: int, text: Text = "full") -> Corpus:
    """Return the built-in corpus in IEMOCAP's shape.

    Args:
        utterances: how many.
        text: `full` gives every utterance 22 tokens, as the released features have them (they are
            stored padded, so that neither way can leave the padding out); `ragged` leaves texts at
            their own length, 11 tokens on average.
    """
    corpus = SyntheticReader.read(SyntheticConfig(shape="iemocap", utterances=utterances))
    if text == "ragged":
        return corpus
    modalities = tuple(_filled(m) if m.name == "text" else m for m in corpus.modalities)
    return replace(corpus, modalities=modalities)


def _filled(text: Modality) -> Modality:
    """Repeat the tokens of every text until there are 22."""
    n, token = len(text.lengths), np.arange(TEXT_TOKENS)
    frames = text.offsets[:-1, None] + token % text.lengths[:, None]
    offsets = np.arange(n + 1) * TEXT_TOKENS
    return Modality.build(text.name, text.values[frames.ravel()], offsets, text.kind)


def divide(corpus: Corpus, sizes: Sizes, number: int = 0) -> Fold:
    """Deal utterances out to the parts at random: only their sizes matter here."""
    order = seeds.generator("benchmark fold", number).permutation(len(corpus))
    train, valid, test = np.split(order[: sizes.total], [sizes.train, sizes.train + sizes.valid])
    return Fold(str(number), np.sort(train), np.sort(valid), np.sort(test))


def make_fold(
    corpus: Corpus, sizes: Sizes, device: str = "cpu", number: int = 0, conditions: int = 30
) -> PreparedFold:
    """Prepare a fold as a run does."""
    protocol = Protocol(
        corpus=corpus,
        grid=make_grid(corpus, conditions),
        seed=0,
        reserved=None,
        threads=torch.get_num_threads(),
        evaluation_batch=4096,
        device=device,
    )
    return prepare(protocol, Division(divide(corpus, sizes, number)))


def make_grid(corpus: Corpus, conditions: int) -> Grid:
    """Return so many conditions: 7 patterns x noises and severities x absent and present.

    420 of them are 8 noises at 4 severities. What goes beyond the number is left out at the end.
    """
    points = max(1, math.ceil((conditions - 7) / _OF_A_POINT))
    noises = NOISES[: min(len(NOISES), max(1, points // 2))]
    severities = np.linspace(0.2, 0.9, math.ceil(points / len(noises))).tolist()
    columns = []
    for name in noises:
        kind = registry.load("noises", name)
        noise = kind(kind.Config())
        at = tuple(noise.at_severity(severity) for severity in severities)
        columns.append(NoiseColumn(name, noise, ("absent", "present"), at))
    grid = build_grid(corpus, all_patterns(corpus.names), columns)
    return Grid(grid.conditions[:conditions], {}, (), grid.columns)


def with_grid(evaluator: GridEvaluator, grid: Grid) -> GridEvaluator:
    """Return an evaluator that has drawn nothing yet."""
    return replace(evaluator, grid=grid)

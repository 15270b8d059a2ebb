"""A fold made ready on a device, once for each process and fold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from merbench import seeds
from merbench.corpus.corpus import Corpus
from merbench.corpus.normalise import fit_normaliser
from merbench.corruption.corruptor import Corruptor
from merbench.corruption.grid import partial_patterns
from merbench.corruption.training import TrainingNoise
from merbench.evaluation.evaluator import GridEvaluator
from merbench.execution.protocol import Division, Protocol
from merbench.features.observation import zero_input
from merbench.features.part import CorpusShape, Part, corpus_shape, make_part
from merbench.features.ragged import Ragged
from merbench.methods.base import Stage
from merbench.training.loop import TrainingData

# Of a modality in training a process holds so many bytes at most: what takes more is read from the
# corpus, which all processes share, for each batch, which takes longer than to copy it.
HELD = 1 << 28


@dataclass(frozen=True)
class PreparedFold:
    """The parts of a fold, normalised by its training part.

    Attributes:
        train: utterances to learn from.
        valid: utterances to pick epochs by.
        shape: for building networks.
        evaluator: holds the test part and its corruption.
        notes: what was done about untidy data.
    """

    train: Part
    valid: Part
    shape: CorpusShape
    evaluator: GridEvaluator
    notes: tuple[str, ...]

    def training_data(self, stage: Stage) -> TrainingData:
        """Return what the training of a stage may see: no test utterance.

        What the last stage saw is remembered: networks that train together share what is drawn
        for their fold.
        """
        kind = (stage.sampling.absent_input, stage.validation, stage.sampling.train_noise)
        if kind not in self._seen:
            self._seen.clear()
            self._seen[kind] = self._drawn_for(stage)
        return self._seen[kind]

    @cached_property
    def _seen(self) -> dict[tuple[str, ...], TrainingData]:
        return {}

    def _drawn_for(self, stage: Stage) -> TrainingData:
        corruptor, device = self.evaluator.corruptor, self.train.labels.device
        stand_ins: dict[str, Ragged] = {}
        for index, modality in enumerate(self.shape.modalities):
            stand_ins[modality.name] = (
                zero_input(modality, device)
                if stage.sampling.absent_input == "zeros"
                else corruptor.absent_noise(
                    index, self.valid.positions, modality.typical_length, device
                )
            )
        noised = None
        if stage.validation == "noised":
            names = self.shape.names
            noised = {name: corruptor.scheduled(m, self.valid) for m, name in enumerate(names)}
        noise = None
        if stage.sampling.train_noise == "suite":
            columns = self.evaluator.grid.columns
            noise = TrainingNoise(corruptor.corpus, corruptor.normaliser, self.train, columns)
        return TrainingData(self.train, self.valid, self.shape, stand_ins, noised, noise)


_prepared: dict[str, PreparedFold] = {}


def prepare(protocol: Protocol, division: Division) -> PreparedFold:
    """Return a fold ready to train and evaluate on.

    A process remembers those it used last, as many as a fleet may train on at once; where networks
    train together, each keeps the noise that was drawn for it.
    """
    key = f"{protocol.token} {division.key}"
    fold = _prepared.pop(key, None)
    if fold is None:
        while len(_prepared) >= protocol.fleet:
            del _prepared[next(iter(_prepared))]
        fold = _prepare(protocol, division)
    _prepared[key] = fold
    return fold


def forget_noise(but: GridEvaluator | None = None) -> bool:
    """Give back the noise that prepared folds hold, one's aside; say whether there was any."""
    others = [fold.evaluator for fold in _prepared.values() if fold.evaluator is not but]
    forgotten = [evaluator.forget() for evaluator in others]
    return any(forgotten)


def forget_training() -> None:
    """Give back what was drawn for training, which evaluation has no use for."""
    for fold in _prepared.values():
        fold._seen.clear()


def forget_prepared() -> None:
    """Give back what prepared folds hold of the device's memory."""
    _prepared.clear()


def _prepare(protocol: Protocol, division: Division) -> PreparedFold:
    corpus, fold, device = protocol.corpus, division.fold, torch.device(protocol.device)
    shown = shown_in_training(corpus, fold.train, division.missing_rate, protocol.seed)
    normaliser = fit_normaliser(corpus, fold.train, shown)
    shape = corpus_shape(corpus, normaliser, fold.train, shown)
    corruptor = Corruptor(corpus, normaliser, protocol.seed, protocol.reserved)
    test = make_part(corpus, normaliser, fold.test, device)
    return PreparedFold(
        make_part(corpus, normaliser, fold.train, device, shown, held=HELD),
        make_part(corpus, normaliser, fold.valid, device),
        shape,
        GridEvaluator(test, shape, protocol.grid, corruptor, protocol.evaluation_batch),
        tuple(normaliser.notes(corpus)),
    )


def shown_in_training(
    corpus: Corpus, train: NDArray[np.int64], rate: float, seed: int
) -> NDArray[np.bool_]:
    """Return (n, M) which modalities of the training utterances are shown to anyone.

    A share `rate` of the utterances is made incomplete before any statistic is taken and before
    any method sees them. Which ones, and which partial pattern each is left with, are frozen by the
    utterance's id: raising the rate makes more of them incomplete and changes no one's pattern. A
    pattern is drawn among those that leave the utterance something.

    Args:
        corpus: all utterances.
        train: (n,) positions of the training utterances.
        rate: 0 to 1.
        seed: of the suite.
    """
    shown = corpus.available[train].copy()
    if rate == 0:
        return shown
    patterns = np.array(
        [[name in pattern for name in corpus.names] for pattern in partial_patterns(corpus.names)]
    )
    for row, position in enumerate(train):
        rng = seeds.generator(
            "training missing", seed, corpus.fingerprint, corpus.utterances[position]
        )
        possible = patterns[(patterns & shown[row]).any(axis=1)]
        if rng.random() < rate and len(possible):
            shown[row] &= possible[rng.integers(len(possible))]
    return shown

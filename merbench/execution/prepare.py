"""A fold made ready on a device, once for each process and fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from merbench import seeds
from merbench.corpus.folds import Fold
from merbench.corpus.normalise import fit_normaliser
from merbench.corruption.corruptor import Corruptor
from merbench.corruption.grid import partial_patterns
from merbench.evaluation.evaluator import GridEvaluator
from merbench.execution.plan import Protocol
from merbench.features.observation import AbsentInput, zero_input
from merbench.features.part import CorpusShape, Part, corpus_shape, make_part
from merbench.features.ragged import Ragged
from merbench.training.loop import TrainingData


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

    def training_data(self, absent_input: AbsentInput) -> TrainingData:
        """Return what training may see: no test utterance."""
        stand_ins: dict[str, Ragged] = {}
        device = self.train.labels.device
        for index, modality in enumerate(self.shape.modalities):
            stand_ins[modality.name] = (
                zero_input(modality, device)
                if absent_input == "zeros"
                else self.evaluator.corruptor.absent_noise(
                    index, self.valid.positions, modality.typical_length, device
                )
            )
        return TrainingData(self.train, self.valid, self.shape, stand_ins)


_prepared: dict[str, PreparedFold] = {}


def prepare(protocol: Protocol, fold: Fold) -> PreparedFold:
    """Return a fold ready to train and evaluate on; a process remembers the last one."""
    key = f"{protocol.token} {fold.key}"
    if key not in _prepared:
        _prepared.clear()
        _prepared[key] = _prepare(protocol, fold)
    return _prepared[key]


def _prepare(protocol: Protocol, fold: Fold) -> PreparedFold:
    corpus, device = protocol.corpus, torch.device(protocol.device)
    normaliser = fit_normaliser(corpus, fold.train)
    shape = corpus_shape(corpus, normaliser, fold.train)
    corruptor = Corruptor(corpus, normaliser, protocol.seed, protocol.reserved)
    parts = {
        name: make_part(corpus, normaliser, getattr(fold, name), device)
        for name in ("train", "valid", "test")
    }
    return PreparedFold(
        withhold(parts["train"], shape, protocol, corpus.utterances),
        parts["valid"],
        shape,
        GridEvaluator(parts["test"], shape, protocol.grid, corruptor, protocol.evaluation_batch),
        tuple(normaliser.notes(corpus)),
    )


def withhold(
    train: Part, shape: CorpusShape, protocol: Protocol, utterances: tuple[str, ...]
) -> Part:
    """Make a share of the training utterances incomplete, before any method sees them.

    Which ones, and which partial pattern each is left with, are frozen by the utterance's id:
    raising the rate makes more of them incomplete and changes no one's pattern. A pattern is drawn
    among those that leave the utterance something.
    """
    rate = protocol.train_missing_rate
    if rate == 0:
        return train
    patterns = np.array(
        [[name in pattern for name in shape.names] for pattern in partial_patterns(shape.names)]
    )
    available = train.available.cpu().numpy().copy()
    features = dict(train.features)
    for row, position in enumerate(train.positions):
        rng = seeds.generator(
            "training missing", protocol.seed, protocol.corpus.fingerprint, utterances[position]
        )
        possible = patterns[(patterns & available[row]).any(axis=1)]
        if rng.random() < rate and len(possible):
            available[row] &= possible[rng.integers(len(possible))]
    for column, name in enumerate(shape.names):
        whole = features[name]
        there = torch.from_numpy(available[:, column]).to(train.labels.device)
        frames = there[whole.row].nonzero().squeeze(1)
        features[name] = Ragged(whole.values[frames], whole.lengths * there)
    return Part(
        train.positions,
        train.labels,
        features,
        torch.from_numpy(available).to(train.labels.device),
    )

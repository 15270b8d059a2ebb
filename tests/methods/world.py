"""A small world for methods to live in: one corpus of every kind of modality, divided once.

`front` is a vector, `sound` a sequence and `text` tokens; corpus order differs from the order of
concatenation, utterances have one frame and more, and some natively lack a modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from merbench import registry, seeds
from merbench.corpus.corpus import Corpus, Modality
from merbench.corpus.normalise import fit_normaliser
from merbench.corruption.corruptor import Corruptor
from merbench.corruption.grid import Grid, NoiseColumn, On, all_patterns, build_grid
from merbench.evaluation.evaluator import GridEvaluator
from merbench.evaluation.fuse import fuse
from merbench.features.observation import (
    AbsentInput,
    ObservedModality,
    State,
    observe,
    zero_input,
)
from merbench.features.part import CorpusShape, ModalityShape, Part, corpus_shape, make_part
from merbench.features.ragged import Ragged
from merbench.methods.base import (
    Batch,
    BlackBox,
    EncodeFuse,
    FitContext,
    Method,
    Network,
    NetworkMethod,
    Stage,
)
from merbench.training.config import StageTraining
from merbench.training.loop import TrainingData
from merbench.training.sampling import Sampler, Source

CPU = torch.device("cpu")
METHODS = registry.names("methods")
NETWORKS = tuple(
    name for name in METHODS if issubclass(registry.load("methods", name), NetworkMethod)
)
# Those whose structure has all that training has to cope with; the others wait for the night.
_BY_DAY = {"zero_fill", "discard", "noise_augment", "mmin"}
# Whose predictions depend on their company, by the word of their networks.
MIXING = ("nmer_released",)
ROW_WISE = tuple(name for name in METHODS if name not in MIXING)
NAMES = ("text", "front", "sound")
WIDTHS = {"text": 6, "front": 5, "sound": 4}

# The sizes that the parameter counts of the papers are given for.
PUBLISHED_SHAPE = CorpusShape(
    (
        ModalityShape("audio", "sequence", 130, 45),
        ModalityShape("visual", "sequence", 342, 50),
        ModalityShape("text", "tokens", 1024, 22),
    ),
    4,
)


def make_corpus(
    n: int = 48, classes: int = 3, signal: float = 1.0, gaps: float = 0.0, widen: int = 1
) -> Corpus:
    """Make utterances whose class moves every modality by `signal`.

    `gaps` is the share of utterances that lack the one modality they may lack.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    modalities = []
    for column, name in enumerate(NAMES):
        width = widen * WIDTHS[name]
        means = signal * rng.standard_normal((classes, width))
        lengths = np.ones(n, int) if name == "front" else rng.integers(1, 9, n)
        # Nobody lacks everything: the gaps of one modality are not those of another.
        lengths[(np.arange(n) % len(NAMES) == column) & (rng.random(n) < gaps)] = 0
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        values = rng.standard_normal((offsets[-1], width))
        values += np.repeat(means[labels], lengths, axis=0)
        kind = {"front": "vector", "sound": "sequence", "text": "tokens"}[name]
        modalities.append(Modality.build(name, 3 * values + 1, offsets, kind))
    return Corpus(
        "small",
        tuple(f"u{i}" for i in range(n)),
        labels,
        tuple(f"class{c}" for c in range(classes)),
        tuple(modalities),
        speakers=np.array([f"s{i % 6}" for i in range(n)]),
    )


@dataclass(frozen=True)
class World:
    """A corpus, normalised on its first half, with the second half to predict."""

    corpus: Corpus
    shape: CorpusShape
    train: Part
    test: Part
    corruptor: Corruptor

    def data(self, valid: Part | None = None, absent_input: AbsentInput = "zeros") -> TrainingData:
        valid = valid or self.test
        stand_ins = {
            m.name: zero_input(m, CPU)
            if absent_input == "zeros"
            else self.corruptor.absent_noise(column, valid.positions, m.typical_length, CPU)
            for column, m in enumerate(self.shape.modalities)
        }
        return TrainingData(self.train, valid, self.shape, stand_ins)

    def evaluator(self, grid: Grid | None = None) -> GridEvaluator:
        return GridEvaluator(self.test, self.shape, grid or self.grid(), self.corruptor)

    def grid(self, *noises: str, on: Sequence[On] = ("absent", "present", "all")) -> Grid:
        columns = []
        for name in noises:
            cls = registry.load("noises", name)
            noise = cls(cls.Config())
            points = tuple(noise.at_severity(severity) for severity in (0.4, 1.0))
            columns.append(NoiseColumn(name, noise, tuple(on), points))
        return build_grid(self.corpus, all_patterns(self.corpus.names), columns)


def mostly_by_night(names: Sequence[str]) -> list[Any]:
    """Mark all but a few networks as slow, for tests that train."""
    return [pytest.param(n, marks=[pytest.mark.slow] * (n not in _BY_DAY)) for n in names]


def make_world(n: int = 48, **of_corpus: float) -> World:
    corpus = make_corpus(n, **of_corpus)
    train, test = np.arange(n // 2), np.arange(n // 2, n)
    normaliser = fit_normaliser(corpus, train)
    return World(
        corpus,
        corpus_shape(corpus, normaliser, train),
        make_part(corpus, normaliser, train, CPU),
        make_part(corpus, normaliser, test, CPU),
        Corruptor(corpus, normaliser, 0),
    )


class LoneSampler(Sampler):
    """Makes the batches of one network; the arguments are `Source`'s."""

    def __init__(self, *of: Any) -> None:
        super().__init__([Source(*of)])

    def batch(self, rows: Tensor, progress: float = 0.0) -> Batch:
        return self.batches([0], [rows], [progress]).lone()


def make_method(name: str, **settings: object) -> Method:
    cls = registry.load("methods", name)
    return cls(cls.Config(**settings))


def make_stages(
    name: str, epochs: int = 1, lr: float = 1e-3, dropout: float = 0.0, **settings: object
) -> tuple[Stage, ...]:
    method = make_method(name, **settings)
    assert isinstance(method, NetworkMethod)
    training = StageTraining(epochs=epochs, decay_epochs=0, batch_size=8, lr=lr, dropout=dropout)
    return method.stages([training] * len(method.published()))


def build(stage: Stage, shape: CorpusShape, seed: int = 0) -> Network:
    """Build a network whose every parameter and running statistic is random, in eval mode."""
    with seeds.torch_scope(CPU, "test", seed):
        network = stage.build(shape)
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                if name.endswith("bias") or "bias_" in name:
                    tensor.normal_(0, 0.1)
                elif name.endswith("running_var"):
                    tensor.uniform_(0.5, 2)
                elif name.endswith("running_mean"):
                    tensor.normal_()
    stage.prepare(network, torch.arange(shape.classes))
    return network.eval()


def make_predictor(name: str, world: World) -> EncodeFuse:
    """Return a method ready to predict; networks untrained, which is enough for their structure."""
    method = make_method(name)
    if isinstance(method, BlackBox):
        method.fit(world.train, world.test, FitContext(world.shape, 0))
        assert isinstance(method, EncodeFuse)
        return method
    return build(make_stages(name)[-1], world.shape)


def see(
    part: Part, shape: CorpusShape, rows: Sequence[int], states: Tensor
) -> dict[str, ObservedModality]:
    """Observe some utterances of a part; what is absent reads as zeros."""
    return {
        m.name: observe(
            part.features[m.name],
            torch.tensor(rows),
            states[:, column],
            zero_input(m, CPU),
        )
        for column, m in enumerate(shape.modalities)
    }


@torch.no_grad()
def logits(
    predictor: EncodeFuse, observed: Mapping[str, ObservedModality], states: Tensor
) -> Tensor:
    """Return logits as the harness does: in frozen batches where rows are not independent."""
    embeddings = {name: predictor.encode(name, seen) for name, seen in observed.items()}
    return fuse(predictor, embeddings, states, "test")


def states_of(conditions: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor(conditions, dtype=torch.int8)


def every_pattern(n: int, modalities: int = len(NAMES)) -> Tensor:
    """Return (n, M) states that go through all non-empty patterns."""
    bits = torch.arange(n) % (2**modalities - 1) + 1
    shown = (bits[:, None] & 2 ** torch.arange(modalities)) > 0
    return torch.where(shown, int(State.PRESENT), int(State.ABSENT)).to(torch.int8)


def told(world: World) -> Tensor:
    """Every test utterance under a pattern; what it natively lacks is absent."""
    states = every_pattern(len(world.test))
    return torch.where(world.test.available, states, int(State.ABSENT)).to(torch.int8)


def alone(observed: ObservedModality, row: int) -> ObservedModality:
    """Return one utterance as if nobody else were there."""
    sequence = observed.sequences.take(observed.rows[row : row + 1])
    return ObservedModality(sequence, torch.zeros(1, dtype=torch.int64), observed.states[[row]])


def with_features(part: Part, name: str, values: Tensor) -> Part:
    """Return the part with other frames in one modality."""
    ragged = part.features[name].with_values(values)
    return replace(part, features={**part.features, name: ragged})


def ragged(*sequences: Tensor) -> Ragged:
    return Ragged(torch.cat(sequences), torch.tensor([len(s) for s in sequences]))

"""Twenty steps of training, and the same training written out, in float64.

The other side is in `plain_layers`, `plain_methods` and `plain_training`: one utterance at a time,
nothing padded, nothing shared, the teacher run anew in every step. It is given the same start, the
same draws (which utterances a step has, what they show, the noise they get) and no dropout; how
these are drawn is tested in `test_sampling`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from merbench import seeds
from merbench.corruption.grid import all_patterns
from merbench.features.observation import State
from merbench.features.part import CorpusShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Batch, Network, Stage
from merbench.methods.parts import attention, encoders, vae
from merbench.training import validate
from merbench.training.course import TrainedStage
from merbench.training.loop import TrainingData, train_stage
from merbench.training.sampling import Sampler
from tests.methods.world import CPU, World, build, make_stages, make_world
from tests.training.plain_layers import Weights
from tests.training.plain_methods import (
    PlainAlignment,
    PlainFusion,
    PlainIfMmin,
    PlainLateFusion,
    PlainMethod,
    PlainMmin,
    PlainNmer,
    Step,
    Utterance,
)
from tests.training.plain_training import PlainEpoch, PlainValidation, first_best, train

KEY = ("fold", 0)
# Rounding differs between the two, and every step magnifies it, the more so the higher the rate:
# at these rates to 1e-12 or so, while weights move by more than 1e-4.
RATES = (2e-4, 2e-5)
ATOL = 1e-9
RTOL = 1e-9  # of loss terms, which go from 0.1 to 5e6
DEPTH = 2  # layers of NMER's Transformer
LATENT = {"beta": 0.5, "warm_up": 0.5}
# method, which of its stages, its plain form, settings of that
STAGES: dict[str, tuple[str, int, type[PlainMethod], dict[str, Any]]] = {
    "mmin 1": ("mmin", 0, PlainFusion, {}),
    "mmin 2": ("mmin", 1, PlainMmin, {}),
    "if_mmin 1": ("if_mmin", 0, PlainAlignment, {}),
    "if_mmin 2": ("if_mmin", 1, PlainIfMmin, {}),
    "nmer 1": ("nmer", 0, PlainAlignment, {"below": "branches.common"}),
    "nmer 2": ("nmer", 1, PlainNmer, {**LATENT, "depth": DEPTH}),
    "discard": ("discard", 0, PlainLateFusion, {}),
}


@dataclass
class Recorder:
    """What training did, in the order in which it did it.

    Attributes:
        steps: the batch of each step and its rows of the training part.
        latent_noise: the draws of NMER's latent.
        logits: of the validation utterances under each pattern, one epoch after the other.
        weights: after each epoch.
    """

    steps: list[tuple[Batch, list[int]]] = field(default_factory=list)
    latent_noise: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Note what goes through the loop, changing nothing."""

        def note(owner: object, name: str, keep: Callable[..., None]) -> None:
            original = getattr(owner, name)

            def watched(*args: Any, **kwargs: Any) -> Any:
                result = original(*args, **kwargs)
                keep(result, *args)
                return result

            patch.setattr(owner, name, watched)

        note(
            Sampler,
            "batches",
            lambda found, _, __, rows, ___: self.steps.append((found.lone(), rows[0].tolist())),
        )
        note(vae, "standard_normal_like", lambda found, *_: self.latent_noise.append(found))
        note(validate, "fuse", lambda found, *_: self.logits.append(found))
        note(
            validate.Validator,
            "scores",
            lambda _, __, network: self.weights.append(copy_of(network)),
        )


def copy_of(network: nn.Module) -> Weights:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Double precision, and nothing dropped."""
    monkeypatch.setattr(encoders, "TEXT_DROPOUT", 0.0)
    monkeypatch.setattr(encoders, "VECTOR_DROPOUT", 0.0)
    monkeypatch.setattr(attention, "DROPOUT", 0.0)
    monkeypatch.setattr(vae, "LAYERS", DEPTH)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def world() -> World:
    """Texts of 1 to 8 tokens; utterances that lack a modality; 24 in batches of 7."""
    return make_world(gaps=0.2, signal=0.3)


def double(ragged: Ragged) -> Ragged:
    return ragged.with_values(ragged.values.double())


def double_data(world: World, stage: Stage) -> TrainingData:
    def of(part: Part) -> Part:
        return replace(part, features={n: double(r) for n, r in part.features.items()})

    data = world.data(world.test.select(torch.arange(9)), stage.sampling.absent_input)
    absent = {name: double(ragged) for name, ragged in data.absent.items()}
    return replace(data, train=of(data.train), valid=of(data.valid), absent=absent)


def make_stage(name: str, number: int) -> Stage:
    """A stage of twenty steps in which the rate falls, gradients are clipped, classes weighted."""
    stages = make_stages(name, **(LATENT if name == "nmer" else {}))
    stage = stages[number]
    # Complete utterances are fewer: an epoch has three steps, not four.
    constant, falling = (3, 2) if stage.teacher is not None else (4, 3)
    changes = {
        "batch_size": 7,
        "epochs": constant,
        "decay_epochs": falling,
        "betas": (0.5, 0.999),
        "lr": RATES[number],
        "clip": 0.3,
        "class_weights": "balanced" if name == "discard" else "off",
    }
    return replace(stage, training=stage.training.model_copy(update=changes))


def distracted_teacher(stage: Stage, shape: CorpusShape) -> Network | None:
    """A teacher of random weights that drops half of its features unless it is put in order."""
    if stage.teacher is None:
        return None
    teacher = build(stage.teacher, shape, seed=2).double().train()
    for module in teacher.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    return teacher


def sequence(ragged: Ragged, row: int) -> Tensor:
    start = int(ragged.lengths[:row].sum())
    return ragged.values[start : start + int(ragged.lengths[row])]


def utterances_of(part: Part, shape: CorpusShape) -> list[Utterance]:
    """Every utterance of a part, with all it has."""
    found = []
    for row in range(len(part)):
        clean = {
            name: sequence(part.features[name], row)
            for column, name in enumerate(shape.names)
            if part.available[row, column]
        }
        found.append(Utterance(int(part.labels[row]), clean, frozenset(clean), clean))
    return found


def plain_step(batch: Batch, rows: list[int], train: list[Utterance], noise: Tensor | None) -> Step:
    """A recorded step as a list of utterances."""
    utterances = []
    for i, row in enumerate(rows):
        seen = {
            name: sequence(observed.sequences, int(observed.rows[i]))
            for name, observed in batch.observed.items()
        }
        present = frozenset(
            name for name, observed in batch.observed.items() if observed.states[i] == State.PRESENT
        )
        utterances.append(replace(train[row], seen=seen, present=present))
    return Step(utterances, batch.progress, noise)


def plain_epochs(recorder: Recorder, train: list[Utterance]) -> list[list[Step]]:
    """The recorded steps; an epoch ends when every utterance has been met."""
    noises = recorder.latent_noise or [None] * len(recorder.steps)
    epochs: list[list[Step]] = [[]]
    met: list[int] = []
    for (batch, rows), noise in zip(recorder.steps, noises, strict=True):
        if len(met) == len(train):
            assert sorted(met) == list(range(len(train)))
            epochs.append([])
            met = []
        epochs[-1].append(plain_step(batch, rows, train, noise))
        met += rows
    return epochs


def start_of(stage: Stage, shape: CorpusShape, teacher: Network | None) -> tuple[Weights, list]:
    """What training starts from, and what of it trains."""
    with seeds.torch_scope(CPU, "training", stage.name, *KEY):
        network = stage.build(shape)
    learnt = {} if teacher is None else copy_of(teacher)
    start = copy_of(network)
    for name in start:
        if name.startswith(("encoders.", "branches.")) and learnt:
            start[name] = learnt[name]
    return start, [name for name, _ in network.named_parameters()]


def validation_of(data: TrainingData, shape: CorpusShape) -> PlainValidation:
    stand_ins = [
        {name: sequence(r, row if len(r) > 1 else 0) for name, r in data.absent.items()}
        for row in range(len(data.valid))
    ]
    return PlainValidation(
        utterances_of(data.valid, shape), stand_ins, list(all_patterns(shape.names))
    )


def settings_of(kind: type[PlainMethod], shape: CorpusShape, train: list[Utterance]) -> dict:
    """What a plain method must be told of the corpus."""
    told: dict[str, Any] = {
        "kinds": {m.name: m.kind for m in shape.modalities},
        "widths": {m.name: m.width for m in shape.modalities},
    }
    if kind is PlainLateFusion:
        labels, c = [u.label for u in train], shape.classes
        told |= {"labels": labels, "classes": c}
        told["class_weights"] = [len(labels) / (c * labels.count(label)) for label in range(c)]
    return told


def check_epochs(
    trained: TrainedStage, recorder: Recorder, expected: list[PlainEpoch], names: tuple[str, ...]
) -> None:
    """Everything that training shows of an epoch, and the network after it."""
    assert len(trained.curve) == len(expected)
    patterns = all_patterns(names)
    logits = iter(recorder.logits)
    for record, weights, epoch in zip(trained.curve, recorder.weights, expected, strict=True):
        assert record.lr == pytest.approx(epoch.lr, rel=1e-12)
        assert record.terms == pytest.approx(dict(epoch.terms), rel=RTOL, abs=ATOL)
        assert record.complete == pytest.approx(epoch.scores["complete"], abs=1e-12)
        assert record.partial == pytest.approx(epoch.scores["partial"], abs=1e-12)
        for pattern in patterns:
            torch.testing.assert_close(next(logits), epoch.logits[pattern], rtol=0, atol=ATOL)
        check_weights(weights, epoch.weights)
    assert not list(logits)


def check_weights(found: Weights, expected: Weights) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=0, atol=ATOL, msg=lambda said, name=name: f"{name}: {said}"
        )


@pytest.mark.parametrize("case", STAGES)
def test_twenty_steps_are_those_of_the_plain_training(
    world: World, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    name, number, kind, settings = STAGES[case]
    stage = make_stage(name, number)
    data, shape = double_data(world, stage), world.shape
    teacher = distracted_teacher(stage, shape)
    recorder = Recorder()
    with monkeypatch.context() as patch:
        recorder.watch(patch)
        trained = train_stage(stage, data, teacher, KEY)
    assert len(recorder.steps) >= 20

    part = data.train
    if stage.complete_only:
        part = part.select(part.available.all(1).nonzero().squeeze(1))
    utterances = utterances_of(part, shape)
    start, parameters = start_of(stage, shape, teacher)
    method = kind(**settings_of(kind, shape, utterances), **settings)
    if kind is PlainLateFusion:
        start["prior"] = method.logits({}, replace(utterances[0], present=frozenset()))
    epochs = plain_epochs(recorder, utterances)
    sizes = [len(step.utterances) for step in epochs[0]]
    assert sizes == ([7, 7, 7, 3] if stage.teacher is not None else [7, 7, 4])
    expected = train(
        method,
        start,
        parameters,
        {} if teacher is None else copy_of(teacher),
        epochs,
        stage.training,
        validation_of(data, shape),
    )

    check_epochs(trained, recorder, expected, shape.names)
    for criterion in stage.selections:
        best = first_best(expected, criterion)
        assert trained.chosen[criterion] == best
        check_weights(trained.weights[criterion], expected[best - 1].weights)
    moved = [(expected[-1].weights[name] - start[name]).abs().max() for name in parameters]
    assert max(moved) > 1e5 * ATOL

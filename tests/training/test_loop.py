"""The training loop: its schedule, which epoch it keeps, what it refuses, what it repeats."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench import seeds
from merbench.corpus.corpus import Corpus
from merbench.corpus.folds import Fold
from merbench.errors import CellError
from merbench.execution.prepare import prepare
from merbench.execution.protocol import Division, Protocol
from merbench.methods.base import Network, Stage
from merbench.training.config import StageTraining
from merbench.training.course import TrainedStage, learning_rate
from merbench.training.loop import TrainingData, restore, train_stage
from merbench.training.sampling import batches
from merbench.training.validate import Validator
from tests.methods.world import (
    CPU,
    NETWORKS,
    LoneSampler,
    World,
    make_corpus,
    make_stages,
    make_world,
)

KEY = ("fold", 0)


def training(stage: Stage, **changes: object) -> Stage:
    return replace(stage, training=stage.training.model_copy(update=changes))


def train_all(
    stages: tuple[Stage, ...], data: TrainingData, key: tuple[str | int, ...] = KEY
) -> TrainedStage:
    """Train a method's stages one after the other, as a run does."""
    teacher: Network | None = None
    for stage in stages:
        trained = train_stage(stage, data, teacher, key)
        teacher = restore(stage, data.shape, trained.weights[stage.selections[0]], CPU)
    return trained


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(gaps=0.0, signal=0.3)


@given(st.integers(1, 60), st.integers(0, 60), st.floats(1e-5, 1))
@settings(deadline=None)
def test_the_learning_rate_is_constant_and_then_falls_in_equal_steps(epochs, decay, lr) -> None:
    settings_ = StageTraining(epochs=epochs, decay_epochs=decay, batch_size=8, dropout=0.0, lr=lr)
    rates = [learning_rate(settings_, epoch) for epoch in range(1, epochs + decay + 1)]
    assert rates[:epochs] == [lr] * epochs
    for k, rate in enumerate(rates[epochs:], start=1):
        assert rate == pytest.approx(lr * float(1 - Fraction(k, decay + 1)))
    assert rates[-1] > 0
    # The decay leads to 0 in the epoch after the last.
    assert learning_rate(settings_, epochs + decay + 1) == pytest.approx(0, abs=1e-12)


def test_every_epoch_trains_at_its_scheduled_rate_and_is_recorded(world) -> None:
    (stage,) = make_stages("zero_fill")
    stage = training(stage, epochs=2, decay_epochs=3)
    curve = train_stage(stage, world.data(), None, KEY).curve
    assert [record.epoch for record in curve] == [1, 2, 3, 4, 5]
    assert [record.lr for record in curve] == pytest.approx([1e-3, 1e-3, 7.5e-4, 5e-4, 2.5e-4])
    for record in curve:
        assert record.loss == pytest.approx(sum(record.terms.values()))
        assert 0 <= record.partial <= 1


@pytest.mark.parametrize("method", ["zero_fill", "discard"])
def test_steps_are_adams_with_each_subnetwork_clipped_alone(world, method) -> None:
    """An epoch of two steps, redone by hand: norms, clipping and Adam's formula."""
    clip, betas, lr = 0.3, (0.5, 0.9), 1e-3
    (stage,) = make_stages(method)
    stage = training(stage, batch_size=12, clip=clip, betas=betas, lr=lr)
    trained = train_stage(stage, world.data(), None, KEY).weights["partial"]
    unclipped = train_stage(training(stage, clip=1e9), world.data(), None, KEY).weights["partial"]

    generator = seeds.torch_generator(CPU, "sampling", stage.name, *KEY)
    sampler = LoneSampler(world.train, world.shape, stage.sampling, {}, generator)
    with seeds.torch_scope(CPU, "training", stage.name, *KEY):
        network = stage.build(world.shape).train()
        stage.prepare(network, world.train.labels)
        moments = {
            name: (torch.zeros(()), torch.zeros(())) for name, _ in network.named_parameters()
        }
        groups = [set(map(id, part.parameters())) for part in network.subnetworks()]
        steps = list(batches(24, 12, generator))
        assert [len(rows) for rows in steps] == [12, 12]
        for number, rows in enumerate(steps, start=1):
            network.zero_grad()
            sum(stage.loss(network, sampler.batch(rows, 0.0)).values()).backward()
            for group in groups:
                mine = [p.grad for p in network.parameters() if id(p) in group]
                norm = sum(float(g.double().square().sum()) for g in mine) ** 0.5
                for gradient in mine:
                    gradient *= min(1.0, clip / norm)
            with torch.no_grad():
                for name, p in network.named_parameters():
                    m, v = moments[name]
                    m = betas[0] * m + (1 - betas[0]) * p.grad
                    v = betas[1] * v + (1 - betas[1]) * p.grad**2
                    moments[name] = (m, v)
                    m, v = m / (1 - betas[0] ** number), v / (1 - betas[1] ** number)
                    p -= lr * m / (v.sqrt() + 1e-8)
    for name, expected in network.state_dict().items():
        torch.testing.assert_close(trained[name], expected, rtol=0, atol=2e-5)
    apart = [(trained[k] - unclipped[k]).abs().max() for k in trained if k != "prior"]
    assert max(apart) > 1e-4


def test_the_first_of_equally_good_epochs_is_kept(world) -> None:
    stage = training(make_stages("zero_fill")[0], epochs=4, lr=1e-12)
    trained = train_stage(stage, world.data(), None, KEY)
    assert len({(r.partial, r.complete) for r in trained.curve}) == 1
    assert trained.chosen == {"complete": 1, "partial": 1}


@pytest.mark.parametrize("seed", range(3))
def test_the_kept_epoch_is_the_first_with_the_highest_validation_score(world, seed) -> None:
    stage = training(make_stages("zero_fill")[0], epochs=12)
    trained = train_stage(stage, world.data(), None, ("fold", seed))
    for criterion in ("complete", "partial"):
        scores = [getattr(record, criterion) for record in trained.curve]
        assert len(set(scores)) > 2
        assert trained.chosen[criterion] == 1 + int(np.argmax(scores))


def test_the_kept_weights_are_those_of_the_kept_epoch(world) -> None:
    stage = training(make_stages("zero_fill")[0], epochs=12)
    long = train_stage(stage, world.data(), None, KEY)
    for criterion, epoch in long.chosen.items():
        assert epoch < 12, "choose another seed: the last epoch tests nothing"
        short = train_stage(training(stage, epochs=epoch), world.data(), None, KEY)
        assert short.chosen[criterion] == epoch
        assert same(short.weights[criterion], long.weights[criterion])
        network = restore(stage, world.shape, long.weights[criterion], CPU)
        data = world.data()
        score = Validator(data.valid, data.shape, data.absent).scores(network)[criterion]
        assert score == getattr(long.curve[epoch - 1], criterion)


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_training_stops_when_patience_runs_out(world, patience) -> None:
    stage = training(make_stages("zero_fill")[0], epochs=9, lr=1e-12, patience=patience)
    assert len(train_stage(stage, world.data(), None, KEY).curve) == 1 + patience


def picked_alone(scores: list[float], patience: int) -> tuple[int, int]:
    """Return the epoch picked, and the last one trained, where one criterion alone counts."""
    best, chosen, epoch = -1.0, 0, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best:
            best, chosen = score, epoch
        elif epoch - chosen == patience:
            break
    return chosen, epoch


def test_a_criterion_gains_nothing_by_the_patience_of_another(world) -> None:
    stage = training(make_stages("zero_fill")[0], epochs=20, patience=1)
    late = 0
    for seed in range(6):
        trained = train_stage(stage, world.data(), None, ("fold", seed))
        ends = []
        for criterion in ("complete", "partial"):
            scores = [getattr(record, criterion) for record in trained.curve]
            chosen, end = picked_alone(scores, 1)
            assert trained.chosen[criterion] == chosen
            ends.append(end)
            late += max(scores) > scores[chosen - 1]
        assert len(trained.curve) == max(ends)
    assert late, "choose other seeds: no criterion rose again while the other was waited for"


def test_a_stage_that_never_sees_complete_input_is_picked_on_partial_patterns_alone(world) -> None:
    for name in NETWORKS:
        *teachers, last = make_stages(name)
        complete = last.sampling.patterns == "complete"
        assert last.selections == (("complete", "partial") if complete else ("partial",))
        for teacher in teachers:
            assert teacher.selections[0] == "complete"


def test_a_diverging_loss_ends_the_cell_and_says_where(world) -> None:
    stage = training(make_stages("mmin")[0], lr=1e30, epochs=5)
    with pytest.raises(CellError, match=r"stage 'fusion': the loss is \S+ in epoch \d \(terms"):
        train_stage(stage, world.data(), None, KEY)


def test_a_stage_for_complete_utterances_leaves_the_others_out() -> None:
    world = make_world(60, gaps=0.3, signal=0.3)
    complete = world.train.available.all(1)
    assert 16 <= complete.sum() < 30
    (stage,) = make_stages("discard")
    found = train_stage(stage, world.data(), None, KEY)
    # Spoiling what is incomplete changes nothing; dropping it by hand neither.
    kept = replace(world, train=world.train.select(complete.nonzero().squeeze(1)))
    by_hand = train_stage(stage, kept.data(), None, KEY)
    assert same(found.weights["partial"], by_hand.weights["partial"])
    everything = train_stage(replace(stage, complete_only=False), world.data(), None, KEY)
    assert not same(found.weights["partial"], everything.weights["partial"])


def test_too_little_complete_data_is_an_error_that_counts_it() -> None:
    world = make_world(60, gaps=0.9)
    complete = int(world.train.available.all(1).sum())
    assert 0 < complete < 16
    (stage,) = make_stages("discard")
    with pytest.raises(CellError) as refused:
        train_stage(stage, world.data(), None, KEY)
    assert f"{complete} of 30 are, and two batches of 8 need 16" in str(refused.value)
    assert "late_fusion" in str(refused.value)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_key_gives_the_same_weights_bit_for_bit(world, name) -> None:
    stages = make_stages(name, dropout=0.3)
    first = train_all(stages, world.data())
    torch.manual_seed(123)  # whatever the process did in between
    second = train_all(stages, world.data())
    assert same(first.weights["partial"], second.weights["partial"])
    assert [replace(r, seconds=0) for r in first.curve] == [
        replace(r, seconds=0) for r in second.curve
    ]
    assert first.diagnostics == second.diagnostics
    for other in (("fold", 1), ("another fold", 0)):
        changed = train_all(stages, world.data(), other)
        assert not same(first.weights["partial"], changed.weights["partial"])


@pytest.mark.parametrize("name", NETWORKS)
def test_training_leaves_the_processes_random_state_alone(world, name) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    train_all(make_stages(name, dropout=0.3), world.data())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    assert random.getstate() == before[2]


def test_training_data_has_no_room_for_a_test_part() -> None:
    parts = [f.name for f in dataclasses.fields(TrainingData) if f.type == "Part"]
    assert parts == ["train", "valid"]


def spoil(corpus: Corpus, positions: np.ndarray) -> Corpus:
    """Give some utterances other labels and other features."""
    labels = corpus.labels.copy()
    labels[positions] = (labels[positions] + 1) % len(corpus.classes)
    modalities = []
    for modality in corpus.modalities:
        values = modality.values.copy()
        for i in positions:
            values[modality.offsets[i] : modality.offsets[i + 1]] *= -7
        modalities.append(replace(modality, values=values))
    return replace(corpus, labels=labels, modalities=tuple(modalities))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("zero_fill", {}),
        ("discard", {}),
        ("modality_dropout", {}),
        ("mmin", {}),
        ("if_mmin", {}),
        # Donors of babble and token_swap are where test features could get in.
        ("modality_dropout", {"train_noise": "suite"}),
        pytest.param(
            "nmer", {"train_noise": "suite", "absent_input": "zeros"}, marks=pytest.mark.slow
        ),
    ],
)
def test_other_test_labels_and_features_train_the_same_weights(name, settings) -> None:
    """From corpus to weights: only training and validation utterances count."""
    corpus = make_corpus(60, signal=0.3)
    everyone = np.arange(60)
    fold = Fold("one", everyone[:30], everyone[30:40], everyone[40:])
    found = []
    for spoilt in (None, fold.test, fold.valid, fold.train):
        of = corpus if spoilt is None else spoil(corpus, spoilt)
        protocol = Protocol(
            corpus=of,
            grid=make_world().grid("babble", "token_swap"),
            seed=0,
            reserved=None,
            threads=1,
            evaluation_batch=64,
            device="cpu",
        )
        prepared = prepare(protocol, Division(fold))
        stages = tuple(training(s, epochs=4) for s in make_stages(name, **settings))
        found.append(train_all(stages, prepared.training_data(stages[-1])))
    clean, other_test, other_valid, other_train = found
    assert same(clean.weights["partial"], other_test.weights["partial"])
    assert [r.partial for r in clean.curve] == [r.partial for r in other_test.curve]
    assert [r.partial for r in clean.curve] != [r.partial for r in other_valid.curve]
    assert not same(clean.weights["partial"], other_train.weights["partial"])

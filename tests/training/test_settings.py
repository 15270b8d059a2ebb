"""Training settings that change a number: class weights, the score that selects, shared levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn import functional

from merbench.corruption.schedule import signal_share
from merbench.features.observation import State
from merbench.features.part import Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Batch, FitContext, Sampling
from merbench.training.config import StageTraining
from merbench.training.loop import _class_weights, train_stage
from merbench.training.validate import SCORES, Lone, Validator, _known
from tests.methods.world import (
    NAMES,
    LoneSampler,
    build,
    make_method,
    make_stages,
    make_world,
    with_features,
)

TRAINING = StageTraining(epochs=1, decay_epochs=0, batch_size=8, dropout=0.0)
LABELS = torch.tensor([0, 0, 0, 0, 0, 2, 2, 1])


def weighted(labels: Tensor, classes: int) -> Tensor | None:
    settings = TRAINING.model_copy(update={"class_weights": "balanced"})
    return _class_weights(settings, labels, classes)


def test_balanced_weights_are_scikit_learns_and_0_for_a_class_that_is_not_there() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS.numpy())
    np.testing.assert_allclose(weighted(LABELS, 3).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(weighted(LABELS, 4).numpy(), [*expected, 0], rtol=1e-6)
    assert _class_weights(TRAINING, LABELS, 3) is None


def batch(labels: Tensor, weights: Tensor | None) -> Batch:
    return Batch(labels, labels[:, None], labels[:, None] >= 0, {}, {}, 0.0, weights)


def test_the_cross_entropy_weighs_utterances_by_their_class() -> None:
    torch.manual_seed(0)
    logits, weights = torch.randn(8, 3), weighted(LABELS, 3)
    each = -functional.log_softmax(logits, 1)[torch.arange(8), LABELS]
    w = weights[LABELS]
    found = batch(LABELS, weights).cross_entropy(logits)
    torch.testing.assert_close(found, (each * w).sum() / w.sum())
    torch.testing.assert_close(batch(LABELS, None).cross_entropy(logits), each.mean())


def test_weights_reach_the_loss_of_a_stage_and_change_what_is_learnt() -> None:
    world = make_world()
    learnt = []
    for how in ("off", "balanced"):
        (stage,) = make_stages("zero_fill")
        training = stage.training.model_copy(update={"class_weights": how})
        skewed = world.train.select(torch.tensor([0, 3, 6, 9, 12, 15, 18, 21, 1, 4, 2]))
        data = world.data()
        data = type(data)(skewed, data.valid, data.shape, data.absent)
        stage = type(stage)(training=training, sampling=stage.sampling)
        learnt.append(train_stage(stage, data, None, ("fold", 0)).weights["partial"])
    assert any(not torch.equal(learnt[0][k], learnt[1][k]) for k in learnt[0])


def test_weights_reach_a_black_box() -> None:
    world = make_world()
    method = make_method("logreg")
    skewed = world.train.select(torch.tensor([0, 3, 6, 9, 12, 15, 18, 21, 1, 4, 2]))
    biases = []
    for how in ("off", "balanced"):
        method.fit(skewed, world.test, FitContext(world.shape, 0, how))
        biases.append(method.arrays()["biases"].copy())
    assert biases[0][0] - biases[0][1] > biases[1][0] - biases[1][1] + 0.5


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_selection_scores_are_scikit_learns(pairs) -> None:
    labels, predicted = (torch.tensor(column) for column in zip(*pairs, strict=True))
    y, p = labels.numpy(), predicted.numpy()
    assert SCORES["wa"](predicted, labels, 4) == pytest.approx(accuracy_score(y, p))
    assert SCORES["f1"](predicted, labels, 4) == pytest.approx(f1_score(y, p, average="macro"))
    recall = recall_score(y, p, labels=np.unique(y), average="macro", zero_division=0)
    assert SCORES["ua"](predicted, labels, 4) == pytest.approx(recall)


@pytest.mark.parametrize("select_by", ["ua", "wa", "f1"])
def test_a_stage_is_validated_by_the_score_it_asks_for(select_by) -> None:
    world = make_world(gaps=0.3)
    (stage,) = make_stages("zero_fill", epochs=3)
    training = stage.training.model_copy(update={"select_by": select_by})
    trained = train_stage(
        type(stage)(training=training, sampling=stage.sampling), world.data(), None, ("fold", 0)
    )
    best = max(trained.curve, key=lambda record: record.partial)
    assert trained.chosen["partial"] == best.epoch
    network = stage.build(world.shape)
    network.load_state_dict(trained.weights["partial"])
    validator = Validator(world.test, world.shape, world.data().absent, select_by=select_by)
    assert validator.scores(network)["partial"] == pytest.approx(best.partial)


def test_levels_are_drawn_evenly_over_severity_where_asked() -> None:
    world, n = make_world(), 4000
    # Frames of one number, so large that what is left of it tells the level.
    loud = Part(
        np.arange(n),
        torch.zeros(n, dtype=torch.int64),
        {
            m.name: Ragged(torch.full((n, m.width), 1e8), torch.ones(n, dtype=torch.int64))
            for m in world.shape.modalities
        },
        torch.ones(n, len(NAMES), dtype=torch.bool),
    )
    sampling = Sampling(patterns="partial", train_noise="scheduler", level_scale="severity")
    found = LoneSampler(loud, world.shape, sampling, {}, torch.Generator().manual_seed(0))
    seen = found.batch(torch.arange(n)).observed["sound"]
    left = seen.sequences.values[seen.rows[seen.states == State.NOISED], 0].double() / 1e8
    severity = 1 - left.square()
    # Each severity is that of the nearest step, of which the first few are some .03 apart.
    steps = 1 - signal_share("scaled_linear")[1:]
    assert np.abs(severity.numpy()[:, None] - steps).min(1).max() < 1e-4
    assert float(severity.mean()) == pytest.approx(0.5, abs=0.03)
    shares = np.histogram(severity, bins=[0, 0.25, 0.5, 0.75, 1.001])[0] / len(severity)
    assert shares == pytest.approx([0.25] * 4, abs=0.05)


@pytest.mark.parametrize("level_draw", ["utterance", "batch"])
def test_the_scheduler_draws_a_level_for_each_utterance_or_one_for_all(level_draw) -> None:
    world = make_world()
    # Features so large that what is left of them tells the level, whatever noise is added.
    loud = torch.full_like(world.train.features["sound"].values, 1e8)
    part = with_features(world.train, "sound", loud)
    sampling = Sampling(patterns="partial", train_noise="scheduler", level_draw=level_draw)
    found = LoneSampler(part, world.shape, sampling, {}, torch.Generator().manual_seed(0))
    signals = []
    for _ in range(6):
        batch = found.batch(torch.arange(len(part)), 0.0)
        noised = batch.states[:, NAMES.index("sound")] == State.NOISED
        seen = batch.observed["sound"]
        rows = noised.nonzero().flatten()
        first = [float(seen.sequences.take(seen.rows[row[None]]).values[0, 0]) for row in rows]
        signals.append({round(value / 1e8, 5) for value in first})
        assert len(first) > 5
    schedule = {round(float(share) ** 0.5, 5) for share in signal_share("scaled_linear")[1:]}
    assert set.union(*signals) <= schedule
    if level_draw == "batch":
        assert [len(values) for values in signals] == [1] * 6
        assert len(set.union(*signals)) > 1, "each step has a level of its own"
    else:
        assert min(len(values) for values in signals) > 3


def test_noised_validation_puts_frozen_noise_where_a_modality_is_missing() -> None:
    world = make_world(gaps=0.3)
    network = build(make_stages("nmer", selection="noised")[-1], world.shape)
    noised = {
        name: world.corruptor.scheduled(m, world.test) for m, name in enumerate(world.shape.names)
    }
    again = world.corruptor.scheduled(0, world.test)
    first = world.shape.names[0]
    assert torch.equal(again.values, noised[first].values)
    few = torch.tensor([4, 2])
    alone = world.corruptor.scheduled(0, world.test.select(few))
    assert torch.equal(alone.values, noised[first].take(few).values)
    validator = Validator(world.test, world.shape, world.data().absent, noised)
    plain = Validator(world.test, world.shape, world.data().absent)
    (known,), (clean,) = (_known(Lone(network), [v]) for v in (validator, plain))
    for column, name in enumerate(world.shape.names):
        there = world.test.available[:, column]
        assert torch.equal(known[name].clean, clean[name].clean)
        assert not torch.equal(known[name].absent[there], known[name].clean[there])
        gone = known[name].absent[~there]
        assert torch.equal(gone, clean[name].absent.expand_as(gone))
    states = validator.states
    assert State.NOISED in states[0].unique()
    assert (states[-1] != State.NOISED).all()

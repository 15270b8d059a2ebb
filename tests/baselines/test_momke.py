"""momke weighs what every expert makes of every modality that is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import ndtr, softmax

from merbench.features.observation import State
from tests.methods import oracle
from tests.methods.losses import ORDER, embedded, make_step, shown, terms
from tests.methods.world import build, make_method, make_stages, states_of


def feed_forward(w: oracle.Weights, x: oracle.Array, name: str) -> oracle.Array:
    x = w.linear(x, f"{name}.0")
    return w.linear(x * ndtr(x), f"{name}.2")


def knows(w: oracle.Weights, number: int, x: oracle.Array, depth: int) -> oracle.Array:
    name = f"experts.{number}.knowledge"
    for layer in range(depth):
        v = w.linear(x, f"{name}.values.{layer}")
        x = x + v + feed_forward(w, v, f"{name}.layers.{layer}")
    return x


def test_in_the_first_stage_every_expert_pays_for_its_own_modality(world) -> None:
    stage = make_stages("momke")[0]
    assert stage.complete_only
    step = make_step(stage, world)
    weights, h = oracle.Weights(step.network), embedded(step)
    expected = {}
    for number, name in enumerate(ORDER):
        scores = weights.classifier(knows(weights, number, h[name], 2), f"classifiers.{number}")
        loss = oracle.cross_entropy(scores, step.batch.labels)
        expected[f"ce_{name}"] = pytest.approx(loss, rel=1e-4)
    assert terms(stage, step) == expected


@pytest.mark.parametrize("depth", [1, 3])
def test_the_mixture_pays_the_cross_entropy_of_what_its_routers_let_through(world, depth) -> None:
    stage = make_stages("momke", depth=depth)[-1]
    step = make_step(stage, world)
    w, h, told = oracle.Weights(step.network), embedded(step), shown(step)
    assert not told.all()
    blocks = []
    for m, name in enumerate(ORDER):
        shares = softmax(feed_forward(w, np.concatenate([h[name], told], 1), f"routers.{m}"), 1)
        z = sum(shares[:, [k]] * knows(w, k, h[name], depth) for k in range(3))
        blocks.append(z * told[:, [m]])
    z = np.concatenate(blocks, 1)
    hidden = z + oracle.relu(w.linear(z, "project"))
    expected = oracle.cross_entropy(w.classifier(hidden), step.batch.labels)
    assert terms(stage, step) == {"ce": pytest.approx(expected, rel=1e-4)}


def test_experts_predict_by_the_mean_of_those_that_are_there(world) -> None:
    network = build(make_stages("momke")[0], world.shape)
    embeddings = {name: torch.randn(1, 128) for name in ORDER}
    alone = network.logits(embeddings)
    at = {name: world.shape.names.index(name) for name in ORDER}
    states = states_of([[State.ABSENT] * 3])
    assert not network.fuse(embeddings, states).any()
    for name in ORDER[:2]:
        states[0, at[name]] = State.NOISED
    expected = (alone[ORDER[0]] + alone[ORDER[1]]) / 2
    torch.testing.assert_close(network.fuse(embeddings, states), expected)


def test_the_published_settings_are_those_of_the_script() -> None:
    for training in make_method("momke").published().values():
        assert (training.epochs, training.lr, training.dropout) == (100, 1e-4, 0.5)

"""discard imputes nothing: the mean of what is there, the prior where nothing is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from merbench.features.observation import State
from tests.methods.world import World, build, make_stages, make_world, see, states_of

LABELS = torch.tensor([0, 0, 0, 2, 2, 0])


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def network(world: World):
    (stage,) = make_stages("discard")
    found = build(stage, world.shape)
    stage.prepare(found, LABELS)
    return found


@pytest.mark.parametrize(
    "states", [s for s in itertools.product(State, repeat=3) if set(s) != {State.ABSENT}]
)
@torch.no_grad()
def test_logits_are_the_mean_over_what_is_not_absent(world, states) -> None:
    net = network(world)
    told = states_of([states])
    observed = see(world.test, world.shape, [0], states_of([[0, 0, 0]]))
    scores = net.embed(observed)
    there = [
        scores[n][0].numpy()
        for n, s in zip(world.shape.names, states, strict=True)
        if s != State.ABSENT
    ]
    np.testing.assert_allclose(net.fuse(scores, told)[0], np.mean(there, 0), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_with_nothing_present_it_says_the_class_prior(world) -> None:
    net = network(world)
    told = states_of([[State.ABSENT] * 3, [State.PRESENT] * 3])
    observed = see(world.test, world.shape, [0, 1], told)
    odds = net.fuse(net.embed(observed), told).softmax(1)
    # One more count a class: a class that training lacks is unlikely, not impossible.
    torch.testing.assert_close(odds[0], torch.tensor([5.0, 1.0, 3.0]) / 9)
    assert not torch.allclose(odds[1], odds[0])


@torch.no_grad()
def test_experts_of_absent_modalities_are_not_heard(world) -> None:
    net = network(world)
    told = states_of([[State.PRESENT, State.ABSENT, State.PRESENT]])
    scores = net.embed(see(world.test, world.shape, [0], told))
    shouted = {**scores, world.shape.names[1]: torch.full_like(scores["text"], 1e6)}
    assert torch.equal(net.fuse(shouted, told), net.fuse(scores, told))


def test_the_prior_is_stored_with_the_weights(world) -> None:
    assert "prior" in network(world).state_dict()

"""Every method can learn a small training set by heart, on the conditions it trains on."""

from __future__ import annotations

import pytest
import torch

from merbench.methods.base import BlackBox, FitContext, Network
from merbench.training.loop import restore, train_stage
from merbench.training.validate import Validator, unweighted_accuracy
from tests.methods.world import (
    CPU,
    METHODS,
    NETWORKS,
    World,
    logits,
    make_method,
    make_stages,
    make_world,
    mostly_by_night,
    see,
)

LONG = {"nmer", "nmer_released"}  # its five Transformer layers need a few hundred steps


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(48, signal=2.0, widen=4)


def learn(name: str, world: World, epochs: int) -> float:
    """Train all stages; return the score of the epoch that knows the training part best."""
    network: Network | None = None
    for stage in make_stages(name, epochs=epochs):
        data = world.data(world.train, stage.sampling.absent_input)
        trained = train_stage(stage, data, network, ("fold", 0))
        best = stage.selections[0]  # `complete` where the stage trains on complete input
        network = restore(stage, world.shape, trained.weights[best], CPU)
    assert network is not None
    return Validator(data.valid, data.shape, data.absent).scores(network)[best]


@pytest.mark.parametrize("name", mostly_by_night(NETWORKS))
def test_a_network_learns_a_small_training_set_by_heart(world, name) -> None:
    assert learn(name, world, epochs=90 if name in LONG else 25) > 0.95


@pytest.mark.parametrize("name", sorted(set(METHODS) - set(NETWORKS)))
def test_a_black_box_learns_a_small_training_set_by_heart(world, name) -> None:
    method = make_method(name, C=100.0)
    assert isinstance(method, BlackBox)
    method.fit(world.train, world.test, FitContext(world.shape, 0))
    states = torch.zeros(len(world.train), 3, dtype=torch.int8)
    observed = see(world.train, world.shape, list(range(len(world.train))), states)
    predicted = logits(method, observed, states).argmax(1)
    assert unweighted_accuracy(predicted, world.train.labels, world.shape.classes) > 0.95

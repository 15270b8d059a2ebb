"""Validation scores against counting by hand, and figures that compare utterances, not patterns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from merbench.corruption.grid import all_patterns
from merbench.features.observation import State
from merbench.training.validate import Validator, unweighted_accuracy
from tests.methods.world import World, build, logits, make_stages, make_world, see


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
@settings(deadline=None)
def test_unweighted_accuracy_is_the_mean_recall_of_the_classes_there_are(pairs) -> None:
    predicted, labels = map(torch.tensor, zip(*pairs, strict=True))
    expected = recall_score(
        labels, predicted, labels=np.unique(labels), average="macro", zero_division=0
    )
    assert unweighted_accuracy(predicted, labels, 4) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["mmin", "discard", "nmer"])
def test_scores_are_those_of_the_patterns_one_by_one(name) -> None:
    world = make_world(60, gaps=0.4)
    network = build(make_stages(name)[-1], world.shape)
    found = Validator(world.test, world.shape, world.data().absent).scores(network)
    rows, each = list(range(len(world.test))), {}
    for pattern in all_patterns(world.shape.names):
        shown = torch.tensor([m in pattern for m in world.shape.names])
        states = torch.where(shown & world.test.available, State.PRESENT, State.ABSENT)
        states = states.to(torch.int8)
        scores = logits(network, see(world.test, world.shape, rows, states), states)
        each[pattern] = recall_score(world.test.labels, scores.argmax(1), average="macro")
    complete = each.pop(tuple(world.shape.names))
    assert found["complete"] == pytest.approx(complete)
    assert found["partial"] == pytest.approx(np.mean(list(each.values())))


def test_validation_leaves_the_network_in_the_mode_it_was_in() -> None:
    world = make_world()
    network = build(make_stages("nmer")[-1], world.shape)
    validator = Validator(world.test, world.shape, world.data().absent)
    for mode in (True, False):
        network.train(mode)
        statistics = network.classifier[2].running_mean.clone()
        validator.scores(network)
        assert network.training is mode
        assert torch.equal(network.classifier[2].running_mean, statistics)


def diagnosed(world: World, rows: list[int]) -> dict[str, float]:
    part = world.test.select(torch.tensor(rows))
    network = build(make_stages("nmer")[-1], world.shape, seed=3)
    return Validator(part, world.shape, world.data().absent).diagnose(network)


def test_nmers_latent_is_alive_where_it_differs_between_utterances() -> None:
    found = diagnosed(make_world(60), list(range(30)))
    assert found["active_units"] > 0.5
    assert 0 < found["latent_flips"] <= 1


def test_a_latent_that_only_tells_patterns_apart_is_dead() -> None:
    """One utterance, many times: latents differ between patterns and nothing else."""
    found = diagnosed(make_world(60), [4] * 30)
    assert found == {"active_units": 0, "latent_flips": 0}


def test_methods_without_figures_of_their_own_report_none() -> None:
    world = make_world()
    network = build(make_stages("mmin")[-1], world.shape)
    assert Validator(world.test, world.shape, world.data().absent).diagnose(network) == {}


def test_figures_of_a_network_that_mixes_rows_are_those_of_one_batch_of_them() -> None:
    world = make_world(400)
    network = build(make_stages("nmer", attention="batch")[-1], world.shape, seed=3)
    whole = Validator(world.test, world.shape, world.data().absent).diagnose(network)
    first = world.test.select(torch.arange(network.fused_rows))
    assert len(first) < len(world.test)
    assert Validator(first, world.shape, world.data().absent).diagnose(network) == whole

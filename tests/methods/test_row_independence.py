"""A prediction is a function of its own utterance: for every registered method."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from merbench.features.observation import ObservedModality, State
from merbench.features.ragged import Ragged
from merbench.methods.base import EncodeFuse
from tests.methods.world import (
    METHODS,
    World,
    alone,
    logits,
    make_predictor,
    make_world,
    see,
    told,
    with_features,
)

CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(60, gaps=0.3)


@pytest.fixture(scope="module", params=METHODS)
def predictor(request, world) -> EncodeFuse:
    return make_predictor(request.param, world)


def some(world: World, rows: list[int], states: Tensor) -> dict[str, ObservedModality]:
    return see(world.test, world.shape, rows, states)


def all_rows(world: World) -> list[int]:
    return list(range(len(world.test)))


def test_an_utterance_alone_gets_the_logits_it_gets_in_company(world, predictor) -> None:
    states = told(world)
    observed = some(world, all_rows(world), states)
    together = logits(predictor, observed, states)
    for row in range(len(world.test)):
        lonely = {name: alone(seen, row) for name, seen in observed.items()}
        single = logits(predictor, lonely, states[[row]])
        torch.testing.assert_close(single[0], together[row], **CLOSE)
    assert together.std(0).min() > 1e-3, "logits that never vary would pass any test"


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_neither_batch_mates_nor_order_matter(world, predictor, data) -> None:
    states = told(world)
    rows = data.draw(st.lists(st.integers(0, len(states) - 1), min_size=1, max_size=9))
    whole = logits(predictor, some(world, all_rows(world), states), states)
    part = logits(predictor, some(world, rows, states[rows]), states[rows])
    torch.testing.assert_close(part, whole[rows], **CLOSE)


def test_a_long_neighbour_and_its_padding_do_not_matter(world, predictor) -> None:
    states = torch.zeros(2, len(world.shape.names), dtype=torch.int8)
    rows = world.test.available.all(1).nonzero().squeeze(1)[:1].repeat(2).tolist()
    observed = some(world, rows, states)
    before = logits(predictor, observed, states)
    stretched = {}
    for name, seen in observed.items():
        one = seen.sequences.take(torch.tensor([0]))
        times = 1 if name == "front" else 30
        long = Ragged(9 * one.values.repeat(times, 1), times * one.lengths)
        stretched[name] = ObservedModality(Ragged.concatenate([one, long]), seen.rows, seen.states)
    after = logits(predictor, stretched, states)
    torch.testing.assert_close(after[0], before[0], **CLOSE)
    assert not torch.allclose(after[1], before[1], atol=1e-3)


def test_the_features_of_absent_modalities_change_nothing(world, predictor) -> None:
    states = told(world)
    before = logits(predictor, some(world, all_rows(world), states), states)
    for column, name in enumerate(world.shape.names):
        clean = world.test.features[name]
        gone = states[:, column] == State.ABSENT
        garbage = torch.where(gone[clean.row, None], 1e6 + clean.values, clean.values)
        spoilt = with_features(world.test, name, garbage)
        after = logits(predictor, see(spoilt, world.shape, all_rows(world), states), states)
        assert torch.equal(after, before)
        # The same garbage where the modality is present does change something.
        spoilt = with_features(world.test, name, clean.values + 1)
        seen = see(spoilt, world.shape, all_rows(world), states)
        assert not torch.allclose(logits(predictor, seen, states)[~gone], before[~gone])


def test_the_two_halves_of_a_method_do_not_change_it(world, predictor) -> None:
    """Evaluation repeats them in another order: nothing may be remembered in between."""
    states = told(world)
    observed = some(world, all_rows(world), states)
    first = logits(predictor, observed, states)
    logits(predictor, some(world, [3, 4], states[[3, 4]]), states[[3, 4]])
    assert torch.equal(logits(predictor, observed, states), first)

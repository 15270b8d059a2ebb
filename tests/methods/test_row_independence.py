"""A prediction is a function of its own utterance: for every method but `nmer_released`."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from merbench.evaluation.fuse import fuse, fused_rows
from merbench.features.observation import ObservedModality, State
from merbench.features.ragged import Ragged
from merbench.methods.base import EncodeFuse, Network
from tests.methods.world import (
    METHODS,
    MIXING,
    ROW_WISE,
    World,
    alone,
    build,
    logits,
    make_predictor,
    make_stages,
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


@pytest.fixture(scope="module", params=ROW_WISE)
def row_wise(request, world) -> EncodeFuse:
    return make_predictor(request.param, world)


def some(world: World, rows: list[int], states: Tensor) -> dict[str, ObservedModality]:
    return see(world.test, world.shape, rows, states)


def all_rows(world: World) -> list[int]:
    return list(range(len(world.test)))


def test_an_utterance_alone_gets_the_logits_it_gets_in_company(world, row_wise) -> None:
    predictor = row_wise
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
def test_neither_batch_mates_nor_order_matter(world, row_wise, data) -> None:
    predictor = row_wise
    states = told(world)
    rows = data.draw(st.lists(st.integers(0, len(states) - 1), min_size=1, max_size=9))
    whole = logits(predictor, some(world, all_rows(world), states), states)
    part = logits(predictor, some(world, rows, states[rows]), states[rows])
    torch.testing.assert_close(part, whole[rows], **CLOSE)


def test_a_long_neighbour_and_its_padding_do_not_matter(world, row_wise) -> None:
    predictor = row_wise
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


@pytest.mark.parametrize("name", METHODS)
def test_a_network_says_whether_its_rows_are_independent(world, name) -> None:
    size = fused_rows(make_predictor(name, world))
    assert size == (128 if name in MIXING else None)


VARIANTS = {
    "attention": {"attention": "batch"},
    "latent": {"latent": "sampled"},
    "kl": {"kl": "sum"},
    "level": {"level_draw": "batch"},
    "decoder": {"decoder_output": "sigmoid"},
    "tokens": {"tokens": "modalities"},
    "selection": {"selection": "noised"},
    "vae": {"vae": "off"},
    "invariant": {"invariant": "off"},
    "scheduler": {"scheduler": "off"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_of_nmers_variants_only_attention_across_the_batch_and_sampling_mix(world, variant) -> None:
    settings = VARIANTS[variant]
    network = build(make_stages("nmer", **settings)[-1], world.shape)
    states = told(world)
    observed = some(world, all_rows(world), states)
    with torch.no_grad():
        embeddings = {name: network.encode(name, seen) for name, seen in observed.items()}
        torch.manual_seed(0)
        together = network.fuse(embeddings, states)
        mates = torch.tensor([3, 7, 11])
        few = {name: e[mates] for name, e in embeddings.items()}
        torch.manual_seed(0)
        apart = network.fuse(few, states[mates])
    independent = torch.allclose(apart, together[mates], **CLOSE)
    assert independent == (variant not in ("attention", "latent"))
    assert (network.fused_rows is None) == independent


def test_a_mate_changes_what_nmer_released_says_and_a_seeded_order_makes_it_repeatable(
    world,
) -> None:
    network = make_predictor("nmer_released", world)
    states = told(world)
    observed = some(world, all_rows(world), states)
    with torch.no_grad():
        embeddings = {name: network.encode(name, seen) for name, seen in observed.items()}
        first = fuse(network, embeddings, states, "fold", 0, "condition")
        assert torch.equal(fuse(network, embeddings, states, "fold", 0, "condition"), first)
        assert not torch.allclose(fuse(network, embeddings, states, "fold", 1, "condition"), first)
        # One utterance is another: the others' predictions move with it.
        changed = {name: torch.cat([9 * e[:1], e[1:]]) for name, e in embeddings.items()}
        moved = fuse(network, changed, states, "fold", 0, "condition")
    assert not torch.allclose(moved[1:], first[1:], **CLOSE)


class Counting(Network):
    """Says of each row who it was, and notes the batches."""

    fused_rows = 128

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def encode(self, modality, observed):
        raise NotImplementedError

    def fuse(self, embeddings, states):
        self.sizes.append(len(states))
        return embeddings["x"]


@pytest.mark.parametrize("n", [1, 127, 128, 129, 300])
def test_every_row_is_fused_once_and_comes_back_in_its_place(n) -> None:
    network = Counting()
    rows = torch.arange(n)[:, None]
    assert torch.equal(fuse(network, {"x": rows}, torch.zeros(n, 1), "key"), rows)
    assert network.sizes == [128] * (n // 128) + [n % 128] * (n % 128 > 0)


def test_fusing_leaves_the_processes_random_state_alone(world) -> None:
    network = make_predictor("nmer_released", world)
    states = told(world)
    before = torch.get_rng_state()
    logits(network, some(world, all_rows(world), states), states)
    assert torch.equal(torch.get_rng_state(), before)

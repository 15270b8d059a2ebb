"""Evaluating in blocks: what is encoded, what is held, and that neither changes a prediction."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from merbench import registry
from merbench.corruption.grid import ABSENT, CLEAN, Condition, NoiseColumn, all_patterns, build_grid
from merbench.evaluation import embed, evaluator
from merbench.evaluation.embed import embed_inputs, embed_sequences, frames_at_once
from merbench.evaluation.evaluator import GridEvaluator
from merbench.evaluation.fuse import fuse, fused_rows
from merbench.features.observation import State
from tests.methods.world import MIXING, World, make_method, make_predictor, make_world

NOISES = ("gaussian", "burst")
ONE_INPUT_A_PASS = {"cpu": 1}


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(40, gaps=0.3)


def with_points(world: World, points: int) -> GridEvaluator:
    """A grid of two noises at so many points, on what is absent and on what is present."""
    columns = []
    for name in NOISES:
        cls = registry.load("noises", name)
        noise = cls(cls.Config())
        severities = np.linspace(1 / points, 1, points)
        on = ("absent", "present")
        found = tuple(noise.at_severity(float(severity)) for severity in severities)
        columns.append(NoiseColumn(name, noise, on, found))
    return world.evaluator(build_grid(world.corpus, all_patterns(world.shape.names), columns))


def crossed(world: World) -> GridEvaluator:
    """Conditions that show another point in each modality, so that no group is closed."""
    plain = with_points(world, 3)
    inputs = [[s for s in plain.grid.inputs(m) if s.noise] for m in range(3)]
    more = [
        Condition(world.shape.names, "crossed", "", None, k, (a, ABSENT if k % 2 else b, c))
        for k, (a, b, c) in enumerate(zip(inputs[0], inputs[1], reversed(inputs[2]), strict=False))
    ]
    everything = (*more[::2], *plain.grid.conditions, *more[1::2])
    return replace(plain, grid=replace(plain.grid, conditions=everything))


@pytest.mark.parametrize("make", [lambda w: with_points(w, 3), crossed])
@pytest.mark.parametrize("name", ["zero_fill", "nmer", *MIXING])
@pytest.mark.parametrize("frames", [embed._FRAMES, ONE_INPUT_A_PASS])
def test_every_input_is_encoded_once(world, monkeypatch, make, name, frames) -> None:
    monkeypatch.setattr(embed, "_FRAMES", frames)
    monkeypatch.setattr(evaluator, "_SPOT_CONDITIONS", 0)
    method, network = make_method(name), make_predictor(name, world)
    read: Counter[tuple[str, int]] = Counter()
    encode = network.encode

    def counting(modality, observed):
        read.update((modality, state) for state in observed.states.tolist())
        return encode(modality, observed)

    monkeypatch.setattr(network, "encode", counting)
    under = make(world)
    under.evaluate(method, network)
    for m, modality in enumerate(world.shape.names):
        there = int(world.test.available[:, m].sum())
        noised = sum(seen.noise is not None for seen in under.grid.inputs(m))
        assert noised
        assert read[modality, State.PRESENT] == there
        assert read[modality, State.NOISED] == there * noised
        assert read[modality, State.ABSENT] == len(under.absent(m, method.absent_input))


def test_inputs_are_encoded_together_as_far_as_frames_allow(world, monkeypatch) -> None:
    network, passes = make_predictor("zero_fill", world), []
    monkeypatch.setattr(evaluator, "_SPOT_CONDITIONS", 0)
    encode = network.encode
    monkeypatch.setattr(network, "encode", lambda *a: (passes.append(a[0]), encode(*a))[1])
    together = with_points(world, 3).evaluate(make_method("zero_fill"), network)
    assert Counter(passes) == dict.fromkeys(world.shape.names, 3)  # absent, clean, noised
    monkeypatch.setattr(embed, "_FRAMES", ONE_INPUT_A_PASS)
    one_by_one = with_points(world, 3).evaluate(make_method("zero_fill"), network)
    np.testing.assert_allclose(together.probabilities, one_by_one.probabilities, atol=1e-3)


def test_a_gpu_reads_more_frames_at_once_than_a_cpu() -> None:
    assert frames_at_once(torch.device("cpu")) == 16384
    assert frames_at_once(torch.device("cuda", 1)) == 262144


def most_held(under: GridEvaluator, monkeypatch: pytest.MonkeyPatch, world: World) -> int:
    """Return how many inputs' embeddings live at once, at most, while conditions are fused."""
    network, made, most = make_predictor("zero_fill", world), [], 0
    embed_inputs, fuse_rows = evaluator.embed_inputs, network.fuse

    def watched(*arguments):
        found = embed_inputs(*arguments)
        made.extend(weakref.ref(tensor) for tensor in found)
        return found

    def counting(*arguments):
        nonlocal most
        most = max(most, sum(each() is not None for each in made))
        return fuse_rows(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(evaluator, "embed_inputs", watched)
        patch.setattr(embed, "_FRAMES", ONE_INPUT_A_PASS)
        patch.setattr(network, "fuse", counting)
        for _ in under.blocks(make_method("zero_fill"), network):
            pass
    assert len(made) == sum(
        len([seen for seen in under.grid.inputs(m) if seen != ABSENT]) for m in range(3)
    )
    return most


def test_what_is_held_does_not_grow_with_the_points_of_a_noise(world, monkeypatch) -> None:
    few, many = (most_held(with_points(world, points), monkeypatch, world) for points in (2, 9))
    assert few == many == 6  # of three modalities, the clean input and one point


def test_blocks_hold_every_condition_once_and_no_more_rows_than_a_batch(world) -> None:
    under = replace(with_points(world, 3), batch=3 * len(world.test))
    method, network = make_method("zero_fill"), make_predictor("zero_fill", world)
    blocks = list(under.blocks(method, network))
    numbers = np.concatenate([block.conditions for block in blocks])
    assert sorted(numbers.tolist()) == list(range(len(under.grid.conditions)))
    assert numbers.tolist() != sorted(numbers.tolist()), "this grid tells nothing of the order"
    whole = under.evaluate(method, network)
    for block in blocks:
        assert len(block.conditions) <= 3
        assert (block.predictions.dtype, block.probabilities.dtype) == (np.int16, np.float16)
        np.testing.assert_array_equal(block.predictions, whole.predictions[block.conditions])
        np.testing.assert_array_equal(block.probabilities, whole.probabilities[block.conditions])


@pytest.mark.parametrize("name", [*MIXING, "nmer"])
def test_predictions_are_those_of_plain_embeddings_fused_condition_by_condition(
    world, name
) -> None:
    """The way without rounds: every input embedded by itself and kept, the grid in its order."""
    under, method, network = with_points(world, 2), make_method(name), make_predictor(name, world)
    assert (fused_rows(network) is not None) == (name in MIXING)
    found = under.evaluate(method, network, ("fold", 3))
    known = {}
    with torch.no_grad():
        for m, modality in enumerate(world.shape.names):
            stand_in = under.absent(m, method.absent_input)
            gone = embed_sequences(network, modality, stand_in, State.ABSENT)
            known[m, ABSENT] = gone.expand(len(world.test), -1)
            for seen in {*under.grid.inputs(m)} - {ABSENT}:
                (known[m, seen],) = embed_inputs(
                    network, modality, [under.sequences(m, seen)],
                    world.test.available[:, m], seen.state, gone,
                )  # fmt: skip
        assert (0, CLEAN) in known
        for number, condition in enumerate(under.grid.conditions):
            embeddings = {
                modality: known[m, condition.inputs[m]]
                for m, modality in enumerate(world.shape.names)
            }
            states = under.states(condition, method)
            logits = fuse(network, embeddings, states, "fold", 3, condition.identity)
            expected = logits.double().softmax(1).numpy()
            np.testing.assert_allclose(found.probabilities[number], expected, atol=6e-4)
            np.testing.assert_array_equal(found.predictions[number], logits.argmax(1))

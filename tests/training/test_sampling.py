"""What a training step sees: every row once, fair patterns, noise only on what is missing."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from merbench.features.observation import State
from merbench.features.part import CorpusShape, ModalityShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Sampling
from merbench.training.sampling import batches, pattern_table
from tests.methods.world import NAMES, LoneSampler, World, make_world

LIKELY = 1e-4  # a fair draw fails a test of fit this seldom; the seed is fixed


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(2, 300), st.integers(2, 70), st.integers(0, 99))
@settings(deadline=None)
def test_an_epoch_has_every_row_once_and_no_batch_of_one(n, size, seed) -> None:
    found = [rows.tolist() for rows in batches(n, size, stream(seed))]
    assert sorted(itertools.chain(*found)) == list(range(n))
    assert all(2 <= len(rows) <= size + 1 for rows in found)
    assert all(len(rows) == size for rows in found[:-1])


def test_epochs_are_shuffled_anew_by_the_generator_alone() -> None:
    def order(generator):
        return torch.cat(list(batches(50, 8, generator))).tolist()

    one = stream()
    first, second = order(one), order(one)
    assert first != second
    assert first == order(stream())
    assert first != list(range(50))


@pytest.mark.parametrize("modalities", [2, 3, 4])
@pytest.mark.parametrize("include_complete", [False, True])
def test_the_allowed_patterns_are_the_subsets_of_what_an_utterance_has(
    modalities, include_complete
) -> None:
    table = pattern_table(modalities, include_complete)
    everything = set(range(modalities))
    for has, shows in itertools.product(range(2**modalities), repeat=2):
        mine = {m for m in everything if has >> m & 1}
        pattern = {m for m in everything if shows >> m & 1}
        allowed = bool(pattern) and pattern <= mine
        if pattern == everything and not include_complete:
            allowed = False
        if not mine:
            allowed = not pattern
        assert bool(table[has, shows]) is allowed


def constant_part(world: World, row: int, n: int) -> Part:
    """n copies of one training utterance."""
    return world.train.select(torch.full((n,), row))


def sampler(part: Part, world: World, **of_sampling) -> LoneSampler:
    sampling = Sampling(**{"patterns": "partial", **of_sampling})
    return LoneSampler(part, world.shape, sampling, {}, stream(3))


def shown(states: torch.Tensor) -> list[str]:
    there = states == State.PRESENT
    return ["".join(n[0] for n, t in zip(NAMES, row, strict=True) if t) for row in there.tolist()]


@pytest.mark.parametrize("include_complete", [False, True])
def test_patterns_of_a_complete_utterance_are_drawn_uniformly(include_complete) -> None:
    world, n = make_world(), 12_000
    draw = sampler(constant_part(world, 0, n), world, include_complete=include_complete)
    names, counts = np.unique(shown(draw.batch(torch.arange(n)).states), return_counts=True)
    patterns = {"t", "f", "s", "tf", "ts", "fs"} | ({"tfs"} if include_complete else set())
    assert set(names) == patterns
    assert stats.chisquare(counts).pvalue > LIKELY


def test_patterns_of_an_incomplete_utterance_are_its_subsets_drawn_uniformly() -> None:
    world, n = make_world(gaps=0.7), 9_000
    has_two = (world.train.available.sum(1) == 2).nonzero().squeeze(1)
    seen = set()
    for row in has_two.tolist():
        lacks = int((~world.train.available[row]).nonzero())
        if lacks in seen:
            continue
        seen.add(lacks)
        states = sampler(constant_part(world, row, n), world).batch(torch.arange(n)).states
        assert (states[:, lacks] == State.ABSENT).all()
        _, counts = np.unique(shown(states), return_counts=True)
        assert len(counts) == 3
        assert stats.chisquare(counts).pvalue > LIKELY
    assert seen == {0, 1, 2}


def test_patterns_of_neighbours_are_independent() -> None:
    world, n = make_world(), 12_000
    states = sampler(constant_part(world, 0, n), world).batch(torch.arange(n)).states
    table = np.zeros((6, 6))
    names, codes = np.unique(shown(states), return_inverse=True)
    np.add.at(table, (codes[:-1:2], codes[1::2]), 1)
    assert len(names) == 6
    assert stats.chi2_contingency(table).pvalue > LIKELY


def test_complete_sampling_shows_all_there_is() -> None:
    world = make_world(gaps=0.6)
    states = sampler(world.train, world, patterns="complete").batch(torch.arange(24)).states
    assert torch.equal(states == State.PRESENT, world.train.available)
    assert (states[~world.train.available] == State.ABSENT).all()


def test_a_step_carries_its_rows_labels_truth_and_progress() -> None:
    world = make_world(gaps=0.5)
    rows = torch.tensor([5, 3, 11])
    batch = sampler(world.train, world).batch(rows, 0.25)
    assert torch.equal(batch.labels, world.train.labels[rows])
    assert torch.equal(batch.available, world.train.available[rows])
    assert batch.progress == 0.25
    for column, name in enumerate(world.shape.names):
        assert torch.equal(batch.observed[name].states, batch.states[:, column])
        _check_features(batch, world.train, rows, column, name)


def _check_features(batch, part: Part, rows: torch.Tensor, column: int, name: str) -> None:
    seen = batch.observed[name]
    for i, row in enumerate(rows.tolist()):
        frames = seen.sequences.take(seen.rows[[i]]).values
        if batch.states[i, column] == State.PRESENT:
            assert torch.equal(frames, part.features[name].take(torch.tensor([row])).values)
        else:
            assert frames.shape[0] == (1 if name == "front" else 5)
            assert not frames.any()


def big_world(n: int, frames: int) -> World:
    """One utterance of zeros, many times: what is observed is the noise alone."""
    shape = CorpusShape(
        (ModalityShape("a", "sequence", 50, frames), ModalityShape("b", "sequence", 50, frames)), 2
    )
    zeros = Ragged(torch.zeros(n * frames, 50), torch.full((n,), frames))
    part = Part(
        np.arange(n),
        torch.zeros(n, dtype=torch.int64),
        {"a": zeros, "b": zeros},
        torch.ones(n, 2, dtype=torch.bool),
    )
    world = make_world()
    return replace(world, shape=shape, train=part, test=part)


def noise_variance(draw: LoneSampler, n: int, name: str = "a") -> tuple[torch.Tensor, torch.Tensor]:
    """Return each utterance's state and the mean square of what it shows."""
    batch = draw.batch(torch.arange(n), 0.0)
    seen = batch.observed[name]
    frames = [seen.sequences.take(seen.rows[[i]]).values for i in range(n)]
    return seen.states, torch.stack([x.square().mean() for x in frames])


def severities() -> np.ndarray:
    """1 - abar at levels 1..100, from the definition."""
    betas = np.linspace(0.01**0.5, 0.5**0.5, 100) ** 2
    return 1 - np.cumprod(1 - betas)


def test_levels_are_uniform_over_the_steps_of_the_schedule_and_never_clean() -> None:
    n = 3000
    world = big_world(n, 40)
    draw = sampler(world.train, world, train_noise="scheduler")
    states, variance = noise_variance(draw, n)
    noised = states == State.NOISED
    assert set(states.tolist()) == {State.PRESENT, State.NOISED}
    assert not variance[~noised].any()
    # The level whose severity explains the variance best: told apart up to about level 30.
    levels = severities()
    assert variance[noised].min() > 0.5 * levels[0]
    found = np.abs(variance[noised].numpy()[:, None] - levels).argmin(1) + 1
    for low, high in ((1, 10), (11, 20), (21, 30)):
        share = np.mean((found >= low) & (found <= high))
        assert share == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / noised.sum().item()))
    assert np.mean(found > 30) == pytest.approx(0.7, abs=0.06)


def test_the_signal_keeps_the_share_that_its_level_leaves() -> None:
    """x_t = sqrt(abar) x + sqrt(1 - abar) e: mean and spread of each utterance agree on abar."""
    n, frames = 400, 60
    world = big_world(n, frames)
    level = 10.0
    ones = {
        k: r.with_values(torch.full_like(r.values, level)) for k, r in world.train.features.items()
    }
    part = replace(world.train, features=ones)
    draw = sampler(part, world, train_noise="scheduler")
    batch = draw.batch(torch.arange(n), 0.0)
    for name, seen in batch.observed.items():
        for i in range(n):
            x = seen.sequences.take(seen.rows[[i]]).values
            if seen.states[i] == State.PRESENT:
                assert (x == level).all()
                continue
            signal = (x.mean() / level) ** 2
            assert x.var().item() == pytest.approx(1 - signal.item(), abs=0.08), name


def test_every_utterance_and_every_step_gets_a_level_of_its_own() -> None:
    n = 400
    world = big_world(n, 20)
    draw = sampler(world.train, world, train_noise="scheduler")
    steps = [noise_variance(draw, n) for _ in range(2)]
    for states, variance in steps:
        noised = variance[states == State.NOISED]
        assert noised.min() < 0.1
        assert noised.max() > 0.9
    both = (steps[0][0] == State.NOISED) & (steps[1][0] == State.NOISED)
    again = stats.spearmanr(steps[0][1][both], steps[1][1][both])
    assert again.pvalue > LIKELY


def test_absent_modalities_read_as_unit_noise_of_typical_length_where_asked() -> None:
    n = 300
    world = big_world(n, 20)
    draw = sampler(world.train, world, absent_input="noise")
    batch = draw.batch(torch.arange(n), 0.0)
    seen = batch.observed["b"]
    stand_ins = []
    for i in range(n):
        x = seen.sequences.take(seen.rows[[i]]).values
        if seen.states[i] == State.ABSENT:
            assert x.shape == (20, 50)
            stand_ins.append(x)
        else:
            assert not x.any()
    both = torch.stack(stand_ins)
    assert both.mean().item() == pytest.approx(0, abs=0.02)
    assert both.std().item() == pytest.approx(1, abs=0.02)
    assert len(both.flatten(1).unique(dim=0)) == len(both)


def test_what_is_natively_absent_is_never_noised_into_being() -> None:
    world = make_world(gaps=0.6)
    draw = sampler(world.train, world, train_noise="scheduler")
    for _ in range(20):
        states = draw.batch(torch.arange(24)).states
        assert (states[~world.train.available] == State.ABSENT).all()
        assert (states[world.train.available] != State.ABSENT).all()


def test_sampling_leaves_the_features_as_they_are() -> None:
    world = make_world()
    before = {name: r.values.clone() for name, r in world.train.features.items()}
    sampler(world.train, world, train_noise="scheduler").batch(torch.arange(24), 0.0)
    for name, values in before.items():
        assert torch.equal(world.train.features[name].values, values)

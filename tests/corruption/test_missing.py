"""Missing at random: the rates asked for, nested masks, and something left for everyone."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corruption.corruptor import draws_hash
from merbench.corruption.grid import AT_RANDOM, CLEAN, all_patterns, build_grid
from merbench.corruption.missing import MissingColumn, MissingDraw, RandomMissing, draw_missing
from tests.corpora import MIXED, make_corpus

N = 40_000
CORPUS = make_corpus()


def drawn(modalities: int = 3, available: object = True, n: int = N) -> MissingDraw:
    rng = np.random.default_rng(5)
    there = np.broadcast_to(available, (n, modalities)).astype(bool)
    return MissingDraw(rng.random(n), rng.random((n, modalities)), there)


def gone(draw: MissingDraw, rate: float, weights=(1.0, 1.0, 1.0)) -> np.ndarray:
    return draw.gone(RandomMissing(tuple(weights), rate, 0))


def near(found: float, expected: float) -> bool:
    """Within five standard errors of a share of N."""
    return abs(found - expected) <= 5 * max(np.sqrt(expected * (1 - expected) / N), 1e-9)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.6])
def test_balanced_masks_are_those_of_the_field(rate: float) -> None:
    """GCNet: one modality kept at random, each other one missing with rate M / (M - 1)."""
    found = gone(drawn(), rate)
    other = rate * 3 / 2
    for column in found.T:
        assert near(column.mean(), rate)
    lost = found.sum(axis=1)
    for k, expected in enumerate([(1 - other) ** 2, 2 * other * (1 - other), other**2]):
        assert near((lost == k).mean(), expected)
    assert lost.max() == 2


def test_above_what_leaves_one_modality_each_the_rate_stops() -> None:
    column = MissingColumn("random", (1.0, 1.0, 1.0), (0.5, 0.7))
    assert column.at(0.5, 0).rate == 0.5
    assert column.at(0.7, 0).rate == pytest.approx(2 / 3)
    found = gone(drawn(), column.at(0.7, 0).rate)
    assert (found.sum(axis=1) == 2).all()


@pytest.mark.parametrize(
    ("weights", "highest"),
    [
        ((1, 1, 1), 2 / 3),  # one of three is kept
        ((3, 1, 1), 5 / 9),  # the first has 9/5 of the rate, which cannot be more than 1
        ((1, 0, 0), 1 / 3),
        ((2, 2, 1), 2 / 3),  # then 4/5, 4/5 and 2/5: two of three in all
        ((1, 1, 0), 2 / 3),  # the third is all that is left
    ],
)
def test_weights_divide_the_rate(weights: tuple[float, ...], highest: float) -> None:
    total = sum(weights)
    assert MissingColumn("x", weights, ()).at(0.99, 0).rate == pytest.approx(highest)
    for rate in (0.2 * highest, 0.6 * highest, highest):
        found = gone(drawn(), rate, weights)
        for column, weight in zip(found.T, weights, strict=True):
            assert near(column.mean(), rate * 3 * weight / total)
        assert found.mean() == pytest.approx(rate, abs=0.01)
        assert not found.all(axis=1).any()


def test_who_lacks_a_modality_has_the_same_rates_in_the_others() -> None:
    there = np.array([True, False, True])
    found = gone(drawn(available=there), 0.4)
    assert not found[:, 1].any()
    assert near(found[:, 0].mean(), 0.4)
    assert near(found[:, 2].mean(), 0.4)
    assert not (found[:, 0] & found[:, 2]).any()
    most = gone(drawn(available=there), 2 / 3)  # half of both is all that can be lost
    assert near(most[:, 0].mean(), 0.5)
    assert (most.sum(axis=1) == 1).all()


def test_the_only_modality_is_never_lost() -> None:
    assert not gone(drawn(available=np.array([False, False, True])), 2 / 3).any()
    assert not gone(drawn(1), 0.5, (1.0,)).any()


@given(
    st.lists(st.floats(0, 10), min_size=2, max_size=5).filter(any),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=4),
    st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_masks_are_nested_and_leave_something(weights, rates, seed) -> None:
    rng = np.random.default_rng(seed)
    m = len(weights)
    there = rng.random((50, m)) < 0.7
    there[np.arange(50), rng.integers(m, size=50)] = True
    draw = MissingDraw(rng.random(50), rng.random((50, m)), there)
    masks = [gone(draw, rate, weights) for rate in sorted(rates)]
    for milder, stronger in itertools.pairwise(masks):
        assert (milder <= stronger).all()
    for mask in masks:
        assert (mask <= there).all()
        assert (there & ~mask).any(axis=1).all()


def test_a_draw_is_a_function_of_the_utterance_alone() -> None:
    everyone = np.arange(len(CORPUS))
    all_at_once = draw_missing(CORPUS, 0, everyone, 0)
    some = draw_missing(CORPUS, 0, np.array([17, 3]), 0)
    np.testing.assert_array_equal(some.lost, all_at_once.lost[[17, 3]])
    np.testing.assert_array_equal(some.kept, all_at_once.kept[[17, 3]])
    for seed, draw in ((1, 0), (0, 1)):
        other = draw_missing(CORPUS, seed, everyone, draw)
        assert not np.isclose(other.lost, all_at_once.lost).any()


def test_the_grid_has_a_condition_for_each_rate_of_the_complete_pattern() -> None:
    columns = [
        MissingColumn("random", (1.0, 1.0, 1.0), (0.0, 0.2, 0.5, 0.67, 0.7)),
        MissingColumn("uneven", (3.0, 1.0, 1.0), (0.2,)),
    ]
    grid = build_grid(CORPUS, all_patterns(CORPUS.names), [], 2, columns)
    found = [c for c in grid.conditions if c.on == AT_RANDOM]
    assert len(found) == 2 * (3 + 1)  # 0 is the clean column, 0.7 is 0.67
    assert {c.pattern for c in found} == {CORPUS.names}
    assert {c.inputs for c in found} == {(CLEAN,) * 3}
    rates = [c.point.severity for c in found if c.noise == "random" and c.draw == 0]
    assert rates == [0.2, 0.5, pytest.approx(2 / 3)]
    assert len(set(grid.conditions)) == len(grid.conditions) == 7 + 8
    assert len({c.identity for c in grid.conditions}) == len(grid.conditions)
    complete = "+".join(CORPUS.names)
    assert grid.duplicates == {
        f"{complete} random 0.00 on random": complete,
        "random 0.70 missing": "random 0.67 missing",
    }
    assert grid.inputs(0) == build_grid(CORPUS, all_patterns(CORPUS.names), []).inputs(0)


def test_what_is_missing_is_part_of_the_draws_hash() -> None:
    plain = draws_hash(CORPUS, [], 1, 0)
    found = draws_hash(CORPUS, [], 1, 0, at_random=True)
    assert found != plain
    assert found == draws_hash(make_corpus(), [], 1, 0, at_random=True)
    assert found != draws_hash(CORPUS, [], 2, 0, at_random=True)
    assert found != draws_hash(CORPUS, [], 1, 1, at_random=True)
    assert found != draws_hash(make_corpus(streams=MIXED), [], 1, 0, at_random=True)

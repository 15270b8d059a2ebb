"""What is missing at random is read as the pattern that is left, utterance by utterance."""

import numpy as np
import pytest
import torch

from merbench.corruption.grid import AT_RANDOM, all_patterns, build_grid
from merbench.corruption.missing import MissingColumn
from merbench.features.observation import State
from tests.methods.world import METHODS, ROW_WISE, World, make_method, make_predictor, make_world


@pytest.fixture(scope="module", params=[0.0, 0.3], ids=["all there", "gaps"])
def world(request: pytest.FixtureRequest) -> World:
    return make_world(40, gaps=request.param)


def with_missing(world: World):
    columns = [
        MissingColumn("random", (1.0, 1.0, 1.0), (0.2, 0.5, 0.65)),
        MissingColumn("uneven", (3.0, 1.0, 1.0), (0.4,)),
    ]
    names = world.corpus.names
    return world.evaluator(build_grid(world.corpus, all_patterns(names), [], 2, columns))


def left(evaluator, condition) -> list[tuple[str, ...]]:
    """The pattern that each utterance is left with."""
    names = evaluator.shape.names
    there = evaluator.there(condition).tolist()
    return [tuple(n for n, h in zip(names, row, strict=True) if h) for row in there]


@pytest.mark.parametrize("name", METHODS)
def test_predictions_are_those_of_the_pattern_that_is_left(world: World, name: str) -> None:
    evaluator = with_missing(world)
    found = evaluator.evaluate(make_method(name), make_predictor(name, world))
    fixed = {c.pattern: k for k, c in enumerate(evaluator.grid.conditions) if c.noise == "none"}
    at_random = [k for k, c in enumerate(evaluator.grid.conditions) if c.on == AT_RANDOM]
    assert len(at_random) == 8
    if name not in ROW_WISE:  # its company differs, so its predictions may
        assert np.isfinite(found.probabilities).all()
        return
    patterns = set()
    for k in at_random:
        for row, pattern in enumerate(left(evaluator, evaluator.grid.conditions[k])):
            patterns.add(pattern)
            np.testing.assert_allclose(
                found.probabilities[k, row], found.probabilities[fixed[pattern], row], atol=2e-3
            )
    assert len(patterns) >= 5


def test_the_method_is_told_what_is_gone_and_reads_the_stand_in(world: World) -> None:
    evaluator = with_missing(world)
    condition = next(c for c in evaluator.grid.conditions if c.noise == "uneven")
    method = make_method("zero_fill")
    everyone = torch.arange(len(world.test))
    seen = evaluator.observation(condition, method, everyone)
    gone = ~evaluator.there(condition)
    assert gone.any()
    assert (seen.states == State.ABSENT).equal(gone)
    assert (seen.states[~gone] == State.PRESENT).all()
    for index, name in enumerate(world.shape.names):
        read = seen.modalities[name].dense().values
        assert not read[gone[:, index]].any()
        assert read[~gone[:, index]].any()


def test_masks_do_not_depend_on_who_else_is_tested(world: World) -> None:
    evaluator = with_missing(world)
    condition = evaluator.grid.conditions[-1]
    rows = np.array([5, 2])
    some = world.corruptor.missing(world.test.positions[rows], condition.missing.draw)
    np.testing.assert_array_equal(
        world.test.available[rows].numpy() & ~some.gone(condition.missing),
        evaluator.there(condition)[rows].numpy(),
    )

"""ridge_impute fills gaps with what regressions on the other embeddings say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from merbench.features.observation import State
from tests.methods import oracle
from tests.methods.losses import embedded, make_step, shown, side_by_side, terms
from tests.methods.world import make_stages

MEMORY, RIDGE = 0.95, 0.3


def columns(shown: np.ndarray) -> np.ndarray:
    return np.repeat(shown, 128)


def weighted_moments(batches: list[np.ndarray]) -> list[np.ndarray]:
    """Mean and covariance of the rows of all batches, each later batch counting more."""
    h = np.concatenate(batches)
    weight = np.concatenate(
        [np.full(len(b), MEMORY ** (len(batches) - 1 - n)) for n, b in enumerate(batches)]
    )
    mean = np.average(h, axis=0, weights=weight)
    return [mean, np.cov(h.T, aweights=weight, ddof=0)]


def fill(h: np.ndarray, shown: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """Ridge regression of the absent on the present, one utterance at a time."""
    filled = h.copy()
    for row, there in enumerate(map(columns, shown)):
        x = cov[np.ix_(there, there)]
        penalty = RIDGE * np.trace(x) / max(1, len(x)) * np.eye(len(x))
        beta = np.linalg.solve(x + penalty, cov[np.ix_(there, ~there)])
        filled[row, ~there] = mean[~there] + (h[row, there] - mean[there]) @ beta
    return filled


def correlated(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.standard_normal((n, 9)) @ rng.standard_normal((9, 384)) + rng.standard_normal(384)


def test_the_loss_is_the_cross_entropy_of_embeddings_with_predictions_in_their_gaps(world) -> None:
    (stage,) = make_stages("ridge_impute", ridge=RIDGE)
    step = make_step(stage, world)
    batches = [correlated(np.random.default_rng(seed), 40) for seed in range(2)]
    for batch in batches:
        step.network.follow(torch.from_numpy(batch).float(), torch.ones(40, 3, dtype=torch.bool))
    assert not shown(step).all()
    h = fill(side_by_side(embedded(step)), shown(step), *weighted_moments(batches))
    scores = oracle.Weights(step.network).classifier(h)
    expected = oracle.cross_entropy(scores, step.batch.labels)
    assert terms(stage, step) == {"ce": pytest.approx(expected, rel=1e-3)}


def test_every_pattern_has_a_regression_of_its_own_and_nothing_there_gives_the_mean(world) -> None:
    network = make_step(make_stages("ridge_impute", ridge=RIDGE)[0], world).network.double()
    rng = np.random.default_rng(0)
    batches = [correlated(rng, 50) for _ in range(3)]
    for batch in batches:
        network.follow(torch.from_numpy(batch), torch.ones(50, 3, dtype=torch.bool))
    told = (np.arange(8)[:, None] & (1 << np.arange(3))) > 0
    h = rng.standard_normal((8, 384))
    found = network.impute(torch.from_numpy(h), torch.from_numpy(told))
    mean, cov = weighted_moments(batches)
    np.testing.assert_allclose(found.numpy(), fill(h, told, mean, cov), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found[0].numpy(), mean)


def test_what_follows_linearly_from_another_modality_is_recovered(world) -> None:
    network = make_step(make_stages("ridge_impute", ridge=1e-6)[0], world).network.double()
    rng = np.random.default_rng(1)
    code = rng.standard_normal((200, 5))
    h = np.concatenate([code @ rng.standard_normal((5, 128)) for _ in range(3)], 1) + 2
    network.follow(torch.from_numpy(h), torch.ones(200, 3, dtype=torch.bool))
    only_second = torch.tensor([[False, True, False]]).expand(200, 3)
    found = network.impute(torch.from_numpy(h), only_second)
    np.testing.assert_allclose(found.numpy(), h, atol=1e-2)


def test_utterances_that_lack_something_do_not_count(world) -> None:
    (stage,) = make_stages("ridge_impute")
    step = make_step(stage, world)
    stage.loss(step.network, step.batch)
    assert step.network.count == 0  # a network that does not train learns nothing
    stage.loss(step.network.train(), step.batch)
    complete = (step.batch.states == State.PRESENT).all(1)
    assert 0 < step.network.count == complete.sum() < len(complete)

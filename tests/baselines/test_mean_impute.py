"""mean_impute fills gaps with means that follow its encoders."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods import oracle
from tests.methods.losses import embedded, make_step, shown, side_by_side, terms
from tests.methods.world import make_stages

MEMORY = 0.95


def test_the_loss_is_the_cross_entropy_of_embeddings_with_means_in_their_gaps(world) -> None:
    (stage,) = make_stages("mean_impute")
    step = make_step(stage, world)
    with torch.no_grad():
        step.network.total.normal_()
        step.network.count.copy_(torch.tensor([2.0, 0.5, 4.0]))
    weights, h, told = oracle.Weights(step.network), side_by_side(embedded(step)), shown(step)
    assert not told.all()
    for row in range(len(h)):
        for m in range(3):
            if not told[row, m]:
                block = slice(128 * m, 128 * m + 128)
                h[row, block] = weights.arrays["total"][block] / weights.arrays["count"][m]
    expected = oracle.cross_entropy(weights.classifier(h), step.batch.labels)
    assert terms(stage, step) == {"ce": pytest.approx(expected, rel=1e-4)}


def test_means_are_those_of_the_last_batches_the_latest_counting_most(world) -> None:
    (stage,) = make_stages("mean_impute")
    step = make_step(stage, world)
    rng = np.random.default_rng(0)
    total, count = np.zeros(384), np.zeros(3)
    for _ in range(3):
        h, told = rng.standard_normal((5, 384)), rng.random((5, 3)) < 0.6
        step.network.follow(torch.from_numpy(h).float(), torch.from_numpy(told))
        for m in range(3):
            block = slice(128 * m, 128 * m + 128)
            total[block] = MEMORY * total[block] + h[told[:, m], block].sum(0)
            count[m] = MEMORY * count[m] + told[:, m].sum()
    found = step.network.impute(torch.zeros(1, 384), torch.zeros(1, 3, dtype=torch.bool))
    np.testing.assert_allclose(
        found[0].numpy(), total / np.repeat(count, 128), rtol=1e-4, atol=1e-6
    )


def test_only_training_moves_the_means_and_what_is_absent_moves_none(world) -> None:
    (stage,) = make_stages("mean_impute")
    step = make_step(stage, world)
    stage.loss(step.network, step.batch)
    assert not step.network.count.any()
    stage.loss(step.network.train(), step.batch)
    assert step.network.count.tolist() == shown(step).sum(0).tolist()


def test_of_a_modality_that_training_never_shows_the_mean_is_zero(world) -> None:
    (stage,) = make_stages("mean_impute")
    network = make_step(stage, world).network
    told = torch.tensor([[True, False, True]])
    network.follow(torch.ones(1, 384), told)
    found = network.impute(torch.ones(1, 384), ~told)
    assert found.reshape(3, 128).mean(1).tolist() == [1, 1, 1]
    assert not network.impute(torch.ones(1, 384), told)[0, 128:256].any()

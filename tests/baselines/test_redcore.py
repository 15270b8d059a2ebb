"""redcore imagines each modality from the others, and works on what it imagines worst."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods import oracle
from tests.methods.losses import ORDER, embedded, make_step, masked, shown, side_by_side, terms
from tests.methods.world import build, make_method, make_stages


def imagine(w: oracle.Weights, z: oracle.Array) -> oracle.Array:
    """All modalities from the others, z with 0 in its gaps."""
    blocks = np.split(z, 3, axis=1)
    found = []
    for m in range(3):
        u = np.concatenate([block for n, block in enumerate(blocks) if n != m], 1)
        u = u + w.autoencoder(u, f"imagine.{m}.autoencoder")[1]
        found.append(w.transition(u, f"imagine.{m}"))
    return np.concatenate(found, 1)


def test_every_term_of_the_loss(world) -> None:
    (stage,) = make_stages("redcore", kl_weight=0.7, mse_weight=0.2)
    step = make_step(stage, world)
    step.network.emphasis.copy_(torch.tensor([0.3, 1.0, 2.0]))
    w, told = oracle.Weights(step.network), shown(step)
    assert not told.all()
    embeddings = embedded(step)
    mean, log_variance = side_by_side(embeddings, 0), side_by_side(embeddings, 1)
    with torch.random.fork_rng():
        torch.manual_seed(11)
        found = terms(stage, step)
        torch.manual_seed(11)
        e = torch.randn(mean.shape).double().numpy()

    z = mean + e * np.exp(log_variance / 2)
    imagined = imagine(w, masked(z, told))
    filled = masked(z, told) + masked(imagined, ~told)
    labels = step.batch.labels
    expected = {"ce": oracle.cross_entropy(w.classifier(filled), labels)}
    kl, mse = 0.0, 0.0
    for m, name in enumerate(ORDER):
        block, rows = slice(128 * m, 128 * m + 128), told[:, m]
        scores = w.classifier(filled[:, block], f"alone.{m}")
        expected[f"ce_{name}"] = oracle.cross_entropy(scores, labels)
        each = oracle.gaussian_kl(mean[rows, block], log_variance[rows, block])
        kl += each.sum() / len(told)
        squares = (imagined[rows, block] - z[rows, block]) ** 2
        mse += (0.3, 1.0, 2.0)[m] * squares.mean()
    expected |= {"kl": 0.7 * kl, "mse": 0.2 * mse}
    assert found == {name: pytest.approx(value, rel=1e-4) for name, value in expected.items()}


def test_it_predicts_from_the_means(world) -> None:
    step = make_step(make_stages("redcore")[0], world)
    w, told = oracle.Weights(step.network), shown(step)
    mean = side_by_side(embedded(step), 0)
    filled = masked(mean, told) + masked(imagine(w, masked(mean, told)), ~told)
    with torch.no_grad():
        found = step.network.fuse(step.network.embed(step.batch.observed), step.batch.states)
    np.testing.assert_allclose(found.numpy(), w.classifier(filled), rtol=1e-3, atol=1e-4)


def test_what_is_imagined_worse_gets_more_weight_every_third_step(world) -> None:
    network = build(make_stages("redcore")[0], world.shape)
    weights, running = np.ones(3), np.zeros(3)
    rng = np.random.default_rng(0)
    for turn in range(7):
        errors = rng.random(3) * (1, 2, 9)
        counts = np.array([5, 0 if turn == 4 else 5, 5])
        network.weigh(torch.from_numpy(errors).float(), torch.from_numpy(counts), 0.5)
        running = np.where(counts > 0, 0.3 * running + 0.7 * errors, running)
        if turn % 3 == 0:
            weights = weights - 0.5 * (running.mean() - running) / running.mean()
            weights = np.maximum(weights, 0.1)
            weights = weights / np.linalg.norm(weights)
        np.testing.assert_allclose(network.emphasis.numpy(), weights, rtol=1e-4)
    assert weights[2] > weights[1] > 0.09


def test_only_training_moves_the_weights(world) -> None:
    (stage,) = make_stages("redcore")
    step = make_step(stage, world)
    stage.loss(step.network, step.batch)
    assert step.network.emphasis.tolist() == [1, 1, 1]
    stage.loss(step.network.train(), step.batch)
    assert step.network.emphasis.tolist() != [1, 1, 1]


def test_the_published_settings_are_those_of_the_script() -> None:
    (training,) = make_method("redcore").published().values()
    assert (training.batch_size, training.epochs, training.decay_epochs) == (128, 30, 30)
    assert (training.lr, training.dropout) == (2e-4, 0.5)

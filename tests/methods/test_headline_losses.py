"""Every term of if_mmin's and nmer's losses against numpy, natively absent modalities included."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from merbench.features.observation import State
from tests.methods import oracle
from tests.methods.losses import (
    embedded,
    known,
    make_step,
    missing,
    side_by_side,
    teach,
    terms,
)
from tests.methods.world import World, make_stages, make_world

close = pytest.approx


@pytest.fixture(scope="module")
def world() -> World:
    found = make_world(gaps=0.5)
    assert not found.train.available.all()
    return found


def blocks(x: oracle.Array) -> list[oracle.Array]:
    return np.split(x, 3, axis=1)


def mean_cmd(s: oracle.Array) -> float:
    return float(np.mean([oracle.cmd(x, y) for x, y in itertools.combinations(blocks(s), 2)]))


@pytest.mark.parametrize(
    ("method", "weight", "settings"),
    [("if_mmin", 1.0, {}), ("if_mmin", 0.25, {"cmd_weight": 0.25}), ("nmer", 1.0, {})],
)
def test_the_first_stage_classifies_and_aligns(world, method, weight, settings) -> None:
    stage = make_stages(method, **settings)[0]
    assert stage.complete_only
    step = make_step(stage, world)
    embeddings, weights = embedded(step), oracle.Weights(step.network)
    h, s = side_by_side(embeddings, 0), side_by_side(embeddings, 1)
    scores = weights.classifier(np.concatenate([h, s], 1))
    assert terms(stage, step) == {
        "ce": close(oracle.cross_entropy(scores, step.batch.labels), rel=1e-4),
        "cmd": close(weight * mean_cmd(s), rel=1e-4),
    }


def test_if_mmins_invariant_features_are_the_shared_encoder_on_each_embedding(world) -> None:
    step = make_step(make_stages("if_mmin")[-1], world)
    embeddings, weights = embedded(step), oracle.Weights(step.network)
    for embedding in embeddings.values():
        expected = weights.invariant(embedding[:, :128], "branches.invariant")
        np.testing.assert_allclose(embedding[:, 128:], expected, rtol=1e-4, atol=1e-5)


def test_nmers_invariant_features_come_from_encoders_of_their_own(world) -> None:
    step = make_step(make_stages("nmer")[-1], world)
    embeddings, weights = embedded(step), oracle.Weights(step.network)
    with torch.no_grad():
        for name, seen in step.batch.observed.items():
            specific = step.network.branches.specific.encode(name, seen).numpy()
            common = step.network.branches.common.encode(name, seen).double().numpy()
            np.testing.assert_allclose(embeddings[name][:, :128], specific, rtol=1e-5)
            expected = weights.invariant(common, "branches.invariant")
            np.testing.assert_allclose(embeddings[name][:, 128:], expected, rtol=1e-4, atol=1e-5)
            assert not np.allclose(specific, common)


@pytest.mark.parametrize(
    ("cascade", "imagine"),
    [("2024", oracle.if_mmin_cascade), ("2022", oracle.if_mmin_cascade_2022)],
)
@pytest.mark.parametrize("train_noise", ["off", "scheduler"])
def test_if_mmin_imagines_what_is_missing_and_keeps_the_invariant(
    world, cascade, imagine, train_noise
) -> None:
    stage = make_stages(
        "if_mmin", cascade=cascade, mse_weight=3.0, invariant_weight=7.0, train_noise=train_noise
    )[-1]
    step = make_step(stage, world)
    embeddings, weights = embedded(step), oracle.Weights(step.network)
    h, s = side_by_side(embeddings, 0), side_by_side(embeddings, 1)
    reconstruction, code = imagine(weights, h, s)
    h_true = teach(step, world, lambda i, name: missing(step, i, name), 0)
    s_true = teach(step, world, lambda i, name: True, 1)
    truth = known(step, world)
    assert not truth.all()
    assert terms(stage, step) == {
        "ce": close(oracle.cross_entropy(weights.classifier(code), step.batch.labels), rel=1e-4),
        "mse": close(3 * oracle.known_mse(reconstruction, h_true, truth), rel=1e-4),
        "invariant": close(7 * oracle.known_mse(s, s_true, truth), rel=1e-4),
    }


def test_if_mmins_default_weights_are_the_papers() -> None:
    stage = make_stages("if_mmin")[-1]
    assert (stage.mse_weight, stage.invariant_weight, stage.form) == (1, 100, "invariant")
    assert stage.teacher.cmd_weight == 1


@pytest.mark.parametrize(
    ("warm_up", "progress", "ramp"), [(0.0, 0.1, 1), (0.5, 0.1, 0.2), (0.5, 0.75, 1), (1.0, 0, 0)]
)
def test_nmer_decodes_a_sampled_latent_and_pays_for_it(world, warm_up, progress, ramp) -> None:
    free_bits = 1.5
    stage = make_stages("nmer", beta=0.3, warm_up=warm_up, free_bits=free_bits)[-1]
    step = make_step(stage, world, progress=progress)
    embeddings, weights = embedded(step), oracle.Weights(step.network)
    h, s = side_by_side(embeddings, 0), side_by_side(embeddings, 1)
    with torch.no_grad():
        x = torch.from_numpy(np.concatenate([h, s], 1)).float()
        token = step.network.vae.transformer(x[:, None])[:, 0]
    mean = weights.linear(token.double().numpy(), "vae.mean")
    log_variance = weights.linear(token.double().numpy(), "vae.log_variance")

    with torch.random.fork_rng():
        torch.manual_seed(11)
        found = terms(stage, step)
        torch.manual_seed(11)
        e = torch.randn(len(h), 64).double().numpy()

    z = mean + e * np.sqrt(np.exp(log_variance))
    hidden = oracle.leaky(weights.linear(np.concatenate([z, s], 1), "vae.decoder.0"))
    imagined = weights.linear(hidden, "vae.decoder.2")
    truth = known(step, world)
    divergence = oracle.gaussian_kl(mean, log_variance).mean(0)
    assert divergence.min() < free_bits < divergence.max()
    assert found == {
        "ce": close(
            oracle.cross_entropy(weights.classifier(imagined, batch_norm=True), step.batch.labels),
            rel=1e-4,
        ),
        "mse": close(
            oracle.known_mse(imagined, teach(step, world, lambda i, name: True, 0), truth),
            rel=1e-4,
        ),
        "kl": close(0.3 * ramp * np.maximum(divergence, free_bits).sum(), rel=1e-4),
        "invariant": close(
            oracle.known_mse(s, teach(step, world, lambda i, name: True, 1), truth), rel=1e-4
        ),
    }


def test_nmer_predicts_from_the_latents_mean(world) -> None:
    step = make_step(make_stages("nmer")[-1], world)
    embeddings, weights = embedded(step), oracle.Weights(step.network)
    s = side_by_side(embeddings, 1)
    x = torch.from_numpy(np.concatenate([side_by_side(embeddings, 0), s], 1)).float()
    with torch.no_grad():
        token = step.network.vae.transformer(x[:, None])[:, 0].double().numpy()
        found = step.network.fuse(step.network.embed(step.batch.observed), step.batch.states)
    z = weights.linear(token, "vae.mean")
    hidden = oracle.leaky(weights.linear(np.concatenate([z, s], 1), "vae.decoder.0"))
    expected = weights.classifier(weights.linear(hidden, "vae.decoder.2"), batch_norm=True)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4)


def test_nmer_trains_on_noised_features_of_what_is_missing(world) -> None:
    step = make_step(make_stages("nmer")[-1], world)
    told = set(step.batch.states[step.batch.available].tolist())
    assert told == {State.PRESENT, State.NOISED}
    assert set(step.batch.states[~step.batch.available].tolist()) == {State.ABSENT}

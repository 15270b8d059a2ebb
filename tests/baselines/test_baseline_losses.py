"""Every term of the baselines' losses against numpy, and where their gradients stop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

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
from tests.methods.world import make_stages


@pytest.mark.parametrize("method", ["zero_fill", "modality_dropout", "noise_augment"])
def test_a_fusion_network_pays_the_cross_entropy_of_its_concatenation(world, method) -> None:
    (stage,) = make_stages(method)
    step = make_step(stage, world)
    scores = oracle.Weights(step.network).classifier(side_by_side(embedded(step)))
    expected = oracle.cross_entropy(scores, step.batch.labels)
    assert terms(stage, step) == {"ce": pytest.approx(expected, rel=1e-4)}


def test_discard_pays_the_cross_entropy_of_every_expert_alone(world) -> None:
    (stage,) = make_stages("discard")
    step = make_step(stage, world)
    weights, expected = oracle.Weights(step.network), {}
    with torch.no_grad():
        for index, name in enumerate(world.shape.names):
            h = step.network.experts[index].encoder(step.batch.observed[name]).double().numpy()
            scores = weights.classifier(h, f"experts.{index}.classifier")
            loss = oracle.cross_entropy(scores, step.batch.labels)
            expected[f"ce_{name}"] = pytest.approx(loss, rel=1e-4)
    assert terms(stage, step) == expected


@pytest.mark.parametrize("train_noise", ["off", "scheduler"])
def test_mmin_imagines_what_is_missing_and_comes_back(world, train_noise) -> None:
    stage = make_stages("mmin", train_noise=train_noise)[-1]
    step = make_step(stage, world)
    h, weights = side_by_side(embedded(step)), oracle.Weights(step.network)
    there, code = oracle.mmin_cascade(weights, h)
    back, _ = oracle.mmin_cascade(weights, there, "imagine_back")
    target = teach(step, world, lambda i, name: missing(step, i, name))
    truth = known(step, world)
    assert not truth.all()
    everything = np.ones_like(truth)
    ce = oracle.cross_entropy(weights.classifier(code), step.batch.labels)
    assert terms(stage, step) == {
        "ce": pytest.approx(ce, rel=1e-4),
        "mse": pytest.approx(4 * oracle.known_mse(there, target, truth), rel=1e-4),
        "cycle": pytest.approx(2 * oracle.known_mse(back, h, everything), rel=1e-4),
    }


def test_mmins_targets_tell_missing_from_present(world) -> None:
    step = make_step(make_stages("mmin")[-1], world)
    target = teach(step, world, lambda i, name: missing(step, i, name))
    other_way = teach(step, world, lambda i, name: not missing(step, i, name))
    assert not np.allclose(target, other_way)


def test_the_cycle_does_not_move_its_own_target(world) -> None:
    """The gradient of the encoders is that with the target h put in as a constant."""
    stage = make_stages("mmin")[-1]
    step = make_step(stage, world)
    network = step.network
    parameters = list(network.encoders.parameters())

    found = torch.autograd.grad(stage.loss(network, step.batch)["cycle"], parameters)

    def cycle(target: torch.Tensor | None) -> torch.Tensor:
        embeddings = network.embed(step.batch.observed)
        h = torch.cat([embeddings[name] for name in sorted(embeddings)], 1)
        back = network.imagine_back(network.imagine(h).reconstruction).reconstruction
        return 2 * (back - (h if target is None else target)).square().mean()

    with torch.no_grad():
        embeddings = network.embed(step.batch.observed)
    constant = torch.cat([embeddings[name] for name in sorted(embeddings)], 1)
    stopped = torch.autograd.grad(cycle(constant), parameters)
    flowing = torch.autograd.grad(cycle(None), parameters)
    for mine, expected in zip(found, stopped, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-6)
    assert any(
        not torch.allclose(mine, other, rtol=1e-2, atol=1e-6)
        for mine, other in zip(found, flowing, strict=True)
    )


def test_a_weight_of_zero_switches_a_term_off(world) -> None:
    stage = make_stages("mmin", cycle_weight=0.0, forward_weight=0.0)[-1]
    found = terms(stage, make_step(stage, world))
    assert found["mse"] == found["cycle"] == 0
    assert found["ce"] > 0

"""cra completes embeddings, and classifies what it has completed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.methods import oracle
from tests.methods.losses import (
    embedded,
    known,
    make_step,
    masked,
    shown,
    side_by_side,
    teach,
    terms,
)
from tests.methods.world import make_method, make_stages


@pytest.mark.parametrize("train_noise", ["off", "scheduler"])
def test_every_autoencoder_pays_for_what_is_left_of_the_complete_embedding(
    world, train_noise
) -> None:
    stage = make_stages("cra", mse_weight=3.0, train_noise=train_noise)[-1]
    step = make_step(stage, world)
    weights, told = oracle.Weights(step.network), shown(step)
    h = side_by_side(embedded(step))
    target = teach(step, world, lambda i, name: True)
    truth = known(step, world)
    assert not truth.all()
    u, errors = masked(h, told), []
    for k in range(5):
        u = u + weights.autoencoder(u, f"cascade.{k}")[1]
        errors.append(oracle.known_mse(u, target, truth))
    completed = masked(h, told) + masked(u, ~told)
    ce = oracle.cross_entropy(weights.classifier(completed), step.batch.labels)
    assert terms(stage, step) == {
        "ce": pytest.approx(ce, rel=1e-4),
        "mse": pytest.approx(3 * np.mean(errors), rel=1e-4),
    }


def test_it_trains_as_mmin_does() -> None:
    assert list(make_method("cra").published().values()) == list(
        make_method("mmin").published().values()
    )

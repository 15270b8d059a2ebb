"""shaspec classifies fused features, and shapes the shared and the specific ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.methods import oracle
from tests.methods.losses import ORDER, embedded, make_step, shown, side_by_side, terms
from tests.methods.world import make_method, make_stages


def test_every_term_of_the_loss(world) -> None:
    (stage,) = make_stages("shaspec", shared_weight=0.5, specific_weight=0.25)
    step = make_step(stage, world)
    w, told = oracle.Weights(step.network), shown(step)
    assert not told.all()
    embeddings = embedded(step)
    specific = np.stack([embeddings[name][:, :128] for name in ORDER], 1)
    shared = np.stack([embeddings[name][:, 128:] for name in ORDER], 1)

    fused = np.zeros_like(shared)
    for row, there in enumerate(told):
        for m in range(3):
            both = np.concatenate([specific[row, m], shared[row, m]])
            own = w.linear(both, "project") + shared[row, m]
            fused[row, m] = own if there[m] else shared[row, there].mean(0)
    ce = oracle.cross_entropy(w.classifier(fused.reshape(len(told), -1)), step.batch.labels)

    apart = 0.0
    for one, other in itertools.combinations(range(3), 2):
        both = told[:, one] & told[:, other]
        apart += np.abs(shared[both, one] - shared[both, other]).mean()
    rows, modalities = np.nonzero(told)
    telling = oracle.cross_entropy(w.linear(specific[rows, modalities], "tell"), modalities)
    assert terms(stage, step) == {
        "ce": pytest.approx(ce, rel=1e-4),
        "shared": pytest.approx(0.5 * apart, rel=1e-4),
        "specific": pytest.approx(0.25 * telling, rel=1e-4),
    }


def test_shared_features_come_from_one_encoder_for_all_modalities(world) -> None:
    step = make_step(make_stages("shaspec")[0], world)
    w, embeddings = oracle.Weights(step.network), embedded(step)
    expected = [w.invariant(embeddings[name][:, :128], "branches.invariant") for name in ORDER]
    found = side_by_side(embeddings, 1)
    np.testing.assert_allclose(found, np.concatenate(expected, 1), rtol=1e-4, atol=1e-5)


def test_the_weights_are_the_papers_and_training_is_modality_dropouts() -> None:
    (stage,) = make_stages("shaspec")
    assert (stage.shared_weight, stage.specific_weight) == (0.1, 0.02)
    (training,), (other,) = (
        make_method(name).published().values() for name in ("shaspec", "modality_dropout")
    )
    assert training == other

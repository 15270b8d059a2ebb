"""cif_mmin holds an utterance's modalities together, and imagines with what they share."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from merbench_baselines.cif_mmin import contrast

from tests.methods import oracle
from tests.methods.losses import (
    ORDER,
    embedded,
    known,
    make_step,
    missing,
    side_by_side,
    teach,
    terms,
)
from tests.methods.world import make_method, make_stages


def one_way(x: oracle.Array, y: oracle.Array) -> float:
    """Every row of x against all rows of y: its own in the numerator, the others below."""
    losses = []
    for i in range(len(x)):
        cosines = y @ x[i] / np.linalg.norm(x[i]) / np.linalg.norm(y, axis=1)
        weights = np.exp(np.e * cosines)
        losses.append(-np.log(weights[i] / np.delete(weights, i).sum()))
    return float(np.mean(losses))


def project(w: oracle.Weights, s: oracle.Array, m: int) -> oracle.Array:
    name = f"projections.{m}"
    x = oracle.leaky(w.linear(s, f"{name}.0"))
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    x = x * w.arrays[f"{name}.2.weight"] + w.arrays[f"{name}.2.bias"]
    return oracle.leaky(w.linear(x, f"{name}.3"))


def test_the_first_stage_classifies_h_and_contrasts_projections_of_s(world) -> None:
    stage = make_stages("cif_mmin", contrast_weight=0.6)[0]
    assert stage.complete_only
    step = make_step(stage, world)
    w, embeddings = oracle.Weights(step.network), embedded(step)
    scores = w.classifier(side_by_side(embeddings, 0))
    projected = [project(w, embeddings[name][:, 128:], m) for m, name in enumerate(ORDER)]
    losses = [(one_way(x, y) + one_way(y, x)) / 2 for x, y in itertools.combinations(projected, 2)]
    assert terms(stage, step) == {
        "ce": pytest.approx(oracle.cross_entropy(scores, step.batch.labels), rel=1e-4),
        "contrast": pytest.approx(0.6 * np.mean(losses), rel=1e-4),
    }


def test_the_contrast_is_least_where_an_utterances_modalities_agree() -> None:
    x = torch.eye(4)
    assert contrast(x, x) < contrast(x, x.roll(1, 0))
    # Own similarity e, three strangers at 0.
    assert contrast(x, x).item() == pytest.approx(np.log(3) - np.e, rel=1e-6)


@pytest.mark.parametrize("train_noise", ["off", "scheduler"])
def test_the_second_stage_classifies_what_is_seen_and_imagined(world, train_noise) -> None:
    stage = make_stages("cif_mmin", mse_weight=3.0, invariant_weight=7.0, train_noise=train_noise)[
        -1
    ]
    step = make_step(stage, world)
    w, embeddings = oracle.Weights(step.network), embedded(step)
    h, s = side_by_side(embeddings, 0), side_by_side(embeddings, 1)
    o = h
    for k in range(5):
        u = o + s
        o = w.autoencoder(u, f"imagine.autoencoders.{k}")[1]
    imagined = w.transition(u + o, "imagine")
    h_true = teach(step, world, lambda i, name: missing(step, i, name), 0)
    s_true = teach(step, world, lambda i, name: True, 1)
    truth = known(step, world)
    assert not truth.all()
    ce = oracle.cross_entropy(w.classifier(h + imagined), step.batch.labels)
    assert terms(stage, step) == {
        "ce": pytest.approx(ce, rel=1e-4),
        "mse": pytest.approx(3 * oracle.known_mse(imagined, h_true, truth), rel=1e-4),
        "invariant": pytest.approx(7 * oracle.known_mse(s, s_true, truth), rel=1e-4),
    }


def test_the_published_settings_are_those_of_the_scripts() -> None:
    first, second = make_method("cif_mmin").published().values()
    assert (first.batch_size, first.epochs, first.decay_epochs, first.dropout) == (64, 30, 10, 0.3)
    assert (second.batch_size, second.epochs, second.decay_epochs) == (64, 20, 20)
    stage = make_stages("cif_mmin")[-1]
    # Published are 8 and 100, of which it collapses: tests/testing/test_our_methods.py.
    assert (stage.mse_weight, stage.invariant_weight) == (0.1, 1)

"""tate encodes tagged tokens, and is held to the complete utterance, the tokens and the tag."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods import oracle
from tests.methods.losses import ORDER, embedded, make_step, shown, side_by_side, teach, terms
from tests.methods.world import make_method, make_stages


def tagged(w: oracle.Weights, h: oracle.Array, told: np.ndarray) -> oracle.Array:
    """(B, 3, 128) tokens: two shared projections of 62 columns, then the tag of four digits."""
    matrices = {
        pair: w.arrays[f"shared.{number}.weight"].T
        for number, pair in enumerate([(0, 1), (0, 2), (1, 2)])
    }
    tokens = np.zeros((len(h), 3, 128))
    for row, there in enumerate(told):
        tag = [float(there.all()), *(1.0 - there)]
        for m in range(3):
            own = h[row, 128 * m : 128 * m + 128] * there[m]
            common = [own @ matrix for pair, matrix in matrices.items() if m in pair]
            tokens[row, m] = np.concatenate([*common, tag])
    return tokens


def layer(w: oracle.Weights, x: oracle.Array, name: str) -> oracle.Array:
    """A post-norm Transformer layer of eight heads, one utterance at a time."""

    def norm(v: oracle.Array, part: str) -> oracle.Array:
        v = (v - v.mean(-1, keepdims=True)) / np.sqrt(v.var(-1, keepdims=True) + 1e-5)
        return v * w.arrays[f"{name}.{part}.weight"] + w.arrays[f"{name}.{part}.bias"]

    attended = []
    for tokens in x:
        both = tokens @ w.arrays[f"{name}.attention.query_key_weight"].T
        both = both + w.arrays[f"{name}.attention.query_key_bias"]
        value = tokens @ w.arrays[f"{name}.attention.value_weight"].T
        value = value + w.arrays[f"{name}.attention.value_bias"]
        heads = []
        for head in range(8):
            own = slice(16 * head, 16 * head + 16)
            scores = np.exp(both[:, :128][:, own] @ both[:, 128:][:, own].T / 4)
            heads.append(scores / scores.sum(1, keepdims=True) @ value[:, own])
        attended.append(w.linear(np.concatenate(heads, 1), f"{name}.attention.out_proj"))
    x = norm(x + np.stack(attended), "norm_attention")
    hidden = oracle.relu(w.linear(x, f"{name}.first"))
    return norm(x + w.linear(hidden, f"{name}.second"), "norm_feed_forward")


def both_ways(one: oracle.Array, other: oracle.Array) -> oracle.Array:
    """KL(p, q) + KL(q, p) of two tokens' softmaxes, averaged over an utterance's tokens."""
    p, q = (np.exp(t) / np.exp(t).sum(-1, keepdims=True) for t in (one, other))
    return ((p * np.log(p / q)).sum(-1) + (q * np.log(q / p)).sum(-1)).mean(-1)


def test_every_term_of_the_loss(world) -> None:
    stage = make_stages("tate", weight=0.4)[-1]
    step = make_step(stage, world)
    w, told = oracle.Weights(step.network), shown(step)
    assert not told.all()
    tokens = tagged(w, side_by_side(embedded(step)), told)
    encoded = layer(w, tokens, "encoder")
    truth = teach(step, world, lambda i, name: True)
    target = layer(w, tagged(w, truth, np.ones_like(told)), "encoder")
    complete = step.batch.available.all(1).numpy()
    assert 0 < complete.sum() < len(complete)
    tag = np.concatenate([told.all(1, keepdims=True), ~told], 1)
    read = 1 / (1 + np.exp(-encoded.mean(1)[:, -4:]))
    expected = {
        "ce": oracle.cross_entropy(w.classifier(encoded.reshape(len(told), -1)), step.batch.labels),
        "forward": 0.4 * both_ways(encoded, target)[complete].mean(),
        "backward": 0.4 * both_ways(layer(w, encoded, "decoder"), tokens).mean(),
        "tag": 0.4 * np.abs(read - tag).mean(),
    }
    found = terms(stage, step)
    assert found == {name: pytest.approx(value, rel=1e-3) for name, value in expected.items()}


def test_the_complete_utterance_is_a_constant_target(world) -> None:
    """With equal inputs on both sides the forward term is 0, and pulls nothing."""
    stage = make_stages("tate", include_complete=True)[-1]
    step = make_step(stage, world)
    loss = stage.loss(step.network, step.batch)["forward"]
    found = torch.autograd.grad(loss, step.network.encoder.first.weight)[0]
    with torch.no_grad():
        there = torch.from_numpy(shown(step))
        truth = {name: rows.clean for name, rows in step.batch.teacher.items()}
        target = step.network.encoder(step.network.tokens(truth, torch.ones_like(there)))
    tokens = step.network.tokens(step.network.embed(step.batch.observed), there)
    p, q = step.network.encoder(tokens).log_softmax(2), target.log_softmax(2)
    each = ((p.exp() - q.exp()) * (p - q)).sum(2).mean(1)
    by_hand = 0.1 * each[step.batch.available.all(1)].mean()
    expected = torch.autograd.grad(by_hand, step.network.encoder.first.weight)[0]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


def test_a_token_fits_whatever_the_number_of_modalities(world) -> None:
    assert sorted(world.shape.names) == ORDER
    network = make_stages("tate")[-1].build(world.shape)
    assert [projection.out_features for projection in network.shared] == [62] * 3


def test_the_published_settings_are_the_released_ones() -> None:
    second = list(make_method("tate").published().values())[-1]
    assert (second.batch_size, second.epochs, second.lr) == (32, 15, 1e-3)

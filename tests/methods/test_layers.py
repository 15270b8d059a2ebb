"""Initial weights, the classifier's layout and errors that know what they cannot see."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from merbench import seeds
from merbench.methods.parts.draws import Dropout
from merbench.methods.parts.layers import Classifier, concatenate, masked_mse
from merbench.methods.parts.pairs import halves
from tests.methods.world import CPU, NETWORKS, PUBLISHED_SHAPE, make_stages


def fresh(method: str, **settings):
    with seeds.torch_scope(CPU, "initial weights"):
        return [stage.build(PUBLISHED_SHAPE) for stage in make_stages(method, **settings)]


@pytest.mark.parametrize("method", NETWORKS)
def test_every_linear_and_convolution_starts_kaiming_normal_with_zero_bias(method) -> None:
    for network in fresh(method):
        for name, layer in network.named_modules():
            if not isinstance(layer, nn.Linear | nn.Conv1d) or ".knowledge." in name:
                continue
            weight = layer.weight.detach()
            n, fan_in = weight.numel(), weight[0].numel()
            expected = math.sqrt(2 / fan_in)
            # Mean and spread of n normal draws, within five of their standard errors.
            assert abs(weight.mean()) < 5 * expected / math.sqrt(n), name
            assert abs(weight.std() / expected - 1) < 5 / math.sqrt(2 * n), name
            assert layer.bias is None or not layer.bias.any(), name
            # Normal and not uniform: a uniform of this spread ends at 1.73 of it.
            assert n < 1000 or weight.abs().max() > 2 * expected, name


def test_what_momkes_experts_know_starts_from_the_frameworks_default() -> None:
    for network in fresh("momke"):
        known = {n: p for n, p in network.named_parameters() if ".knowledge." in n}
        assert len(known) == 3 * 2 * 3 * 2  # experts, layers, linears, weights and biases
        for parameter in known.values():
            assert parameter.abs().max() <= 1 / math.sqrt(128)
            assert parameter.std() > 0.5 / math.sqrt(128)


def test_modality_dropout_can_start_as_released() -> None:
    (network,) = fresh("modality_dropout", init="normal")
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d):
            n = layer.weight.numel()
            assert abs(layer.weight.detach().std() / 0.012 - 1) < 5 / math.sqrt(2 * n)
            assert not layer.bias.any()


@pytest.mark.parametrize("method", ["zero_fill", "nmer"])
def test_lstm_and_norms_keep_the_frameworks_default(method) -> None:
    bound = 1 / math.sqrt(128)
    for network in fresh(method):
        lstms = [m for m in network.modules() if isinstance(m, nn.LSTM)]
        assert lstms
        for parameter in (p for lstm in lstms for p in lstm.parameters()):
            assert parameter.abs().max() <= bound
            sd_of_uniform = bound / math.sqrt(3)
            assert parameter.std().item() == pytest.approx(sd_of_uniform, rel=0.1)
        for norm in network.modules():
            if isinstance(norm, nn.LayerNorm | nn.BatchNorm1d):
                assert bool((norm.weight == 1).all())
                assert not norm.bias.any()


def test_the_attentions_in_projection_starts_as_in_torch() -> None:
    attention = fresh("nmer")[-1].vae.transformer[0].attention
    plain = nn.MultiheadAttention(768, 8).in_proj_weight
    for weight in (attention.query_key_weight, attention.value_weight):
        assert weight.abs().max() <= plain.abs().max() * 1.001
        assert weight.std().item() == pytest.approx(plain.std().item(), rel=0.01)
    assert not attention.query_key_bias.any()
    assert not attention.value_bias.any()


def test_the_classifier_has_the_papers_layers_in_order() -> None:
    kinds = [type(layer) for layer in Classifier(320, 4, 0.5)]
    assert kinds == [nn.Linear, nn.ReLU, Dropout] * 2 + [nn.Linear]
    kinds = [type(layer) for layer in Classifier(320, 4, 0.5, batch_norm=True)]
    assert kinds == [nn.Linear, nn.ReLU, nn.BatchNorm1d, Dropout] * 2 + [nn.Linear]
    assert [layer.p for layer in Classifier(9, 4, 0.3) if isinstance(layer, nn.Dropout)] == [
        0.3
    ] * 2


def test_the_mean_squared_error_counts_only_modalities_whose_truth_exists() -> None:
    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=(2, 4, 6))
    known = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 1, 1]], bool)
    entries = [
        (prediction[i, j] - target[i, j]) ** 2
        for i in range(4)
        for j in range(6)
        if known[i, j // 2]
    ]
    found = masked_mse(*map(torch.from_numpy, (prediction, target, known)))
    assert found.item() == pytest.approx(np.mean(entries))


def test_an_error_without_any_truth_is_nothing() -> None:
    prediction = torch.ones(3, 4, requires_grad=True)
    error = masked_mse(prediction, torch.zeros(3, 4), torch.zeros(3, 2, dtype=torch.bool))
    error.backward()
    assert error == 0
    assert not prediction.grad.any()


def test_concatenation_follows_the_given_order_and_halves_stay_together() -> None:
    embeddings = {
        "text": torch.tensor([[1.0, 2, 3, 4]]),
        "audio": torch.tensor([[5.0, 6, 7, 8]]),
    }
    order = ("audio", "text")
    assert concatenate(embeddings, order).tolist() == [[5, 6, 7, 8, 1, 2, 3, 4]]
    split = halves(embeddings, order)
    assert split.first.tolist() == [[5, 6, 1, 2]]
    assert split.second.tolist() == [[7, 8, 3, 4]]


def test_the_order_of_concatenation_is_audio_text_visual_whatever_the_corpus_says() -> None:
    assert PUBLISHED_SHAPE.names == ("audio", "visual", "text")
    assert PUBLISHED_SHAPE.order == ("audio", "text", "visual")

"""Layers written out, to compare with: one sequence at a time, nothing padded, nothing shared.

Weights are a dictionary of tensors under the names that a network's `state_dict` gives them.
Vectors may come alone, as (n,), or as rows, (B, n).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Weights = dict[str, Tensor]

WIDTH, HEADS, KERNELS = 128, 8, (3, 4, 5)


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.01 * x)


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def lstm(w: Weights, name: str, x: Tensor) -> Tensor:
    """(d,) maximum over time of a cell that goes from frame to frame of (T, D)."""
    hidden = cell = x.new_zeros(WIDTH)
    outputs = []
    for frame in x:
        from_input = w[f"{name}.lstm.weight_ih_l0"] @ frame + w[f"{name}.lstm.bias_ih_l0"]
        from_state = w[f"{name}.lstm.weight_hh_l0"] @ hidden + w[f"{name}.lstm.bias_hh_l0"]
        into, keep, new, out = (from_input + from_state).split(WIDTH)
        cell = keep.sigmoid() * cell + into.sigmoid() * new.tanh()
        hidden = out.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return torch.stack(outputs).max(0).values


def text_cnn(w: Weights, name: str, x: Tensor) -> Tensor:
    """(d,) of the windows of (T, D), one by one; zeros extend a text shorter than a window."""
    maxima = []
    for number, height in enumerate(KERNELS):
        convolution = f"{name}.convolutions.{number}"
        text = torch.cat([x, x.new_zeros(max(0, height - len(x)), x.shape[1])])
        windows = []
        for start in range(len(text) - height + 1):
            window = w[f"{convolution}.bias"]
            for k in range(height):
                window = window + w[f"{convolution}.weight"][:, :, k] @ text[start + k]
            windows.append(relu(window))
        maxima.append(torch.stack(windows).max(0).values)
    return relu(linear(w, f"{name}.project", torch.cat(maxima)))


def two_layers(w: Weights, name: str, x: Tensor) -> Tensor:
    """(d,) of one vector, (1, D)."""
    (vector,) = x
    return relu(linear(w, f"{name}.second", relu(linear(w, f"{name}.first", vector))))


ENCODERS = {"sequence": lstm, "tokens": text_cnn, "vector": two_layers}


def shared_encoder(w: Weights, name: str, x: Tensor) -> Tensor:
    return leaky(linear(w, f"{name}.2", leaky(linear(w, f"{name}.0", x))))


def autoencoder(w: Weights, name: str, u: Tensor) -> tuple[Tensor, Tensor]:
    """Code and output."""
    z = leaky(linear(w, f"{name}.encoder.2", leaky(linear(w, f"{name}.encoder.0", u))))
    z = linear(w, f"{name}.encoder.4", z)
    o = relu(linear(w, f"{name}.decoder.2", relu(linear(w, f"{name}.decoder.0", z))))
    return z, linear(w, f"{name}.decoder.4", o)


def transition(w: Weights, name: str, x: Tensor) -> Tensor:
    return linear(w, f"{name}.transition.2", relu(linear(w, f"{name}.transition.0", x)))


def mmin_cascade(w: Weights, name: str, h: Tensor) -> tuple[Tensor, Tensor]:
    """h' and the codes side by side."""
    u, codes = h, []
    for k in range(5):
        z, o = autoencoder(w, f"{name}.autoencoders.{k}", u)
        u = u + o
        codes.append(z)
    return transition(w, name, u), torch.cat(codes, -1)


def if_mmin_cascade(w: Weights, name: str, h: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """h' and the codes side by side."""
    o, codes = h, []
    for k in range(5):
        z, o = autoencoder(w, f"{name}.autoencoders.{k}", o + s)
        codes.append(z)
    return transition(w, name, o), torch.cat(codes, -1)


def classifier(w: Weights, name: str, x: Tensor) -> Tensor:
    for layer in (0, 3):
        x = relu(linear(w, f"{name}.{layer}", x))
    return linear(w, f"{name}.6", x)


def normalised_classifier(w: Weights, name: str, x: Tensor, training: bool) -> Tensor:
    for layer in (0, 4):
        x = relu(linear(w, f"{name}.{layer}", x))
        x = batch_norm(w, f"{name}.{layer + 2}", x, training)
    return linear(w, f"{name}.8", x)


def batch_norm(w: Weights, name: str, x: Tensor, training: bool) -> Tensor:
    """(B, n) by the batch's moments, which the running ones follow; or by the running ones."""
    mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    if training:
        n = len(x)
        w[f"{name}.num_batches_tracked"] = w[f"{name}.num_batches_tracked"] + 1
        of_batch, around = x.mean(0), ((x - x.mean(0)) ** 2).mean(0)
        unbiased = around.detach() * n / (n - 1)
        w[f"{name}.running_mean"] = 0.9 * mean + 0.1 * of_batch.detach()
        w[f"{name}.running_var"] = 0.9 * variance + 0.1 * unbiased
        mean, variance = of_batch, around
    return (x - mean) / (variance + 1e-5).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]


def layer_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    deviation = ((centred**2).mean(-1, keepdim=True) + 1e-5).sqrt()
    return centred / deviation * w[f"{name}.weight"] + w[f"{name}.bias"]


def attention(w: Weights, name: str, tokens: Tensor) -> Tensor:
    """(T, n) from (T, n): every token looks at every token, head by head."""
    query, key = (tokens @ w[f"{name}.query_key_weight"].T + w[f"{name}.query_key_bias"]).chunk(
        2, -1
    )
    value = tokens @ w[f"{name}.value_weight"].T + w[f"{name}.value_bias"]
    heads = []
    for q, k, v in zip(*(x.chunk(HEADS, -1) for x in (query, key, value)), strict=True):
        heads.append(torch.softmax(q @ k.T / math.sqrt(q.shape[1]), -1) @ v)
    return linear(w, f"{name}.out_proj", torch.cat(heads, -1))


def transformer(w: Weights, name: str, layers: int, tokens: Tensor) -> Tensor:
    """(T, n) from (T, n): post-norm layers."""
    for layer in (f"{name}.{k}" for k in range(layers)):
        tokens = tokens + attention(w, f"{layer}.attention", tokens)
        tokens = layer_norm(w, f"{layer}.norm_attention", tokens)
        hidden = relu(linear(w, f"{layer}.first", tokens))
        tokens = tokens + linear(w, f"{layer}.second", hidden)
        tokens = layer_norm(w, f"{layer}.norm_feed_forward", tokens)
    return tokens

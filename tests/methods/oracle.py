"""The methods' mathematics in plain numpy, written from the papers, to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]


class Weights:
    """A network's tensors as float64 arrays, by the names the network gives them."""

    def __init__(self, network: nn.Module) -> None:
        self.arrays = {k: v.double().numpy() for k, v in network.state_dict().items()}

    def linear(self, x: Array, name: str) -> Array:
        return x @ self.arrays[f"{name}.weight"].T + self.arrays[f"{name}.bias"]

    def normalise(self, x: Array, name: str) -> Array:
        """BatchNorm as it predicts, with the statistics it has gathered."""
        centred = x - self.arrays[f"{name}.running_mean"]
        scaled = centred / np.sqrt(self.arrays[f"{name}.running_var"] + 1e-5)
        return scaled * self.arrays[f"{name}.weight"] + self.arrays[f"{name}.bias"]

    def classifier(self, x: Array, name: str = "classifier", batch_norm: bool = False) -> Array:
        step = 4 if batch_norm else 3
        for first in (0, step):
            x = relu(self.linear(x, f"{name}.{first}"))
            if batch_norm:
                x = self.normalise(x, f"{name}.{first + 2}")
        return self.linear(x, f"{name}.{2 * step}")

    def invariant(self, x: Array, name: str = "invariant") -> Array:
        return leaky(self.linear(leaky(self.linear(x, f"{name}.0")), f"{name}.2"))

    def autoencoder(self, u: Array, name: str) -> list[Array]:
        """Code and output of one residual autoencoder."""
        z = leaky(self.linear(u, f"{name}.encoder.0"))
        z = leaky(self.linear(z, f"{name}.encoder.2"))
        z = self.linear(z, f"{name}.encoder.4")
        o = relu(self.linear(z, f"{name}.decoder.0"))
        o = relu(self.linear(o, f"{name}.decoder.2"))
        return [z, self.linear(o, f"{name}.decoder.4")]

    def transition(self, x: Array, name: str) -> Array:
        return self.linear(relu(self.linear(x, f"{name}.transition.0")), f"{name}.transition.2")


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.01 * x)


def mmin_cascade(w: Weights, h: Array, name: str = "imagine") -> list[Array]:
    """h' and z of MMIN: each autoencoder adds its output to its input."""
    u, codes = h, []
    for k in range(5):
        z, o = w.autoencoder(u, f"{name}.autoencoders.{k}")
        codes.append(z)
        u = u + o
    return [w.transition(u, name), np.concatenate(codes, 1)]


def if_mmin_cascade(w: Weights, h: Array, s: Array, name: str = "imagine") -> list[Array]:
    """h' and z of IF-MMIN since 2024: the last output plus the invariant features goes on."""
    o, codes = h, []
    for k in range(5):
        z, o = w.autoencoder(o + s, f"{name}.autoencoders.{k}")
        codes.append(z)
    return [w.transition(o, name), np.concatenate(codes, 1)]


def if_mmin_cascade_2022(w: Weights, h: Array, s: Array, name: str = "imagine") -> list[Array]:
    """h' and z of IF-MMIN at publication."""
    u, o, codes = h, np.zeros_like(h), []
    for k in range(5):
        u = u + s
        z, o = w.autoencoder(u, f"{name}.autoencoders.{k}")
        codes.append(z)
    return [w.transition(u + o, name), np.concatenate(codes, 1)]


def cross_entropy(scores: Array, labels: Sequence[int] | Tensor) -> float:
    scores = scores - scores.max(1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    return float(-np.mean([row[int(label)] for row, label in zip(log_p, labels, strict=True)]))


def cmd(x: Array, y: Array, moments: int = 5) -> float:
    """Central moment discrepancy on an interval of length 1 (Zellinger et al. 2017)."""
    total = np.linalg.norm(x.mean(0) - y.mean(0))
    for k in range(2, moments + 1):
        moment_x = np.mean((x - x.mean(0)) ** k, axis=0)
        moment_y = np.mean((y - y.mean(0)) ** k, axis=0)
        total += np.linalg.norm(moment_x - moment_y)
    return float(total)


def gaussian_kl(mean: Array, log_variance: Array) -> Array:
    """KL(N(mean, variance) || N(0, 1)) of each entry, in nats."""
    return -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance))


def known_mse(prediction: Array, target: Array, known: NDArray[np.bool_]) -> float:
    """Mean square over the blocks of 128 columns whose truth is known, utterance by utterance."""
    squares = [
        (prediction[i, 128 * m : 128 * m + 128] - target[i, 128 * m : 128 * m + 128]) ** 2
        for i in range(len(prediction))
        for m in range(known.shape[1])
        if known[i, m]
    ]
    return float(np.mean(squares))

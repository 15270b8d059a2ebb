"""Small shared pieces: the classifier, the weight init, concatenation, masked errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from merbench.methods.parts.draws import Dropout

HIDDEN = 128
LEAK = 0.01
Init = Literal["kaiming", "normal"]


class Classifier(nn.Sequential):
    """Linear 128, ReLU, (BatchNorm), dropout; twice; then Linear to the classes."""

    def __init__(self, inputs: int, classes: int, dropout: float, batch_norm: bool = False) -> None:
        layers: list[nn.Module] = []
        for width in (inputs, HIDDEN):
            layers += [nn.Linear(width, HIDDEN), nn.ReLU()]
            if batch_norm:
                layers.append(nn.BatchNorm1d(HIDDEN))
            layers.append(Dropout(dropout))
        super().__init__(*layers, nn.Linear(HIDDEN, classes))


def initialise(network: nn.Module, how: Init = "kaiming") -> None:
    """Initialise every Linear and Conv; all else keeps the framework's default.

    Biases are zero; weights are Kaiming normal (fan-in, gain sqrt 2) or, as the released modality
    dropout has them, N(0, 0.012^2).
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv1d):
            if how == "kaiming":
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            else:
                nn.init.normal_(module.weight, std=0.012)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def concatenate(embeddings: Mapping[str, Tensor], order: Sequence[str]) -> Tensor:
    """Put (B, E) embeddings side by side, in the order of every concatenation."""
    return torch.cat([embeddings[name] for name in order], 1)


def masked_mse(prediction: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the mean squared error over batch and dimensions, where the truth exists.

    Args:
        prediction: (B, M E).
        target: (B, M E).
        known: (B, M) bool, in the order of the concatenation.
    """
    squares = (prediction - target).square().unflatten(1, (known.shape[1], -1))
    weights = known[..., None].to(squares.dtype)
    error: Tensor = (squares * weights).sum() / (weights.sum() * squares.shape[2]).clamp(min=1)
    return error

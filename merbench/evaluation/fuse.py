"""Fusing rows: all at once, or, where a network mixes or draws, in frozen batches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from merbench import seeds
from merbench.methods.base import EncodeFuse, Network


def fused_rows(predictor: object) -> int | None:
    """Return how many rows a predictor wants fused together; None where rows are independent."""
    return predictor.fused_rows if isinstance(predictor, Network) else None


def fuse(
    predictor: EncodeFuse,
    embeddings: Mapping[str, Tensor],
    states: Tensor,
    *key: seeds.Part,
) -> Tensor:
    """Return (n, C) logits of n rows.

    A network that declares `fused_rows` gets them in batches of that size. The order of the rows,
    and the random numbers that the network may draw, are functions of the key alone, so every path
    that evaluates the same rows under the same key finds the same logits. The last batch is
    smaller: every row is scored once.

    Args:
        predictor: a network, or a black box of two halves.
        embeddings: modality -> (n, E).
        states: (n, M).
        key: of order and draws, such as fold, seed and condition.
    """
    size = fused_rows(predictor)
    if size is None:
        return predictor.fuse(embeddings, states)
    order = torch.randperm(len(states), generator=seeds.torch_generator("cpu", "fuse", *key))
    order = order.to(states.device)
    with seeds.torch_scope(states.device, "fuse", *key):
        parts = [
            predictor.fuse({name: e[rows] for name, e in embeddings.items()}, states[rows])
            for rows in order.split(size)
        ]
    return torch.cat(parts)[order.argsort()]

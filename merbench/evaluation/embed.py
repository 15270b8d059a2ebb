"""Embeddings of a part: one modality under one input at a time, in length order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from merbench.features.observation import ObservedModality, State
from merbench.features.ragged import Ragged
from merbench.methods.base import EncodeFuse

_FRAMES = 16384


def embed_sequences(
    predictor: EncodeFuse, modality: str, sequences: Ragged, state: State
) -> Tensor:
    """Return (n, E) embeddings of n non-empty sequences that share a state.

    Sequences are taken in order of length, about 16k frames at a time, so that memory is bounded
    and nothing is padded for long.
    """
    order = sequences.lengths.argsort(stable=True)
    chunks: list[Tensor] = []
    for rows in _chunks(sequences.lengths[order]):
        some = sequences.take(order[rows])
        everyone = torch.arange(len(some), device=order.device)
        states = torch.full_like(everyone, state, dtype=torch.int8)
        chunks.append(predictor.encode(modality, ObservedModality(some, everyone, states)))
    return torch.cat(chunks)[order.argsort()]


def _chunks(lengths: Tensor) -> Sequence[slice]:
    """Cut increasing lengths into runs whose padded size stays within the limit."""
    found, first = [], 0
    listed = lengths.tolist()
    for position in range(1, len(listed) + 1):
        full = position == len(listed) or listed[position] * (position + 1 - first) > _FRAMES
        if full:
            found.append(slice(first, position))
            first = position
    return found


def embed_available(
    predictor: EncodeFuse,
    modality: str,
    sequences: Ragged,
    available: Tensor,
    state: State,
    absent: Tensor,
) -> Tensor:
    """Return (n, E): embeddings where the modality is available, else those of an absent input.

    Args:
        predictor: what encodes.
        modality: its name.
        sequences: n sequences.
        available: (n,) bool.
        state: of the available ones.
        absent: (1, E) or (n, E).
    """
    if bool(available.all()):
        return embed_sequences(predictor, modality, sequences, state)
    rows = available.nonzero().squeeze(1)
    out = absent.expand(len(sequences), -1).clone()
    if len(rows):
        out[rows] = embed_sequences(predictor, modality, sequences.take(rows), state)
    return out

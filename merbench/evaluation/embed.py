"""Embeddings of a part: one modality at a time, in length order, many inputs in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from merbench.features.observation import ObservedModality, State
from merbench.features.ragged import Ragged
from merbench.methods.base import EncodeFuse

# Frames that an encoder reads in one pass, padding included, by type of device: enough to keep it
# busy, few enough to bound memory. A rule and no measurement, since results depend on it in their
# last digits.
_FRAMES = {"cpu": 16384, "cuda": 262144}
# Features that these frames have at most: wide frames come fewer at a time.
_FEATURES = {"cpu": 2**22, "cuda": 2**28}


def frames_at_once(device: torch.device, width: int = 1, share: int = 1) -> int:
    """Return how many frames of a width an encoder reads in one pass on a device.

    Args:
        device: that reads them.
        width: features of a frame.
        share: of the usual number, one part in so many; more than 1 where memory did not suffice.
    """
    frames, features = (each.get(device.type, each["cpu"]) for each in (_FRAMES, _FEATURES))
    return min(frames, features // width) // share


def embed_together(
    predictor: EncodeFuse, modality: str, inputs: Sequence[Ragged], state: State, share: int = 1
) -> list[Tensor]:
    """Return (n_i, E) embeddings of each of several inputs that share a state.

    The sequences of all inputs are taken together, in order of length and a limited number of
    frames at a time, so that memory is bounded and nothing is padded for long.

    Args:
        predictor: what encodes.
        modality: its name.
        inputs: at least one; n_i non-empty sequences each.
        state: of all of them.
        share: see `frames_at_once`.
    """
    sequences = inputs[0] if len(inputs) == 1 else Ragged.concatenate([*inputs])
    order = sequences.lengths.argsort(stable=True)
    parts: list[Tensor] = []
    frames = frames_at_once(order.device, sequences.width, share)
    for rows in chunks_of(sequences.lengths[order].tolist(), frames):
        some = sequences.take(order[rows])
        everyone = torch.arange(len(some), device=order.device)
        states = torch.full_like(everyone, state, dtype=torch.int8)
        parts.append(predictor.encode(modality, ObservedModality(some, everyone, states)))
    joined, places = torch.cat(parts), order.argsort()
    return [joined[rows] for rows in places.split([len(each) for each in inputs])]


def chunks_of(lengths: Sequence[int], frames: int) -> Sequence[slice]:
    """Cut increasing lengths into runs whose padded size stays within the limit."""
    found, first = [], 0
    for position in range(1, len(lengths) + 1):
        full = position == len(lengths) or lengths[position] * (position + 1 - first) > frames
        if full:
            found.append(slice(first, position))
            first = position
    return found


def embed_sequences(
    predictor: EncodeFuse, modality: str, sequences: Ragged, state: State, share: int = 1
) -> Tensor:
    """Return (n, E) embeddings of one input: n non-empty sequences that share a state."""
    return embed_together(predictor, modality, [sequences], state, share)[0]


def embed_inputs(
    predictor: EncodeFuse,
    modality: str,
    inputs: Sequence[Ragged],
    available: Tensor,
    state: State,
    absent: Tensor,
    share: int = 1,
) -> list[Tensor]:
    """Return (n, E) of each input: embeddings where the modality is available, else the absent's.

    Args:
        predictor: what encodes.
        modality: its name.
        inputs: at least one; n sequences each.
        available: (n,) bool.
        state: of the available ones.
        absent: (1, E) or (n, E) embeddings of an absent input.
        share: see `frames_at_once`.
    """
    if bool(available.all()):
        return embed_together(predictor, modality, inputs, state, share)
    rows = available.nonzero().squeeze(1)
    everywhere = absent.expand(len(available), -1)
    if not len(rows):
        return [everywhere for _ in inputs]
    there = [sequences.take(rows) for sequences in inputs]
    return [
        everywhere.index_copy(0, rows, embeddings)
        for embeddings in embed_together(predictor, modality, there, state, share)
    ]

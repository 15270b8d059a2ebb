"""What a method observes: corrupted features, lengths, and the state of each modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import torch
from torch import Tensor

from merbench.features.part import ModalityShape
from merbench.features.ragged import Padded, Ragged

ABSENT_FRAMES = 5
AbsentInput = Literal["zeros", "noise"]


class State(IntEnum):
    """What a method may know of a modality."""

    PRESENT = 0
    NOISED = 1
    ABSENT = 2


@dataclass(frozen=True)
class ObservedModality:
    """One modality of B utterances.

    Utterances that share an input (all those whose modality is absent and reads as zeros) share a
    sequence: an encoder does its deterministic part once for each sequence and then expands.

    Attributes:
        sequences: R sequences.
        rows: (B,) int64 the sequence each utterance reads.
        states: (B,) int8 values of `State`.
    """

    sequences: Ragged
    rows: Tensor
    states: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def dense(self) -> Padded:
        """Return (B, T, D) padded features and their mask: the plain view, one row an utterance."""
        return self.sequences.take(self.rows).padded()


def zero_input(modality: ModalityShape, device: torch.device) -> Ragged:
    """Return what an absent modality reads as: one fixed-length sequence of zeros."""
    return Ragged.constant(0.0, zero_frames(modality), modality.width, device)


def zero_frames(modality: ModalityShape) -> int:
    """Return how many frames of zeros an absent modality reads as."""
    return 1 if modality.kind == "vector" else ABSENT_FRAMES


def observe(source: Ragged, rows: Tensor, states: Tensor, absent: Ragged) -> ObservedModality:
    """Combine what is there with what stands in for what is not.

    Args:
        source: sequences to read from.
        rows: (B,) the sequence of each utterance; not read in state `ABSENT`.
        states: (B,) int8.
        absent: the stand-in: one sequence for all, or B sequences, one for each utterance.
    """
    gone = states == State.ABSENT
    here = (~gone).nonzero().squeeze(1)
    found = source.take(rows[here])
    if len(here) == len(states):
        return ObservedModality(found, torch.arange(len(states), device=states.device), states)
    reads = torch.empty_like(rows)
    reads[here] = torch.arange(len(here), device=states.device)
    if len(absent) == 1:
        reads[gone] = len(here)
    else:
        missing = gone.nonzero().squeeze(1)
        reads[missing] = len(here) + torch.arange(len(missing), device=states.device)
        absent = absent.take(missing)
    return ObservedModality(Ragged.concatenate([found, absent]), reads, states)


@dataclass(frozen=True)
class Observation:
    """All modalities of B utterances, as black-box methods get them.

    Attributes:
        modalities: name -> observation.
        states: (B, M) int8 in corpus order.
    """

    modalities: Mapping[str, ObservedModality]
    states: Tensor

    def __len__(self) -> int:
        return len(self.states)

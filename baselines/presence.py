"""What is there of an utterance, as a mask in the order of every concatenation."""

from __future__ import annotations

from torch import Tensor

from merbench.features.observation import State
from merbench.features.part import CorpusShape
from merbench.methods.parts.encoders import WIDTH


def present(states: Tensor, shape: CorpusShape) -> Tensor:
    """Return (B, M) bool in the order of concatenation: False where a modality is absent."""
    columns = [shape.names.index(name) for name in shape.order]
    return states[:, columns] != State.ABSENT


def over_columns(mask: Tensor) -> Tensor:
    """Repeat (..., M) values for all columns of a modality's embedding: (..., M d)."""
    return mask.repeat_interleave(WIDTH, -1)

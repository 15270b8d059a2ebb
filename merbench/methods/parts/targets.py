"""What the reconstruction losses aim at: a frozen teacher's embeddings of the truth."""

from __future__ import annotations

import torch
from torch import Tensor

from merbench.features.observation import State
from merbench.features.part import CorpusShape
from merbench.methods.base import Batch


def known_modalities(batch: Batch, shape: CorpusShape) -> Tensor:
    """Return (B, M) bool in the order of concatenation: True where a target exists.

    A modality that is there needs no truth beyond itself; one that is withheld must be available.
    """
    columns = [shape.names.index(name) for name in shape.order]
    return batch.available[:, columns]


def missing_targets(batch: Batch, shape: CorpusShape) -> dict[str, Tensor]:
    """Return (B, E) a modality: the teacher on what is missing, present ones read as absent.

    MMIN (eq. 4): the target of imagination is the embedding of exactly what the network does not
    see; where a modality is present, its target is the teacher's embedding of an absent input.
    """
    targets = {}
    for column, name in enumerate(shape.names):
        teacher = batch.teacher[name]
        present = batch.states[:, column] == State.PRESENT
        targets[name] = torch.where(present[:, None], teacher.absent, teacher.clean)
    return targets


def complete_targets(batch: Batch, shape: CorpusShape) -> dict[str, Tensor]:
    """Return (B, E) a modality: the teacher on the complete, clean input."""
    return {name: batch.teacher[name].clean for name in shape.names}

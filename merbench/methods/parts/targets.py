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


def missing_targets(batch: Batch, shape: CorpusShape) -> Tensor:
    """Return (B, M E) h*: the teacher on the true inputs of what is missing, present ones absent.

    MMIN (eq. 4): the target of imagination is the embedding of exactly what the network does not
    see; where a modality is present, its target is the teacher's embedding of an absent input.
    """
    targets = []
    for name in shape.order:
        teacher = batch.teacher[name]
        present = batch.states[:, shape.names.index(name)] == State.PRESENT
        targets.append(torch.where(present[:, None], teacher.absent, teacher.clean))
    return torch.cat(targets, 1)


def complete_targets(batch: Batch, shape: CorpusShape) -> Tensor:
    """Return (B, M E): the teacher on the complete, clean input."""
    return torch.cat([batch.teacher[name].clean for name in shape.order], 1)

"""The adapter for torch modules: padded features and masks in, logits out."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from merbench.code_version import class_digest
from merbench.features.observation import ObservedModality, State
from merbench.features.part import CorpusShape
from merbench.features.ragged import Padded, Ragged
from merbench.methods.base import (
    Batch,
    Network,
    NetworkMethod,
    Sampling,
    Selection,
    Stage,
    StateUse,
)
from merbench.registry import path_of
from merbench.training.config import StageTraining


class ModuleNetwork(Network):
    """Hands a module what it wants to see.

    An embedding of a modality is its padded frames and their mask, laid out in one row: the
    evaluator keeps rows, and a row must not depend on how long others are.
    """

    def __init__(self, shape: CorpusShape, module: nn.Module, frames: int) -> None:
        super().__init__()
        self.shape = shape
        self.module = module
        self._frames = {m.name: 1 if m.kind == "vector" else frames for m in shape.modalities}

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, T (D + 1)): the frames, and whether each is one."""
        values, mask = _spread(observed.sequences, self._frames[modality])
        rows = torch.cat([values, mask[..., None].to(values.dtype)], -1).flatten(1)
        return rows[observed.rows]

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return the (B, C) logits of the module."""
        features, masks = {}, {}
        for name, frames in self._frames.items():
            rows = embeddings[name].unflatten(1, (frames, -1))
            mask = rows[..., -1] > 0
            longest = int(mask.sum(1).max())
            features[name], masks[name] = rows[:, :longest, :-1], mask[:, :longest]
        # By `forward`, so that an audit looks at its parts and does not take it for one component.
        logits: Tensor = self.module.forward(features, masks, states != State.ABSENT)
        return logits


def _spread(sequences: Ragged, frames: int) -> Padded:
    """Lay sequences out at so many frames; of a longer one, take as many at even distances."""
    place = torch.arange(frames, device=sequences.lengths.device)
    length = sequences.lengths[:, None]
    taken = torch.where(length > frames, place * length // frames, place.minimum(length - 1))
    mask = place < length
    values = sequences.values[sequences.starts[:, None] + taken]
    return Padded(values * mask[..., None], mask)


@dataclass(frozen=True, kw_only=True)
class ModuleStage(Stage):
    """Cross-entropy on a module's logits."""

    name: ClassVar[str] = "module"
    method: ModuleMethod

    def build(self, shape: CorpusShape) -> ModuleNetwork:
        """Build the module."""
        module = self.method.module(shape, self.training.dropout)
        return ModuleNetwork(shape, module, self.method.frames)

    def loss(self, network: ModuleNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy."""
        logits = network.fuse(network.embed(batch.observed), batch.states)
        return {"ce": batch.cross_entropy(logits)}

    def recipe(self) -> dict[str, Any]:
        """Return what is trained as plain data; the module is in it by its code."""
        method = type(self.method)
        return {
            "stage": path_of(type(self)),
            "method": path_of(method),
            "code": class_digest(method),
            "settings": self.method.config.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "sampling": dataclasses.asdict(self.sampling),
        }


class ModuleMethod(NetworkMethod):
    """A method that is a torch module, trained by the harness's loop on the cross-entropy.

        class Mine(ModuleMethod):
            summary = "my network"

            def module(self, shape, dropout):
                return MyNetwork([m.width for m in shape.modalities], shape.classes, dropout)

    The module is called as `module(features, masks, available)` and returns (B, C) logits:

    - features: modality -> (B, T, D) normalised features, 0 where a sequence has ended;
    - masks: modality -> (B, T) bool, True where there is a frame. T differs between modalities and
      batches; a modality of kind `vector` has T = 1;
    - available: (B, M) bool in the order of `shape.modalities`, False where a modality is absent.

    An absent modality arrives as a few frames of zeros with a mask of True, so that no mean or
    softmax runs over nothing; `available` is what tells it from a silent one.

    Attributes:
        frames: T at most; of a longer sequence, as many frames are taken at even distances. Memory
            grows with it: every input of the test part is held at this length.
        patterns: `partial` trains on patterns in which something is missing, `complete` on all
            that an utterance has.
        include_complete: let `partial` draw the complete pattern, too.
        training: where a suite says nothing else.
    """

    uses_states = StateUse.ABSENCE
    frames: ClassVar[int] = 100
    patterns: ClassVar[Selection] = "partial"
    include_complete: ClassVar[bool] = True
    training: ClassVar[StageTraining] = StageTraining(
        epochs=20, decay_epochs=20, batch_size=128, dropout=0.3
    )

    @abstractmethod
    def module(self, shape: CorpusShape, dropout: float) -> nn.Module:
        """Build the module (inside a seeded scope).

        Args:
            shape: modalities with their widths and kinds, and the number of classes.
            dropout: that the suite asks for.
        """

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """Return `training`."""
        return {ModuleStage.name: cls.training}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the one stage."""
        sampling = Sampling(absent_input=self.absent_input)
        if self.patterns == "partial":
            sampling = self.partial_sampling(include_complete=self.include_complete)
        return (ModuleStage(training=training[0], sampling=sampling, method=self),)

"""What an embedding is made of: the modality-specific part h, and the modality-invariant part s."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from merbench.features.observation import ObservedModality
from merbench.features.part import CorpusShape
from merbench.methods.parts.encoders import WIDTH, Encoders
from merbench.methods.parts.invariant import InvariantEncoder
from merbench.methods.parts.layers import concatenate
from merbench.methods.parts.pairs import Halves, halves, pair


class Branches(nn.Module, ABC):
    """Encodes one modality at a time, and splits what it has encoded into h and s.

    Attributes:
        width: of the joined embedding of all modalities.
    """

    width: int

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__()
        self.order = shape.order

    @abstractmethod
    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, E) the embedding of one modality."""

    @abstractmethod
    def split(self, embeddings: Mapping[str, Tensor]) -> Halves:
        """Return h and s of all modalities, each (B, M d)."""

    @abstractmethod
    def joined(self, embeddings: Mapping[str, Tensor]) -> Tensor:
        """Return (B, width) what a classifier reads."""

    def subnetworks(self) -> Iterator[nn.Module]:
        """Yield each encoder, and S."""
        for child in self.children():
            if isinstance(child, Encoders):
                yield from child.values()
            else:
                yield child


class SpecificBranch(Branches):
    """One encoder a modality, and no invariant features: s = 0."""

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__(shape)
        self.specific = Encoders(shape)
        self.width = WIDTH * len(shape.modalities)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d)."""
        return self.specific.encode(modality, observed)

    def split(self, embeddings: Mapping[str, Tensor]) -> Halves:
        """Return h and zeros."""
        h = concatenate(embeddings, self.order)
        return Halves(h, torch.zeros_like(h))

    def joined(self, embeddings: Mapping[str, Tensor]) -> Tensor:
        """Return h."""
        return concatenate(embeddings, self.order)


class InvariantBranches(Branches):
    """One encoder a modality and S on top of it: an embedding is [h_m, S(h_m)] (IF-MMIN)."""

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__(shape)
        self.specific = Encoders(shape)
        self.invariant = InvariantEncoder()
        self.width = 2 * WIDTH * len(shape.modalities)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, 2 d)."""
        h = self.specific.encode(modality, observed)
        return pair(h, self.invariant(h))

    def split(self, embeddings: Mapping[str, Tensor]) -> Halves:
        """Return h and s."""
        return halves(embeddings, self.order)

    def joined(self, embeddings: Mapping[str, Tensor]) -> Tensor:
        """Return [h, s]."""
        return pair(*self.split(embeddings))


class TwoEncoderBranches(InvariantBranches):
    """Two encoders a modality: an embedding is [spec_m, S(inv_m)] (NMER)."""

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__(shape)
        self.common = Encoders(shape)

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, 2 d)."""
        common = self.invariant(self.common.encode(modality, observed))
        return pair(self.specific.encode(modality, observed), common)

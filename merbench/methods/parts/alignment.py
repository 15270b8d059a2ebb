"""Networks on branches, and the first stage that aligns them (IF-MMIN, NMER)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from merbench.features.observation import ObservedModality
from merbench.features.part import CorpusShape
from merbench.methods.base import Batch, Network, Stage
from merbench.methods.parts.branches import Branches
from merbench.methods.parts.encoders import WIDTH
from merbench.methods.parts.invariant import mean_pairwise_cmd
from merbench.methods.parts.layers import Classifier, initialise


class BranchedNetwork(Network):
    """Branches that encode, and a classifier; subclasses say what it reads."""

    in_fleets = True

    def __init__(self, shape: CorpusShape, branches: Branches, classifier: Classifier) -> None:
        super().__init__()
        self.shape, self.branches, self.classifier = shape, branches, classifier

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, E)."""
        return self.branches.encode(modality, observed)

    def subnetworks(self) -> Iterator[nn.Module]:
        """Yield each encoder, S, and the other parts."""
        yield from self.branches.subnetworks()
        yield from (child for child in self.children() if child is not self.branches)


class AlignmentNetwork(BranchedNetwork):
    """Stage 1: classifier on [h, s]."""

    def __init__(self, shape: CorpusShape, branches: Branches, dropout: float) -> None:
        super().__init__(shape, branches, Classifier(branches.width, shape.classes, dropout))
        initialise(self)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits of [h, s]."""
        logits: Tensor = self.classifier(self.branches.joined(embeddings))
        return logits


@dataclass(frozen=True, kw_only=True)
class AlignmentStage(Stage):
    """Loss = CE + `cmd_weight` CMD between the invariant features, on complete data.

    Attributes:
        cmd_weight: 0 leaves CMD out.
        invariant: False leaves the invariant features out, and CMD with them.
    """

    cmd_weight: float = 1.0
    invariant: bool = True

    @abstractmethod
    def branches(self, shape: CorpusShape) -> Branches:
        """Build what encodes."""

    def build(self, shape: CorpusShape) -> AlignmentNetwork:
        """Build the network."""
        return AlignmentNetwork(shape, self.branches(shape), self.training.dropout)

    def loss(self, network: AlignmentNetwork, batch: Batch) -> dict[str, Tensor]:
        """Return the two terms."""
        embeddings = network.embed(batch.observed)
        terms = {"ce": batch.cross_entropy(network.fuse(embeddings, batch.states))}
        if self.invariant and self.cmd_weight:
            invariant = network.branches.split(embeddings).second.split(WIDTH, 1)
            terms["cmd"] = self.cmd_weight * mean_pairwise_cmd(invariant)
        return terms

"""Validation: unweighted accuracy on the noise-free patterns, through encode and fuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from merbench.corruption.grid import all_patterns
from merbench.evaluation.embed import embed_available, embed_sequences
from merbench.features.observation import State
from merbench.features.part import CorpusShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Network, Selection, TeacherRows


def clean_embeddings(
    network: Network, part: Part, absent: dict[str, Ragged]
) -> dict[str, TeacherRows]:
    """Return each modality's embeddings: of the clean input and of an absent one."""
    found = {}
    for column, name in enumerate(network.shape.names):
        gone = embed_sequences(network, name, absent[name], State.ABSENT)
        clean = embed_available(
            network, name, part.features[name], part.available[:, column], State.PRESENT, gone
        )
        found[name] = TeacherRows(clean, gone)
    return found


def pattern_states(shape: CorpusShape, available: Tensor) -> dict[tuple[str, ...], Tensor]:
    """Return pattern -> (n, M) noise-free states of every utterance."""
    states = {}
    for pattern in all_patterns(shape.names):
        shown = torch.tensor([name in pattern for name in shape.names], device=available.device)
        states[pattern] = torch.where(shown & available, int(State.PRESENT), int(State.ABSENT)).to(
            torch.int8
        )
    return states


class PatternInputs(NamedTuple):
    """All utterances under several patterns, one pattern after the other."""

    embeddings: dict[str, Tensor]
    states: Tensor


def combine(
    known: dict[str, TeacherRows], shape: CorpusShape, patterns: list[Tensor]
) -> PatternInputs:
    """Choose clean or absent embeddings by the states of each pattern."""
    embeddings = {}
    for column, name in enumerate(shape.names):
        rows = known[name]
        embeddings[name] = torch.cat(
            [
                torch.where((s[:, column] == State.PRESENT)[:, None], rows.clean, rows.absent)
                for s in patterns
            ]
        )
    return PatternInputs(embeddings, torch.cat(patterns))


def unweighted_accuracy(predicted: Tensor, labels: Tensor, classes: int) -> float:
    """Return the mean recall over the classes present."""
    counts = torch.bincount(labels, minlength=classes).double()
    hits = torch.bincount(labels[predicted == labels], minlength=classes).double()
    present = counts > 0
    return float((hits[present] / counts[present]).mean())


@dataclass(frozen=True)
class Validator:
    """Scores a network on the validation part.

    Attributes:
        part: the validation utterances.
        shape: of the fold.
        absent: what an absent modality reads as.
    """

    part: Part
    shape: CorpusShape
    absent: dict[str, Ragged]

    @torch.no_grad()
    def scores(self, network: Network) -> dict[Selection, float]:
        """Return UA on the complete pattern, and averaged over the partial ones."""
        was_training = network.training
        network.eval()
        known = clean_embeddings(network, self.part, self.absent)
        states = list(pattern_states(self.shape, self.part.available).values())
        combined = combine(known, self.shape, states)
        predicted = network.fuse(combined.embeddings, combined.states).argmax(1)
        network.train(was_training)
        each = [
            unweighted_accuracy(p, self.part.labels, self.shape.classes)
            for p in predicted.chunk(len(states))
        ]
        return {"complete": each[-1], "partial": sum(each[:-1]) / (len(each) - 1)}

    @torch.no_grad()
    def diagnose(self, network: Network) -> dict[str, float]:
        """Return the network's own figures, averaged over the partial patterns."""
        network.eval()
        known = clean_embeddings(network, self.part, self.absent)
        each = []
        for states in list(pattern_states(self.shape, self.part.available).values())[:-1]:
            combined = combine(known, self.shape, [states])
            each.append(network.diagnose(combined.embeddings, combined.states))
        return {name: sum(figures[name] for figures in each) / len(each) for name in each[0]}

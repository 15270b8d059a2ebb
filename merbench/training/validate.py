"""Validation: a score on every missing pattern, through encode and fuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from merbench import seeds
from merbench.corruption.grid import all_patterns
from merbench.evaluation.embed import embed_available, embed_sequences
from merbench.evaluation.fuse import fuse, fused_rows
from merbench.features.observation import State
from merbench.features.part import CorpusShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Network, Selection, TeacherRows
from merbench.training.config import SelectBy


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


def pattern_states(
    shape: CorpusShape, available: Tensor, missing: State = State.ABSENT
) -> dict[tuple[str, ...], Tensor]:
    """Return pattern -> (n, M) states of every utterance; what is outside it is `missing`."""
    states = {}
    for pattern in all_patterns(shape.names):
        shown = torch.tensor([name in pattern for name in shape.names], device=available.device)
        told = torch.where(shown, int(State.PRESENT), int(missing))
        states[pattern] = torch.where(available, told, int(State.ABSENT)).to(torch.int8)
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


def accuracy(predicted: Tensor, labels: Tensor, classes: int) -> float:
    """Return the share of utterances that are right (WA)."""
    return float((labels == predicted).double().mean())


def macro_f1(predicted: Tensor, labels: Tensor, classes: int) -> float:
    """Return the mean F1 over the classes present or predicted."""
    hits = torch.bincount(labels[predicted == labels], minlength=classes).double()
    both = torch.bincount(torch.cat([labels, predicted]), minlength=classes).double()
    met = both > 0
    return float((2 * hits[met] / both[met]).mean())


SCORES: dict[SelectBy, Callable[[Tensor, Tensor, int], float]] = {
    "ua": unweighted_accuracy,
    "wa": accuracy,
    "f1": macro_f1,
}


@dataclass(frozen=True)
class Validator:
    """Scores a network on the validation part.

    Attributes:
        part: the validation utterances.
        shape: of the fold.
        absent: what an absent modality reads as.
        noised: modality -> the features of the validation utterances under frozen noise, which
            then stand where a modality is missing; None for the stand-ins of `absent`.
        select_by: which score.
        key: fold, seed and the like, for networks whose rows are not independent.
    """

    part: Part
    shape: CorpusShape
    absent: dict[str, Ragged]
    noised: dict[str, Ragged] | None = None
    select_by: SelectBy = "ua"
    key: tuple[seeds.Part, ...] = ()

    def _known(self, network: Network) -> dict[str, TeacherRows]:
        """Return each modality's embeddings, of what is there and of what is missing."""
        known = clean_embeddings(network, self.part, self.absent)
        if self.noised is None:
            return known
        return {
            name: TeacherRows(
                rows.clean,
                embed_available(
                    network,
                    name,
                    self.noised[name],
                    self.part.available[:, column],
                    State.NOISED,
                    rows.absent,
                ),
            )
            for column, (name, rows) in enumerate(known.items())
        }

    def _states(self) -> list[Tensor]:
        missing = State.ABSENT if self.noised is None else State.NOISED
        return list(pattern_states(self.shape, self.part.available, missing).values())

    @torch.no_grad()
    def scores(self, network: Network) -> dict[Selection, float]:
        """Return the score on the complete pattern, and averaged over the partial ones."""
        was_training = network.training
        network.eval()
        known, states = self._known(network), self._states()
        # Rows that are not independent keep the company of their own pattern.
        at_once = [states] if fused_rows(network) is None else [[s] for s in states]
        predicted: list[Tensor] = []
        for number, some in enumerate(at_once):
            combined = combine(known, self.shape, some)
            logits = fuse(
                network, combined.embeddings, combined.states, *self.key, "validation", number
            )
            predicted += logits.argmax(1).chunk(len(some))
        network.train(was_training)
        score = SCORES[self.select_by]
        each = [score(p, self.part.labels, self.shape.classes) for p in predicted]
        return {"complete": each[-1], "partial": sum(each[:-1]) / (len(each) - 1)}

    @torch.no_grad()
    def diagnose(self, network: Network) -> dict[str, float]:
        """Return the network's own figures, averaged over the partial patterns.

        Where rows are not independent, they are those of the first batch.
        """
        network.eval()
        known = self._known(network)
        some = slice(fused_rows(network))
        each = []
        for states in self._states()[:-1]:
            combined = combine(known, self.shape, [states])
            embeddings = {name: e[some] for name, e in combined.embeddings.items()}
            each.append(network.diagnose(embeddings, combined.states[some]))
        return {name: sum(figures[name] for figures in each) / len(each) for name in each[0]}

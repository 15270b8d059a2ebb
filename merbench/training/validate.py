"""Validation: a score on every missing pattern, through encode and fuse.

What is read and scored is written once; a network by itself and a fleet differ in how they embed
and fuse alone (see `Readers`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from merbench import seeds
from merbench.corruption.grid import all_patterns
from merbench.evaluation.embed import embed_sequences
from merbench.evaluation.fuse import fuse, fused_rows
from merbench.features.observation import State
from merbench.features.part import CorpusShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Network, Selection, TeacherRows
from merbench.training.config import SelectBy


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


class Rows(NamedTuple):
    """Utterances as a network fuses them.

    Attributes:
        embeddings: modality -> (n, E).
        states: (n, M).
    """

    embeddings: dict[str, Tensor]
    states: Tensor


def combine(known: Mapping[str, TeacherRows], names: Sequence[str], states: Tensor) -> Rows:
    """Choose clean or absent embeddings by (n, M) states."""
    embeddings = {}
    for column, name in enumerate(names):
        present = (states[:, column] == State.PRESENT)[:, None]
        embeddings[name] = torch.where(present, known[name].clean, known[name].absent)
    return Rows(embeddings, states)


class Readers(Protocol):
    """Networks of one stage in eval mode, one or several, each with inputs of its own."""

    def embed(self, modality: str, inputs: Sequence[Ragged], state: State) -> Sequence[Tensor]:
        """Return (R, E) embeddings of each one's R sequences, all in one state.

        None of the sequences is empty; a network may have none, if another has some.
        """
        ...

    def fuse(self, rows: Sequence[Rows], pattern: int) -> Sequence[Tensor]:
        """Return (n, C) logits of each one's n utterances, which show one pattern."""
        ...


class Lone:
    """A network that reads by itself.

    Args:
        network: in eval mode.
        key: fold, seed and the like, for a network whose rows are not independent.
    """

    def __init__(self, network: Network, key: tuple[seeds.Part, ...] = ()) -> None:
        self.network, self.key = network, key

    def embed(self, modality: str, inputs: Sequence[Ragged], state: State) -> list[Tensor]:
        """Return embeddings."""
        return [embed_sequences(self.network, modality, each, state) for each in inputs]

    def fuse(self, rows: Sequence[Rows], pattern: int) -> list[Tensor]:
        """Return logits."""
        return [fuse(self.network, *each, *self.key, "validation", pattern) for each in rows]


def clean_embeddings(
    network: Network, part: Part, absent: dict[str, Ragged]
) -> dict[str, TeacherRows]:
    """Return each modality's embeddings: of the clean input and of an absent one."""
    (known,) = _known(Lone(network), [Validator(part, network.shape, absent)])
    return known


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

    @cached_property
    def states(self) -> list[Tensor]:
        """(n, M) states of the utterances under each pattern, the complete one last."""
        missing = State.ABSENT if self.noised is None else State.NOISED
        return list(pattern_states(self.shape, self.part.available, missing).values())

    @cached_property
    def labels(self) -> Tensor:
        """(n,) on the CPU, where predictions are counted: a few small sums each."""
        return self.part.labels.cpu()

    @torch.no_grad()
    def scores(self, network: Network) -> dict[Selection, float]:
        """Return the score on the complete pattern, and averaged over the partial ones."""
        was_training = network.training
        network.eval()
        (found,) = score_all(Lone(network, self.key), [self])
        network.train(was_training)
        return found

    def scored(self, predicted: Sequence[Tensor]) -> dict[Selection, float]:
        """Return the scores of (n,) predicted classes under each pattern."""
        score = SCORES[self.select_by]
        each = [score(p, self.labels, self.shape.classes) for p in predicted]
        return {"complete": each[-1], "partial": sum(each[:-1]) / (len(each) - 1)}

    @torch.no_grad()
    def diagnose(self, network: Network) -> dict[str, float]:
        """Return the network's own figures, averaged over the partial patterns.

        Where rows are not independent, they are those of the first batch.
        """
        network.eval()
        (known,) = _known(Lone(network), [self])
        some = slice(fused_rows(network))
        each = []
        for states in self.states[:-1]:
            rows = combine(known, self.shape.names, states)
            embeddings = {name: e[some] for name, e in rows.embeddings.items()}
            each.append(network.diagnose(embeddings, rows.states[some]))
        return {name: sum(figures[name] for figures in each) / len(each) for name in each[0]}


@torch.no_grad()
def score_all(readers: Readers, validators: Sequence[Validator]) -> list[dict[Selection, float]]:
    """Return the scores of some networks of one stage, each by a validator of its own."""
    names = validators[0].shape.names
    known = _known(readers, validators)
    predicted = []
    for pattern, states in enumerate(zip(*(v.states for v in validators), strict=True)):
        rows = [combine(k, names, s) for k, s in zip(known, states, strict=True)]
        predicted.append(torch.cat([logits.argmax(1) for logits in readers.fuse(rows, pattern)]))
    # What a device has found comes over in one piece.
    parts = torch.stack(predicted).cpu().split([len(v.part) for v in validators], 1)
    return [v.scored(part.unbind()) for v, part in zip(validators, parts, strict=True)]


def _known(readers: Readers, validators: Sequence[Validator]) -> list[dict[str, TeacherRows]]:
    """Return each modality's embeddings, of what is there and of what is missing, for each."""
    found: list[dict[str, TeacherRows]] = [{} for _ in validators]
    for column, name in enumerate(validators[0].shape.names):
        there = [v.part.available[:, column] for v in validators]
        gone = readers.embed(name, [v.absent[name] for v in validators], State.ABSENT)
        features = [v.part.features[name] for v in validators]
        clean = _where_available(readers, name, features, there, State.PRESENT, gone)
        missing: Sequence[Tensor] = gone
        noised = [v.noised[name] for v in validators if v.noised is not None]
        if noised:
            missing = _where_available(readers, name, noised, there, State.NOISED, gone)
        for each, rows in zip(found, zip(clean, missing, strict=True), strict=True):
            each[name] = TeacherRows(*rows)
    return found


def _where_available(
    readers: Readers,
    modality: str,
    inputs: Sequence[Ragged],
    available: Sequence[Tensor],
    state: State,
    absent: Sequence[Tensor],
) -> list[Tensor]:
    """Return (n, E) for each network: embeddings where there is an input, else the absent's.

    Args:
        readers: the networks.
        modality: that they read.
        inputs: n sequences each, empty where not available.
        available: (n,) bool each.
        state: of what is available.
        absent: (1, E) or (n, E) embeddings each.
    """
    rows = [there.nonzero().squeeze(1) for there in available]
    found = [a.expand(len(there), -1) for a, there in zip(absent, available, strict=True)]
    if not any(map(len, rows)):
        return found
    some = [
        ragged if len(mine) == len(ragged) else ragged.subset(mine)
        for ragged, mine in zip(inputs, rows, strict=True)
    ]
    embedded = readers.embed(modality, some, state)
    return [
        everywhere.index_copy(0, mine, embeddings)
        for everywhere, mine, embeddings in zip(found, rows, embedded, strict=True)
    ]

"""Training written out: clipping, Adam, the schedule, validation, and which epoch is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from merbench.training.config import StageTraining
from tests.training.plain_layers import Weights
from tests.training.plain_methods import Frames, PlainMethod, Step, Utterance

Pattern = tuple[str, ...]


@dataclass(frozen=True)
class PlainEpoch:
    """What an epoch leaves.

    Attributes:
        lr: learning rate.
        terms: mean of each term over the steps.
        logits: pattern -> (n, C) on the validation utterances.
        scores: unweighted accuracy on the complete pattern, and averaged over the partial ones.
        weights: after the last step.
    """

    lr: float
    terms: Mapping[str, float]
    logits: Mapping[Pattern, Tensor]
    scores: Mapping[str, float]
    weights: Weights


@dataclass(frozen=True)
class PlainValidation:
    """Validation utterances, with all that they have.

    Attributes:
        utterances: as if complete.
        stand_ins: for each utterance, modality -> (T, D) what an absent modality reads as.
        patterns: sets of modalities that are present, the complete one last.
    """

    utterances: Sequence[Utterance]
    stand_ins: Sequence[Frames]
    patterns: Sequence[Pattern]

    def under(self, pattern: Pattern) -> list[Utterance]:
        """Return the utterances of which only a pattern is shown."""
        found = []
        for utterance, stand_in in zip(self.utterances, self.stand_ins, strict=True):
            present = frozenset(pattern) & frozenset(utterance.clean)
            seen = {n: utterance.clean[n] if n in present else stand_in[n] for n in stand_in}
            found.append(replace(utterance, seen=seen, present=present))
        return found

    @torch.no_grad()
    def logits(self, method: PlainMethod, w: Weights) -> dict[Pattern, Tensor]:
        """Return (n, C) under every pattern, an utterance at a time."""
        return {
            pattern: torch.stack([method.logits(w, u) for u in self.under(pattern)])
            for pattern in self.patterns
        }

    def scores(self, logits: Mapping[Pattern, Tensor]) -> dict[str, float]:
        """Return the score on the complete pattern, and the mean over the others."""
        labels = [u.label for u in self.utterances]
        *partial, complete = (mean_recall(logits[p].argmax(1).tolist(), labels) for p in logits)
        return {"complete": complete, "partial": sum(partial) / len(partial)}


def mean_recall(predicted: Sequence[int], labels: Sequence[int]) -> float:
    """Return the mean over the classes of the share of their utterances that are right."""
    recalls = []
    for c in sorted(set(labels)):
        mine = [p for p, label in zip(predicted, labels, strict=True) if label == c]
        recalls.append(mine.count(c) / len(mine))
    return sum(recalls) / len(recalls)


def sub_network(parameter: str) -> str:
    """Return the name of the part whose gradients are clipped together with a parameter's."""
    first, *rest = parameter.split(".")
    depth = {"encoders": 1, "branches": 1 if rest[0] == "invariant" else 2, "experts": 2}
    return ".".join([first, *rest[: depth.get(first, 0)]])


def clip(gradients: Mapping[str, Tensor], limit: float) -> dict[str, Tensor]:
    """Scale each sub-network's gradient down to the limit (divided by its norm plus 1e-6)."""
    squares: dict[str, float] = {}
    for name, gradient in gradients.items():
        part = sub_network(name)
        squares[part] = squares.get(part, 0.0) + float((gradient**2).sum())
    return {
        name: gradient * min(1.0, limit / (math.sqrt(squares[sub_network(name)]) + 1e-6))
        for name, gradient in gradients.items()
    }


class PlainAdam:
    """Adam by its equations."""

    def __init__(self, betas: tuple[float, float]) -> None:
        self.betas, self.steps = betas, 0
        self.first: dict[str, Tensor] = {}
        self.second: dict[str, Tensor] = {}

    def step(self, w: Weights, gradients: Mapping[str, Tensor], lr: float) -> None:
        """Move the weights."""
        one, two = self.betas
        self.steps += 1
        for name, g in gradients.items():
            zeros = torch.zeros_like(g)
            m = self.first[name] = one * self.first.get(name, zeros) + (1 - one) * g
            v = self.second[name] = two * self.second.get(name, zeros) + (1 - two) * g**2
            m, v = m / (1 - one**self.steps), v / (1 - two**self.steps)
            w[name] = (w[name].detach() - lr * m / (v.sqrt() + 1e-8)).requires_grad_()


def train(
    method: PlainMethod,
    start: Weights,
    trained: Sequence[str],
    teacher: Weights,
    epochs: Sequence[Sequence[Step]],
    settings: StageTraining,
    validation: PlainValidation,
) -> list[PlainEpoch]:
    """Train a stage on the steps of its epochs.

    Args:
        method: the stage.
        start: parameters and buffers to start from.
        trained: the names of those that are parameters.
        teacher: the frozen weights of the stage before.
        epochs: the steps of each.
        settings: learning rate and the like.
        validation: what the epochs are judged by.
    """
    w = {name: value.clone().requires_grad_(name in trained) for name, value in start.items()}
    adam, found = PlainAdam(settings.betas), []
    for number, steps in enumerate(epochs, start=1):
        beyond = max(0, number - settings.epochs)
        lr = settings.lr * (1 - beyond / (settings.decay_epochs + 1))
        each = []
        for step in steps:
            terms = method.terms(w, step, teacher)
            total = sum(terms.values(), torch.zeros(()))
            gradients = torch.autograd.grad(
                total, [w[name] for name in trained], materialize_grads=True, allow_unused=True
            )
            adam.step(w, clip(dict(zip(trained, gradients, strict=True)), settings.clip), lr)
            each.append({name: float(term.detach()) for name, term in terms.items()})
        means = {name: sum(terms[name] for terms in each) / len(each) for name in each[0]}
        logits = validation.logits(method, w)
        scores = validation.scores(logits)
        weights = {name: value.detach().clone() for name, value in w.items()}
        found.append(PlainEpoch(lr, means, logits, scores, weights))
    return found


def first_best(epochs: Sequence[PlainEpoch], criterion: str) -> int:
    """Return the number, from 1, of the first epoch with the highest score."""
    scores = [epoch.scores[criterion] for epoch in epochs]
    return 1 + scores.index(max(scores))

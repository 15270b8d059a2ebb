"""The bench: one method, one division of a corpus, and what checks have in common."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from merbench import registry
from merbench.audit.corpora import Ground, shuffled_labels, with_garbage
from merbench.audit.fitting import Fitted, fit
from merbench.audit.predict import (
    Apart,
    Predictor,
    mixed_states,
    predict,
    predict_under,
    under_patterns,
)
from merbench.audit.subject import Effort, Subject
from merbench.audit.verdict import NotApplicableError
from merbench.corpus.corpus import Corpus
from merbench.corpus.folds import Fold
from merbench.corruption.grid import (
    Condition,
    Grid,
    NoiseColumn,
    On,
    all_patterns,
    build_grid,
)
from merbench.evaluation.evaluator import GridEvaluator
from merbench.execution.prepare import PreparedFold, forget_prepared, prepare
from merbench.execution.protocol import Division, Protocol
from merbench.features.observation import Observation
from merbench.features.part import make_part
from merbench.training.validate import unweighted_accuracy

# Neither of these takes anything from other utterances, whatever their part.
_NOISES = ("gaussian", "burst")
_SEVERITIES = (0.3, 0.7)
_ON: tuple[On, ...] = ("absent", "present")
_STRANGERS = 40


@dataclass(frozen=True)
class Scores:
    """Mean recall on the complete pattern, and averaged over the partial ones."""

    complete: float
    partial: float


@dataclass(frozen=True)
class Canary:
    """What became of a training beside a test part that is another.

    Attributes:
        changed: names of the learnt arrays that differ from those of the plain training.
        arrays: how many were learnt.
        score: mean recall on the labels of that other test part.
    """

    changed: tuple[str, ...]
    arrays: int
    score: float


class Bench:
    """A method under audit, and the ground it is tested on.

    What is dear is made when a check first asks for it, and then kept.

    Args:
        subject: the method.
        ground: corpus and fold.
    """

    def __init__(self, subject: Subject, ground: Ground) -> None:
        self.subject = subject
        self.corpus, self.fold, self.path = ground

    def prepared(self, corpus: Corpus, fold: Fold | None = None) -> PreparedFold:
        """Return a division made ready; never one that was remembered for another corpus."""
        forget_prepared()
        noises = [registry.load("noises", name) for name in _NOISES]
        columns = []
        for name, noise in zip(_NOISES, (cls(cls.Config()) for cls in noises), strict=True):
            points = tuple(noise.at_severity(severity) for severity in _SEVERITIES)
            columns.append(NoiseColumn(name, noise, _ON, points))
        protocol = Protocol(
            corpus=corpus,
            grid=build_grid(corpus, all_patterns(corpus.names), columns),
            seed=0,
            reserved=None,
            threads=1,
            evaluation_batch=4096,
            device="cpu",
        )
        return prepare(protocol, Division(fold or self.fold))

    @cached_property
    def ready(self) -> PreparedFold:
        """The fold as a run prepares it."""
        return self.prepared(self.corpus)

    @property
    def evaluator(self) -> GridEvaluator:
        """Holds the test part."""
        return self.ready.evaluator

    @cached_property
    def clean(self) -> tuple[Condition, ...]:
        """The conditions without noise: one for each pattern."""
        grid: Grid = self.evaluator.grid
        return tuple(condition for condition in grid.conditions if condition.point is None)

    def fit(
        self,
        effort: Effort,
        fold: PreparedFold | None = None,
        *,
        seed: int = 0,
        around: int = 0,
    ) -> Fitted:
        """Let a fresh method learn the fold, or another one (see `fitting.fit`)."""
        return fit(self.subject, fold or self.ready, effort, seed=seed, around=around)

    @cached_property
    def fitted(self) -> Fitted:
        """The method, trained in full."""
        return self.fit("full")

    @property
    def predictor(self) -> Predictor:
        """Of the method trained in full."""
        return self.fitted.predictor

    @cached_property
    def short(self) -> Fitted:
        """The method, trained for a few epochs."""
        return self.fit("short")

    @cached_property
    def short_again(self) -> Fitted:
        """The same training in other surroundings."""
        return self.fit("short", around=1)

    @cached_property
    def other_labels(self) -> Canary:
        """A short training while the test labels are dealt out anew."""
        return self._beside(shuffled_labels(self.corpus, self.fold.test, "test"))

    @cached_property
    def other_features(self) -> Canary:
        """A short training while the test features are garbage."""
        return self._beside(with_garbage(self.corpus, self.fold.test, self.corpus.names))

    def _beside(self, corpus: Corpus) -> Canary:
        fold = self.prepared(corpus)
        found = self.fit("short", fold)
        scores = self.scores(found, fold.evaluator)
        return Canary(
            found.changed_from(self.short), len(found.learnt), max(scores.complete, scores.partial)
        )

    def need_repeatable_training(self) -> None:
        """Refuse to compare trainings that differ by themselves.

        Raises:
            NotApplicableError: two equal trainings do, or they may: epochs are picked by
                predictions that differ by themselves.
        """
        if self.short_again.changed_from(self.short):
            raise NotApplicableError("equal trainings differ by themselves; see determinism")
        if self.short.picks and self._short_repeats.differs:
            raise NotApplicableError(
                "epochs are picked by predictions that differ by themselves; see determinism"
            )

    @cached_property
    def _short_repeats(self) -> Apart:
        """How far the same call of the method that was trained for a few epochs is from itself."""
        one, other = (
            predict_under(self.evaluator, self.clean[-1], self.short.method, self.short.predictor)
            for _ in range(2)
        )
        return Apart.of(one, other)

    @cached_property
    def company(self) -> GridEvaluator:
        """Holds the test utterances, and behind them some of training: their strangers."""
        normaliser = self.evaluator.corruptor.normaliser
        positions = np.concatenate([self.fold.test, self.fold.train[:_STRANGERS]])
        part = make_part(self.corpus, normaliser, positions, torch.device("cpu"))
        return dataclasses.replace(self.evaluator, part=part)

    def mixed(self, rows: Tensor) -> Observation:
        """Return utterances of `company`, each under a pattern of its own."""
        states = mixed_states(self.company)[rows]
        return under_patterns(self.company, self.fitted.method, rows, states)

    @cached_property
    def whole(self) -> Observation:
        """The test utterances, each under a pattern of its own."""
        return self.mixed(torch.arange(len(self.fold.test)))

    @cached_property
    def reference(self) -> Tensor:
        """(n, C) logits of `whole`."""
        return predict(self.predictor, self.whole)

    @cached_property
    def untouched(self) -> tuple[Tensor, ...]:
        """(n, C) logits of the test part under each of `clean`."""
        return tuple(
            predict_under(self.evaluator, condition, self.fitted.method, self.predictor)
            for condition in self.clean
        )

    @cached_property
    def repeats(self) -> Apart:
        """How far the same call in the same surroundings is from itself."""
        return Apart.of(predict(self.predictor, self.whole), self.reference)

    @cached_property
    def draws(self) -> bool:
        """Whether predictions depend on the generators of the surroundings."""
        return Apart.of(predict(self.predictor, self.whole, seed=1), self.reference).differs

    def need_repeatable_predictions(self) -> None:
        """Refuse to compare predictions that differ by themselves.

        Raises:
            NotApplicableError: they do.
        """
        if self.repeats.differs:
            raise NotApplicableError("equal predictions differ by themselves; see determinism")

    @cached_property
    def stuck(self) -> int:
        """Places of a batch that say the same whoever stands there, while others do not."""
        n = len(self.fold.test)
        moved = predict(self.predictor, self.mixed(torch.arange(n).roll(n // 2)))
        same = (moved == self.reference).all(1)
        return 0 if bool(same.all()) else int(same.sum())

    def need_scores(self) -> None:
        """Refuse to judge predictions where there are none.

        Raises:
            NotApplicableError: some places of a batch are not predicted.
        """
        if self.stuck:
            text = f"{self.stuck} places of a batch say the same whoever stands there"
            raise NotApplicableError(f"{text}; see scored_once")

    def scores(self, fitted: Fitted, evaluator: GridEvaluator | None = None) -> Scores:
        """Return what a trained method scores on a test part without noise."""
        on = evaluator or self.evaluator
        found = [
            unweighted_accuracy(
                predict_under(on, condition, fitted.method, fitted.predictor).argmax(1),
                on.part.labels,
                on.shape.classes,
            )
            for condition in self.clean
        ]
        return Scores(found[-1], sum(found[:-1]) / (len(found) - 1))

    @property
    def chance(self) -> float:
        """Mean recall of whoever knows nothing."""
        present = len(set(self.corpus.labels[self.fold.test].tolist()))
        return 1 / present

    @property
    def chance_error(self) -> float:
        """Standard error of that mean recall on the test part, under one condition."""
        counts = np.bincount(self.corpus.labels[self.fold.test])
        counts = counts[counts > 0]
        share = 1 / len(counts)
        return float(np.sqrt(share * (1 - share) * (1 / counts).sum()) / len(counts))

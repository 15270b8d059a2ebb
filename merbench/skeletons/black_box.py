"""Skeleton: a method with its own way of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat

from merbench.features.observation import Observation, ObservedModality, State
from merbench.features.part import Part
from merbench.features.ragged import Ragged
from merbench.methods.base import BlackBox, FitContext, MethodConfig, StateUse


class SkeletonConfig(MethodConfig):
    """Settings, as a suite writes them: `{name: ..., reach: 0.5}`."""

    reach: PositiveFloat = 0.1


class Skeleton(BlackBox):
    """Training utterances vote, the nearer the louder; what is absent is not compared."""

    summary = "votes of the training utterances, the nearer the louder"
    uses_states = StateUse.ABSENCE
    Config = SkeletonConfig
    config: SkeletonConfig

    def fit(self, train: Part, valid: Part, context: FitContext) -> None:
        """Learn from the training part; choose on the validation part."""
        self.learnt = {name: _means(train.features[name]) for name in context.shape.names}
        self.labels = train.labels.numpy()
        self.classes = context.shape.classes

    def predict_proba(self, observation: Observation) -> NDArray[np.floating]:
        """Return (B, C) probabilities; a row may look at nothing but itself."""
        distances = np.zeros((len(observation), len(self.labels)))
        for name, seen in observation.modalities.items():
            distances += self._distances(name, seen)
        distances -= distances.min(1, keepdims=True)
        votes = np.exp(-distances / self.config.reach)
        counts = votes @ np.eye(self.classes)[self.labels]
        shares: NDArray[np.floating] = counts / counts.sum(1, keepdims=True)
        return shares

    def _distances(self, name: str, seen: ObservedModality) -> NDArray[np.float64]:
        """Return (B, n) mean squared differences; 0 where one side lacks the modality."""
        rows = _means(seen.sequences)[seen.rows.numpy()]
        here = (seen.states != State.ABSENT).numpy()
        apart = np.stack([((self.learnt[name] - row) ** 2).mean(1) for row in rows])
        return np.where(here[:, None], np.nan_to_num(apart), 0.0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was learnt, as arrays of numbers."""
        return {"labels": self.labels, **{f"mean {k}": v for k, v in self.learnt.items()}}

    def restore(self, arrays: Mapping[str, NDArray[Any]], context: FitContext) -> None:
        """Take up what `arrays` returned."""
        self.learnt = {name: arrays[f"mean {name}"] for name in context.shape.names}
        self.labels = arrays["labels"]
        self.classes = context.shape.classes


def _means(sequences: Ragged) -> NDArray[np.float64]:
    """Return (n, D) means over time; NaN where a sequence is empty."""
    lengths = sequences.lengths.numpy()
    sums = np.zeros((len(lengths), sequences.width))
    np.add.at(sums, sequences.row.numpy(), sequences.values.double().numpy())
    return sums / np.where(lengths > 0, lengths, np.nan)[:, None]

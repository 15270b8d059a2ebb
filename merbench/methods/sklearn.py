"""The adapter for scikit-learn style classifiers: features pooled over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench.corpus.corpus import Kind
from merbench.features.observation import Observation, ObservedModality, State
from merbench.features.part import Part
from merbench.features.ragged import Ragged
from merbench.methods.base import BlackBox, FitContext, StateUse


def pool(sequences: Ragged, kind: Kind) -> Tensor:
    """Return mean, maximum and standard deviation over time: (R, 3 D), or (R, D) for vectors.

    A sequence without frames gives NaN.
    """
    n, width = len(sequences), sequences.width
    values, row = sequences.values.double(), sequences.row
    count = sequences.lengths.double()[:, None]
    where = row[:, None].expand(-1, width)
    zeros = values.new_zeros(n, width)
    mean = zeros.scatter_add(0, where, values) / count
    if kind == "vector":
        return mean.to(sequences.values.dtype)
    square = zeros.scatter_add(0, where, (values - mean[row]) ** 2) / count
    largest = zeros.fill_(torch.nan).scatter_reduce(0, where, values, "amax", include_self=False)
    return torch.cat([mean, largest, square.sqrt()], 1).to(sequences.values.dtype)


class LinearWeights(NamedTuple):
    """(F, C) weights and (C,) biases."""

    weights: NDArray[np.float64]
    biases: NDArray[np.float64]


class PooledClassifier(BlackBox):
    """A linear classifier on pooled, standardised features; absent = training mean.

    Subclasses say how weights are learnt. Predictions are affine in the features, so they are
    stored as two arrays and reproduced without pickle.
    """

    uses_states = StateUse.ABSENCE

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._learnt: dict[str, NDArray[Any]] = {}
        self._kinds: dict[str, Kind] = {}

    @abstractmethod
    def estimate(
        self, features: NDArray[np.float64], labels: NDArray[np.int64], context: FitContext
    ) -> LinearWeights:
        """Learn from (n, F) features."""

    def fit(self, train: Part, valid: Part, context: FitContext) -> None:
        """Learn from the pooled features of the training part."""
        self._kinds = {m.name: m.kind for m in context.shape.modalities}
        standardised = []
        for column, (name, kind) in enumerate(self._kinds.items()):
            pooled = pool(train.features[name], kind).double().cpu().numpy()
            there = train.available[:, column].cpu().numpy()
            # A modality that no training utterance has gets no weight, whatever its mean.
            known = pooled[there] if there.any() else np.zeros((1, pooled.shape[1]))
            mean, sd = known.mean(0), known.std(0)
            sd[sd < 1e-9] = 1.0
            self._learnt |= {f"{name}/mean": mean, f"{name}/sd": sd}
            standardised.append(np.where(there[:, None], (pooled - mean) / sd, 0.0))
        weights, biases = self.estimate(
            np.concatenate(standardised, 1), train.labels.cpu().numpy(), context
        )
        first = 0
        for name, block in zip(self._kinds, standardised, strict=True):
            self._learnt[f"{name}/weights"] = weights[first : first + block.shape[1]]
            first += block.shape[1]
        self._learnt["biases"] = biases

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, C): the modality's share of the logits; 0 where it is absent."""
        learnt = {
            key: torch.from_numpy(self._learnt[f"{modality}/{key}"])
            for key in ("mean", "sd", "weights")
        }
        pooled = pool(observed.sequences, self._kinds[modality]).double().cpu()
        share = ((pooled - learnt["mean"]) / learnt["sd"] @ learnt["weights"])[observed.rows.cpu()]
        here = (observed.states != State.ABSENT).cpu()
        return torch.where(here[:, None], share, 0.0)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits."""
        total = torch.from_numpy(self._learnt["biases"])
        for column, name in enumerate(self._kinds):
            here = (states[:, column] != State.ABSENT).cpu()
            total = total + torch.where(here[:, None], embeddings[name], 0.0)
        return total

    def predict_proba(self, observation: Observation) -> NDArray[np.floating]:
        """Return (B, C) class probabilities."""
        shares = {name: self.encode(name, seen) for name, seen in observation.modalities.items()}
        return self.fuse(shares, observation.states).softmax(1).numpy()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return means, deviations, weights and biases."""
        return dict(self._learnt)

    def restore(self, arrays: Mapping[str, NDArray[Any]], context: FitContext) -> None:
        """Take up what was learnt."""
        self._learnt = dict(arrays)
        self._kinds = {m.name: m.kind for m in context.shape.modalities}

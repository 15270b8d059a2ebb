"""The adapter for scikit-learn estimators: features pooled over time, one row an utterance."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import has_fit_parameter
from torch import Tensor

from merbench.corpus.corpus import Kind
from merbench.errors import ConfigError
from merbench.features.observation import Observation, ObservedModality, State
from merbench.features.part import Part
from merbench.methods.base import BlackBox, FitContext, MethodConfig, StateUse
from merbench.methods.sklearn import pool

_SMALLEST_SD = 1e-9
_SMALLEST_PROBABILITY = 1e-12


class EstimatorMethod(BlackBox):
    """A method that is a scikit-learn classifier.

    An utterance is a row of mean, maximum and standard deviation over time of every feature
    (vectors as they are), standardised by the training part; what is absent is 0, the training
    mean. Subclasses say which estimator:

        class Forest(EstimatorMethod):
            summary = "random forest on pooled features"

            def estimator(self, seed):
                return RandomForestClassifier(random_state=seed)

    What is stored is what it learnt from: the rows and labels. Restoring fits it again, with the
    seed it had, so no pickle is ever read.
    """

    uses_states = StateUse.ABSENCE

    def __init__(self, config: MethodConfig) -> None:
        super().__init__(config)
        self._stored: dict[str, NDArray[Any]] = {}
        self._kinds: dict[str, Kind] = {}
        self._classes = 0
        self._fitted: Any = None

    @abstractmethod
    def estimator(self, seed: int) -> Any:
        """Return an unfitted estimator with `predict_proba`; randomness, if any, from the seed."""

    def fit(self, train: Part, valid: Part, context: FitContext) -> None:
        """Learn from the pooled features of the training part."""
        self._describe(context)
        labels = train.labels.cpu().numpy()
        self._stored = {
            "labels": labels,
            "seed": np.array(context.seed),
            "weights": _weights(labels, context),
        }
        rows = []
        for column, (name, kind) in enumerate(self._kinds.items()):
            pooled = pool(train.features[name], kind).double().cpu().numpy()
            there = train.available[:, column].cpu().numpy()
            # Of a modality that no training utterance has, nothing is known but zeros.
            known = pooled[there] if there.any() else np.zeros((1, pooled.shape[1]))
            sd = known.std(0)
            self._stored[f"{name}/mean"] = known.mean(0)
            self._stored[f"{name}/sd"] = np.where(sd < _SMALLEST_SD, 1.0, sd)
            rows.append(np.where(there[:, None], self._standardised(name, pooled), 0.0))
        self._stored["rows"] = np.concatenate(rows, 1)
        self._learn()

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, F) pooled, standardised features of a modality; 0 where it is absent."""
        pooled = pool(observed.sequences, self._kinds[modality]).double().cpu().numpy()
        rows = torch.from_numpy(self._standardised(modality, pooled))[observed.rows.cpu()]
        here = (observed.states != State.ABSENT).cpu()
        return torch.where(here[:, None], rows, 0.0)

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) log-probabilities."""
        rows = []
        for column, name in enumerate(self._kinds):
            here = (states[:, column] != State.ABSENT).cpu()
            rows.append(torch.where(here[:, None], embeddings[name], 0.0))
        found = np.asarray(self._fitted.predict_proba(torch.cat(rows, 1).numpy()), np.float64)
        # A class that training lacks has no column.
        probabilities = np.zeros((len(states), self._classes))
        probabilities[:, self._fitted.classes_] = found
        return torch.from_numpy(np.log(np.maximum(probabilities, _SMALLEST_PROBABILITY)))

    def predict_proba(self, observation: Observation) -> NDArray[np.floating]:
        """Return (B, C) class probabilities."""
        rows = {name: self.encode(name, seen) for name, seen in observation.modalities.items()}
        return self.fuse(rows, observation.states).softmax(1).numpy()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what it learnt from."""
        return dict(self._stored)

    def restore(self, arrays: Mapping[str, NDArray[Any]], context: FitContext) -> None:
        """Fit it again."""
        self._describe(context)
        self._stored = dict(arrays)
        self._learn()

    def _describe(self, context: FitContext) -> None:
        self._kinds = {m.name: m.kind for m in context.shape.modalities}
        self._classes = context.shape.classes

    def _standardised(self, modality: str, pooled: NDArray[np.float64]) -> NDArray[np.float64]:
        mean, sd = self._stored[f"{modality}/mean"], self._stored[f"{modality}/sd"]
        standardised: NDArray[np.float64] = (pooled - mean) / sd
        return standardised

    def _learn(self) -> None:
        estimator = self.estimator(int(self._stored["seed"]))
        name = type(estimator).__name__
        if not hasattr(estimator, "predict_proba"):
            raise ConfigError(
                f"{type(self).__name__}: {name} has no predict_proba; expected a classifier that "
                "has one (sklearn.calibration.CalibratedClassifierCV gives it to others)"
            )
        weights = {}
        if len(self._stored["weights"]):
            if not has_fit_parameter(estimator, "sample_weight"):
                raise ConfigError(
                    f"{type(self).__name__}: class_weights is balanced, and {name} takes no "
                    "sample_weight; expected class_weights: off"
                )
            weights["sample_weight"] = self._stored["weights"]
        self._fitted = estimator.fit(self._stored["rows"], self._stored["labels"], **weights)


def _weights(labels: NDArray[np.int64], context: FitContext) -> NDArray[np.float64]:
    """Return (n,) weights that make classes count alike; none where that is off."""
    if context.class_weights == "off":
        return np.empty(0)
    counts = np.bincount(labels, minlength=context.shape.classes)
    weights: NDArray[np.float64] = (len(labels) / ((counts > 0).sum() * counts.clip(1)))[labels]
    return weights

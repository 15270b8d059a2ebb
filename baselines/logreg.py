"""logreg: multinomial logistic regression on pooled features, the sanity floor."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat
from sklearn.linear_model import LogisticRegression

from merbench.methods.base import FitContext, MethodConfig
from merbench.methods.sklearn import LinearWeights, PooledClassifier
from merbench.tuning.space import Float, SearchSpace


class LogRegConfig(MethodConfig):
    """Settings of the logistic regression: `C` is scikit-learn's inverse penalty."""

    C: PositiveFloat = 0.01
    search_space: ClassVar[SearchSpace] = {"C": Float(1e-4, 10.0, log=True)}


class LogReg(PooledClassifier):
    """Mean, maximum and deviation over time, standardised; an absent modality is its mean."""

    summary = "logistic regression on pooled features: the sanity floor"
    Config = LogRegConfig
    config: LogRegConfig

    def estimate(
        self, features: NDArray[np.float64], labels: NDArray[np.int64], context: FitContext
    ) -> LinearWeights:
        """Fit by scikit-learn."""
        weights_of_classes = "balanced" if context.class_weights == "balanced" else None
        model = LogisticRegression(
            C=self.config.C, max_iter=1000, class_weight=weights_of_classes
        ).fit(features, labels)
        classes = context.shape.classes
        # Two classes come with one row of weights; a class missing from training with none.
        rows, bias = model.coef_, model.intercept_
        if len(model.classes_) == 2:
            rows, bias = np.concatenate([-rows, rows]) / 2, np.concatenate([-bias, bias]) / 2
        weights = np.zeros((features.shape[1], classes))
        biases = np.full(classes, -1e9)
        weights[:, model.classes_] = rows.T
        biases[model.classes_] = bias
        return LinearWeights(weights, biases)

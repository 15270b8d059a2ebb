"""Skeleton: a scikit-learn classifier on pooled features."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt
from sklearn.ensemble import ExtraTreesClassifier

from merbench.methods.base import MethodConfig
from merbench.methods.estimator import EstimatorMethod


class SkeletonConfig(MethodConfig):
    """Settings, as a suite writes them: `{name: ..., trees: 50}`."""

    trees: PositiveInt = 100


class Skeleton(EstimatorMethod):
    """Trees on mean, maximum and deviation over time; what is absent is the training mean."""

    summary = "extremely random trees on pooled features"
    Config = SkeletonConfig
    config: SkeletonConfig

    def estimator(self, seed: int) -> Any:
        """Return the classifier, unfitted; all its randomness comes from the seed."""
        return ExtraTreesClassifier(self.config.trees, random_state=seed)

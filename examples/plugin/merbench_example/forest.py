"""A method: a random forest on pooled features."""

from pydantic import PositiveInt
from sklearn.ensemble import RandomForestClassifier

from merbench.methods.base import MethodConfig
from merbench.methods.estimator import EstimatorMethod


class ForestConfig(MethodConfig):
    """Settings of the forest, as a suite writes them: `{name: forest, trees: 50}`."""

    trees: PositiveInt = 100


class Forest(EstimatorMethod):
    """Trees on mean, maximum and deviation over time."""

    summary = "random forest on pooled features"
    Config = ForestConfig
    config: ForestConfig

    def estimator(self, seed: int) -> RandomForestClassifier:
        """Return the forest, unfitted."""
        return RandomForestClassifier(self.config.trees, random_state=seed)

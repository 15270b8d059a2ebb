"""Methods that come from elsewhere, and a corpus in files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import PositiveFloat
from sklearn.dummy import DummyClassifier

from merbench.methods.base import MethodConfig
from merbench.methods.estimator import EstimatorMethod
from merbench.tuning.space import Float, SearchSpace


class Untunable(EstimatorMethod):
    """A black box that states no space."""

    summary = "guesses"

    def estimator(self, seed):
        return DummyClassifier()


class BrokenConfig(MethodConfig):
    strength: PositiveFloat = 1.0
    search_space: ClassVar[SearchSpace] = {"strength": Float(0.1, 10.0, log=True)}


class Broken(Untunable):
    """A black box that cannot be fitted."""

    Config = BrokenConfig

    def estimator(self, seed):
        raise ArithmeticError("no such estimator")


class MisspeltConfig(MethodConfig):
    strength: PositiveFloat = 1.0
    search_space: ClassVar[SearchSpace] = {"strenght": Float(0.1, 10.0)}


class Misspelt(Untunable):
    """Its space names a setting that it does not have."""

    Config = MisspeltConfig


class OutsideConfig(MethodConfig):
    strength: PositiveFloat = 1.0
    search_space: ClassVar[SearchSpace] = {"strength": Float(-1.0, 10.0)}


class Outside(Untunable):
    """Its space has values that it refuses."""

    Config = OutsideConfig


def write_corpus(folder: Path, spoilt: np.ndarray, seed: int = 0) -> Path:
    """Write a small table corpus, some of whose utterances have other features and labels."""
    n = 72
    folder.mkdir()
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    arrays = {
        "audio": rng.normal(size=(n, 6)) + labels[:, None],
        "text": rng.normal(size=(n, 5)) - labels[:, None],
    }
    other = np.random.default_rng(seed + 1)
    for values in arrays.values():
        values[spoilt] = other.normal(0, 50, (len(spoilt), values.shape[1]))
    labels[spoilt] = other.permutation(labels[spoilt])[::-1]
    np.savez(folder / "features.npz", **arrays)
    rows = [f"u{i},{'abc'[labels[i]]},s{i % 6}" for i in range(n)]
    (folder / "index.csv").write_text("\n".join(["utterance,label,speaker", *rows]) + "\n")
    return folder

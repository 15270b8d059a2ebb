"""A grid: its damage beside bare random numbers, its predictions beside those made one by one."""

from __future__ import annotations

import numpy as np
import pytest

from merbench.evaluation.evaluator import GridEvaluator
from merbench.execution.prepare import PreparedFold
from tests.benchmarks.fold import Sizes, make_corpus, make_fold, make_grid, with_grid
from tests.benchmarks.grids import direct, under
from tests.benchmarks.ours import evaluate, make_method
from tests.benchmarks.plain_networks import plain_network
from tests.benchmarks.speed.beside import SPEED, beside

pytestmark = SPEED
SIZES = Sizes(60, 12, 60)
CONDITIONS = 59  # 2 noises x 2 severities x (7 patterns present + 6 absent), and 7 without noise


@pytest.fixture(scope="module")
def fold() -> PreparedFold:
    return make_fold(make_corpus(SIZES.total, "ragged"), SIZES, conditions=CONDITIONS)


def test_grid_per_prediction(benchmark, fold):
    trained = make_method("mmin", fold)
    grid = make_grid(fold.evaluator.corruptor.corpus, CONDITIONS)
    plain = plain_network(trained.predictor)
    features = under(fold.evaluator, fold.evaluator.grid.conditions[-1])
    benchmark.extra_info["predictions"] = CONDITIONS * SIZES.test
    beside(
        benchmark,
        lambda: direct(plain, fold.evaluator, features),
        lambda: evaluate(trained, fold, grid),
        rounds=5,
        parts=CONDITIONS,
    )


def test_drawing_of_corruption(benchmark, fold):
    frames = sum(ragged.values.numel() for ragged in fold.evaluator.part.features.values())
    rng = np.random.default_rng(0)
    grid = make_grid(fold.evaluator.corruptor.corpus, CONDITIONS)
    beside(
        benchmark,
        lambda: rng.standard_normal((len(grid.noises), frames), np.float32),
        lambda: apply_all(with_grid(fold.evaluator, grid)),
        rounds=15,
    )


def apply_all(evaluator: GridEvaluator) -> None:
    """Draw every noise of a grid, and apply it at every severity."""
    for modality in range(len(evaluator.shape.modalities)):
        for seen in evaluator.grid.inputs(modality):
            if seen.noise is not None:
                evaluator.sequences(modality, seen)

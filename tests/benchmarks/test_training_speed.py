"""Epochs and grids at IEMOCAP's full size, ours and the usual way, side by side.

pytest -m bench --benchmark-enable --timeout 0 tests/benchmarks
"""

from __future__ import annotations

import pytest

from merbench.execution.prepare import PreparedFold
from merbench.execution.tasks import cpu_threads
from tests.benchmarks.fold import Sizes, make_corpus, make_fold, make_grid, with_grid
from tests.benchmarks.grids import CONDITIONS, direct, under
from tests.benchmarks.ours import METHODS, evaluate, make_method, train
from tests.benchmarks.plain import PlainRun
from tests.benchmarks.plain_networks import plain_network

pytestmark = [pytest.mark.bench, pytest.mark.timeout(0)]
STAGES = [(name, number) for name in METHODS for number in (0, 1)]
ROUNDS = 3


@pytest.fixture(scope="module")
def fold() -> PreparedFold:
    sizes = Sizes()
    return make_fold(make_corpus(sizes.total), sizes)


@pytest.fixture(autouse=True)
def two_threads():
    with cpu_threads(2):
        yield


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_our_epoch_with_validation(benchmark, fold, name, number) -> None:
    trained = make_method(name, fold)
    benchmark.group = f"{name} stage {number + 1}"
    benchmark.pedantic(train, (trained, number, fold), rounds=ROUNDS)


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_plain_epoch_with_validation_and_test(benchmark, fold, name, number) -> None:
    trained = make_method(name, fold)
    run = PlainRun(trained.stages[number], trained.networks[number], trained.teacher(number), fold)
    benchmark.group = f"{name} stage {number + 1}"
    benchmark.pedantic(run.epoch, rounds=ROUNDS)


@pytest.mark.parametrize("conditions", CONDITIONS)
@pytest.mark.parametrize("name", METHODS)
def test_our_grid(benchmark, fold, name, conditions) -> None:
    trained = make_method(name, fold)
    grid = make_grid(fold.evaluator.corruptor.corpus, conditions)
    benchmark.group = f"{name} grid"
    benchmark.pedantic(evaluate, (trained, fold, grid), rounds=ROUNDS)


@pytest.mark.parametrize("name", METHODS)
def test_one_condition_the_direct_way(benchmark, fold, name) -> None:
    plain = plain_network(make_method(name, fold).predictor)
    grid = make_grid(fold.evaluator.corruptor.corpus, CONDITIONS[0])
    evaluator = with_grid(fold.evaluator, grid)
    features = under(evaluator, grid.conditions[-1])
    benchmark.group = f"{name} grid"
    benchmark.pedantic(direct, (plain, evaluator, features), rounds=ROUNDS)

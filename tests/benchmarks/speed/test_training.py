"""An epoch, beside the usual loop's."""

from __future__ import annotations

import pytest

from merbench.execution.prepare import PreparedFold
from tests.benchmarks.fold import Sizes, make_corpus, make_fold
from tests.benchmarks.ours import make_method, train
from tests.benchmarks.plain import PlainRun
from tests.benchmarks.speed.beside import SPEED, beside

pytestmark = SPEED
SHARE = 0.03


@pytest.fixture(scope="module")
def fold() -> PreparedFold:
    sizes = Sizes().scaled(SHARE)
    return make_fold(make_corpus(sizes.total, "ragged"), sizes)


@pytest.mark.parametrize(("name", "number"), [("zero_fill", 0), ("mmin", 1)])
def test_epoch(benchmark, fold, name, number):
    trained = make_method(name, fold)
    plain = PlainRun(
        trained.stages[number], trained.networks[number], trained.teacher(number), fold
    )
    beside(benchmark, plain.epoch, lambda: train(trained, number, fold), rounds=3)

"""What more utterances and more folds cost."""

from __future__ import annotations

from typing import Any

from merbench.corpus.corpus import Corpus
from merbench.execution.prepare import PreparedFold
from tests.benchmarks.fold import Sizes, make_fold
from tests.benchmarks.ours import METHODS, evaluate, make_method, train
from tests.benchmarks.timing import Timed, in_turns, seconds_of

SHARES = (0.25, 0.5, 1.0)
FOLDS = (1, 2, 3)


def measure_scaling(corpus: Corpus, sizes: Sizes, rounds: int) -> dict[str, Any]:
    """Measure an epoch and a grid at shares of the corpus, and whole folds one after the other."""
    return {"utterances": _utterances(corpus, sizes, rounds), "folds": _folds(corpus, sizes)}


def _utterances(corpus: Corpus, sizes: Sizes, rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = {name: {} for name in METHODS}
    for share in SHARES:
        fold = make_fold(corpus, sizes.scaled(share))
        for name in METHODS:
            trained = make_method(name, fold)
            last = len(trained.stages) - 1
            times = in_turns(
                {
                    "epoch": lambda t=trained, n=last, f=fold: train(t, n, f).epoch,
                    "grid": lambda t=trained, f=fold: seconds_of(lambda: evaluate(t, f)),
                },
                rounds,
            )
            found[name][str(len(fold.train))] = {
                "test_utterances": len(fold.evaluator.part),
                **{what: timed.record() for what, timed in times.items()},
            }
    return found


def _folds(corpus: Corpus, sizes: Sizes) -> dict[str, Any]:
    """Time folds as a run does them: prepare, train (an epoch of each stage), evaluate."""
    each: list[float] = []
    for number in range(max(FOLDS)):

        def cell(number: int = number) -> None:
            # Numbers of their own: a fold that is prepared already would cost nothing.
            _whole(make_fold(corpus, sizes, number=100 + number))

        each.append(seconds_of(cell))
    return {
        "seconds": {str(k): sum(each[:k]) for k in FOLDS},
        "median_of_a_fold": Timed(tuple(each)).median,
    }


def _whole(fold: PreparedFold) -> None:
    trained = make_method("mmin", fold)
    for number in range(len(trained.stages)):
        train(trained, number, fold)
    evaluate(trained, fold)

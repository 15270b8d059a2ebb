"""The grid: every input encoded once against every condition done the direct way."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from merbench.corruption.grid import Condition, Grid
from merbench.evaluation.evaluator import GridEvaluator
from merbench.execution.prepare import PreparedFold
from merbench.features.observation import State
from tests.benchmarks.flops import direct_condition, needed_grid
from tests.benchmarks.fold import make_grid, with_grid
from tests.benchmarks.ours import METHODS, Trained, evaluate, make_method
from tests.benchmarks.plain_data import EVALUATION_BATCH
from tests.benchmarks.plain_networks import PlainNetwork, plain_network
from tests.benchmarks.timing import Timed, in_turns, seconds_of

CONDITIONS = (30, 180, 420)
SAMPLE = 5  # conditions done the direct way, spread over the grid


@torch.no_grad()
def direct(network: PlainNetwork, evaluator: GridEvaluator, features: list[list[Any]]) -> Any:
    """Return (n, C) logits under one condition: pad, encode all modalities, fuse.

    Args:
        network: the plain form.
        evaluator: whose test part it is.
        features: modality -> the (T, D) of each utterance under the condition.
    """
    network.eval()
    names, n = evaluator.shape.names, len(evaluator.part)
    logits = []
    for start in range(0, n, EVALUATION_BATCH):
        rows = slice(start, start + EVALUATION_BATCH)
        batch = {
            name: pad_sequence(each[rows], batch_first=True)
            for name, each in zip(names, features, strict=True)
        }
        logits.append(network(batch))
    return torch.cat(logits)


def under(evaluator: GridEvaluator, condition: Condition) -> list[list[Any]]:
    """Return the features of every utterance under a condition; zeros where absent."""
    found = []
    for index, seen in enumerate(condition.inputs):
        ragged = evaluator.sequences(index, seen)
        values = ragged.values
        if seen.state == State.ABSENT:
            values = torch.zeros_like(values)
        found.append(list(values.split(ragged.lengths.tolist())))
    return found


def measure_grids(fold: PreparedFold, rounds: int, sizes: tuple[int, ...] = CONDITIONS) -> Any:
    """Measure grids of several sizes for every method.

    The direct way is timed on a sample of conditions and multiplied; the damage itself is left out
    of it, while ours draws and applies all damage within its time.
    """
    corpus = fold.evaluator.corruptor.corpus
    found: dict[str, Any] = {}
    for name in METHODS:
        trained = make_method(name, fold)
        plain = plain_network(trained.predictor).eval()
        by_size = {
            str(size): _grid(trained, plain, fold, make_grid(corpus, size), rounds)
            for size in sizes
        }
        largest = make_grid(corpus, max(sizes))
        one = by_size[str(max(sizes))]["direct_condition"]["median"]
        found[name] = {"grids": by_size, "added": _added(trained, fold, largest, one, rounds)}
    return found


def _grid(
    trained: Trained, plain: PlainNetwork, fold: PreparedFold, grid: Grid, rounds: int
) -> dict[str, Any]:
    evaluator = with_grid(fold.evaluator, grid)
    total = len(grid.conditions)
    places = np.unique(np.linspace(0, total - 1, min(SAMPLE, total)).astype(int))
    inputs = [under(evaluator, grid.conditions[place]) for place in places]
    device = str(evaluator.part.labels.device)

    def of_ours() -> float:
        return seconds_of(lambda: evaluate(trained, fold, grid), device)

    def of_direct() -> float:
        return sum(seconds_of(lambda f=f: direct(plain, evaluator, f), device) for f in inputs)

    times = in_turns({"ours": of_ours, "direct": of_direct}, rounds)
    each = Timed(tuple(seconds / len(places) for seconds in times["direct"].seconds))
    here = PreparedFold(fold.train, fold.valid, fold.shape, evaluator, fold.notes)
    needs = needed_grid(trained.predictor, here)
    return {
        "conditions": total,
        "ours": times["ours"].record(),
        "direct_condition": each.record(),
        "direct_extrapolated": each.median * total,
        "sampled_conditions": len(places),
        "ratio": each.median * total / times["ours"].median,
        "needed_gflop": needs,
        "ours_gflops": needs / times["ours"].median,
        "direct_gflop": direct_condition(trained.predictor, here) * total,
    }


def _added(
    trained: Trained, fold: PreparedFold, grid: Grid, direct_seconds: float, rounds: int
) -> dict[str, Any]:
    """Measure what a condition costs whose inputs are encoded already.

    The grid against its smallest part that meets all its inputs.
    """
    met: set[Any] = set()
    core, rest = [], []
    # The complete pattern under noise meets an input of every modality at once.
    for condition in sorted(grid.conditions, key=lambda c: -len(c.pattern)):
        new = {(m, seen) for m, seen in enumerate(condition.inputs)} - met
        (core if new else rest).append(condition)
        met |= new
    small = Grid(tuple(core), {}, (), grid.columns)
    device = str(fold.train.labels.device)
    times = in_turns(
        {
            "all": lambda: seconds_of(lambda: evaluate(trained, fold, grid), device),
            "core": lambda: seconds_of(lambda: evaluate(trained, fold, small), device),
        },
        rounds,
    )
    apart = times["all"].median - times["core"].median
    each = apart / max(1, len(rest))
    return {
        "core_conditions": len(core),
        "added_conditions": len(rest),
        "seconds_each": each,
        "share_of_direct": each / direct_seconds,
        "all": times["all"].record(),
        "core": times["core"].record(),
    }

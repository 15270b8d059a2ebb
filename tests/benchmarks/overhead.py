"""How much of a cell's time is spent outside tensor operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.profiler import ProfilerActivity, profile

from merbench.execution.prepare import PreparedFold
from tests.benchmarks.ours import METHODS, evaluate, make_method, train
from tests.benchmarks.timing import Timed, seconds_of


def outside_of(action: Callable[[], object]) -> dict[str, float]:
    """Profile something.

    Everything that is not the own time of one of torch's operations counts as outside: Python,
    numpy, the engine of gradients. What an operation spends on being dispatched is its own.
    Watching costs time, all of it outside, so the share is too high rather than too low.

    Returns:
        `wall` and `tensor` seconds, `share` outside, and `unwatched`, the seconds that the same
        takes without a profiler.
    """
    unwatched = seconds_of(action)
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        wall = seconds_of(action)
    own = sum(e.self_cpu_time_total for e in watched.key_averages() if e.key.startswith("aten::"))
    tensor = own * 1e-6
    return {
        "wall": wall,
        "tensor": tensor,
        "share": 1 - tensor / wall,
        "unwatched": unwatched,
    }


def measure_overhead(fold: PreparedFold, rounds: int) -> dict[str, Any]:
    """Measure every stage's epoch, and the grid; and put a cell together from them.

    A cell is the published epochs of both stages and the grid once; it is extrapolated.
    """
    return {name: _cell(name, fold, rounds) for name in METHODS}


def _cell(name: str, fold: PreparedFold, rounds: int) -> dict[str, Any]:
    trained = make_method(name, fold)
    actions: dict[str, tuple[int, Callable[[], object]]] = {}
    for number, stage in enumerate(trained.stages):
        actions[f"stage {number + 1}"] = (
            stage.training.total_epochs,
            lambda n=number: train(trained, n, fold),
        )
    actions["grid"] = (1, lambda: evaluate(trained, fold))
    parts: dict[str, Any] = {}
    wall = tensor = 0.0
    for label, (times, action) in actions.items():
        seen = [outside_of(action) for _ in range(rounds)]
        middle = {key: Timed(tuple(s[key] for s in seen)).median for key in seen[0]}
        parts[label] = {**middle, "times_in_a_cell": times}
        wall += times * middle["wall"]
        tensor += times * middle["tensor"]
    return {"parts": parts, "share_of_a_cell": 1 - tensor / wall}

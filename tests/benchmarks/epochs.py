"""An epoch of every stage, ours and the usual loop's, in turns."""

from __future__ import annotations

from typing import Any

from merbench.execution.prepare import PreparedFold
from tests.benchmarks.flops import done_by_plain, needed
from tests.benchmarks.fold import Sizes, Text
from tests.benchmarks.ours import OurEpoch, Trained, each_stage, train
from tests.benchmarks.plain import PlainEpoch, PlainRun
from tests.benchmarks.side_by_side import Train, side_by_side
from tests.benchmarks.timing import Timed, gemm_peak, in_turns

FOLDS = 10
# The released code on two cores, in seconds: an epoch's training, and its validation and test.
RELEASED = {
    "mmin stage 2": (25.6, 11.5),
    "if_mmin stage 2": (33.0, 11.0),
    "nmer stage 2": (53.6, 24.7),
}
RELEASED_PEAK = 327.5  # GFLOP/s of its machine: 320 to 335
STRAW = 0.3  # the plain loop may be this far from the released one
RELEASED_SIZES = Sizes()


def measure_epochs(fold: PreparedFold, rounds: int, text: Text) -> dict[str, Any]:
    """Measure every stage of every method, and the machine's matrix product between them.

    Args:
        fold: the data of both ways.
        rounds: how often each is measured.
        text: which texts the fold has.
    """
    sizes = Sizes(len(fold.train), len(fold.valid), len(fold.evaluator.part))
    with side_by_side(sizes, text) as train_jobs:
        stages = {
            label: _stage(trained, number, fold, rounds, train_jobs)
            for label, trained, number in each_stage(fold)
        }
    # A busy neighbour hurts a product on all cores more than an epoch, and then the plain loop
    # looks too fast: what the machine can do is the best product of all stages.
    peak = max(max(record["gemm_peak_gflops"]["all"]) for record in stages.values())
    for label, record in stages.items():
        record["straw_man"] = _against_released(
            label, fold, peak, record["plain_train"], record["plain_evaluate"]
        )
    return {"stages": stages, "protocol": _protocol(stages)}


def _stage(
    trained: Trained, number: int, fold: PreparedFold, rounds: int, train_jobs: Train
) -> dict[str, Any]:
    stage, network = trained.stages[number], trained.networks[number]
    plain = PlainRun(stage, network, trained.teacher(number), fold)
    alone: list[OurEpoch] = []
    together: list[OurEpoch] = []
    epochs: list[PlainEpoch] = []

    def of_ours() -> float:
        alone.append(train(trained, number, fold))
        return alone[-1].epoch

    def of_jobs() -> float:
        together.append(train_jobs(trained.name, number))
        return together[-1].epoch

    def of_plain() -> float:
        epochs.append(plain.epoch())
        return epochs[-1].seconds

    device = str(fold.train.labels.device)
    ways = {
        "ours": of_ours,
        "jobs": of_jobs,
        "plain": of_plain,
        "gemm": lambda: gemm_peak(device, repeats=5),
    }
    found = in_turns(ways, rounds)
    peak = found["gemm"].median
    ours, usual = found["ours"].median, found["plain"].median
    needs, does = needed(stage, network, fold), done_by_plain(stage, network, fold)
    training = Timed(tuple(epoch.train_seconds for epoch in epochs)).median
    evaluating = Timed(tuple(epoch.evaluate_seconds for epoch in epochs)).median
    return {
        "epochs": stage.training.total_epochs,
        "batch_size": stage.training.batch_size,
        "ours": found["ours"].record(),
        "ours_once": Timed(tuple(one.once for one in alone)).record(),
        "jobs": found["jobs"].record(),
        "jobs_once": Timed(tuple(one.once for one in together)).record(),
        "plain": found["plain"].record(),
        "plain_train": training,
        "plain_evaluate": evaluating,
        "ratio": usual / ours,
        "jobs_ratio": usual / found["jobs"].median,
        "gemm_peak_gflops": {"median": peak, "all": list(found["gemm"].seconds)},
        "arithmetic": {
            "needed_gflop": needs.epoch,
            "needed_once_gflop": needs.once,
            "plain_gflop": does.epoch,
            "floor_seconds": needs.epoch / peak,
            "times_floor": ours * peak / needs.epoch,
            "ours_gflops": needs.epoch / ours,
            "plain_gflops": does.epoch / usual,
        },
    }


def _against_released(
    label: str, fold: PreparedFold, peak: float, training: float, evaluating: float
) -> dict[str, Any] | None:
    """Compare the plain loop with the released code, scaled by the speed of the machine."""
    if label not in RELEASED:
        return None
    train_seconds, evaluate_seconds = RELEASED[label]
    evaluated = len(fold.valid) + len(fold.evaluator.part)
    of_train = len(fold.train) / RELEASED_SIZES.train
    of_rest = evaluated / (RELEASED_SIZES.valid + RELEASED_SIZES.test)
    scale = RELEASED_PEAK / peak
    expected = (train_seconds * of_train + evaluate_seconds * of_rest) * scale
    ratio = (training + evaluating) / expected
    return {
        "gemm_peak_gflops": peak,
        "released_scaled": expected,
        "ratio": ratio,
        "train_ratio": training / (train_seconds * of_train * scale),
        "evaluate_ratio": evaluating / (evaluate_seconds * of_rest * scale),
        "within_30_percent": abs(ratio - 1) <= STRAW,
    }


def _protocol(stages: dict[str, Any]) -> dict[str, Any]:
    """Extrapolate to both stages and all folds: ours with two jobs, the usual loop one by one."""
    found = {}
    for name in dict.fromkeys(label.split()[0] for label in stages):
        mine = [record for label, record in stages.items() if label.split()[0] == name]
        ours = sum(r["epochs"] * r["jobs"]["median"] + r["jobs_once"]["median"] for r in mine)
        plain = sum(r["epochs"] * r["plain"]["median"] for r in mine)
        found[name] = {
            "folds": FOLDS,
            "ours_hours": FOLDS * ours / 3600,
            "plain_hours": FOLDS * plain / 3600,
            "ratio": plain / ours,
            "extrapolated_from_epochs": min(len(r["jobs"]["all"]) for r in mine),
        }
    return found

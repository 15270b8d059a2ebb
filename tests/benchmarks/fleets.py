"""Fleets: an epoch of many networks at once against as many epochs of one alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from merbench.execution.device import products
from merbench.execution.prepare import PreparedFold
from merbench.training.course import TrainedStage
from merbench.training.loop import Member, train_members
from tests.benchmarks.ours import OurEpoch, Trained

MEMBERS = (8, 30)
ONE_FOLD = "members share a fold and differ in their seed; an epoch includes its validation"


def train_fleet(
    trained: Trained, number: int, fold: PreparedFold, members: int, epochs: int = 1
) -> OurEpoch:
    """Train so many networks of a stage at once for some epochs; the last one counts.

    One member trains alone, as `ours.train` has it.
    """
    stage = trained.stages[number]
    settings = stage.training.model_copy(update={"epochs": epochs, "decay_epochs": 0})
    stage = replace(stage, training=settings)
    data, teacher = fold.training_data(stage), trained.teacher(number)
    started = time.perf_counter()
    some = [Member(data, teacher, ("benchmark", seed)) for seed in range(members)]
    with products(str(data.train.labels.device), tf32=True):
        found = train_members(stage, some)
    total = time.perf_counter() - started
    curves = []
    for each in found:
        if not isinstance(each, TrainedStage):
            raise each
        curves.append(each.curve)
    # A member's record holds its share.
    spent = [sum(curve[epoch].seconds for curve in curves) for epoch in range(epochs)]
    return OurEpoch(spent[-1], total - sum(spent))


def measure_fleet(
    trained: Trained, number: int, fold: PreparedFold, sizes: Sequence[int], alone: float
) -> dict[str, Any]:
    """Measure the second epoch of fleets: the first takes memory and chooses kernels.

    Args:
        trained: the method.
        number: of the stage.
        fold: that all members train on.
        sizes: members of each fleet.
        alone: seconds of an epoch of one network alone.

    Returns:
        For each fleet, what as many epochs of one network alone take over what its epoch takes.
    """
    found: dict[str, Any] = {"what": ONE_FOLD, "alone": alone}
    for members in sizes:
        took = train_fleet(trained, number, fold, members, epochs=2)
        found[str(members)] = {
            "epoch": took.epoch,
            "once": took.once,
            "times_faster_than_alone": members * alone / took.epoch,
        }
    return found

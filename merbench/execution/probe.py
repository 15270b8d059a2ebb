"""A short measurement of what tasks cost, where no run has measured it yet."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterator

import torch

from merbench import seeds
from merbench.errors import CellError
from merbench.execution.cost import Costs
from merbench.execution.memory import peak_memory
from merbench.execution.plan import CellTask, Plan, StageTask
from merbench.execution.prepare import PreparedFold, prepare
from merbench.execution.tasks import cpu_threads, fit_black_box
from merbench.methods.base import BlackBox, EncodeFuse, Network, Stage
from merbench.training.config import StageTraining
from merbench.training.loop import TrainingData, train_stage, usable
from merbench.training.sampling import batches

_FEW, _MORE = 2, 6
_TEST_SHARE = 4


def probe(plan: Plan, costs: Costs) -> int:
    """Measure a few steps of every kind of task that was never measured, and note the estimate.

    Nothing is written. Returns the bytes of memory that the probe needed at most.
    """
    with cpu_threads(plan.protocol.threads):
        for task, seconds in _estimates(plan, costs):
            costs.learn(task, seconds)
    return peak_memory(plan.protocol.device)


def _estimates(plan: Plan, costs: Costs) -> Iterator[tuple[StageTask | CellTask, float]]:
    first = plan.cells[0].fold
    tasks: list[StageTask | CellTask] = [*plan.stages, *plan.cells]
    for task in tasks:
        if task.fold is not first or costs.knows(task):
            continue
        fold = prepare(plan.protocol, task.division)
        try:
            if isinstance(task, StageTask):
                yield task, _stage_seconds(task.stage, fold)
            else:
                yield task, _cell_seconds(task, fold)
        except CellError as error:
            name = task.stage.name if isinstance(task, StageTask) else task.label
            raise CellError(f"{name}, fold {task.fold.name}: {error}") from error


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _untrained(stage: Stage, fold: PreparedFold) -> Network:
    device = fold.train.labels.device
    with seeds.torch_scope(device, "probe"):
        return stage.build(fold.shape).to(device).eval()


def _stage_seconds(stage: Stage, fold: PreparedFold) -> float:
    """Time one epoch of few and one of more steps; the difference is what a step costs."""
    teacher = None if stage.teacher is None else _untrained(stage.teacher, fold)
    data = fold.training_data(stage)
    data = dataclasses.replace(data, train=usable(stage, data.train))
    once = _one_epoch(stage.training)
    probed = dataclasses.replace(stage, training=once)
    size = once.batch_size
    took = [
        _timed(lambda part=part: train_stage(probed, part, teacher, ("probe", 0)))  # type: ignore[misc]
        for part in (_cut(data, _FEW * size), _cut(data, _FEW * size), _cut(data, _MORE * size))
    ]
    steps = len(list(batches(len(data.train), size, torch.Generator())))
    step = max((took[2] - took[1]) / (_MORE - _FEW), 1e-4)
    beside = max(took[1] - _FEW * step, 0.0)
    return stage.training.total_epochs * (steps * step + beside)


def _one_epoch(training: StageTraining) -> StageTraining:
    return training.model_copy(update={"epochs": 1, "decay_epochs": 0})


def _cut(data: TrainingData, n: int) -> TrainingData:
    rows = torch.arange(min(n, len(data.train)), device=data.train.labels.device)
    return dataclasses.replace(data, train=data.train.select(rows))


def _cell_seconds(cell: CellTask, fold: PreparedFold) -> float:
    predictor: EncodeFuse | BlackBox
    if isinstance(cell.method, BlackBox):
        training = _timed(lambda: fit_black_box(cell, fold))
        predictor = cell.method
    elif cell.last is not None:
        training = 0.0 if cell.shared else _stage_seconds(cell.last, fold)
        predictor = _untrained(cell.last, fold)
    some = torch.arange(0, len(fold.evaluator.part), _TEST_SHARE)
    part = fold.evaluator.part.select(some.to(fold.train.labels.device))
    evaluator = dataclasses.replace(fold.evaluator, part=part)
    evaluating = _timed(lambda: deque(evaluator.blocks(cell.method, predictor), maxlen=0))
    return training + _TEST_SHARE * evaluating

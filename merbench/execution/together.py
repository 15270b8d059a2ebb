"""Tasks that train together: networks of one stage, as many at once as the device holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray

from merbench import seeds
from merbench.errors import CellError
from merbench.execution.plan import CellTask, StageTask
from merbench.execution.prepare import prepare
from merbench.execution.protocol import Protocol
from merbench.features.part import CorpusShape
from merbench.methods.base import Selection, Stage
from merbench.store.store import Store
from merbench.training.loop import (
    Member,
    TrainedStage,
    Weights,
    may_join,
    restore,
    train_members,
)

Task = StageTask | CellTask
Trained = dict[str, TrainedStage | Exception]

# Stages that a fleet has trained, for the fleets they teach: they do not leave the device.
_resident: dict[str, dict[Selection, Weights]] = {}


def trained_stage(task: Task) -> Stage | None:
    """Return the stage that a task trains, None where it trains none."""
    if isinstance(task, StageTask):
        return task.stage
    return None if task.shared else task.last


def units(tasks: Sequence[Task], fleet: int) -> list[list[Task]]:
    """Divide tasks into those that train together.

    Networks of one stage do, up to `fleet` of them, in units of about equal size. The order is that
    of each unit's first task.
    """
    if fleet == 1:
        return [[task] for task in tasks]
    by_stage: dict[str, list[Task]] = {}
    for task in tasks:
        stage = trained_stage(task)
        kind = f"alone {task.folder}"
        if stage is not None:
            kind = f"{type(task).__name__} {stage.digest}"
        by_stage.setdefault(kind, []).append(task)
    return [unit for some in by_stage.values() for unit in _evenly(some, fleet)]


def _evenly(tasks: list[Task], most: int) -> Iterator[list[Task]]:
    parts = -(-len(tasks) // most)
    for part in range(parts):
        yield tasks[part * len(tasks) // parts : (part + 1) * len(tasks) // parts]


def train_together(tasks: Sequence[Task], protocol: Protocol, store: Store) -> Trained:
    """Train what each task of a unit trains.

    Returns:
        Folder of a task -> what came of it; tasks that train nothing are left out.
    """
    found: Trained = {}
    ready: dict[CorpusShape, dict[str, Member]] = {}
    stages = {}
    for task in tasks:
        stage = trained_stage(task)
        if stage is None:
            continue
        try:
            member = _member(stage, task, protocol, store)
        except Exception as error:
            found[task.folder] = error
            continue
        stages[task.folder] = stage
        ready.setdefault(member.data.shape, {})[task.folder] = member
    for members in ready.values():
        stage = stages[next(iter(members))]
        found |= _as_many_as_fit(stage, members)
    if protocol.fleet > 1:
        for task in tasks:
            trained = found.get(task.folder)
            if isinstance(task, StageTask) and isinstance(trained, TrainedStage):
                _resident[task.key] = trained.weights
    return found


def _member(stage: Stage, task: Task, protocol: Protocol, store: Store) -> Member:
    fold = prepare(protocol, task.division)
    teacher = None
    key = task.teacher if isinstance(task, StageTask) else _teacher_of(task)
    if stage.teacher is not None and key is not None:
        weights = stage_weights(store, key, stage.teacher.taught_by)
        teacher = restore(stage.teacher, fold.shape, weights, torch.device(protocol.device))
    return Member(fold.training_data(stage), teacher, (task.fold.name, task.seed))


def _teacher_of(task: CellTask) -> str | None:
    return task.stages[-2] if len(task.stages) > 1 else None


def _as_many_as_fit(stage: Stage, members: Mapping[str, Member]) -> Trained:
    """Train members as one fleet; where the device's memory does not hold it, as two of half."""
    folders = list(members)
    if len(members) > 1 and not _joins(stage, members[folders[0]]):
        return {f: found for f in folders for found in _trained(stage, [members[f]])}
    try:
        return dict(zip(folders, _trained(stage, list(members.values())), strict=True))
    except torch.OutOfMemoryError:
        if len(members) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(folders) // 2
    parts = ({f: members[f] for f in some} for some in (folders[:half], folders[half:]))
    return {f: found for part in parts for f, found in _as_many_as_fit(stage, part).items()}


def _joins(stage: Stage, member: Member) -> bool:
    with seeds.torch_scope(member.device, "fleet", stage.name):
        return may_join(stage.build(member.data.shape))


def _trained(stage: Stage, members: Sequence[Member]) -> Sequence[TrainedStage | Exception]:
    try:
        return train_members(stage, members)
    except torch.OutOfMemoryError as error:
        if len(members) > 1:
            raise
        return [CellError(f"stage {stage.name!r} does not fit into the device's memory: {error}")]
    except Exception as error:
        return [error] * len(members)


def stage_record(store: Store, key: str) -> dict[str, Any]:
    """Return the record of a stage that must be there.

    Raises:
        CellError: it is not, or not sound.
    """
    record = store.stage_record(key)
    if record is None:
        raise CellError(f"stage {key[:12]} is missing or damaged; run again to train it anew")
    return record


def stage_weights(store: Store, key: str, criterion: Selection) -> Weights:
    """Return a trained stage's weights at the epoch that a criterion picked."""
    if key in _resident:
        return _resident[key][criterion]
    stage_record(store, key)
    return _of_criterion(store.stage_weights(key), criterion)


def _of_criterion(arrays: Mapping[str, NDArray[Any]], criterion: Selection) -> Weights:
    prefix = f"{criterion}/"
    return {
        name.removeprefix(prefix): torch.from_numpy(value)
        for name, value in arrays.items()
        if name.startswith(prefix)
    }

"""Tasks that train together: networks of one stage, as many at once as the device holds."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from merbench import seeds
from merbench.errors import CellError
from merbench.evaluation.memory import ran_out
from merbench.execution.plan import CellTask, StageTask
from merbench.execution.prepare import forget_noise, forget_prepared, prepare
from merbench.execution.protocol import Protocol
from merbench.methods.base import Selection, Stage
from merbench.store.store import Store
from merbench.training.course import TrainedStage, Weights
from merbench.training.fleet import may_join
from merbench.training.loop import Member, restore, train_members

Task = StageTask | CellTask
Trained = dict[str, TrainedStage | Exception]


class Resident:
    """Stages that fleets have trained, for the fleets they teach: they do not leave the device.

    Those of one run, the last ones up to a limit; all of them lie in the store as well.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._root: Path | None = None
        self._stages: dict[str, dict[Selection, Weights]] = {}

    def __len__(self) -> int:
        return len(self._stages)

    def keep(self, store: Store, key: str, weights: dict[Selection, Weights]) -> None:
        """Keep a stage of a run, and forget those of any other."""
        if store.root != self._root:
            self._root, self._stages = store.root, {}
        self._stages[key] = weights
        while sum(map(_size, self._stages.values())) > self.limit:
            del self._stages[next(iter(self._stages))]

    def find(self, store: Store, key: str) -> dict[Selection, Weights] | None:
        """Return a stage of a run, None where it is not kept."""
        return self._stages.get(key) if store.root == self._root else None


def _size(weights: Mapping[Selection, Weights]) -> int:
    """Return bytes; criteria that picked the same epoch share its weights."""
    tensors = {id(t): t for each in weights.values() for t in each.values()}
    return sum(t.nbytes for t in tensors.values())


_resident = Resident(4 * 2**30)


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
    learners = [task for task in tasks if trained_stage(task) is not None]
    found = _as_many_as_fit(learners, protocol, store)
    if protocol.fleet > 1:
        for task in learners:
            trained = found[task.folder]
            if isinstance(task, StageTask) and isinstance(trained, TrainedStage):
                _resident.keep(store, task.key, trained.weights)
    return found


def _as_many_as_fit(tasks: Sequence[Task], protocol: Protocol, store: Store) -> Trained:
    """Train tasks at once; where memory does not hold that, one half at a time."""
    try:
        return _train(tasks, protocol, store)
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        text = f"training does not fit into memory: {error or 'MemoryError'}"
    # Only here is nothing left that the error held on to.
    if forget_noise():
        return _as_many_as_fit(tasks, protocol, store)
    if len(tasks) == 1:
        return {tasks[0].folder: CellError(text)}
    found: Trained = {}
    half = len(tasks) // 2
    for part in (tasks[:half], tasks[half:]):
        forget_prepared()
        if protocol.device.startswith("cuda"):
            torch.cuda.empty_cache()
        found |= _as_many_as_fit(part, protocol, store)
    return found


def _train(tasks: Sequence[Task], protocol: Protocol, store: Store) -> Trained:
    found: Trained = {}
    ready: dict[Hashable, dict[str, Member]] = {}
    stages: dict[str, Stage] = {}
    for task in tasks:
        stage = trained_stage(task)
        if stage is None:
            continue
        try:
            member = _member(stage, task, protocol, store)
        except Exception as error:
            if ran_out(error):
                raise
            found[task.folder] = error
            continue
        stages[task.folder] = stage
        kind = stage.digest, member.data.shape.layout
        ready.setdefault(kind, {})[task.folder] = member
    # Folds may differ in the columns that they keep.
    for members in ready.values():
        together = _trained(stages[next(iter(members))], list(members.values()))
        found |= dict(zip(members, together, strict=True))
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


def _trained(stage: Stage, members: Sequence[Member]) -> Sequence[TrainedStage | Exception]:
    """Train members of one layout at once, or, where the stage's networks cannot, one by one."""
    if len(members) > 1 and not _joins(stage, members[0]):
        return [found for member in members for found in _trained(stage, [member])]
    try:
        return train_members(stage, members)
    except Exception as error:
        if ran_out(error):
            raise
        return [error] * len(members)


def _joins(stage: Stage, member: Member) -> bool:
    with seeds.torch_scope(member.device, "fleet", stage.name):
        return may_join(stage.build(member.data.shape))


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
    resident = _resident.find(store, key)
    if resident is not None:
        return resident[criterion]
    stage_record(store, key)
    return _of_criterion(store.stage_weights(key), criterion)


def _of_criterion(arrays: Mapping[str, NDArray[Any]], criterion: Selection) -> Weights:
    prefix = f"{criterion}/"
    return {
        name.removeprefix(prefix): torch.from_numpy(value)
        for name, value in arrays.items()
        if name.startswith(prefix)
    }

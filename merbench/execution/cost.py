"""What tasks cost: measured where there is a measurement, guessed from epochs where not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from merbench.execution.plan import CellTask, Plan, StageTask
from merbench.store.store import Store

Task = StageTask | CellTask
# Seconds for an utterance and epoch, before anything is measured.
_GUESS = 2e-3


def kind(task: Task) -> str:
    """Return what tasks of equal cost have in common."""
    return f"cell {task.label}" if isinstance(task, CellTask) else f"stage {task.stage.digest}"


def guess(task: Task) -> float:
    """Return the seconds a task may take, from its size alone."""
    n = len(task.fold.train)
    if isinstance(task, StageTask):
        return _GUESS * n * task.stage.training.total_epochs
    training = 0 if task.last is None or task.shared else task.last.training.total_epochs
    return _GUESS * n * (1 + training)


@dataclass
class Costs:
    """Seconds of tasks by kind, learnt as they end."""

    measured: dict[str, list[float]] = field(default_factory=dict)

    def learn(self, task: Task, seconds: float) -> None:
        """Note how long a task took."""
        self.measured.setdefault(kind(task), []).append(seconds)

    def of(self, task: Task) -> float:
        """Return the seconds a task is expected to take."""
        known = self.measured.get(kind(task))
        if known:
            return sum(known) / len(known)
        return guess(task)

    def knows(self, task: Task) -> bool:
        """Say whether a task of this kind was ever measured."""
        return kind(task) in self.measured

    def total(self, tasks: Iterable[Task]) -> float:
        """Return the expected seconds of some tasks, one after the other."""
        return sum(self.of(task) for task in tasks)


def history(plan: Plan, store: Store) -> Costs:
    """Return what the cells and stages that are already there took."""
    costs = Costs()
    for stage in plan.stages:
        record = store.stage_record(stage.key)
        if record is not None:
            costs.learn(stage, record["seconds"])
    for cell in plan.cells:
        record = store.cell_record(cell.folder, cell.key)
        if record is not None:
            costs.learn(cell, sum(record["seconds"].values()))
    return costs

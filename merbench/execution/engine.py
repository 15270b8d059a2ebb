"""What does the tasks of a run: an engine, on this machine or on many."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from merbench.corpus.folds import Fold
from merbench.execution.cost import guess
from merbench.execution.plan import CellTask, StageTask
from merbench.execution.protocol import Protocol
from merbench.execution.tasks import Outcome
from merbench.store.store import Store

Task = StageTask | CellTask


@dataclass(frozen=True)
class Deadline:
    """When no further task may begin; those under way are finished.

    Attributes:
        at: on the monotonic clock, which no one sets back.
    """

    at: float = math.inf

    @classmethod
    def after(cls, hours: float) -> Deadline:
        """Return the one that is so many hours away."""
        return cls(time.monotonic() + 3600 * hours)

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self.at


NEVER = Deadline()


@dataclass(frozen=True)
class Work:
    """What a run still has to do.

    Attributes:
        protocol: what tasks share.
        store: where cells and stages go; no one else writes there.
        folds: of the run, in order.
        stages: those that cells lack, teachers before what they teach.
        cells: those that are not there.
        deadline: after which an engine begins no task.
    """

    protocol: Protocol
    store: Store
    folds: tuple[Fold, ...]
    stages: tuple[StageTask, ...]
    cells: tuple[CellTask, ...]
    deadline: Deadline = NEVER

    def ordered(self, tasks: Sequence[Task]) -> list[Task]:
        """Return tasks so that a worker prepares a division once, and long ones come first."""
        order = {fold.name: n for n, fold in enumerate(self.folds)}
        return sorted(tasks, key=lambda t: (order[t.fold.name], t.division.missing_rate, -guess(t)))

    def waves(self) -> Iterator[list[Task]]:
        """Yield the tasks in rounds: everything a round needs was in an earlier one."""
        left = list(self.stages)
        while left:
            waiting = {task.key for task in left}
            wave = [task for task in left if task.teacher not in waiting]
            yield self.ordered(wave)
            left = [task for task in left if task not in wave]
        yield self.ordered(self.cells)


class Engine(Interface):
    """Does tasks; joblib on one machine and Dask on many are two of them."""

    @property
    def width(self) -> int:
        """How many tasks run at once."""

    def outcomes(self, work: Work) -> Generator[Outcome, None, None]:
        """Do the work, store it, and yield outcomes as they come.

        A task whose stage failed is left out, without an outcome; so is one that was not begun
        when the deadline passed. Closing the generator stops the work; what was stored is kept.
        """


def needs(task: Task) -> tuple[str, ...]:
    """Return the keys of the stages that must be there before a task."""
    if isinstance(task, StageTask):
        return () if task.teacher is None else (task.teacher,)
    return task.stages if task.shared else task.stages[:-1]

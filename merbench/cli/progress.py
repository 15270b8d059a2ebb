"""How a run shows itself: a bar on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from merbench.execution.cost import Costs
from merbench.execution.engine import Engine, Task
from merbench.execution.plan import CellTask
from merbench.execution.tasks import Outcome

_LINE_EVERY = 60.0


class ProgressWatcher:
    """Shows tasks done and time left; says nothing where it is to be quiet."""

    def __init__(self, console: Console, engine: Engine, costs: Costs, *, quiet: bool) -> None:
        self.console, self.engine, self.costs, self.quiet = console, engine, costs, quiet
        self.left: dict[str, Task] = {}
        self.total = self.failed = 0
        self.last_line = time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self.shown = self.bar.add_task("", total=None, left="")

    def __enter__(self) -> ProgressWatcher:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def start(self, tasks: Sequence[Task], kept: int) -> None:
        """Announce the work."""
        self.left = {task.folder: task for task in tasks}
        self.total = len(tasks)
        cells = sum(isinstance(task, CellTask) for task in tasks)
        text = f"{cells} cells to do"
        if len(tasks) > cells:
            text += f", {len(tasks) - cells} shared stages first"
        if kept:
            text += f"; {kept} cells are there already"
        if not self.quiet:
            self.console.print(text)
        self.bar.update(self.shown, total=self.total, description="running")

    def done(self, task: Task, outcome: Outcome) -> None:
        """Count a task, and say so where it failed."""
        self.left.pop(task.folder, None)
        self.costs.learn(task, outcome.seconds)
        if outcome.error is not None:
            self.failed += 1
            name = task.label if isinstance(task, CellTask) else task.stage.name
            self.console.print(
                f"failed: {name}, fold {task.fold.name}, seed {task.seed}: {outcome.error}",
                markup=False,
                style="red",
            )
        seconds = self.costs.total(self.left.values()) / self.engine.width
        finished = self.total - len(self.left)
        name = task.label if isinstance(task, CellTask) else task.stage.name
        self.bar.update(
            self.shown, completed=finished, description=name, left=f"{duration(seconds)} left"
        )
        overdue = time.monotonic() - self.last_line >= _LINE_EVERY
        if overdue and not self.quiet and not self.console.is_terminal:
            self.last_line = time.monotonic()
            self.console.print(f"{finished}/{self.total} tasks, {duration(seconds)} left")


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

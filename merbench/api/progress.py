"""How a run shows itself: a bar on a terminal or in a notebook, a line a minute elsewhere."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from merbench.execution.cost import Costs
from merbench.execution.engine import Engine, Task
from merbench.execution.plan import CellTask
from merbench.execution.tasks import Outcome


class ProgressWatcher:
    """Shows tasks done and time left; says nothing where it is to be quiet.

    Args:
        console: to show it on.
        engine: that does the tasks.
        costs: of tasks, learnt as they end.
        quiet: say nothing but what failed.
        every: seconds between two lines where there is no bar.
    """

    def __init__(
        self, console: Console, engine: Engine, costs: Costs, *, quiet: bool, every: float = 60.0
    ) -> None:
        self.console, self.engine, self.costs, self.quiet = console, engine, costs, quiet
        self.left: dict[str, Task] = {}
        self.total = self.failed = 0
        self.began = time.monotonic()
        self.seconds, self.at = 0.0, self.began
        self.every, self.over = every, threading.Event()
        self.lines = threading.Thread(target=self._lines, daemon=True)
        self.lively = is_lively(console)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=quiet or not self.lively,
        )
        self.shown = self.bar.add_task("", total=None, left="")

    def __enter__(self) -> ProgressWatcher:
        self.bar.start()
        if not self.quiet and not self.lively:
            self.lines.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.bar.stop()

    def start(self, tasks: Sequence[Task], kept: int) -> None:
        """Announce the work."""
        self.left = {task.folder: task for task in tasks}
        self.total = len(tasks)
        self._expect()
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
        name = task.label if isinstance(task, CellTask) else task.stage.name
        if outcome.error is not None:
            self.failed += 1
            self.console.print(
                f"failed: {name}, fold {task.fold.name}, seed {task.seed}: {outcome.error}",
                markup=False,
                style="red",
            )
        else:
            self.costs.learn(task, outcome.seconds)
        self._expect()
        self.bar.update(
            self.shown,
            completed=self.total - len(self.left),
            description=name,
            left=f"{duration(self.seconds)} left",
        )

    def _expect(self) -> None:
        """Note how long the rest is expected to take from now."""
        self.seconds = self.costs.total(self.left.values()) / self.engine.width
        self.at = time.monotonic()

    def _lines(self) -> None:
        """Say how it goes until told to stop, also while no task ends."""
        while not self.over.wait(self.every):
            if self.total:
                self.console.print(self._line(time.monotonic()))

    def _line(self, now: float) -> str:
        text = f"{self.total - len(self.left)}/{self.total} tasks"
        if self.failed:
            text += f", {self.failed} failed"
        left = self.seconds - (now - self.at)
        rest = f"about {duration(left)} left" if left > 0 else "longer than expected"
        return f"{text}, {duration(now - self.began)} so far, {rest}"


def is_lively(console: Console) -> bool:
    """Say whether a bar can move there: on a terminal, or in a notebook that has widgets."""
    if console.is_jupyter:
        return importlib.util.find_spec("ipywidgets") is not None
    return console.is_terminal


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

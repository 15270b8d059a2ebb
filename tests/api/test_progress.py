"""What a run says while it lasts, where no one watches a bar."""

import io
import re
import time

import pytest
from rich.console import Console

from merbench.api.progress import ProgressWatcher
from merbench.execution.cost import Costs
from merbench.execution.local import LocalEngine
from merbench.execution.plan import make_plan
from merbench.execution.tasks import Outcome
from merbench.suite.load import load_suite

LINE = re.compile(
    r"(\d)/8 tasks(, \d failed)?, \d+ s so far, (?:about (\d+) s left|longer than expected)"
)


@pytest.fixture
def tasks(merbench):
    plan = make_plan(load_suite(merbench.suite()))
    return [*plan.stages, *plan.cells]


def watcher(quiet=False, every=0.05):
    console = Console(file=io.StringIO(), width=200)
    return ProgressWatcher(console, LocalEngine(1), Costs(), quiet=quiet, every=every)


def lines(shown):
    return [
        found for line in shown.console.file.getvalue().splitlines() if (found := LINE.match(line))
    ]


def wait_for_lines(shown, number):
    end = time.monotonic() + 20
    while len(lines(shown)) < number:
        assert time.monotonic() < end, shown.console.file.getvalue()
        time.sleep(0.01)


def test_there_is_a_line_now_and_then_even_while_no_task_ends(tasks):
    with watcher() as shown:
        shown.start(tasks, 0)
        wait_for_lines(shown, 3)
    said = len(lines(shown))
    time.sleep(0.3)
    assert len(lines(shown)) == said, "it goes on after the run"


def test_the_line_tells_done_failed_and_time_left_by_what_tasks_took(tasks):
    with watcher() as shown:
        shown.start(tasks, 0)
        stages, cells = tasks[:2], tasks[2:]
        for task in cells[::2]:  # the first fold of each method
            shown.done(task, Outcome(task.folder, 40.0))
        shown.done(cells[1], Outcome(cells[1].folder, 0.0, "it broke"))
        told = len(lines(shown))
        wait_for_lines(shown, told + 1)
    last = lines(shown)[-1]
    assert last[1] == "4"
    assert last[2] == ", 1 failed"
    # Two cells of known cost; a failure teaches nothing, least of all that its kind takes no time.
    assert int(last[3]) == pytest.approx(80 + shown.costs.total(stages), abs=2)


def test_what_takes_longer_than_expected_does_not_promise_an_end(tasks):
    with watcher() as shown:
        shown.start(tasks, 0)
        shown.seconds = 0.1  # of tasks that take for ever
        told = len(lines(shown))
        wait_for_lines(shown, told + 5)
    assert lines(shown)[-1][0].endswith(", longer than expected")


def test_quiet_runs_say_what_failed_and_nothing_else(tasks):
    with watcher(quiet=True) as shown:
        shown.start(tasks, 0)
        shown.done(tasks[0], Outcome(tasks[0].folder, 1.0))
        shown.done(tasks[1], Outcome(tasks[1].folder, 1.0, "it broke"))
        time.sleep(0.2)
    (line,) = shown.console.file.getvalue().splitlines()
    assert line.startswith("failed: ")
    assert line.endswith(": it broke")

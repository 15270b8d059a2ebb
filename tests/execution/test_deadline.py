"""A run that is to stop in time: what is under way is finished, nothing is begun, nothing lost."""

import json
import math
from dataclasses import dataclass

import pytest

from merbench.execution.cluster.engine import DaskEngine
from merbench.execution.engine import NEVER, Deadline
from merbench.execution.local import LocalEngine
from merbench.execution.plan import make_plan
from merbench.execution.run import run_plan
from merbench.suite.load import load_suite
from tests.conftest import table_bytes


class Counter:
    """A watcher that counts outcomes."""

    def __init__(self) -> None:
        self.done_tasks = 0

    def start(self, tasks, kept):
        """Work begins."""

    def done(self, task, outcome):
        """A task ended."""
        self.done_tasks += 1


@dataclass(frozen=True)
class AfterTasks(Deadline):
    """One that passes with the n-th outcome, on whatever machine."""

    counter: Counter | None = None
    most: int = 0

    @property
    def passed(self):
        return self.counter.done_tasks >= self.most


@pytest.mark.parametrize(
    ("engine", "at_once"),
    [
        (LocalEngine(1), 1),
        (LocalEngine(2), 2),
        pytest.param(DaskEngine(2), 2, marks=pytest.mark.slow),
    ],
    ids=["one job", "two jobs", "dask"],
)
def test_what_is_under_way_is_finished_and_no_more_is_begun(
    merbench, tmp_path, tiny_run, engine, at_once
):
    suite, root, counter = merbench.suite(), tmp_path / "run", Counter()
    plan = make_plan(load_suite(suite))
    # Two stages come first; two tasks later it is over.
    outcome = run_plan(plan, root, engine, counter, deadline=AfterTasks(math.inf, counter, most=4))
    assert counter.done_tasks < 4 + at_once + 1
    assert outcome.done == counter.done_tasks - 2
    assert outcome.failures == ()
    assert (outcome.done + outcome.left, outcome.total) == (6, 6)
    assert outcome.left >= 2
    assert json.loads((root / "run.json").read_text("utf-8"))["status"] == "interrupted"

    kept = {path: path.stat().st_mtime_ns for path in root.glob("cells/*/record.json")}
    assert len(kept) == outcome.done
    merbench.run(suite, root)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert table_bytes(root) == table_bytes(tiny_run)


def test_stages_that_were_not_begun_are_no_failure(merbench, tmp_path):
    plan, counter = make_plan(load_suite(merbench.suite())), Counter()
    outcome = run_plan(
        plan, tmp_path / "run", LocalEngine(1), counter, deadline=AfterTasks(0, counter, most=1)
    )
    assert (counter.done_tasks, outcome.left, outcome.failures) == (1, 6, ())


def test_a_deadline_passes_once_its_hours_are_over():
    assert not NEVER.passed
    assert not Deadline.after(1.0).passed
    assert Deadline.after(0.0).passed


def test_the_command_says_what_is_left_and_ends_in_3(merbench, tmp_path):
    run, suite = tmp_path / "run", merbench.suite()
    said = merbench("run", suite, "--out", run, "--jobs", 1, "--max-hours", "1e-9")
    assert said.code == 3
    assert said.err == (
        "6 cells to do, 2 shared stages first\n"
        "stopped after 1e-09 hours: 6 of 6 cells were not begun; the same command goes on with "
        "them\n"
    )
    assert said.out == ""
    found = json.loads(merbench("run", suite, "--out", run, "--max-hours", "1e-9", "--json").out)
    assert found["cells"] == {"done": 0, "total": 6}
    assert merbench.run(suite, run, "--max-hours", "5").code == 0


@pytest.mark.parametrize("hours", ["0", "-1", "soon", "nan"])
def test_hours_are_a_number_above_zero(merbench, hours):
    said = merbench("run", merbench.suite(), "--max-hours", hours)
    assert said.code == 2
    assert "--max-hours" in said.err
    assert "Traceback" not in said.err

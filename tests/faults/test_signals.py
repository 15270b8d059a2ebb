"""Ctrl-C and SIGTERM, in every phase of a run."""

import json
import os
import signal
import time

import psutil
import pytest

from tests.conftest import TINY
from tests.execution.test_processes import wait_for
from tests.faults.campaign import Tally, killed_at_moments

# What is promised for a machine of its own; tests may share theirs with others.
PROMISED = 5.0
_SLOW = PROMISED * max(1.0, psutil.getloadavg()[0] / (os.cpu_count() or 1))

_OFTEN = ((1, "Training", signal.SIGTERM),)

# Each phase, so long that a signal meets it.
LONG = """
import time
from merbench_baselines.logreg import LogReg


class Training(LogReg):
    def estimate(self, features, labels, context):
        open("here", "w").close()
        while True:
            sum(range(10000))


class Evaluation(LogReg):
    def fuse(self, embeddings, states):
        open("here", "w").close()
        time.sleep(600)
"""
# A run whose tables take for ever.
TABLES = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import merbench.store.rebuild as rebuild
from merbench.cli import main
written = rebuild.write_cell_tables
def slow(*arguments):
    open("here", "w").close()
    time.sleep(600)
rebuild.write_cell_tables = slow
main()
"""


def met(process, folder, by, group):
    """Send a signal in the phase, and hold what follows to the promise."""
    wait_for((folder / "here").exists, 120)
    workers = psutil.Process(process.pid).children(recursive=True)
    time.sleep(0.3)
    before = time.monotonic()
    if group:  # as a terminal does
        os.killpg(process.pid, by)
    else:
        process.send_signal(by)
    _, err = process.communicate(timeout=60)
    took = time.monotonic() - before
    assert process.returncode == 130, err
    assert took < _SLOW, took
    assert "Traceback" not in err
    assert err.endswith("Interrupted: what was done is kept; the same command goes on.\n")
    assert json.loads((folder / "run" / "run.json").read_text())["status"] == "interrupted"
    assert not psutil.wait_procs(workers, timeout=_SLOW)[1]


@pytest.mark.parametrize(
    ("jobs", "phase", "by"),
    [
        *_OFTEN,
        *(
            pytest.param(jobs, phase, by, marks=pytest.mark.slow)
            for jobs in (1, 2)
            for phase in ("Training", "Evaluation")
            for by in (signal.SIGINT, signal.SIGTERM)
            if (jobs, phase, by) not in _OFTEN
        ),
    ],
)
def test_a_signal_ends_a_run_soon_and_with_130(merbench, tmp_path, by, phase, jobs):
    (tmp_path / "long_method.py").write_text(LONG, "utf-8")
    suite = merbench.suite(methods=[f"long_method:{phase}"])
    process = merbench.start("run", suite, "--out", "run", "--jobs", jobs)
    met(process, tmp_path, by, group=by == signal.SIGINT)


@pytest.mark.parametrize(
    "by", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_while_tables_are_written_leaves_the_old_ones(merbench, tmp_path, by):
    suite = merbench.suite(methods=["logreg"])
    run = tmp_path / "run"
    merbench.run(suite, run)
    tables = {path: path.read_bytes() for path in run.glob("cells.parquet")}
    process = merbench.start("run", suite, "--out", "run", "--jobs", 1, program=TABLES)
    met(process, tmp_path, by, group=False)
    assert {path: path.read_bytes() for path in tables} == tables
    merbench.run(merbench.suite(methods=[*TINY["methods"][:2]]), run)


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_at_ten_random_moments(nurse, whole, tmp_path, by):
    tally = Tally()
    killed_at_moments(nurse, whole, tmp_path, 10, tally, by)
    assert tally.kills == 10
    assert tally.clean, tally

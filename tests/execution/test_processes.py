"""Real processes: several jobs, signals, deaths."""

import json
import os
import signal
import time

import psutil
import pytest

from tests.conftest import names, table_bytes

SOON = 15.0  # seconds, on a busy machine


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def workers_of(pid):
    return [
        child
        for child in psutil.Process(pid).children(recursive=True)
        if "popen_loky" in " ".join(child.cmdline())
    ]


def finished(run):
    return [path for path in (run / "cells").glob("*/record.json") if path.parent.name[0] != "."]


@pytest.mark.parametrize(
    "ending", ["kill", *(pytest.param(e, marks=pytest.mark.slow) for e in ("ctrl-c", "terminate"))]
)
def test_a_run_that_is_ended_half_way_goes_on_and_gives_the_same_bytes(
    merbench, tiny_run, tmp_path, ending
):
    run, suite = tmp_path / "run", merbench.suite()
    process = merbench.start("run", suite, "--out", run, "--jobs", 2)
    wait_for(lambda: finished(run))
    workers = workers_of(process.pid)
    assert len(workers) == 2
    started = time.monotonic()
    if ending == "kill":
        process.kill()  # alone: its workers learn of it by themselves
    elif ending == "ctrl-c":
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
    else:
        process.terminate()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < SOON
    assert len(finished(run)) < 6, "it ended by itself, so this test has shown nothing"
    _gone, left = psutil.wait_procs(workers, timeout=SOON)
    assert not left

    if ending == "kill":
        assert process.returncode == -signal.SIGKILL
        status = "running"
    else:
        assert process.returncode == 130
        status = "interrupted"
        assert "the same command goes on" in err
        assert "Traceback" not in err
    assert json.loads((run / "run.json").read_text())["status"] == status
    listed = json.loads(merbench("runs", "--root", tmp_path, "--json").out)
    assert [(r["status"], r["done"]) for r in listed] == [("interrupted", len(finished(run)))]

    kept = {path: path.stat().st_mtime_ns for path in finished(run)}
    merbench.run(suite, run)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert not list(run.rglob(".writing-*"))
    assert table_bytes(run) == table_bytes(tiny_run)


@pytest.mark.slow
def test_two_jobs_and_one_give_the_same_bytes(merbench, tiny_run, tmp_path):
    said = merbench.process("run", merbench.suite(), "--out", tmp_path / "run", "--jobs", 2)
    assert said.code == 0, said.err
    assert table_bytes(tmp_path / "run") == table_bytes(tiny_run)


def test_a_second_run_in_the_same_directory_is_refused(merbench, tmp_path):
    run, suite = tmp_path / "run", merbench.suite(training={"preset": "quick", "epochs": 200})
    process = merbench.start("run", suite, "--out", run, "--jobs", 1)
    try:
        wait_for((run / "run.json").exists)
        said = merbench("run", suite, "--out", run, "--fresh", "--yes")
        assert said.code == 2
        assert said.err == (
            f"Error: {run}: another run is at work in this directory; wait for it or use "
            "another --out\n"
        )
        removing = merbench("runs", "--root", tmp_path, "rm", "run", "--yes")
        assert removing.code == 2
        assert "at work" in removing.err
        assert json.loads(merbench("runs", "--root", tmp_path, "--json").out)[0]["status"] == (
            "running"
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


DEADLY = """
import os
from merbench_baselines.logreg import LogReg


class Deadly(LogReg):
    def estimate(self, features, labels, context):
        os._exit(9)
"""


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_own_cells_and_no_others(merbench, tmp_path):
    (tmp_path / "deadly_method.py").write_text(DEADLY, "utf-8")
    suite = merbench.suite(methods=["logreg", "deadly_method:Deadly"])
    said = merbench.process("run", suite, "--out", tmp_path / "run", "--jobs", 2, "--json")
    assert said.code == 1
    outcome = json.loads(said.out)
    assert outcome["cells"] == {"done": 2, "total": 4}
    assert [f["cell"] for f in outcome["failures"]] == [
        "Deadly, fold 1, seed 0",
        "Deadly, fold 2, seed 0",
    ]
    assert all("worker process died" in f["error"] for f in outcome["failures"])
    assert "Traceback" not in said.err


def test_a_method_that_lies_where_the_command_is_called_is_found(merbench, tmp_path):
    (tmp_path / "my_method.py").write_text(
        "from merbench_baselines.logreg import LogReg\n\n\nclass Mine(LogReg):\n    pass\n", "utf-8"
    )
    suite = merbench.suite(methods=["my_method:Mine"])
    said = merbench.process("run", suite, "--out", "run", "--jobs", 1, "--json")
    assert said.code == 0, said.err


def test_workers_of_an_earlier_run_write_where_this_one_says(merbench, tmp_path, monkeypatch):
    suite = merbench.suite(methods=["logreg"])
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert merbench("run", suite, "--jobs", 2, "--out", "run").code == 0
    assert names(tmp_path / "first/run/cells") == names(tmp_path / "second/run/cells")

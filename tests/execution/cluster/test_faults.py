"""What clusters do to runs: workers and schedulers that are killed, strangers, interruptions."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

import merbench as package
from tests.conftest import table_bytes
from tests.execution.cluster.conftest import CELLS
from tests.execution.cluster.elsewhere import SLOW_START, cluster
from tests.execution.test_processes import DEADLY, SOON, finished, wait_for

pytestmark = pytest.mark.slow


def started(merbench, suite, run, address):
    """Start a run and wait until it is in the middle of its work."""
    process = merbench.start(
        "run", suite, "--out", run, "--backend", "dask", "--scheduler", address
    )
    wait_for(lambda: len(finished(run)) > 2, SLOW_START)
    return process


def in_the_middle(run):
    assert len(finished(run)) < CELLS, "it ended by itself, so this test has shown nothing"
    return {path: path.stat().st_mtime_ns for path in finished(run)}


def test_a_killed_worker_costs_nothing(merbench, longer, longer_run, tmp_path, two_workers):
    run = tmp_path / "run"
    process = started(merbench, longer, run, two_workers.address)
    two_workers.workers[0].kill()
    kept = in_the_middle(run)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert table_bytes(run) == table_bytes(longer_run)


def test_a_worker_that_replaces_a_killed_one_takes_part(merbench, longer, longer_run, tmp_path):
    run = tmp_path / "run"
    with cluster(tmp_path / "cluster", 1, nanny=True) as single:
        process = started(merbench, longer, run, single.address)
        (nanny,) = single.workers
        (worker,) = [
            child
            for child in psutil.Process(nanny.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]
        worker.kill()
        in_the_middle(run)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert single.leftovers() == []
    assert table_bytes(run) == table_bytes(longer_run)


def test_a_killed_scheduler_ends_the_run_and_the_same_command_goes_on(
    merbench, longer, longer_run, tmp_path
):
    run = tmp_path / "run"
    with cluster(tmp_path / "first", 2) as first:
        process = started(merbench, longer, run, first.address)
        first.scheduler.kill()
        _, err = process.communicate(timeout=60)
        kept = in_the_middle(run)
        assert process.returncode == 3
        assert "the connection to the Dask scheduler is lost; what was done is kept" in err
        assert "Traceback" not in err
        assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    with cluster(tmp_path / "second", 2) as second:
        said = merbench.process(
            "run", longer, "--out", run, "--backend", "dask", "--scheduler", second.address
        )
        assert said.code == 0, said.err
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert table_bytes(run) == table_bytes(longer_run)


def test_a_killed_run_leaves_the_cluster_without_tasks_and_goes_on(
    merbench, longer, longer_run, tmp_path, two_workers
):
    run = tmp_path / "run"
    process = started(merbench, longer, run, two_workers.address)
    process.kill()
    process.communicate(timeout=60)
    kept = in_the_middle(run)
    said = merbench.process(
        "run", longer, "--out", run, "--backend", "dask", "--scheduler", two_workers.address
    )
    assert said.code == 0, said.err
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert table_bytes(run) == table_bytes(longer_run)
    with two_workers.client() as client:
        assert client.run_on_scheduler(lambda dask_scheduler: [*dask_scheduler.tasks]) == []


SLEEPY = """
import time
from merbench_baselines.logreg import LogReg


class Sleepy(LogReg):
    def estimate(self, features, labels, context):
        if context.seed % 2:
            for _ in range(6000):
                time.sleep(0.1)
        return super().estimate(features, labels, context)
"""


@pytest.mark.parametrize("ending", ["ctrl-c", "terminate"])
@pytest.mark.parametrize("own", [True, False])
def test_an_interrupted_run_ends_soon_and_leaves_nothing(merbench, tmp_path, ending, own):
    """Its workers are in the middle of cells that would take ten minutes."""
    run = tmp_path / "run"
    (tmp_path / "sleepy_method.py").write_text(SLEEPY, "utf-8")
    suite = merbench.suite(methods=["logreg", "sleepy_method:Sleepy"], seeds=[*range(8)])
    path = {"PYTHONPATH": str(tmp_path)}
    with cluster(tmp_path / "cluster", 0 if own else 2, env=path) as there:
        if not own:
            assert len(there.workers) == 2
        where = ["--jobs", 2] if own else ["--scheduler", there.address]
        process = merbench.start("run", suite, "--out", run, "--backend", "dask", *where)
        wait_for(lambda: len(finished(run)) >= 5, SLOW_START)
        time.sleep(2)
        workers = psutil.Process(process.pid).children(recursive=True)
        before = time.monotonic()
        if ending == "ctrl-c":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.terminate()
        _, err = process.communicate(timeout=60)
        took = time.monotonic() - before
        assert took < SOON, took
        assert process.returncode == 130, err
        assert err.endswith("Interrupted: what was done is kept; the same command goes on.\n")
        assert "Traceback" not in err
        assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
        assert 5 <= len(finished(run)) < 32
        _gone, left = psutil.wait_procs(workers, timeout=SOON)
        assert not left
        if not own:
            wait_for(lambda: there.leftovers() == [])
    print(f"{ending}, own cluster {own}: {took:.1f} s")  # noqa: T201  # shown by pytest -s


def test_a_cell_that_kills_its_workers_fails_and_no_other_does(merbench, tmp_path):
    (tmp_path / "deadly_method.py").write_text(DEADLY, "utf-8")
    suite = merbench.suite(methods=["deadly_method:Deadly", "logreg", "zero_fill"])
    said = merbench.process(
        "run", suite, "--out", tmp_path / "run", "--backend", "dask", "--jobs", 2, "--json",
        patience=500,
    )  # fmt: skip
    assert said.code == 1, said.err
    outcome = json.loads(said.out)
    assert outcome["cells"] == {"done": 4, "total": 6}
    assert [f["cell"] for f in outcome["failures"]] == [
        "Deadly, fold 1, seed 0",
        "Deadly, fold 2, seed 0",
    ]
    assert all("worker processes died while they were at it" in f["error"]
               for f in outcome["failures"])  # fmt: skip
    assert "Traceback" not in said.err


def test_a_worker_with_other_code_is_refused(merbench, tmp_path):
    changed = tmp_path / "changed" / "merbench"
    shutil.copytree(Path(package.__file__).parent, changed)
    file = changed / "seeds.py"
    file.write_text(file.read_text("utf-8") + "\n\nCHANGED = True\n", "utf-8")
    with cluster(tmp_path / "cluster", 1, env={"PYTHONPATH": str(changed.parent)}) as strange:
        said = merbench(
            "run", merbench.suite(), "--out", "run", "--backend", "dask",
            "--scheduler", strange.address,
        )  # fmt: skip
        assert said.code == 2
        assert "is refused, since results would depend on which worker made them" in said.err
        assert "merbench's code is" in said.err
        assert strange.leftovers() == []
    assert not finished(tmp_path / "run")


def test_a_worker_without_a_method_s_module_is_refused(merbench, tmp_path, two_workers):
    (tmp_path / "my_method.py").write_text(
        "from merbench_baselines.logreg import LogReg\n\n\nclass Mine(LogReg):\n    pass\n", "utf-8"
    )
    said = merbench.process(
        "run", merbench.suite(methods=["my_method:Mine"]), "--out", "run", "--backend", "dask",
        "--scheduler", two_workers.address,
    )  # fmt: skip
    assert said.code == 2
    assert "my_method:Mine cannot be imported (ModuleNotFoundError" in said.err

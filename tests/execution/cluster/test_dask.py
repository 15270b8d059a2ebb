"""Runs on Dask clusters: real schedulers and workers, each a process of its own."""

import sys
from dataclasses import replace

import pytest

from merbench.execution.cluster import hosts
from merbench.execution.cluster.engine import DaskEngine
from merbench.execution.cluster.host import receive
from merbench.execution.plan import make_plan
from merbench.execution.run import Quiet, run_plan
from merbench.suite.load import load_suite
from tests.conftest import table_bytes
from tests.execution.cluster.elsewhere import cluster


@pytest.mark.parametrize("workers", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_cluster_of_the_run_s_own_gives_the_same_bytes(merbench, tiny_run, tmp_path, workers):
    run, suite = tmp_path / "run", merbench.suite()
    said = merbench.process("run", suite, "--out", run, "--backend", "dask", "--jobs", workers)
    assert said.code == 0, said.err
    # In between there is a line for each minute.
    assert said.err.startswith("6 cells to do, 2 shared stages first\n")
    assert said.err.endswith(f"\n6 cells in {run}; next: merbench report {run}\n")
    assert table_bytes(run) == table_bytes(tiny_run)
    assert not list(run.rglob(".writing-*"))


@pytest.mark.slow
def test_a_cluster_that_is_there_gives_the_same_bytes_and_is_left_clean(
    merbench, longer, longer_run, tmp_path, two_workers
):
    run = tmp_path / "run"
    said = merbench.process(
        "run", longer, "--out", run, "--backend", "dask", "--scheduler", two_workers.address
    )
    assert said.code == 0, said.err
    assert table_bytes(run) == table_bytes(longer_run)
    assert two_workers.leftovers() == []
    assert all(worker.poll() is None for worker in two_workers.workers)


@pytest.mark.slow
def test_a_run_waits_for_workers_that_come_later(merbench, tiny_run, tmp_path):
    run, suite = tmp_path / "run", merbench.suite()
    with cluster(tmp_path / "cluster", 0) as late:
        process = merbench.start(
            "run", suite, "--out", run, "--backend", "dask", "--scheduler", late.address
        )
        late.add(2, wait=False)
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
        assert late.leftovers() == []
    assert table_bytes(run) == table_bytes(tiny_run)


@pytest.mark.slow
@pytest.mark.parametrize("can_read", [True, False])
def test_the_corpus_is_sent_once_to_a_worker_that_cannot_read_it(
    merbench, tiny_run, tmp_path, two_workers, monkeypatch, can_read
):
    received, laid_out, on = [], hosts.parcel, hosts.Hosts._on

    def here_only(*arguments):
        found = laid_out(*arguments)
        # Relative to this process's folder, which is not that of the workers.
        files = tuple(path.relative_to(tmp_path.resolve()) for path in found.files)
        return replace(found, files=files)

    def noted(self, addresses, function, *arguments):
        if function is receive:
            received.extend((address, arguments[1].modality) for address in addresses)
        return on(self, addresses, function, *arguments)

    if not can_read:
        monkeypatch.setattr(hosts, "parcel", here_only)
    monkeypatch.setattr(hosts.Hosts, "_on", noted)
    plan = make_plan(load_suite(merbench.suite()))
    outcome = run_plan(plan, tmp_path / "run", DaskEngine(1, two_workers.address), Quiet())
    assert (outcome.done, outcome.failures) == (6, ())
    assert len(received) == len(set(received)) == (0 if can_read else 2 * 3)
    assert table_bytes(tmp_path / "run") == table_bytes(tiny_run)
    assert two_workers.leftovers() == []


def refused(merbench, *arguments):
    said = merbench("run", merbench.suite(), "--out", "run", *arguments)
    assert said.code == 2
    return said.err


def test_dask_that_is_not_installed_is_named_with_the_command_that_installs_it(
    merbench, monkeypatch
):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'merbench[dask]'" in refused(merbench, "--backend", "dask")
    merbench.run(merbench.suite(), merbench.folder / "run")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], "--backend dask"),
        (
            ["--backend", "dask", "--scheduler", "tcp://127.0.0.1:1", "--jobs", "2"],
            "the cluster's workers say",
        ),
        (["--backend", "dask", "--device", "cuda:1"], "CUDA_VISIBLE_DEVICES"),
        (["--backend", "dusk"], "'dusk' is not one of 'local', 'dask'"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(merbench, arguments, word):
    assert word in refused(merbench, *arguments)


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_an_error(merbench):
    err = refused(merbench, "--backend", "dask", "--scheduler", "tcp://127.0.0.1:1")
    assert "--scheduler tcp://127.0.0.1:1: no Dask scheduler answers there" in err


@pytest.mark.slow
def test_a_gpu_is_asked_for_and_said_where_no_worker_has_one(merbench, two_workers):
    err = refused(
        merbench, "--backend", "dask", "--scheduler", two_workers.address, "--device", "cuda"
    )
    assert "none of the 2 workers offers the resource GPU" in err
    assert two_workers.leftovers() == []

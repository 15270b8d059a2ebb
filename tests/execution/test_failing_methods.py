"""Methods that fail, or keep what they should not: the other cells do not notice."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from merbench import registry
from merbench.execution.plan import make_plan
from merbench.execution.tasks import run_task
from merbench.store.cell import CellWriter
from merbench.store.store import Store
from merbench.suite.load import load_suite
from tests.execution.looks import folders, results, written

FRAIL = """
import os
from dataclasses import dataclass
from pathlib import Path
import torch
from threadpoolctl import threadpool_info
from merbench.errors import CellError
from merbench_baselines.logreg import LogReg
from merbench_baselines.zero_fill import FusionStage, ZeroFill
from merbench_baselines.mmin import Mmin, MminStage


def hit():
    if os.path.exists("broken"):
        raise ValueError("struck")


@dataclass(frozen=True, kw_only=True)
class FrailStage(FusionStage):
    def loss(self, network, batch):
        hit()
        return super().loss(network, batch)


class InLoss(ZeroFill):
    def stages(self, training):
        return (FrailStage(training=training[0]),)


class InTeacher(Mmin):
    def stages(self, training):
        teacher = FrailStage(training=training[0])
        last = MminStage(training=training[1], teacher=teacher, forward_weight=1, cycle_weight=1)
        return (teacher, last)


class InPredict(LogReg):
    def fuse(self, embeddings, states):
        if os.path.exists("broken"):
            raise CellError("cannot predict")
        return super().fuse(embeddings, states)


class Threads(LogReg):
    def estimate(self, features, labels, context):
        pools = {pool["num_threads"] for pool in threadpool_info()}
        Path("threads").write_text(f"{pools} {torch.get_num_threads()}")
        return super().estimate(features, labels, context)


class Hoarder(LogReg):
    '''Keeps what it has learnt before: a cell must not see it.'''
    fits = 0

    def estimate(self, features, labels, context):
        self.fits += 1
        found = super().estimate(features, labels, context)
        return found._replace(biases=found.biases * self.fits)
"""


@pytest.fixture
def frail(merbench, monkeypatch):
    """Methods that fail while a file `broken` is there."""
    monkeypatch.syspath_prepend(merbench.folder)
    monkeypatch.setenv("PYTHONPATH", str(merbench.folder))
    (merbench.folder / "frail_methods.py").write_text(FRAIL, "utf-8")
    (merbench.folder / "broken").touch()
    yield merbench
    sys.modules.pop("frail_methods", None)
    registry.load.cache_clear()


def test_failing_methods_do_not_stop_the_others_and_are_done_when_repaired(frail, tmp_path):
    run = tmp_path / "run"
    frails = ["InLoss", "InPredict", "InTeacher"]
    suite = frail.suite(methods=[*(f"frail_methods:{name}" for name in frails), "logreg"])
    said = frail("run", suite, "--out", run, "--jobs", 1)
    assert said.code == 1
    assert "ValueError: struck" in said.err
    assert "InPredict, fold 2, seed 0: cannot predict" in said.err
    assert "6 of 8 cells failed" in said.err
    assert "Traceback" not in said.err
    lines = {line.split()[0]: line.split() for line in said.out.splitlines() if line.split()}
    assert len(lines["logreg"]) > len(lines["InLoss"]) == 1
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["cells"]) == ("failed", {"done": 2, "failed": 6, "total": 8})
    by_cell = {failure["cell"]: failure for failure in record["failures"]}
    assert 'raise ValueError("struck")' in by_cell["InLoss, fold 1, seed 0"]["details"]
    assert set(results(run)["method"]) == {"logreg"}

    cells = folders(run)
    (tmp_path / "broken").unlink()
    assert frail.run(suite, run).code == 0
    assert written(cells, folders(run)) == sorted(frails * 2)
    assert json.loads((run / "run.json").read_text())["failures"] == []


def test_a_stage_whose_teacher_failed_is_not_tried(frail, tmp_path):
    said = frail(
        "run", frail.suite(methods=["frail_methods:InTeacher"]), "--out", tmp_path / "run",
        "--jobs", 1, "--json",
    )  # fmt: skip
    assert said.code == 1
    failures = json.loads(said.out)["failures"]
    assert [f["error"] for f in failures] == ["ValueError: struck"] * 2
    assert pd.read_parquet(tmp_path / "run" / "results.parquet").empty


def test_what_a_method_keeps_in_itself_does_not_reach_the_next_cell(frail, tmp_path):
    suite = frail.suite(methods=["frail_methods:Hoarder"])
    frail.run(suite, tmp_path / "both")
    frail.run(suite, tmp_path / "second", "--folds", "2")
    both = results(tmp_path / "both")
    alone = results(tmp_path / "second")
    np.testing.assert_array_equal(both[both["fold"] == "2"]["nll"], alone["nll"])


def test_a_cell_uses_the_suite_s_threads_whatever_the_machine_has(frail, tmp_path):
    suite = frail.suite(methods=["frail_methods:Threads"])
    with threadpool_limits(2):
        frail.run(suite, tmp_path / "run", "--folds", 1)
    assert (tmp_path / "threads").read_text() == "{1} 1"


def test_a_missing_stage_is_an_error_of_the_cell(merbench, tmp_path):
    plan = make_plan(load_suite(merbench.suite()))
    task = next(cell for cell in plan.cells if cell.label == "mmin")
    outcome = run_task(task, plan.protocol, Store(tmp_path / "empty"))
    assert "run again to train it anew" in outcome.error
    assert outcome.details is None


def test_a_cell_whose_evaluation_fails_half_way_is_not_there(merbench, tmp_path, monkeypatch):
    plan = make_plan(load_suite(merbench.suite()))
    cell = next(cell for cell in plan.cells if cell.label == "logreg")
    store, added = Store(tmp_path / "run"), []

    def add(self, conditions, *_):
        added.append(conditions)
        assert list(store.cells.glob("*/predictions.safetensors")), "nothing is being written"
        raise OSError("no space left")

    monkeypatch.setattr(CellWriter, "add", add)
    assert run_task(cell, plan.protocol, store).error == "OSError: no space left"
    assert len(added) == 1
    assert list(store.cells.iterdir()) == []
    monkeypatch.undo()
    assert run_task(cell, plan.protocol, store).error is None
    assert store.cell_record(cell.folder, cell.key) is not None

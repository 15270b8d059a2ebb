"""Runs in this process: what is done, what is kept, what is told."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

from merbench import registry
from merbench.execution.plan import make_plan
from merbench.execution.prepare import prepare
from merbench.execution.tasks import cpu_threads, run_task
from merbench.methods.base import FitContext
from merbench.store.cell import CellWriter
from merbench.store.store import Store
from merbench.suite.load import load_suite
from tests.conftest import TINY, names, table_bytes


def folders(run, kind="cells"):
    """Return name -> time of last change of a run's folders."""
    return {path.name: path.stat().st_mtime_ns for path in (run / kind).iterdir()}


def written(before, after):
    """Return the methods of the cells that were written between two looks at the folders."""
    return sorted(name.split("-")[0] for name in after if after[name] != before.get(name))


def results(run):
    return pd.read_parquet(run / "results.parquet")


@pytest.fixture
def copied(tiny_run, tmp_path):
    """A run to change: the tiny suite's, complete."""
    return shutil.copytree(tiny_run, tmp_path / "copied")


def test_two_runs_of_a_suite_are_byte_identical(merbench, tiny_run, tmp_path):
    merbench.run(merbench.suite(), tmp_path / "again")
    assert table_bytes(tmp_path / "again") == table_bytes(tiny_run)


def test_resuming_a_complete_run_does_nothing_and_changes_nothing(merbench, copied):
    cells, stages, tables = folders(copied), folders(copied, "stages"), table_bytes(copied)
    files = {path: path.stat().st_mtime_ns for path in (copied / "cells").rglob("*")}
    said = merbench("run", merbench.suite(), "--out", copied, "--jobs", 1)
    assert said.code == 0
    assert "0 cells to do; 6 cells are there already" in said.err
    assert (folders(copied), folders(copied, "stages")) == (cells, stages)
    assert all(path.stat().st_mtime_ns == time for path, time in files.items())
    assert table_bytes(copied) == tables


def test_tables_are_rebuilt_from_the_cells(merbench, copied):
    tables = table_bytes(copied)
    for path in copied.glob("*.parquet"):
        path.unlink()
    (copied / "run.json").unlink()
    merbench.run(merbench.suite(), copied)
    assert table_bytes(copied) == tables
    assert json.loads((copied / "run.json").read_text())["status"] == "complete"


def test_a_part_first_and_then_the_whole_gives_the_same(merbench, tiny_run, tmp_path):
    run, suite = tmp_path / "run", merbench.suite()
    merbench.run(suite, run, "--methods", "zero_fill")
    first = folders(run)
    assert written({}, first) == ["zero_fill"] * 2
    assert set(results(run)["method"]) == {"zero_fill"}
    merbench.run(suite, run, "--folds", "2")
    second = folders(run)
    assert written(first, second) == ["logreg", "mmin"]
    merbench.run(suite, run)
    assert written(second, folders(run)) == ["logreg", "mmin"]
    assert table_bytes(run) == table_bytes(tiny_run)


def test_the_order_of_methods_changes_no_number(merbench, copied, tiny_run):
    cells = folders(copied)
    merbench.run(merbench.suite(methods=["mmin", "logreg", "zero_fill"]), copied)
    assert folders(copied) == cells
    keys = ["method", "fold", "pattern", "noise", "severity"]
    one, other = (results(run).astype({"method": str}) for run in (tiny_run, copied))
    pd.testing.assert_frame_equal(
        one.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True)
    )
    assert list(dict.fromkeys(other["method"])) == ["mmin", "logreg", "zero_fill"]


def test_an_added_method_is_all_that_is_done(merbench, copied):
    cells = folders(copied)
    merbench.run(merbench.suite(methods=[*TINY["methods"], "modality_dropout"]), copied)
    assert written(cells, folders(copied)) == ["modality_dropout"] * 2


def test_shared_stages_are_trained_once(tiny_run):
    assert len(folders(tiny_run, "stages")) == 2  # one for each fold, for zero_fill and mmin
    cells = {path.name.split("-")[0]: path for path in (tiny_run / "cells").iterdir()}
    stages = {
        method: [s["shared"] for s in json.loads((path / "record.json").read_text())["stages"]]
        for method, path in cells.items()
    }
    assert stages == {"logreg": [], "zero_fill": [True], "mmin": [True, False]}


def test_one_method_under_two_labels_gives_one_result_twice(merbench, tmp_path):
    twins = ["logreg", {"name": "logreg", "label": "twin"}]
    said = merbench.run(merbench.suite(methods=twins), tmp_path / "run", "--json")
    assert json.loads(said.out)["cells"] == {"done": 4, "total": 4}
    table = results(tmp_path / "run")
    one, other = (table[table["method"] == name] for name in ("logreg", "twin"))
    assert len(one) == len(table) / 2
    np.testing.assert_array_equal(one["nll"], other["nll"])


@pytest.mark.parametrize("file", ["weights.safetensors", "predictions.safetensors", "record.json"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "gone"])
def test_a_damaged_cell_is_done_again_and_alone(merbench, copied, tiny_run, file, damage):
    before = folders(copied)
    path = next((copied / "cells").glob("logreg-1-*")) / file
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    merbench.run(merbench.suite(), copied)
    assert written(before, folders(copied)) == ["logreg"]
    assert table_bytes(copied) == table_bytes(tiny_run)


def test_a_damaged_stage_is_trained_again_for_the_cell_that_needs_it(merbench, copied, tiny_run):
    stages = folders(copied, "stages")
    name = next(iter(stages))
    (copied / "stages" / name / "weights.safetensors").write_bytes(b"")
    merbench.run(merbench.suite(), copied)
    assert folders(copied, "stages") == stages  # no cell needs it
    for cell in (copied / "cells").glob("mmin-*"):
        shutil.rmtree(cell)
    merbench.run(merbench.suite(), copied)
    assert [n for n, time in folders(copied, "stages").items() if time != stages[n]] == [name]
    assert table_bytes(copied) == table_bytes(tiny_run)


def test_what_an_interrupted_writer_left_is_removed(merbench, copied):
    for parent in ("cells", "stages"):
        (copied / parent / ".writing-0").mkdir()
        (copied / parent / ".writing-0" / "weights.safetensors").write_text("half")
    (copied / ".writing-1").write_text("half")
    (copied / ".results.parquet.part").write_text("half")
    merbench.run(merbench.suite(), copied)
    assert not [
        path for path in copied.rglob("*") if path.name.startswith((".writing", ".results"))
    ]


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


def test_a_changed_corpus_is_refused_and_fresh_starts_over(merbench, copied, tiny_run):
    suite = merbench.suite(corpus={**TINY["corpus"], "seed": 1})
    said = merbench("run", suite, "--out", copied, "--jobs", 1)
    assert said.code == 2
    assert said.err.startswith("Error: ")
    assert "fingerprint" in said.err
    assert "--fresh" in said.err
    assert table_bytes(copied) == table_bytes(tiny_run)
    (copied / "notes.txt").write_text("x")
    merbench.run(suite, copied, "--fresh", "--yes")
    assert table_bytes(copied) != table_bytes(tiny_run)
    assert len(folders(copied)) == 6
    assert (copied / "notes.txt").exists()


def test_run_json_says_what_the_interface_promises(tiny_run):
    record = json.loads((tiny_run / "run.json").read_text("utf-8"))
    assert record["suite"]["methods"][2]["forward_weight"] == 4.0  # defaults are written out
    assert len(record["suite_hash"]) == len(record["draws_hash"]) == 64
    assert len(record["corpus"]["fingerprint"]) == 64
    assert set(record["values_digest"]) == {"1", "2"}
    assert record["versions"].keys() >= {"python", "merbench", "torch", "numpy"}
    assert record["git"] is None or {"revision", "dirty"} == record["git"].keys()
    assert record["host"].keys() == {"system", "processors", "blas"}
    assert record["device"] == "cpu"
    assert record["started"] <= record["finished"]
    assert record["status"] == "complete"
    assert record["cells"] == {"done": 6, "failed": 0, "total": 6}
    assert sorted(record["folders"]) == names(tiny_run / "cells")
    suite = load_again(record, tiny_run.parent)
    assert suite.hash == record["suite_hash"]


def load_again(record, folder):
    path = folder / "resolved.yaml"
    path.write_text(json.dumps(record["suite"]), "utf-8")
    return load_suite(path).suite


KEYS = ["corpus", "method", "fold", "seed", "condition", "pattern", "noise", "on", "level",
        "requested", "severity", "draw"]  # fmt: skip


def test_tables_have_the_columns_the_interface_promises(tiny_run):
    columns = {path.stem: pq.read_schema(path).names for path in tiny_run.glob("*.parquet")}
    metrics = ["n", "wa", "ua", "f1", "weighted_f1", "ece", "nll"]
    assert columns["results"] == [*KEYS, *metrics]
    classes = ["p_angry", "p_happy", "p_neutral", "p_sad"]
    assert columns["predictions"] == [
        *KEYS,
        "utterance",
        "speaker",
        "label",
        "prediction",
        *classes,
    ]
    assert {
        "method", "fold", "seed", "parameters", "epoch", "train_seconds", "evaluate_seconds",
        "peak_memory", "warnings",
    } <= {*columns["cells"]}  # fmt: skip
    assert {"method", "fold", "seed", "stage", "epoch", "loss", "valid_partial"} <= {
        *columns["curves"]
    }


def test_every_test_utterance_is_scored_once_in_every_condition(tiny_run):
    predictions = pd.read_parquet(tiny_run / "predictions.parquet")
    record = json.loads((tiny_run / "run.json").read_text("utf-8"))
    conditions = record["conditions"]["evaluated"]
    tested = sum(fold["test"] for fold in record["folds"])
    assert len(predictions) == 3 * conditions * tested
    assert not predictions.duplicated([*KEYS, "utterance"]).any()
    probabilities = predictions.filter(like="p_").to_numpy(np.float64)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=5e-3)
    right = predictions["label"].astype(str) == predictions["prediction"].astype(str)
    keys = ["method", "fold", "pattern", "noise"]
    accuracy = right.groupby([predictions[k].astype(str) for k in keys]).mean()
    table = results(tiny_run)
    stored = table.set_index([table[k].astype(str) for k in keys])["wa"]
    np.testing.assert_allclose(stored.sort_index(), accuracy.sort_index(), atol=1e-12)


def test_a_run_of_black_boxes_has_an_empty_table_of_curves_with_its_columns(merbench, tmp_path):
    merbench.run(merbench.suite(methods=["logreg"]), tmp_path / "run")
    curves = pq.read_table(tmp_path / "run" / "curves.parquet")
    assert curves.num_rows == 0
    assert "valid_partial" in curves.schema.names
    cells = pd.read_parquet(tmp_path / "run" / "cells.parquet")
    assert cells["epoch"].isna().all()
    assert (cells["parameters"] > 0).all()


def test_stored_weights_give_the_stored_predictions_again(merbench, tiny_run):
    plan = make_plan(load_suite(merbench.suite()))
    cell = plan.cells[0]
    store = Store(tiny_run)
    fold = prepare(plan.protocol, cell.division)
    cell.method.restore(store.cell_weights(cell.folder), FitContext(fold.shape, 0))
    with cpu_threads(1):
        found = fold.evaluator.evaluate(cell.method, cell.method)
    stored = store.cell_predictions(cell.folder, store.cell_record(cell.folder, cell.key))
    np.testing.assert_array_equal(found.predictions, stored.predictions)


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


def test_methods_with_different_training_data_do_not_look_like_different_machines(
    merbench, tmp_path
):
    methods = ["logreg", {"name": "logreg", "label": "less", "train_missing_rate": 0.5}]
    merbench.run(merbench.suite(methods=methods), tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert set(record["values_digest"]) == {
        "1", "2", "1, 50% of training incomplete", "2, 50% of training incomplete",
    }  # fmt: skip
    assert len(set(record["values_digest"].values())) == 4
    assert not any("kinds of machines" in text for text in record["warnings"])

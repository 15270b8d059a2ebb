"""What a run leaves: its record, its tables, and weights that predict the same again."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from merbench.analysis.facts import reproduce
from merbench.execution.plan import make_plan
from merbench.execution.prepare import prepare
from merbench.execution.tasks import cpu_threads
from merbench.methods.base import FitContext
from merbench.store.store import Store
from merbench.suite.load import load_suite
from tests.conftest import names
from tests.execution.looks import results


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


def test_folds_that_were_chosen_are_chosen_again(merbench, tmp_path):
    long = "метод " * 100  # file systems count bytes, and take 255 of them
    suite = merbench.suite(methods=[{"name": "logreg", "label": long}], contrasts=[])
    merbench.run(suite, tmp_path / "run", "--folds", "2")
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert record["cells"] == {"done": 1, "failed": 0, "total": 1}
    assert any(" --folds 2 " in command for command in reproduce(record))
    merbench.run(suite, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert not any("--folds" in command for command in reproduce(record))


@pytest.mark.parametrize("key", ["training.lr", "training.clip", "grid.noise.0.severities.0"])
def test_a_setting_is_a_finite_number(merbench, key):
    said = merbench("run", merbench.suite(), "--set", f"{key}=.inf", "--out", "new")
    assert said.code == 2
    assert key in said.err
    assert "Traceback" not in said.err


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
        "dialogue",
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

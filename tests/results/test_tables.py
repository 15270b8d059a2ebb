import dataclasses
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from merbench.errors import ConfigError, IncompleteError
from merbench.results.confusion import read_confusion
from merbench.results.header import CellKey, TableHeader
from merbench.results.tables import PREDICTIONS, RESULTS, CellPredictions, write_tables


@pytest.fixture
def random_cells(run):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(8, dtype=np.int16) % 2)
    cells = []
    for key in run.header.cells:
        utterances = np.arange(4, dtype=np.int32) + 4 * (key.fold == "y")
        logits = rng.normal(size=(len(run.header.conditions), 4, 2))
        exact = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        cells.append(
            CellPredictions(
                *key,
                utterances,
                labels[utterances],
                exact.argmax(-1).astype(np.int16),
                exact.astype(np.float16),
            )
        )
    return cells


def test_predictions_hold_each_utterance_once_per_condition_in_order(run, random_cells, tmp_path):
    write_tables(tmp_path, run, random_cells)
    table = pd.read_parquet(tmp_path / PREDICTIONS)
    conditions = len(run.header.conditions)
    assert len(table) == 2 * 2 * 8 * conditions
    keys = (
        table[["method", "fold", "seed", "condition", "utterance"]]
        .astype(str)
        .agg("/".join, axis=1)
    )
    assert keys.is_unique
    expected = [
        f"{cell.method}/{cell.fold}/{cell.seed}/{k}/u{u}"
        for cell in random_cells
        for k in range(conditions)
        for u in cell.utterances
    ]
    assert keys.tolist() == expected


def test_predictions_carry_names_speakers_and_probabilities_as_given(run, random_cells, tmp_path):
    write_tables(tmp_path, run, random_cells)
    table = pd.read_parquet(tmp_path / PREDICTIONS)
    cell, k, i = random_cells[5], 4, 2
    row = table[
        (table["method"] == cell.method)
        & (table["fold"] == cell.fold)
        & (table["seed"] == cell.seed)
        & (table["condition"] == k)
    ].iloc[i]
    assert row["corpus"] == "tiny"
    assert row["utterance"] == f"u{cell.utterances[i]}"
    assert row["speaker"] == f"s{cell.utterances[i] // 2}"
    assert row["label"] == ("calm", "angry")[cell.labels[i]]
    assert row["prediction"] == ("calm", "angry")[cell.predictions[k, i]]
    assert (row["pattern"], row["noise"], row["on"], row["level"]) == (
        "b",
        "gaussian",
        "absent",
        11,
    )
    assert (row["requested"], row["severity"], row["draw"]) == (0.2, 0.18, 0)
    assert table["p_calm"].dtype == np.float16
    assert row["p_calm"] == cell.probabilities[k, i, 0]
    assert row["p_angry"] == cell.probabilities[k, i, 1]


def test_each_cell_is_a_row_group_so_that_tables_stream(run, random_cells, tmp_path):
    write_tables(tmp_path, run, iter(random_cells))
    assert pq.ParquetFile(tmp_path / PREDICTIONS).num_row_groups == len(random_cells)


def test_results_are_the_metrics_of_the_stored_predictions(run, random_cells, tmp_path):
    write_tables(tmp_path, run, random_cells)
    results = pd.read_parquet(tmp_path / RESULTS)
    keys = ["method", "fold", "seed", "condition"]
    stored = pd.read_parquet(tmp_path / PREDICTIONS)
    groups = dict(iter(stored.groupby(keys, observed=True)))
    assert len(results) == len(groups) == 8 * len(run.header.conditions)
    for row in results.itertuples():
        rows = groups[row.method, row.fold, row.seed, row.condition]
        label, said = rows["label"].astype(str), rows["prediction"].astype(str)
        assert row.n == 4
        assert row.wa == (label == said).mean()
        assert row.f1 == pytest.approx(f1_score(label, said, average="macro", zero_division=0))
        if label.nunique() == 2:
            assert row.ua == pytest.approx(balanced_accuracy_score(label, said))
        halves = rows[["p_angry", "p_calm"]].to_numpy(np.float64)
        of_truth = np.where(label == "angry", halves[:, 0], halves[:, 1])
        assert row.nll == pytest.approx(-np.log(of_truth).mean())
        scikit = log_loss(label, halves / halves.sum(1, keepdims=True), labels=["angry", "calm"])
        assert row.nll == pytest.approx(scikit, rel=2e-3)  # halves do not sum to 1 exactly


def test_equal_runs_give_equal_bytes(run, random_cells, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_tables(tmp_path / name, run, random_cells)
    for table in (PREDICTIONS, RESULTS):
        first, second = ((tmp_path / name / table).read_bytes() for name in ("first", "second"))
        assert first == second


def test_a_method_without_probabilities_has_blanks_and_keeps_its_other_metrics(
    run, random_cells, tmp_path
):
    cells = [dataclasses.replace(c, probabilities=None) for c in random_cells]
    write_tables(tmp_path, run, cells)
    assert pd.read_parquet(tmp_path / PREDICTIONS)["p_calm"].isna().all()
    results = pd.read_parquet(tmp_path / RESULTS)
    assert results[["ece", "nll"]].isna().all(axis=None)
    assert results[["wa", "ua", "f1"]].notna().all(axis=None)


def test_a_corpus_without_speakers_has_none(run, random_cells, tmp_path):
    write_tables(tmp_path, dataclasses.replace(run, speakers=None), random_cells)
    assert pd.read_parquet(tmp_path / PREDICTIONS)["speaker"].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cells: cells[::-1], "out of order"),
        (lambda cells: [cells[0], cells[0]], "comes twice"),
        (lambda cells: [dataclasses.replace(cells[0], method="three")], "not one of the run's"),
        (
            lambda cells: [dataclasses.replace(cells[0], predictions=cells[0].predictions[1:])],
            "expected 4 labels and predictions of shape",
        ),
        (
            lambda cells: [
                dataclasses.replace(cells[0], probabilities=cells[0].probabilities.astype("f4"))
            ],
            "expected float16 probabilities",
        ),
    ],
)
def test_cells_that_do_not_fit_are_refused_and_the_old_tables_stay(
    run, random_cells, tmp_path, change, message
):
    write_tables(tmp_path, run, random_cells)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=message):
        write_tables(tmp_path, run, change(random_cells))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_confusion_counts_equal_a_plain_count(run, random_cells, tmp_path):
    write_tables(tmp_path, run, random_cells)
    confusion = read_confusion(tmp_path / PREDICTIONS)
    counts = np.zeros_like(confusion.counts)
    for row in pd.read_parquet(tmp_path / PREDICTIONS).itertuples():
        header = run.header
        counts[
            header.methods.index(row.method),
            header.seeds.index(row.seed),
            header.folds.index(row.fold),
            row.condition,
            header.classes.index(row.label),
            header.classes.index(row.prediction),
        ] += 1
    np.testing.assert_array_equal(confusion.counts, counts)
    assert confusion.counts.shape == (2, 2, 2, 7, 2, 2)
    assert confusion.done.all()
    assert confusion.missing == ()


def test_the_header_comes_back_from_either_table(run, random_cells, tmp_path):
    write_tables(tmp_path, run, random_cells)
    for name in (PREDICTIONS, RESULTS):
        header = TableHeader.from_schema(pq.read_schema(tmp_path / name), tmp_path / name)
        assert header.to_metadata() == run.header.to_metadata()
        assert header.conditions[1] == run.header.conditions[1]
        assert math.isnan(header.conditions[0].requested)
    assert run.header.complete == "a+b"


def test_missing_cells_are_listed_one_by_one(run, random_cells, tmp_path):
    write_tables(tmp_path, run, [random_cells[0], *random_cells[2:7]])
    confusion = read_confusion(tmp_path / PREDICTIONS)
    assert confusion.missing == (CellKey("one", "x", 1), CellKey("two", "y", 1))
    with pytest.raises(IncompleteError) as caught:
        confusion.require_complete()
    assert str(caught.value) == (
        "the run lacks 2 of 8 cells: (one, fold x, seed 1), (two, fold y, seed 1)"
    )


def test_a_table_of_somebody_else_is_refused_by_name(tmp_path):
    pd.DataFrame({"label": [1]}).to_parquet(tmp_path / PREDICTIONS)
    with pytest.raises(ConfigError, match=r"predictions\.parquet: not a table that merbench wrote"):
        read_confusion(tmp_path / PREDICTIONS)


def test_no_table_means_no_finished_cell(tmp_path):
    with pytest.raises(IncompleteError, match="no such table"):
        read_confusion(tmp_path / PREDICTIONS)


def test_reading_a_run_never_imports_torch():
    code = (
        "import pkgutil, importlib, sys, merbench.results, merbench.report, merbench.api.run\n"
        "for package in (merbench.results, merbench.report):\n"
        "    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

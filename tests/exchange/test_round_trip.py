"""What goes out and comes back scores as it does inside, to the last bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from merbench.corpus.layouts.write import write_corpus
from tests.conftest import TINY
from tests.corpora import MIXED, make_corpus
from tests.exchange.conftest import of_method

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "outside_logreg.py"
# Runs a script where nothing but the standard library and numpy can be imported.
NUMPY_ALONE = """
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"numpy", *sys.stdlib_module_names}:
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SCORES = ["n", "wa", "ua", "f1", "weighted_f1"]


def outside(*paths, cwd):
    return subprocess.run(
        [sys.executable, "-c", NUMPY_ALONE, SCRIPT, *paths],
        cwd=cwd, check=False, capture_output=True, text=True,
    )  # fmt: skip


def predict_outside(export, run, out):
    done = outside(export, run, out, cwd=out.parent)
    assert done.returncode == 0, done.stderr


def assert_same_scores(run, method, imported):
    """Predictions are equal in every row, so scores are equal in every bit."""
    inside, outside = (of_method(run, label) for label in (method, imported))
    pd.testing.assert_frame_equal(
        inside[["fold", "condition", "utterance", "label", "prediction"]],
        outside[["fold", "condition", "utterance", "label", "prediction"]],
    )
    inside, outside = (of_method(run, label, "results") for label in (method, imported))
    for name in SCORES:
        assert inside[name].to_numpy().tobytes() == outside[name].to_numpy().tobytes(), name
    # Probabilities come from sums in another order and are kept in half precision: one in
    # thousands may round the other way.
    for name in ("ece", "nll"):
        np.testing.assert_allclose(inside[name], outside[name], atol=1e-4)


def test_predictions_made_with_numpy_alone_score_as_from_inside(
    merbench, exported, copied, tmp_path
):
    predict_outside(exported, copied, tmp_path / "out.csv")
    said = merbench(
        "grid", "import", tmp_path / "out.csv", "--suite", merbench.suite(), "--as", "outside",
        "--run", copied,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "outside (imported)" in said.out
    assert_same_scores(copied, "logreg", "outside")


def test_the_example_s_own_model_is_better_than_chance(merbench, tmp_path):
    suite = merbench.suite(corpus={"reader": "synthetic", "utterances": 120})
    assert merbench("grid", "export", suite, "--out", tmp_path / "grid").code == 0
    done = outside(tmp_path / "grid", tmp_path / "own.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = merbench(
        "grid", "import", tmp_path / "own.csv", "--suite", suite, "--as", "own",
        "--run", tmp_path / "run",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "note:" not in said.err
    scores = of_method(tmp_path / "run", "own", "results")
    clean = scores[(scores["noise"] == "none") & (scores["pattern"] == "audio+visual+text")]
    assert clean["ua"].mean() > 0.4  # of four classes
    assert (clean["nll"] < np.log(4)).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "usage: python outside_logreg.py EXPORT [RUN] OUT.csv"),
        (["{grid}"], "usage: "),
        (["none", "out.csv"], "none/export.json: No such file"),
        (["{grid}", "none", "out.csv"], "none/run.json: No such file"),
        (["{grid}", "{run}", "none/out.csv"], "none/out.csv: No such file"),
    ],
)
def test_the_example_says_in_a_line_what_it_lacks(exported, tiny_run, tmp_path, arguments, words):
    filled = [a.format(grid=exported, run=tiny_run) for a in arguments]
    done = outside(*filled, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_quick_predicted_with_numpy_alone_scores_as_from_inside(merbench, tmp_path):
    run = tmp_path / "run"
    assert merbench("run", "quick", "--methods", "logreg", "--out", run, "--jobs", 1).code == 0
    assert merbench("grid", "export", "quick", "--out", tmp_path / "grid").code == 0
    predict_outside(tmp_path / "grid", run, tmp_path / "out.csv")
    said = merbench(
        "grid", "import", tmp_path / "out.csv", "--suite", "quick", "--as", "outside",
        "--run", run,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert_same_scores(run, "logreg", "outside")


def test_a_noise_that_leaves_a_vector_alone_and_absent_modalities_come_back_right(
    merbench, tmp_path
):
    """Natively absent modalities, a vector, and a noise that has no meaning for it."""
    corpus = make_corpus(48, streams=MIXED, speakers=8, absent=0.2)
    write_corpus(corpus, tmp_path / "corpus", "table")
    suite = merbench.suite(
        corpus={"reader": "table", "path": str(tmp_path / "corpus")},
        methods=["logreg"],
        grid={
            "noise": [
                {"type": "burst", "severities": [0.4, 0.8], "on": ["absent", "present"]},
                {"type": "babble", "severities": [0.5], "on": "all"},
            ],
            "draws": 2,
        },
    )
    run = tmp_path / "run"
    merbench.run(suite, run)
    assert merbench("grid", "export", suite, "--out", tmp_path / "grid").code == 0
    predict_outside(tmp_path / "grid", run, tmp_path / "out.csv")
    said = merbench(
        "grid", "import", tmp_path / "out.csv", "--suite", suite, "--as", "outside", "--run", run
    )
    assert said.code == 0, said.err
    assert_same_scores(run, "logreg", "outside")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("method", TINY["methods"])
def test_a_run_s_own_predictions_come_back_with_equal_results(
    merbench, copied, tmp_path, ending, method
):
    rows = pd.read_parquet(copied / "predictions.parquet")
    rows = rows[rows["method"] == method]
    path = tmp_path / f"mine.{ending}"
    if ending == "csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path, index=False)
    said = merbench(
        "grid", "import", path, "--suite", merbench.suite(), "--as", "mine", "--run", copied
    )
    assert said.code == 0, said.err
    inside, outside = (of_method(copied, label, "results") for label in (method, "mine"))
    pd.testing.assert_frame_equal(inside, outside, check_exact=True)
    pd.testing.assert_frame_equal(
        of_method(copied, method), of_method(copied, "mine"), check_exact=True
    )


def test_rows_may_come_in_any_order(merbench, copied, tmp_path, table):
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "mixed.csv", index=False)
    said = merbench(
        "grid", "import", tmp_path / "mixed.csv", "--suite", merbench.suite(), "--as", "mixed",
        "--run", copied,
    )  # fmt: skip
    assert said.code == 0, said.err
    pd.testing.assert_frame_equal(of_method(copied, "logreg"), of_method(copied, "mixed"))


def test_the_tables_of_an_import_are_those_of_a_run_that_lists_it(merbench, copied, tmp_path):
    """Each cell is a row group of the predictions, as streaming readers expect."""
    rows = pd.read_parquet(copied / "predictions.parquet")
    rows[rows["method"] == "mmin"].to_parquet(tmp_path / "mine.parquet")
    merbench(
        "grid", "import", tmp_path / "mine.parquet", "--suite", merbench.suite(), "--as", "mine",
        "--run", copied,
    )  # fmt: skip
    assert pq.ParquetFile(copied / "predictions.parquet").num_row_groups == 8
    cells = pd.read_parquet(copied / "cells.parquet")
    assert cells[cells["method"] == "mine"]["fold"].tolist() == ["1", "2"]
    assert cells[cells["method"] == "mine"]["parameters"].isna().all()

"""`merbench run`: what it says, where it says it, and how it ends."""

import io
import json
import shutil
from pathlib import Path

import pytest
import torch

from merbench.suite.load import validate
from merbench.suite.source import Source
from tests.conftest import names


@pytest.fixture
def copied(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "copied")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "quikc"], "did you mean 'quick'"),
        (["run", "{suite}", "--methods", "mmim"], "did you mean 'mmin'"),
        (["run", "{suite}", "--folds", "3"], "no fold '3'; valid: 1, 2"),
        (["run", "{suite}", "--seeds", "one"], "expected whole numbers"),
        (["run", "{suite}", "--jobs", "0"], "--jobs"),
        (["run", "{suite}", "--job", "2"], "No such option"),
        (["run", "{suite}", "--backend", "slurm"], "local"),
        (["run", "{suite}", "--device", "cuda:99"], "available: auto, cpu"),
        (["run", "{suite}", "--device", "gpu"], "available: auto, cpu"),
        (["run", "{suite}", "--corpus", "no/such/place"], "no/such/place"),
        (["run", "{suite}", "--corpus", "tabel:."], "did you mean 'table'"),
        (["run", "{suite}", "--set", "training.epoch=3"], "did you mean 'epochs'"),
        (["run", "{suite}", "--set", "training.epochs"], "--set"),
        (["run", "{suite}", "--set", "folds.limit=9"], "folds"),
        (["run"], "Missing argument 'SUITE'"),
        (["rum", "quick"], "did you mean 'run'"),
    ],
)
def test_a_wrong_word_ends_in_2_with_a_message_and_no_traceback(merbench, arguments, words):
    suite = merbench.suite()
    said = merbench(*(a.format(suite=suite) for a in arguments), "--out", merbench.folder / "run")
    assert said.code == 2
    assert words in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not (merbench.folder / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named(merbench):
    said = merbench("run", merbench.suite(), "--device", "cuda")
    assert said.code == 2
    assert said.err == "Error: --device cuda: not here; available: auto, cpu\n"


def test_errors_are_one_message_on_stderr(merbench):
    said = merbench("run", merbench.suite(), "--methods", "nmr")
    assert said.err.count("\n") == 1
    assert said.err.startswith("Error: --methods: ")


def test_an_output_that_is_something_else_is_refused_untouched(merbench, tmp_path):
    other = tmp_path / "thesis"
    (other / "report").mkdir(parents=True)
    (other / "data.parquet").write_text("x")
    for flags in ([], ["--fresh", "--yes"]):
        said = merbench("run", merbench.suite(), "--out", other, *flags)
        assert said.code == 2
        assert "not empty and not a run (it holds data.parquet, report)" in said.err
        assert names(other) == ["data.parquet", "report"]


def test_an_output_that_cannot_be_written_is_refused(merbench, tmp_path):
    (tmp_path / "file").write_text("x")
    said = merbench("run", merbench.suite(), "--out", tmp_path / "file")
    assert said.code == 2
    assert "cannot write there" in said.err


def test_fresh_asks_and_takes_silence_for_no(merbench, copied, monkeypatch):
    before = names(copied / "cells")
    for answer, words in [("n\n", "nothing was discarded"), ("", "--yes does not ask")]:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        said = merbench("run", merbench.suite(), "--out", copied, "--fresh")
        assert said.code == 2
        assert "Discard the run in" in said.err
        assert words in said.err
        assert said.out == ""
    assert names(copied / "cells") == before


def test_fresh_trains_every_cell_again(merbench, copied, tiny_run):
    def times(run):
        return {path: path.stat().st_mtime_ns for path in (run / "cells").iterdir()}

    before = times(copied)
    merbench.run(merbench.suite(), copied, "--fresh", "--yes")
    after = times(copied)
    assert before.keys() == after.keys()
    assert all(after[path] != before[path] for path in before)


def test_json_is_all_there_is_on_stdout(merbench, copied):
    said = merbench("run", merbench.suite(), "--out", copied, "--json", "--jobs", 1)
    assert json.loads(said.out) == {
        "run": str(copied),
        "cells": {"done": 6, "total": 6},
        "failures": [],
        "damaged": [],
    }
    assert said.err == ""


def test_quiet_prints_the_tables_alone(merbench, copied):
    said = merbench("run", merbench.suite(), "--out", copied, "--quiet", "--jobs", 1)
    assert said.err == ""
    for title in ("WA, missing modalities", "UA, missing modalities", "UA, overview"):
        assert title in said.out


def test_piped_tables_keep_whole_lines(merbench, copied):
    suite = merbench.suite()
    said = merbench("run", suite, "--out", copied, "--jobs", 1)
    rows = [line.split() for line in said.out.splitlines() if line.startswith("zero_fill")]
    # six partial patterns, mean, pooled, complete, and "mean ± sd" over the folds
    assert [len(row) for row in rows] == [1 + 9 + 3, 1 + 9 + 3, 1 + 3]
    assert "6 cells are there already" in said.err
    assert f"next: merbench report {copied}" in said.err


def test_variables_mirror_the_flags(merbench, copied, monkeypatch):
    flags = {
        "OUT": copied, "JOBS": 1, "METHODS": "logreg,mmin", "FOLDS": "2", "SEEDS": "0",
        "DEVICE": "cpu", "JSON": 1, "SET": "metrics=[f1]", "CORPUS": "synthetic",
    }  # fmt: skip
    for name, value in flags.items():
        monkeypatch.setenv(f"MERBENCH_{name}", str(value))
    said = merbench("run", merbench.suite())
    assert said.code == 0, said.err
    assert json.loads(said.out)["cells"] == {"done": 2, "total": 2}
    record = json.loads((copied / "run.json").read_text())
    assert record["methods"] == ["logreg", "mmin"]
    assert record["suite"]["metrics"] == ["f1"]
    monkeypatch.setenv("MERBENCH_METHODS", "mmim")
    assert merbench("run", merbench.suite()).code == 2
    assert merbench("run", merbench.suite(), "--methods", "mmin").code == 0  # a flag counts more


def test_a_wrong_variable_is_named(merbench, monkeypatch):
    monkeypatch.setenv("MERBENCH_JOBS", "many")
    said = merbench("run", merbench.suite())
    assert said.code == 2
    assert "MERBENCH_JOBS" in said.err


def test_the_default_directory_is_named_after_the_suite(merbench):
    said = merbench("run", merbench.suite(methods=["logreg"]), "--folds", 1, "--jobs", 1, "--json")
    assert json.loads(said.out)["run"] == str(Path("runs", "tiny"))
    assert (merbench.folder / "runs" / "tiny" / "run.json").is_file()


def test_the_schema_of_suites_is_printed_and_nothing_else(merbench):
    said = merbench("run", "--json-schema")
    assert (said.code, said.err) == (0, "")
    schema = json.loads(said.out)
    suite = json.loads(merbench.suite().read_text())
    assert suite.keys() <= schema["properties"].keys()
    assert set(schema["required"]) <= suite.keys()
    validate(Source.parse(json.dumps(suite), "tiny.yaml"))


def test_plan_probes_stages_that_train_on_what_is_complete(merbench):
    """Half of the utterances are incomplete: the first two batches of them are not enough."""
    suite = merbench.suite(
        corpus={"reader": "synthetic", "utterances": 300},
        methods=[{"name": "mmin", "train_missing_rate": 0.5}, "zero_fill"],
        training={"preset": "quick", "batch_size": 16},
    )
    said = merbench("plan", suite, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["seconds"] > 0


def test_plan_says_whose_training_data_do_not_suffice(merbench):
    suite = merbench.suite(methods=["zero_fill", {"name": "mmin", "train_missing_rate": 0.9}])
    said = merbench("plan", suite)
    assert said.code == 1
    assert "fusion, fold 1: stage 'fusion' trains on complete utterances" in said.err

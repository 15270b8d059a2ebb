"""Tunings of a few small trials: what they read, what they repeat, what they leave."""

from __future__ import annotations

import csv
import json
import sys

import numpy as np
import optuna
import pytest

from merbench.api.run import Run
from merbench.api.tune import tune
from merbench.corpus.folds import make_folds
from merbench.corpus.load import load_corpus
from merbench.suite.load import load_suite
from merbench.tuning.study import JOURNAL

from .world import write_corpus

FOLDS = {"scheme": "group_kfold", "n": 3, "by": "speaker"}
QUICK = {"preset": "quick", "epochs": 1, "decay_epochs": 0}
ENOUGH = 11  # trials: the last ones are the sampler's own


def suite(**changes):
    return {
        "name": "small",
        "corpus": {"reader": "synthetic", "utterances": 60},
        "folds": FOLDS,
        "methods": ["logreg"],
        "training": QUICK,
        **changes,
    }


def written(merbench, **changes):
    path = merbench.folder / "small.yaml"
    path.write_text(json.dumps(suite(**changes)))
    return path


def trials(root):
    """Return the rows of the table, without what a clock says."""
    with (root / "trials.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_an_interrupted_study_ends_as_an_uninterrupted_one(tmp_path) -> None:
    whole = tune(suite(), trials=ENOUGH, out=tmp_path / "whole", jobs=1)

    def interrupt(ended):
        if ended.trial == 9:
            raise KeyboardInterrupt

    root = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt):
        tune(suite(), trials=ENOUGH, out=root, jobs=1, watch=interrupt)
    # Killed within a trial: it was asked for, and never told.
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(root / JOURNAL))
    )
    optuna.load_study(storage=storage, study_name="logreg").ask({})
    with (root / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": 4, "wor')
    tune(suite(), trials=ENOUGH, out=root, jobs=1)
    assert trials(root) == trials(whole.root)
    assert len({row["settings"] for row in trials(root)}) == ENOUGH
    assert (root / "tuned.yaml").is_file()


def test_the_test_part_is_never_read(tmp_path) -> None:
    nothing = np.array([], np.int64)
    clean = write_corpus(tmp_path / "clean", nothing)
    corpus = load_corpus(f"table:{clean}")
    fold = make_folds(corpus, load_suite(suite()).suite.folds)[0]
    spoilt = write_corpus(tmp_path / "spoilt", fold.test)
    spoilt_valid = write_corpus(tmp_path / "spoilt_valid", fold.valid)
    found = []
    for path in (clean, spoilt, spoilt_valid):
        fields = suite(corpus=f"table:{path}", methods=["logreg", "zero_fill"])
        root = tmp_path / "tunings" / path.name
        tune(fields, trials=2, out=root, jobs=1)
        found.append(trials(root))
    assert found[0] == found[1]
    assert found[0] != found[2]  # what is read does matter


def test_what_won_runs_as_it_is_and_scores_on_validation_what_the_study_says(merbench) -> None:
    path = written(
        merbench,
        methods=["zero_fill", "logreg"],
        contrasts=[["zero_fill", "logreg"]],
        seeds=[0, 1],
        training={**QUICK, "epochs": 3},
    )
    said = merbench("tune", path, "--trials", 3, "--jobs", 1, "--json", "--methods", "zero_fill")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    (method,) = told["methods"]
    assert method["trials"] == 3
    assert method["best"] >= method["own"]
    assert told["exposed_folds"] == ["2", "3"]
    tuned = load_suite(told["suite"]).suite
    assert tuned.name == "small-tuned"
    assert tuned.seeds == (0, 1)
    assert tuned.contrasts == ()
    assert tuned.tuned is not None
    assert (tuned.tuned.trials, tuned.tuned.untouched) == (3, ("1",))
    merbench.run(told["suite"], "out", "--folds", "1", "--seeds", "0")
    run = Run("out")
    assert run.curves["valid_partial"].max() == pytest.approx(method["best"])


def test_a_study_of_another_suite_is_refused(merbench) -> None:
    path = written(merbench)
    assert merbench("tune", path, "--trials", 1, "--jobs", 1, "--out", "t").code == 0
    before = (merbench.folder / "t" / JOURNAL).read_bytes()
    said = merbench("tune", path, "--trials", 1, "--jobs", 1, "--out", "t", "--seeds", 3)
    assert said.code == 2
    assert "made for another suite (changed: seeds" in said.err
    assert (merbench.folder / "t" / JOURNAL).read_bytes() == before


def test_a_method_whose_own_settings_fail_is_told_and_the_others_are_tuned(merbench) -> None:
    path = written(merbench, methods=["logreg", "tests.tuning.world:Broken"])
    said = merbench("tune", path, "--trials", 2, "--jobs", 1, "--quiet")
    assert said.code == 1
    assert "failed: Broken, with its own settings: ArithmeticError: no such estimator" in said.err
    assert "logreg" in said.out
    kept = load_suite("runs/small-tune/tuned.yaml").suite
    assert [entry.label for entry in kept.methods] == ["logreg", "Broken"]
    assert kept.tuned is not None
    assert [*kept.tuned.methods] == ["logreg"]


def test_a_directory_that_holds_something_else_is_refused(merbench) -> None:
    (merbench.folder / "full").mkdir()
    (merbench.folder / "full" / "thesis.tex").write_text("")
    said = merbench("tune", "quick", "--methods", "logreg", "--out", "full")
    assert said.code == 2
    assert "not empty and not a tuning (it holds thesis.tex)" in said.err


def test_an_unknown_method_is_refused(merbench) -> None:
    said = merbench("tune", "quick", "--methods", "logrge")
    assert said.code == 2
    assert "no method labelled 'logrge'; did you mean 'logreg'" in said.err


def test_without_optuna_it_says_what_to_install(merbench, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    said = merbench("tune", "quick")
    assert said.code == 2
    assert "pip install 'merbench[tune]'" in said.err

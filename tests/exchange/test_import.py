"""Imported predictions in a run: beside its methods, through every way the run goes on."""

import dataclasses
import json
import shutil
import time

import numpy as np
import pandas as pd
import pytest

from merbench.cli import call
from merbench.corpus.corpus import PredefinedFold
from merbench.corpus.layouts.write import write_corpus
from merbench.exchange.importing import import_predictions
from merbench.execution.plan import make_plan
from merbench.results.confusion import read_confusion
from merbench.store.directory import alone
from merbench.store.identity import Identity
from merbench.suite.load import load_suite
from tests.conftest import TINY, names, table_bytes
from tests.corpora import make_corpus
from tests.exchange.conftest import of_method


@pytest.fixture
def bring(merbench, copied, table):
    """Import predictions into the run `copied`, which they then are in."""

    def bring(*flags, label="mine", rows=table, run=copied, suite=None):
        rows.to_parquet("mine.parquet")
        said = merbench(
            "grid", "import", "mine.parquet", "--suite", suite or merbench.suite(),
            "--as", label, "--run", run, *flags,
        )  # fmt: skip
        assert said.code == 0, said.err
        return said

    return bring


def other_rows(run, label):
    """Return the rows of all methods but one, in all columns of both tables."""
    found = []
    for name in ("results", "predictions"):
        rows = pd.read_parquet(run / f"{name}.parquet").astype({"method": str})
        found.append(rows[rows["method"] != label].reset_index(drop=True))
    return found


def digest_of_run(run):
    """Return the short digest of a run's protocol."""
    return Identity.model_validate(record_of(run)["protocol"]).short


def record_of(run):
    return json.loads((run / "run.json").read_text("utf-8"))


def test_an_import_changes_no_row_of_the_others(bring, copied, tiny_run):
    before = other_rows(tiny_run, "mine")
    bring()
    for one, other in zip(before, other_rows(copied, "mine"), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert list(dict.fromkeys(pd.read_parquet(copied / "results.parquet")["method"])) == [
        *TINY["methods"],
        "mine",
    ]


def test_resuming_keeps_an_import_and_changes_no_byte(merbench, bring, copied):
    bring()
    tables, cells = table_bytes(copied), names(copied / "cells")
    said = merbench("run", merbench.suite(), "--out", copied, "--jobs", 1)
    assert said.code == 0
    assert "0 cells to do; 6 cells are there already" in said.err
    assert "mine (imported)" in said.out
    assert (table_bytes(copied), names(copied / "cells")) == (tables, cells)


def test_tables_are_rebuilt_with_the_import_in_them(merbench, bring, copied):
    bring()
    tables = table_bytes(copied)
    for path in copied.glob("*.parquet"):
        path.unlink()
    (copied / "run.json").unlink()
    merbench.run(merbench.suite(), copied)
    assert table_bytes(copied) == tables
    assert record_of(copied)["methods"] == [*TINY["methods"], "mine"]


def test_a_method_added_later_stands_before_the_import(merbench, bring, copied):
    bring()
    rows = of_method(copied, "mine")
    merbench.run(merbench.suite(methods=[*TINY["methods"], "modality_dropout"]), copied)
    shown = list(dict.fromkeys(pd.read_parquet(copied / "results.parquet")["method"]))
    assert shown == [*TINY["methods"], "modality_dropout", "mine"]
    pd.testing.assert_frame_equal(of_method(copied, "mine"), rows, check_exact=True)


def test_several_imports_stand_by_label_whatever_came_first(bring, copied):
    bring(label="second")
    bring(label="first")
    assert record_of(copied)["methods"] == [*TINY["methods"], "first", "second"]
    tables = table_bytes(copied)
    bring("--replace", label="second")
    assert table_bytes(copied) == tables


def test_an_import_makes_a_run_where_there_is_none_and_the_suite_fills_it(
    merbench, bring, copied, tmp_path
):
    bring(run=tmp_path / "new")
    assert record_of(tmp_path / "new")["methods"] == ["mine"]
    pd.testing.assert_frame_equal(of_method(tmp_path / "new", "mine"), of_method(copied, "logreg"))
    merbench.run(merbench.suite(), tmp_path / "new")
    bring()
    assert table_bytes(tmp_path / "new") == table_bytes(copied)


def test_the_default_run_is_that_of_the_suite(merbench, table):
    table.to_csv("mine.csv", index=False)
    said = merbench(
        "grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine", "--json"
    )
    assert json.loads(said.out) == {
        "run": "runs/tiny", "label": "mine", "rows": len(table), "protocol": None,
        "folds": ["1", "2"],
        "seeds": [0], "tables": True,
    }  # fmt: skip
    lines = merbench("runs").out.splitlines()
    assert lines[1].split()[:4] == ["tiny", "tiny", "2/2", "complete"]


def test_a_file_that_does_not_say_its_export_is_taken_and_this_is_said(bring, copied, table):
    for flags, rows in ([(), table], [("--replace",), table.assign(protocol="")]):
        said = bring(*flags, rows=rows)
        assert "note: mine.parquet does not say which export it was made for" in said.err
        assert record_of(copied)["imports"][0]["protocol"] is None
    digest = digest_of_run(copied)
    said = bring("--replace", rows=table.assign(protocol=digest))
    assert "note:" not in said.err
    assert record_of(copied)["imports"][0]["protocol"] == digest


def test_replacing_leaves_nothing_of_what_was_there(bring, copied, table):
    bring()
    before = names(copied / "cells")
    changed = table.drop(columns=[n for n in table if n.startswith("p_")])
    bring("--replace", rows=changed.assign(prediction="sad"))
    assert set(of_method(copied, "mine")["prediction"]) == {"sad"}
    assert of_method(copied, "mine", "results")["nll"].isna().all()
    after = names(copied / "cells")
    assert len(after) == len(before) == 8
    assert len({*before} & {*after}) == 6
    assert sorted(record_of(copied)["folders"]) == after


@pytest.mark.slow
def test_a_report_shows_imports_beside_methods(merbench, bring, copied):
    bring()
    said = merbench("report", copied)
    assert said.code == 0, said.err
    page = (copied / "report" / "index.html").read_text("utf-8")
    assert "mine (imported)" in page
    assert "cells are missing" not in page


def test_an_import_may_have_seeds_of_its_own(merbench, bring, copied, table):
    """A run with one seed, an import with three others: no cell is missing, each has its own."""
    rows = pd.concat([table.assign(seed=seed) for seed in (7, 0, 3)])
    said = bring(rows=rows)
    assert "mine (imported)" in said.out
    found = pd.read_parquet(copied / "results.parquet").astype({"method": str})
    seeds = found.groupby("method")["seed"].unique().map(sorted).to_dict()
    assert seeds == {"logreg": [0], "mmin": [0], "zero_fill": [0], "mine": [0, 3, 7]}
    assert merbench("report", copied).code == 0
    tables = table_bytes(copied)
    merbench.run(merbench.suite(), copied)
    assert table_bytes(copied) == tables


def test_an_import_may_lack_the_run_s_other_seeds(merbench, bring, copied):
    merbench.run(merbench.suite(seeds=[0, 1]), copied)
    bring(suite=merbench.suite(seeds=[0, 1]))
    said = merbench("report", copied)
    assert said.code == 0, said.err


def test_an_import_that_no_longer_fits_is_left_out_said_and_kept(merbench, bring, copied):
    bring()
    tables = table_bytes(copied)
    grid = {"noise": [{"type": "gaussian", "severities": [0.5, 0.9], "on": "present"}]}
    merbench.run(merbench.suite(grid=grid), copied)
    assert "mine" not in set(pd.read_parquet(copied / "results.parquet")["method"])
    warnings = " ".join(record_of(copied)["warnings"])
    assert "imported predictions 'mine' are left out of the tables" in warnings
    assert "conditions: it has 14, the run 21" in warnings
    merbench.run(merbench.suite(), copied)
    assert table_bytes(copied) == tables


def test_a_method_of_the_suite_may_not_take_the_label_of_an_import(merbench, bring, copied):
    bring()
    tables = table_bytes(copied)
    suite = merbench.suite(methods=["logreg", {"name": "logreg", "label": "mine"}])
    said = merbench("run", suite, "--out", copied, "--jobs", 1)
    assert said.code == 2
    assert "'mine' is the label of imported predictions there" in said.err
    assert table_bytes(copied) == tables


def test_fresh_and_rm_remove_imports(merbench, bring, copied, tmp_path):
    bring()
    shutil.copytree(copied, tmp_path / "runs" / "one")
    merbench.run(merbench.suite(), copied, "--fresh", "--yes")
    assert not (copied / "imports").exists()
    assert record_of(copied)["imports"] == []
    assert merbench("runs", "rm", "one", "--yes").code == 0
    assert not (tmp_path / "runs" / "one").exists()


def test_a_damaged_imported_cell_is_a_hole_and_not_a_crash(merbench, bring, copied):
    bring()
    cell = next((copied / "cells").glob("mine-1-*")) / "predictions.safetensors"
    cell.write_bytes(cell.read_bytes()[:-1])
    merbench.run(merbench.suite(), copied, "--json")
    rows = pd.read_parquet(copied / "results.parquet").astype({"method": str})
    assert set(rows[rows["method"] == "mine"]["fold"].astype(str)) == {"2"}
    said = merbench("report", copied)
    assert said.code == 3
    assert "(mine, fold 1, seed 0)" in said.err


def test_conditions_may_be_told_by_keys(merbench, bring, copied, table):
    keys = ["pattern", "noise", "on", "level", "severity", "draw"]
    inside = of_method(copied, "logreg")
    rows = table.drop(columns="condition").join(inside[keys])
    bring(label="keys", rows=rows)
    bring(label="severity", rows=rows.drop(columns=["level", "draw"]))
    bring(label="level", rows=rows.drop(columns=["severity", "draw"]))
    swapped = rows.assign(pattern=rows["pattern"].replace("audio+text", "text+audio"))
    bring(label="swapped", rows=swapped)
    bring(label="both", rows=table.join(inside[keys]))
    for label in ("keys", "severity", "level", "swapped", "both"):
        pd.testing.assert_frame_equal(of_method(copied, label), inside, check_exact=True)


def test_fold_seed_and_probabilities_may_be_left_out(bring, copied, table):
    bring(label="plain", rows=table[["utterance", "condition", "prediction"]])
    inside, outside = (of_method(copied, label, "results") for label in ("logreg", "plain"))
    for name in ("seed", "n", "wa", "ua", "f1", "weighted_f1"):
        np.testing.assert_array_equal(inside[name], outside[name])
    assert outside["nll"].isna().all()


def test_where_an_utterance_is_tested_twice_the_fold_must_be_said(merbench, tmp_path):
    corpus = make_corpus(36)
    parts = [(range(12), range(12, 24), range(24, 36)), (range(12, 24), range(12), range(24, 36))]
    folds = tuple(
        PredefinedFold(str(n), *(np.array(part) for part in of_fold))
        for n, of_fold in enumerate(parts, start=1)
    )
    write_corpus(dataclasses.replace(corpus, predefined=folds), tmp_path / "corpus", "mmin")
    suite = merbench.suite(
        corpus={"reader": "mmin", "path": str(tmp_path / "corpus"), "classes": ["c0", "c1"]},
        folds={"scheme": "predefined"},
        methods=["logreg"],
    )
    merbench.run(suite, tmp_path / "run")
    rows = of_method(tmp_path / "run", "logreg")[["utterance", "condition", "fold", "prediction"]]
    arguments = ["grid", "import", "mine.csv", "--suite", suite, "--as", "mine",
                 "--run", tmp_path / "run"]  # fmt: skip
    rows.drop(columns="fold").drop_duplicates(["utterance", "condition"]).to_csv(
        "mine.csv", index=False
    )
    said = merbench(*arguments)
    assert said.code == 2
    assert "line 2, column 'utterance': 'u024' is tested in several folds; expected a" in said.err
    rows.to_csv("mine.csv", index=False)
    assert merbench(*arguments).code == 0
    pd.testing.assert_frame_equal(
        of_method(tmp_path / "run", "mine", "results")[["wa", "ua"]],
        of_method(tmp_path / "run", "logreg", "results")[["wa", "ua"]],
    )


def test_an_import_says_nothing_of_noise_it_may_have_trained_on(merbench, bring, copied):
    bring()
    header = read_confusion(copied / "predictions.parquet").header
    assert header.shown_as["mine"] == "mine (imported)"
    assert all("mine" not in methods for methods in header.seen.values())
    page = merbench("report", copied).out.strip()
    text = (merbench.folder / page).read_text("utf-8")
    assert "seen in training by no method, not known of mine (imported)" in text


def test_labels_that_differ_only_in_what_a_file_name_cannot_hold_do_not_meet(bring, copied):
    labels = ["a b", "a/b", "a_b"]
    for label in labels:
        bring(label=label)
    assert record_of(copied)["methods"] == [*TINY["methods"], *labels]
    assert len(names(copied / "imports")) == 3
    assert len(names(copied / "cells")) == 6 + 6


def test_a_run_without_tables_gets_them_with_the_import_when_it_goes_on(merbench, bring, copied):
    for path in copied.glob("*.parquet"):
        path.unlink()
    said = bring()
    assert said.out == ""
    assert "the run has no tables yet" in said.err
    merbench.run(merbench.suite(), copied)
    assert "mine" in set(pd.read_parquet(copied / "results.parquet")["method"])


def test_a_run_at_work_is_not_disturbed(merbench, copied, table):
    table.to_csv("mine.csv", index=False)
    before = names(copied / "cells")
    with alone(copied):
        said = merbench(
            "grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine",
            "--run", copied,
        )  # fmt: skip
    assert said.code == 2
    assert "another run is at work in this directory" in said.err
    assert names(copied / "cells") == before


def test_an_import_that_cannot_be_recorded_leaves_no_cell(merbench, copied, table):
    table.to_csv("mine.csv", index=False)
    (copied / "imports").write_text("in the way")
    before, tables = names(copied / "cells"), table_bytes(copied)
    plan = make_plan(load_suite(merbench.suite()))
    with pytest.raises(OSError, match="imports"):
        import_predictions(plan, merbench.folder / "mine.csv", "mine", copied)
    assert (names(copied / "cells"), table_bytes(copied)) == (before, tables)


@pytest.mark.slow
def test_two_million_predictions_take_less_than_a_minute(merbench, tmp_path):
    grid = {
        "noise": [
            {"type": "gaussian", "severities": [n / 10 for n in range(1, 10)],
             "on": ["absent", "present"]},
        ],
        "draws": 3,
    }  # fmt: skip
    suite = merbench.suite(
        corpus={"reader": "synthetic", "utterances": 5531},
        folds={"scheme": "session"}, grid=grid,
    )  # fmt: skip
    plan = make_plan(load_suite(suite))
    utterances = np.array(plan.protocol.corpus.utterances)
    conditions = len(plan.conditions)
    rows = pd.DataFrame(
        {
            "utterance": np.repeat(utterances, conditions),
            "condition": np.tile(np.arange(conditions), len(utterances)),
            "prediction": "sad",
            "p_angry": 0.125, "p_happy": 0.25, "p_neutral": 0.125, "p_sad": 0.5,
        }
    )  # fmt: skip
    assert len(rows) > 1_900_000
    rows.to_csv("big.csv", index=False)
    started = time.perf_counter()
    assert call(["grid", "import", "big.csv", "--suite", str(suite), "--as", "big"]) == 0
    assert time.perf_counter() - started < 60

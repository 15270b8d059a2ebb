"""Runs in this process: what is done, what is done again, what is left alone."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from tests.conftest import TINY, table_bytes
from tests.execution.looks import folders, results, written


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

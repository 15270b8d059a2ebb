"""Every way in which predictions, or where they go, can be wrong: what is said, and that is all."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from merbench.corpus.load import configure, read
from tests.conftest import names, table_bytes

CLASSES = ["angry", "happy", "neutral", "sad"]
P = [f"p_{name}" for name in CLASSES]


def put(table, row, **cells):
    """Change cells of one row; the table's columns hold anything then."""
    table = table.astype(object)
    for name, value in cells.items():
        table.loc[row, name] = value
    return table


def with_keys(table, **columns):
    """Describe conditions by keys, noise-free but for what is said."""
    plain = table.drop(columns="condition").assign(pattern="audio")
    return plain.assign(**columns)


def sure(table, row, **shares):
    """Give a row probabilities, 0 where not said, and the prediction they make."""
    cells = dict.fromkeys(P, 0.0) | {f"p_{name}": value for name, value in shares.items()}
    return put(table, row, prediction=max(shares, key=shares.get), **cells)


# What is done to sound predictions, and what is said of it. Row 5 stands in line 7.
WRONG = {
    "utterance": (
        lambda t: put(t, 5, utterance="Ses03F_impro01_F00x"),
        ["line 7, column 'utterance': no utterance 'Ses03F_impro01_F00x' in corpus 'synthetic'",
         "did you mean 'Ses0", "predictions are missing"],
    ),
    "untested utterance": (
        lambda t: put(t.drop(columns="fold"), 5, utterance="{untested}"),
        ["line 7, column 'utterance': '{untested}' is in no test part of fold 1, 2"],
    ),
    "prediction": (
        lambda t: put(t, 5, prediction="hapy"),
        ["line 7, column 'prediction': no class 'hapy' in corpus 'synthetic'; "
         "did you mean 'happy'? valid: angry, happy, neutral, sad"],
    ),
    "empty prediction": (
        lambda t: put(t, 5, prediction=""),
        ["line 7, column 'prediction': no class ''"],
    ),
    "condition": (
        lambda t: put(t, 5, condition=14),
        ["line 7, column 'condition': no condition '14'; expected an id from 0 to 13"],
    ),
    "condition no number": (
        lambda t: put(t, 5, condition="audio"),
        ["line 7, column 'condition': no condition 'audio'"],
    ),
    "fold": (
        lambda t: put(t, 5, fold="3"),
        ["line 7, column 'fold': no fold '3'; valid: 1, 2"],
    ),
    "wrong fold": (
        lambda t: put(t, 5, fold="2"),
        ["line 7, column 'fold': fold '2' does not test 'Ses", "expected fold 1"],
    ),
    "seed": (
        lambda t: put(t, 5, seed="one"),
        ["line 7, column 'seed': found 'one'; expected a whole number such as 0"],
    ),
    "a seed that one row has": (
        lambda t: put(t, 5, seed=3),
        ["fold 1, seed 0: 1 of ", "fold 1, seed 3: ", "fold 2, seed 3: no prediction at all"],
    ),
    "duplicate": (
        lambda t: pd.concat([t, t.iloc[[2]]]),
        ["line {end}: utterance 'Ses", "under condition 0 (audio), seed 0, stands in line 4 "
         "already; expected once"],
    ),
    "missing": (
        lambda t: t.drop(index=[5, 6]),
        ["fold 1, seed 0: 2 of ", "predictions are missing, first: utterance 'Ses",
         "under condition 0 (audio)"],
    ),
    "missing fold": (
        lambda t: t[t["fold"] == "1"],
        ["fold 2, seed 0: no prediction at all; expected "],
    ),
    "no rows": (lambda t: t.iloc[:0], ["no rows; expected one for each"]),
    "label": (
        lambda t: put(t.assign(label="sad"), 5, label="bored"),
        ["column 'label': found 'sad'; expected '", "as the corpus says"],
    ),
    "probability no number": (
        lambda t: put(t, 5, p_sad="much"),
        ["line 7, column 'p_sad': found 'much'; expected a number from 0 to 1"],
    ),
    "probability NaN": (
        lambda t: put(t, 5, p_sad=np.nan),
        ["line 7, column 'p_sad': found ''; expected a number from 0 to 1"],
    ),
    "probability negative": (
        lambda t: sure(t, 5, angry=1.25, sad=-0.25),
        ["line 7, column 'p_sad': found -0.25; expected a number from 0 to 1",
         "line 7, column 'p_angry': found 1.25"],
    ),
    "probability infinite": (
        lambda t: put(t, 5, p_sad="inf"),
        ["line 7, column 'p_sad': found inf; expected a number from 0 to 1"],
    ),
    "probabilities do not add up": (
        lambda t: sure(t, 5, angry=0.5, sad=0.25),
        ["line 7: p_angry to p_sad add up to 0.75; expected 1 within 0.01"],
    ),
    "prediction against probabilities": (
        lambda t: put(sure(t, 5, angry=0.75, sad=0.25), 5, prediction="sad"),
        ["line 7, column 'prediction': 'sad' has probability 0.25; expected the most probable "
         "class, 'angry' with 0.75"],
    ),
    "probabilities of some classes": (
        lambda t: t.drop(columns="p_sad"),
        ["has p_angry, p_happy, p_neutral but not p_sad; expected a probability for every class"],
    ),
    "no prediction column": (
        lambda t: t.rename(columns={"prediction": "predicted"}),
        ["no column 'prediction'; did you mean 'predicted'?",
         "unknown column 'predicted'; did you mean 'prediction'?"],
    ),
    "no condition column": (
        lambda t: t.drop(columns="condition"),
        ["no column 'condition'; expected the id of conditions.csv, or the columns pattern, "],
    ),
    "unknown column": (
        lambda t: t.assign(p_hapy=0.0),
        ["unknown column 'p_hapy'; did you mean 'p_happy'?"],
    ),
    "two methods": (
        lambda t: t.assign(method=["a", "b"] * (len(t) // 2)),
        ["column 'method': holds predictions of 2 methods (a, b); expected those of one"],
    ),
    "four methods": (
        lambda t: t.assign(method=["d", "c", "b", "a"] * (len(t) // 4)),
        ["column 'method': holds predictions of 4 methods (a, b, c, ...); expected those of one"],
    ),
    "pattern": (
        lambda t: with_keys(t, pattern="audo"),
        ["line 2, column 'pattern': no pattern 'audo'; did you mean 'audio'?"],
    ),
    "noise": (
        lambda t: with_keys(t, noise="gausian"),
        ["line 2, column 'noise': pattern 'audio' has no condition with noise 'gausian'; "
         "did you mean 'gaussian'?"],
    ),
    "on": (
        lambda t: with_keys(t, noise="gaussian", on="absent", severity=0.5),
        ["line 2, column 'on': pattern 'audio' has no condition with on 'absent'; "
         "did you mean 'present'? valid: present"],
    ),
    "level": (
        lambda t: with_keys(t, noise="gaussian", on="present", level=99),
        ["line 2, column 'level': no level '99'; valid: "],
    ),
    "severity": (
        lambda t: with_keys(t, noise="gaussian", on="present", severity=0.9),
        ["line 2, column 'severity': no severity '0.9'; valid (as applied): 0."],
    ),
    "draw": (
        lambda t: with_keys(t, noise="none", draw=1),
        ["line 2, column 'draw': no draw '1'; valid: 0"],
    ),
    "ids of another suite": (
        lambda t: t.assign(pattern="visual"),
        ["line 2, column 'condition': the id is that of 0 (audio), and pattern say 1 (visual)"],
    ),
}  # fmt: skip


@pytest.fixture
def untested(table, tiny_run):
    record = json.loads((tiny_run / "run.json").read_text())
    assert record["corpus"]["utterances"] == 60
    known = read("synthetic", configure("synthetic", utterances=60)).utterances
    return next(name for name in known if name not in set(table["utterance"]))


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_predictions_is_said_by_line(merbench, table, untested, case):
    spoil, words = WRONG[case]
    spoilt = spoil(table.copy()).replace("{untested}", untested)
    spoilt.to_csv("mine.csv", index=False)
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine")
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("Error: mine.csv")
    assert said.err.endswith("nothing was imported\n")
    for word in words:
        assert word.format(untested=untested, end=len(spoilt) + 1) in said.err
    assert names(merbench.folder) == ["mine.csv", "tiny.yaml"]


def test_parquet_has_rows_instead_of_lines(merbench, table):
    put(table, 5, prediction="hapy").astype({"condition": int}).to_parquet("mine.parquet")
    said = merbench("grid", "import", "mine.parquet", "--suite", merbench.suite(), "--as", "x")
    assert said.code == 2
    assert "mine.parquet, row 6, column 'prediction': no class 'hapy'" in said.err


def test_parquet_may_hold_text_where_numbers_are_meant(merbench, table):
    text = table.astype(str)
    text.loc[5, "p_sad"] = "much"
    text.to_parquet("mine.parquet")
    arguments = ["grid", "import", "mine.parquet", "--suite", merbench.suite(), "--as", "x"]
    said = merbench(*arguments)
    assert said.code == 2
    assert "mine.parquet, row 6, column 'p_sad': found 'much'; expected a number" in said.err
    table.astype(str).to_parquet("mine.parquet")
    assert merbench(*arguments).code == 0


def test_a_parquet_column_of_lists_is_refused(merbench, table):
    table.assign(p_sad=[[0.5]] * len(table)).to_parquet("mine.parquet")
    said = merbench("grid", "import", "mine.parquet", "--suite", merbench.suite(), "--as", "x")
    assert said.code == 2
    assert "mine.parquet: column 'p_sad' holds list<" in said.err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_as_spreadsheets_write_it_is_read(merbench, table, encoding, end):
    table.to_csv("mine.csv", index=False, encoding=encoding, lineterminator=end)
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "x")
    assert said.code == 0, said.err


def test_a_csv_that_is_no_text_further_down_is_refused(merbench, table):
    table.to_csv("mine.csv", index=False)
    with Path("mine.csv").open("ab") as stream:
        stream.write(b"\xff\xfe,0,1,0,sad,0,0,0,1\n")
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "x")
    assert said.code == 2
    assert "mine.csv: not a readable UTF-8 csv" in said.err


def test_lines_that_are_no_rows_and_blank_ones_do_not_shift_the_others(merbench, table):
    lines = put(table, 5, prediction="hapy").to_csv(index=False).splitlines()
    lines.insert(3, "")
    lines.insert(5, "half a line,0")
    (merbench.folder / "mine.csv").write_text("\n".join(lines) + "\n\n")
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "x")
    assert said.code == 2
    assert "mine.csv: line 6: 2 cells; expected 9" in said.err
    assert "mine.csv, line 9, column 'prediction': no class 'hapy'" in said.err
    assert lines[8].split(",")[4] == "hapy"


def test_line_breaks_in_cells_are_refused_and_records_counted_instead(merbench, table):
    spoilt = put(table.assign(speaker=""), 2, speaker="one\ntwo")
    spoilt = put(spoilt, 5, prediction="hapy")
    spoilt.to_csv("mine.csv", index=False)
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "x")
    assert said.code == 2
    assert "mine.csv, record 4: holds a line break in column 'speaker'; expected" in said.err
    assert "mine.csv, record 7, column 'prediction': no class 'hapy'" in said.err
    assert "line 7" not in said.err


def test_a_line_break_in_a_row_that_is_none_makes_records_count_too(merbench, table):
    lines = put(table, 5, prediction="hapy").to_csv(index=False).splitlines()
    lines.insert(3, '"half\na row",0')
    (merbench.folder / "mine.csv").write_text("\n".join(lines) + "\n")
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "x")
    assert said.code == 2
    assert "mine.csv: record 4: 2 cells; expected 9" in said.err
    assert "mine.csv, record 8, column 'prediction': no class 'hapy'" in said.err


def test_blank_lines_alone_are_no_fault(merbench, table):
    lines = table.to_csv(index=False).splitlines()
    (merbench.folder / "mine.csv").write_text("\n\n".join(lines) + "\n\n")
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "x")
    assert said.code == 0, said.err


def test_all_kinds_are_said_at_once_each_with_its_first_rows_and_count(merbench, table):
    spoilt = table.astype(object)
    spoilt.loc[10:29, "prediction"] = "hapy"
    spoilt.loc[40:41, "utterance"] = "nobody"
    spoilt.drop(index=50).to_csv("mine.csv", index=False)
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "x")
    assert re.findall(r"line (\d+), column 'prediction'", said.err) == ["12", "13", "14"]
    assert "and 17 more like this (20 rows in all)" in said.err
    assert re.findall(r"line (\d+), column 'utterance'", said.err) == ["42", "43"]
    assert "3 of " in said.err


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "no such file; expected predictions as CSV or Parquet"),
        ("mine.txt", b"x", "found the ending '.txt'; expected .csv or .parquet"),
        ("mine.parquet", b"no parquet", "not a readable Parquet file"),
        ("mine.csv", b"\xff\xfe\x00", "not a readable UTF-8 csv"),
        ("mine.csv", b"utterance,utterance\n", "column 'utterance' occurs more than once"),
        ("mine.csv", b"", "no column 'utterance'"),
    ],
)
def test_a_file_that_is_none_is_refused(merbench, name, content, words):
    if content is not None:
        (merbench.folder / name).write_bytes(content)
    said = merbench("grid", "import", name, "--suite", merbench.suite(), "--as", "mine")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"Error: {name}: ")
    assert words in said.err
    assert "Traceback" not in said.err
    assert not (merbench.folder / "runs").exists()


def test_a_folder_is_called_one(merbench):
    (merbench.folder / "grid.csv").mkdir()
    said = merbench("grid", "import", "grid.csv", "--suite", merbench.suite(), "--as", "mine")
    assert said.code == 2
    assert said.err == "Error: grid.csv: is a folder; expected predictions as CSV or Parquet\n"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("mmin", "--as mmin: is a method of the suite; expected another name than logreg, mmin"),
        (" ", "--as: found an empty label"),
    ],
)
def test_a_label_must_be_free(merbench, table, label, words):
    table.to_csv("mine.csv", index=False)
    said = merbench("grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", label)
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert not (merbench.folder / "runs").exists()


def test_a_label_of_the_run_s_own_suite_is_refused_too(merbench, copied, table):
    table.to_csv("mine.csv", index=False)
    said = merbench(
        "grid", "import", "mine.csv", "--suite", merbench.suite(methods=["logreg"]),
        "--as", "mmin", "--run", copied,
    )  # fmt: skip
    assert said.code == 2
    assert "--as mmin: is a method of the run" in said.err


def test_a_label_is_imported_once_unless_it_is_replaced(merbench, copied, table):
    table.to_csv("mine.csv", index=False)
    arguments = ["grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine",
                 "--run", copied]  # fmt: skip
    assert merbench(*arguments).code == 0
    before = table_bytes(copied)
    said = merbench(*arguments)
    assert said.code == 2
    assert "has predictions under this label already; --replace puts these in" in said.err
    assert table_bytes(copied) == before


def test_a_folder_that_is_no_run_is_left_alone(merbench, table, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "data.parquet").write_text("x")
    table.to_csv("mine.csv", index=False)
    said = merbench(
        "grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine",
        "--run", tmp_path / "thesis",
    )  # fmt: skip
    assert said.code == 2
    assert "not empty and not a run (it holds data.parquet)" in said.err
    assert names(tmp_path / "thesis") == ["data.parquet"]

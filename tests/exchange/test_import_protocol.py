"""Predictions go only where the protocol is the one they were made under."""

import json

import numpy as np
import pytest

from tests.conftest import TINY, names, table_bytes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 1}, "draws hash: the run has "),
        ({"corpus": {**TINY["corpus"], "seed": 1}}, "corpus fingerprint: the run has "),
        ({"grid": {"noise": []}}, "conditions: the run has 14, the suite given here 7"),
        (
            {"grid": {"noise": [{"type": "impulse", "severities": [0.5], "on": "present"}]}},
            "conditions: the run has 14, the suite given here 14 different ones",
        ),
        (
            {"train_missing_rate": 0.4},
            "train_missing_rate: the run has 0, the suite given here 0.4",
        ),
        (
            {"folds": {"scheme": "session", "limit": 2}},
            "fold '1': its parts hold other utterances; fold '2': its parts hold other utterances",
        ),
    ],
    ids=["draws", "corpus", "conditions", "noise", "rate", "folds"],
)
def test_a_run_under_another_protocol_is_refused_with_4(merbench, copied, table, changes, words):
    table.to_csv("mine.csv", index=False)
    before = table_bytes(copied), names(copied)
    said = merbench(
        "grid", "import", "mine.csv", "--suite", merbench.suite(**changes), "--as", "mine",
        "--run", copied,
    )  # fmt: skip
    assert (said.code, said.out) == (4, "")
    assert said.err.startswith(f"Error: {copied}: not comparable, the run tests under another")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert (table_bytes(copied), names(copied)) == before


@pytest.mark.parametrize(
    ("other", "rows"),
    [("another", slice(None)), ("another", slice(5, 6)), ("", slice(5, 6))],
    ids=["all", "one", "one without"],
)
def test_predictions_made_for_another_export_are_refused_with_4(
    merbench, copied, table, exported, other, rows
):
    digest = json.loads((exported / "export.json").read_text())["protocol_digest"]
    if other:
        folder = merbench.folder / "other"
        merbench("grid", "export", merbench.suite(), "--out", folder, "--set", "seed=5")
        other = json.loads((folder / "export.json").read_text())["protocol_digest"]
    protocol = np.full(len(table), digest, object)
    protocol[rows] = other
    table.assign(protocol=protocol).to_csv("mine.csv", index=False)
    before = table_bytes(copied), names(copied)
    said = merbench(
        "grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine",
        "--run", copied,
    )  # fmt: skip
    assert (said.code, said.out) == (4, "")
    which = "another export" if rows == slice(None) else "several exports"
    assert f"Error: mine.csv: not comparable, the predictions were made for {which}" in said.err
    assert f"and the suite given here has {digest}" in said.err
    assert (other or "nothing") in said.err
    assert (table_bytes(copied), names(copied)) == before


def test_a_run_recorded_without_its_missing_rate_counts_as_0(merbench, copied, table):
    record = json.loads((copied / "run.json").read_text())
    del record["protocol"]["missing_rate"]
    (copied / "run.json").write_text(json.dumps(record))
    table.to_csv("mine.csv", index=False)
    arguments = ["grid", "import", "mine.csv", "--as", "mine", "--run", copied, "--suite"]
    said = merbench(*arguments, merbench.suite(train_missing_rate=0.4))
    assert said.code == 4
    assert merbench(*arguments, merbench.suite()).code == 0


def test_folds_that_only_one_side_has_are_named(merbench, copied, table):
    table[table["fold"] == "1"].to_csv("mine.csv", index=False)
    said = merbench(
        "grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine",
        "--run", copied, "--folds", "1",
    )  # fmt: skip
    assert said.code == 4
    assert "folds: the run has 1, 2, the suite given here 1" in said.err


def test_a_run_of_an_earlier_version_is_told_how_to_catch_up(merbench, copied, table):
    record = json.loads((copied / "run.json").read_text())
    del record["protocol"]
    (copied / "run.json").write_text(json.dumps(record))
    table.to_csv("mine.csv", index=False)
    arguments = ["grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine",
                 "--run", copied]  # fmt: skip
    said = merbench(*arguments)
    assert said.code == 2
    assert "`merbench run` with the same --out adds it" in said.err
    merbench.run(merbench.suite(), copied)
    assert merbench(*arguments).code == 0

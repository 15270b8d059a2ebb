"""Bad input, as users hand it in: one clear message, exit code 2, and nothing written.

A row is a documented error. Each runs the command line in a folder of its own and checks what it
says: what was wrong, where (file, line or row, field), what was expected, the nearest valid name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

N = 12
HEADER = "utterance,label,speaker"
ROWS = [f"u{i},{'ab'[i % 2]},s{i % 4}" for i in range(N)]
YAML = """\
name: mine
corpus: {reader: synthetic, utterances: 60}
folds: {scheme: group_kfold, n: 3, by: speaker}
methods: [zero_fill, nmer]
"""  # what a case adds begins on line 5


def index(row: int, line: str) -> str:
    """Return a sound index with one line replaced; 0 is the header, 1 the first utterance."""
    lines = [HEADER, *ROWS]
    lines[row] = line
    return "\n".join(lines) + "\n"


def write_corpus(folder: Path, changes: dict[str, Any]) -> None:
    """Write a small sound `table` corpus, with its index or some of its arrays changed."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {"audio": rng.normal(size=(N, 3)), "text": rng.normal(size=(N, 4))}
    arrays |= {k: v for k, v in changes.items() if k != "index"}
    np.savez(folder / "features.npz", **{k: v for k, v in arrays.items() if v is not None})
    (folder / "index.csv").write_text(changes.get("index", index(0, HEADER)))


@dataclass(frozen=True)
class Case:
    """One error.

    Attributes:
        typed: the command, its words separated by blanks.
        says: what the message must contain.
        suite: what `my.yaml` says after its sound beginning.
        corpus: what is changed in the corpus in `corpus/`.
        lines: of the message; every problem has one.
    """

    typed: str
    says: tuple[str, ...]
    suite: str = ""
    corpus: dict[str, Any] = field(default_factory=dict)
    lines: int = 1


def on_suite(suite: str, *says: str, lines: int = 1) -> Case:
    return Case("run my.yaml", says, suite, lines=lines)


def on_corpus(corpus: dict[str, Any], *says: str) -> Case:
    return Case("data describe table:corpus", says, corpus=corpus)


def on_flag(typed: str, *says: str) -> Case:
    return Case(typed, says)


BAD_NOISE = "grid:\n  noise:\n    - {type: %s}\n"
CASES: dict[str, Case] = {
    # --- suites: file, line, field, expectation, nearest name
    "section": on_suite("traning: {}", "my.yaml:5: traning", "did you mean 'training'"),
    "field": on_suite("training:\n  epoch: 3", "my.yaml:6: training.epoch", "'epochs'"),
    "value": on_suite("training: {preset: quik}", ":5: training.preset", "mean 'quick'"),
    "type": on_suite("version: one", "my.yaml:5: version", "'one'", "a whole number"),
    "switch": on_suite("training: {equal_budget: yes}", "equal_budget", "true or false"),
    "duplicate key": on_suite("seeds: [0]\nseeds: [1]", "my.yaml:6", "duplicate key 'seeds'"),
    "not YAML": on_suite("grid: [", "my.yaml:", "not YAML"),
    "tag": on_suite("seeds: !!python/tuple [0]", "my.yaml:5", "tags (!name) are not allowed"),
    "listed twice": on_suite("seeds: [0, 0]", "my.yaml:5: seeds.1", "0 is listed twice"),
    "rate": on_suite("train_missing_rate: 1.0", "train_missing_rate", "expected less than 1"),
    "metric": on_suite("metrics: [wua]", "metrics.0", "unknown metric 'wua'", "'wa'"),
    "pattern": on_suite("grid: {patterns: [audio+txt]}", "no modality 'txt'", "mean 'text'"),
    "patterns": on_suite("grid: {patterns: al}", "grid.patterns", "mean 'all'"),
    "noise type": on_suite(
        BAD_NOISE % "gausian, severities: [1], on: absent", "my.yaml:7", "mean 'gaussian'"
    ),
    "noise setting": on_suite(
        BAD_NOISE % "babble, talkes: 3, severities: [1], on: absent",
        "grid.noise.0.talkes",
        "talkers",
    ),
    "noise axis": on_suite(
        BAD_NOISE % "burst, levels: [3], on: absent", "follows no schedule", "severities"
    ),
    "noise on": on_suite(
        BAD_NOISE % "burst, severities: [1], on: absnt", "grid.noise.0.on", "'absent'"
    ),
    "severity": on_suite(
        BAD_NOISE % "burst, severities: [1.5], on: absent",
        "severities.0",
        "less than or equal to 1",
    ),
    "contrast": on_suite(
        "contrasts: [[nmer, zerofill]]", "contrasts.0.1", "'zerofill'", "mean 'zero_fill'"
    ),
    "folds of another scheme": on_flag(
        "run quick --set folds.scheme=session", "folds.n", "belongs to group_kfold", "folds.by"
    ),
    # --- methods in suites
    "method": on_flag("run my.yaml --set methods=[nmr]", "unknown method 'nmr'", "mean 'nmer'"),
    "method setting": on_flag(
        "run my.yaml --set methods.1={name:_nmer,atention:_batch}",
        "methods.1.atention",
        "mean 'attention'",
    ),
    "method value": on_flag(
        "run my.yaml --set methods.1.kl=summed", "methods.1.kl", "'summed'", "valid: mean, sum"
    ),
    "settings that exclude each other": on_flag(
        "run my.yaml --set methods.1={name:_nmer,attention:_batch,tokens:_modalities}",
        "methods.1",
        "expected tokens: one",
    ),
    "setting of a part that is off": on_flag(
        "run my.yaml --set methods.1={name:_nmer,vae:_off,kl:_sum}", "vae: off leaves kl"
    ),
    "stage that is not there": on_flag(
        "run my.yaml --set methods.0.stage2.epochs=3", "zero_fill has 1 stage", "no stage2"
    ),
    "training of a black box": on_flag(
        "run my.yaml --set methods=[{name:_logreg,epochs:_3}] --set contrasts=[]",
        "methods.0.epochs",
        "logreg trains by itself",
    ),
    "noise of a suite that has none": on_flag(
        "run my.yaml --set methods.1.train_noise=suite",
        "methods.1.train_noise",
        "the grid has no noise to train with",
    ),
    "import path": on_flag(
        "run my.yaml --set methods=[nowhere.at_all:Method]", "cannot import module 'nowhere.at_all'"
    ),
    # --- flags
    "command": on_flag("rnu quick", "no command 'rnu'", "did you mean 'run'"),
    "suite": on_flag("run quik", "no suite file 'quik'", "did you mean 'quick'"),
    "methods flag": on_flag("run quick --methods nmr", "--methods", "mean 'nmer'"),
    "folds flag": on_flag("run quick --folds 9", "--folds: no fold '9'", "valid: 1"),
    "seeds flag": on_flag("run quick --seeds one", "--seeds: found 'one'", "whole numbers"),
    "device flag": on_flag("run quick --device cuda:7", "--device cuda:7: not here", "cpu"),
    "corpus flag": on_flag("run quick --corpus tabel:x", "no reader 'tabel'", "mean 'table'"),
    "corpus path": on_flag("run quick --corpus table:nowhere", "nowhere: no such folder"),
    "set without value": on_flag("run quick --set seeds", "--set 'seeds'", "key.path=value"),
    "set past the end": on_flag(
        "run quick --set methods.99=nmer", "has no 99", "a position from 0"
    ),
    "list": on_flag("list nosies", "no list of 'nosies'", "did you mean 'noises'"),
    "out that holds something": on_flag("run my.yaml --out corpus", "corpus: not empty", "--out"),
    "run to report": on_flag("report corpus", "corpus: not a run"),
    # --- corpora: file, line or row, column
    "no column": on_corpus({"index": index(0, "id,label,speaker")}, "no column 'utterance'"),
    "empty cell": on_corpus({"index": index(3, "u2,a,")}, "line 4", "'speaker'", "empty"),
    "no label": on_corpus({"index": index(3, "u2,,s2")}, "line 4", "no label"),
    "continuous label": on_corpus(
        {"index": "\n".join([HEADER, *(f"u{i},{i + 0.5},s{i % 4}" for i in range(N))])},
        "line 2",
        "continuous label",
        "bin the labels",
    ),
    "duplicate id": on_corpus({"index": index(5, "u0,a,s0")}, "line 6", "'u0'", "line 2"),
    "ragged row": on_corpus({"index": index(2, "u1,b")}, "line 3", "2 cells, the header has 3"),
    "row count": on_corpus({"audio": np.zeros((5, 3))}, "'audio' has 5", "12 rows"),
    "padded without lengths": on_corpus({"text": np.zeros((N, 4, 2))}, "'text'", "text_lengths"),
    "objects": on_corpus({"text": np.array([None] * N)}, "'text'", "never loaded"),
    "infinite": on_corpus({"text": np.full((N, 2), np.inf)}, "text", "infinite"),
    "one modality": on_corpus({"text": None}, "at least 2 modalities", "audio"),
    "lone offsets": on_corpus({"txt_offsets": np.arange(13)}, "'txt_offsets'", "mean 'text'"),
}
# The exit code where it is not 2.
OTHER_CODES = {"run to report": 3}


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in sorted(folder.rglob("*"))
    }


def test_the_table_has_the_documented_errors() -> None:
    assert len(CASES) >= 50


@pytest.mark.parametrize("name", CASES)
def test_an_error_is_said_in_one_clear_message_and_nothing_is_written(merbench, name) -> None:
    case = CASES[name]
    (merbench.folder / "my.yaml").write_text(YAML + case.suite)
    write_corpus(merbench.folder / "corpus", case.corpus)
    before = snapshot(merbench.folder)
    # A blank inside a word is typed as _.
    said = merbench(*(word.replace(":_", ": ") for word in case.typed.split()))
    assert said.code == OTHER_CODES.get(name, 2), said.err
    assert said.out == ""
    for words in case.says:
        assert words in said.err
    assert "Traceback" not in said.err
    assert said.err.startswith("Error: ")
    assert len(said.err.strip().splitlines()) <= case.lines + (name == "folds of another scheme")
    assert snapshot(merbench.folder) == before

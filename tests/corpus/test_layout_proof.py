"""The same corpus through every layout: one fingerprint, and byte-identical results."""

import dataclasses
import json

import numpy as np
import pytest

from merbench.corpus.corpus import PredefinedFold
from merbench.corpus.layouts.write import LAYOUTS, write_corpus
from merbench.corpus.load import load_corpus
from tests.conftest import table_bytes
from tests.corpora import MIXED, THREE, Stream, make_corpus, with_values

RAGGED = make_corpus(30, streams=THREE, speakers=6, absent=0.1, nan=0.02, classes=3)
# Vectors beside sequences; names, kinds and an order of classes that no layout would guess.
ODD = dataclasses.replace(
    make_corpus(
        30,
        streams=(*MIXED[:2], Stream("transcript", 4, 7, "sequence"), Stream("x y", 2, 1)),
        speakers=6,
        absent=0.1,
        nan=0.02,
    ),
    classes=("zeal", "anger"),
)
TWO = make_corpus(30, streams=(Stream("text", 3, 1), Stream("audio", 5, 4, "tokens")), speakers=6)
VECTORS = make_corpus(
    30, streams=(Stream("text", 3, 1), Stream("vision", 2, 1), Stream("audio", 4, 1)), absent=0.1
)
# Ids tell mmin the groups, in IEMOCAP's way, and are not sorted.
IEMOCAP = dataclasses.replace(
    RAGGED,
    utterances=tuple(
        f"Ses0{i % 6 // 2 + 1}{'FM'[i // 15]}_impro01_{'FM'[i % 2]}{29 - i:03d}" for i in range(30)
    ),
)
IEMOCAP = dataclasses.replace(
    IEMOCAP,
    speakers=np.array([u[:5] + u[-4] for u in IEMOCAP.utterances]),
    sessions=np.array([u[4] for u in IEMOCAP.utterances]),
    dialogues=np.array([u[:14] for u in IEMOCAP.utterances]),
)
SPLIT = dataclasses.replace(
    RAGGED,
    predefined=(PredefinedFold("split", np.arange(18), np.arange(18, 24), np.arange(24, 30)),),
)
EVERY = tuple(LAYOUTS)
CASES = {
    "three ragged": (IEMOCAP, EVERY),
    "vectors and odd names": (ODD, ("table", "npy_dir", "native")),
    "two modalities": (TWO, ("table", "npy_dir", "native")),
    "three vectors": (VECTORS, ("table", "npy_dir", "mmsa", "native")),
    "a split": (SPLIT, ("table", "npy_dir", "mmsa", "native")),
}


def parts(corpus):
    return [
        [part.tolist() for part in (fold.train, fold.valid, fold.test)]
        for fold in corpus.predefined
    ]


@pytest.mark.parametrize("case", CASES)
def test_every_layout_gives_the_fingerprint_of_the_corpus(tmp_path, case):
    corpus, layouts = CASES[case]
    assert not corpus.available.all() or case == "two modalities"
    for layout in layouts:
        assert write_corpus(corpus, tmp_path / layout, layout) == ()
        back = load_corpus(tmp_path / layout)
        assert back.fingerprint == dataclasses.replace(back).fingerprint == corpus.fingerprint
        assert back.name == corpus.name
        if layout != "mmin":
            assert parts(back) == parts(corpus)


@pytest.mark.parametrize("layout", EVERY)
def test_a_change_of_one_value_changes_the_fingerprint(tmp_path, layout):
    def nudge(values):
        values[np.flatnonzero(~np.isnan(values[:, 0]))[-1], 0] += 0.5

    write_corpus(with_values(IEMOCAP, 1, nudge), tmp_path / "changed", layout)
    assert load_corpus(tmp_path / "changed").fingerprint != IEMOCAP.fingerprint


def test_results_are_byte_identical_through_every_layout(merbench, tmp_path):
    write_corpus(IEMOCAP, tmp_path / "table", "table")
    suite = merbench.suite(methods=["logreg", "zero_fill"], folds={"scheme": "speaker", "limit": 1})
    results = {}
    for layout in EVERY:
        folder = tmp_path / layout
        if layout != "table":
            said = merbench("data", "convert", tmp_path / "table", "--out", folder,
                            "--layout", layout)  # fmt: skip
            assert said.code == 0, said.err
            assert f"30 utterances in {layout}:" in said.out
            assert f"read back with the same fingerprint {IEMOCAP.fingerprint[:12]}" in said.err
        facts = json.loads(merbench("data", "describe", folder, "--json").out)
        assert facts["fingerprint"] == IEMOCAP.fingerprint
        run = tmp_path / f"run-{layout}"
        merbench.run(suite, run, "--corpus", folder)
        assert json.loads((run / "run.json").read_text())["corpus"]["fingerprint"] == (
            IEMOCAP.fingerprint
        )
        results[layout] = table_bytes(run)
    assert len(results) == 5
    for layout in EVERY:
        assert results[layout] == results["table"], layout

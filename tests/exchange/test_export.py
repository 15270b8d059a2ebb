"""The exported grid: what it holds, what it leaves out, and how it fails."""

import csv
import hashlib
import json

import numpy as np
import pytest

from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import configure, read
from merbench.corruption.schedule import signal_share
from tests.conftest import TINY, names
from tests.corpora import Stream, make_corpus, with_values

MODALITIES = ("audio", "visual", "text")


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def described(export):
    return json.loads((export / "export.json").read_text("utf-8"))


def sequences(folder, name, state=None):
    values = np.load(folder / (f"{name}.{state}.npy" if state else f"{name}.npy"), mmap_mode="r")
    return np.split(values, np.load(folder / f"{name}.offsets.npy")[1:-1])


@pytest.fixture(scope="module")
def corpus():
    return read("synthetic", configure("synthetic", utterances=60))


def test_features_are_normalised_by_the_training_part_alone(exported, corpus):
    position = {name: n for n, name in enumerate(corpus.utterances)}
    for fold in described(exported)["folds"]:
        folder = exported / fold["folder"]
        rows = rows_of(folder / "utterances.csv")
        for index, name in enumerate(MODALITIES):
            raw = corpus.modalities[index]
            of_part = {
                part: [raw.sequence(position[r["utterance"]]) for r in rows if r["part"] == part]
                for part in ("train", "valid", "test")
            }
            frames = np.concatenate(of_part["train"]).astype(np.float64)
            mean, sd = frames.mean(0), frames.std(0)
            for part, state in (("train", None), ("valid", None), ("test", "clean")):
                found = sequences(folder / part, name, state)
                assert len(found) == fold[part]
                for one, other in zip(found, of_part[part], strict=True):
                    assert one.dtype == np.float32
                    np.testing.assert_allclose(one, (other - mean) / sd, rtol=1e-5, atol=1e-5)


def test_noised_features_are_what_the_schedule_says(merbench, tmp_path):
    grid = {"noise": [{"type": "gaussian", "levels": [11, 31], "on": "present"}]}
    said = merbench("grid", "export", merbench.suite(grid=grid), "--out", tmp_path / "grid")
    assert said.code == 0, said.err
    share = signal_share("scaled_linear")  # the default
    for name in MODALITIES:
        folder = tmp_path / "grid" / "fold-1" / "test"
        clean = np.load(folder / f"{name}.clean.npy").astype(np.float64)
        noise = []
        for level, state in ((11, "001-gaussian"), (31, "002-gaussian")):
            noised = np.load(folder / f"{name}.{state}.npy")
            noise.append((noised - np.sqrt(share[level]) * clean) / np.sqrt(1 - share[level]))
        np.testing.assert_allclose(noise[0], noise[1], atol=1e-4)  # one frozen draw
        assert abs(noise[0].std() - 1) < 0.02


def test_conditions_say_what_each_modality_shows(exported):
    rows = rows_of(exported / "conditions.csv")
    assert [int(row["condition"]) for row in rows] == list(range(14))
    for row in rows:
        for name in MODALITIES:
            shown = row[f"{name}_state"], row[f"{name}_input"]
            if name not in row["pattern"].split("+"):
                assert shown == ("absent", "")
            elif row["noise"] == "none":
                assert shown == ("present", "clean")
            else:
                assert shown == ("noised", "001-gaussian")
    assert {row["on"] for row in rows if row["noise"] == "gaussian"} == {"present"}


def test_each_distinct_input_is_written_once(merbench, tmp_path):
    grid = {
        "noise": [
            {"type": "gaussian", "severities": [0.3, 0.6], "on": ["absent", "present"]},
            {"type": "burst", "severities": [0.5], "on": ["absent", "present"]},
        ],
        "draws": 2,
    }
    merbench("grid", "export", merbench.suite(grid=grid), "--out", tmp_path / "grid")
    inputs = rows_of(tmp_path / "grid" / "inputs.csv")
    keys = ["modality", "noise", "level", "severity", "draw"]
    assert len({tuple(row[k] for k in keys) for row in inputs}) == len(inputs) == 3 * (1 + 4 + 2)
    files = names(tmp_path / "grid" / "fold-1" / "test")
    assert files == sorted(
        [f"{row['modality']}.{row['input']}.npy" for row in inputs]
        + [f"{name}.offsets.npy" for name in MODALITIES]
    )
    assert len(rows_of(tmp_path / "grid" / "conditions.csv")) > 40


def test_test_labels_stay_at_home(exported, corpus):
    truth = dict(zip(corpus.utterances, (corpus.classes[k] for k in corpus.labels), strict=True))
    for fold in described(exported)["folds"]:
        for row in rows_of(exported / fold["folder"] / "utterances.csv"):
            expected = "" if row["part"] == "test" else truth[row["utterance"]]
            assert row["label"] == expected
            assert row["speaker"]
    assert not [path for path in exported.rglob("*") if "label" in path.name]


def test_the_description_identifies_what_was_exported(exported, tiny_run):
    found, run = described(exported), json.loads((tiny_run / "run.json").read_text("utf-8"))
    assert found["format"] == 1
    for key in ("suite", "suite_hash", "protocol"):
        assert found[key] == run[key]
    assert found["protocol"]["draws"] == run["draws_hash"]
    assert found["corpus"]["fingerprint"] == run["corpus"]["fingerprint"]
    said = {row["protocol"] for row in rows_of(exported / "predictions-template.csv")}
    assert said == {found["protocol_digest"]}
    tested = sum(fold["test"] for fold in found["folds"])
    assert found["predictions_expected"] == 14 * tested
    modality = {"name": "audio", "kind": "sequence", "width": 40, "absent_frames": 5}
    assert found["folds"][0]["modalities"][0] == modality


def test_every_file_is_there_with_its_checksum(exported):
    files = {
        path.relative_to(exported).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in exported.rglob("*")
        if path.is_file() and path.name != "export.json"
    }
    assert described(exported)["files"] == files


def test_two_exports_are_byte_identical(merbench, exported, tmp_path):
    merbench("grid", "export", merbench.suite(), "--out", tmp_path / "again")
    for path in exported.rglob("*"):
        if path.is_file():
            again = tmp_path / "again" / path.relative_to(exported)
            assert again.read_bytes() == path.read_bytes()


def test_the_template_is_a_beginning_that_an_import_understands(merbench, exported):
    said = merbench(
        "grid", "import", exported / "predictions-template.csv", "--suite", merbench.suite(),
        "--as", "mine",
    )  # fmt: skip
    assert said.code == 2
    assert ", column" not in said.err
    assert "fold 2, seed 0: no prediction at all" in said.err


def test_flags_change_what_is_exported(merbench, tmp_path):
    said = merbench(
        "grid", "export", merbench.suite(), "--out", tmp_path / "grid", "--folds", "2",
        "--set", "grid.noise=[]",
    )  # fmt: skip
    assert said.code == 0, said.err
    found = described(tmp_path / "grid")
    assert ([fold["name"] for fold in found["folds"]], found["conditions"]) == (["2"], 7)
    assert "7 conditions from 3 inputs in 1 fold, " in said.err


def test_two_modalities_never_share_a_file(merbench, tmp_path):
    corpus = make_corpus(streams=[Stream("a b", 3, 4), Stream("A_b", 3, 4)])
    write_corpus(corpus, tmp_path / "corpus", "table")
    suite = merbench.suite(corpus={"reader": "table", "path": str(tmp_path / "corpus")})
    said = merbench("grid", "export", suite, "--out", tmp_path / "new")
    assert said.code == 2
    assert "modalities 'a b' and 'A_b' would both be in files called A_b" in said.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quikc", "--out", "new"], "did you mean 'quick'"),
        (["{suite}", "--out", "new", "--folds", "3"], "--folds: no fold '3'; valid: 1, 2"),
        (["{suite}", "--out", "new", "--corpus", "none"], "none: no such file or folder"),
        (["{suite}", "--out", "new", "--set", "grid.nois=[]"], "did you mean 'noise'"),
        (["{suite}"], "Missing option '--out'"),
        (["{suite}", "--out", "file"], "file: is a file; expected a new or empty folder"),
        (["{suite}", "--out", "full"], "full: not empty and not an export of a grid"),
        (["{suite}", "--out", "full", "--force"], "full: not empty and not an export of a grid"),
        (["{suite}", "--out", "grid"], "grid: holds an export of a grid; --force replaces it"),
        (["{suite}", "--out", "file/new"], "cannot write there"),
    ],
)
def test_a_wrong_word_or_place_is_said_and_nothing_written(merbench, arguments, words):
    suite = merbench.suite()
    (merbench.folder / "file").write_text("x")
    for name, file in (("full", "thesis.txt"), ("grid", "export.json")):
        (merbench.folder / name).mkdir()
        (merbench.folder / name / file).write_text('{"kind": "merbench grid export"}')
    before = sorted(merbench.folder.rglob("*"))
    said = merbench("grid", "export", *(a.format(suite=suite) for a in arguments))
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert "Traceback" not in said.err
    assert sorted(merbench.folder.rglob("*")) == before


def test_force_replaces_an_export_whole(merbench, tmp_path):
    suite = merbench.suite()
    merbench("grid", "export", suite, "--out", tmp_path / "grid")
    said = merbench("grid", "export", suite, "--out", tmp_path / "grid", "--folds", 1, "--force")
    assert said.code == 0, said.err
    assert "fold-2" not in names(tmp_path / "grid")
    assert names(tmp_path) == ["grid", "tiny.yaml"]
    (tmp_path / "grid/fold-1/predictions.csv").write_text("days of work")
    said = merbench("grid", "export", suite, "--out", tmp_path / "grid", "--force")
    assert said.code == 2
    assert "no part of it: fold-1/predictions.csv; use another --out" in said.err
    assert (tmp_path / "grid/fold-1/predictions.csv").read_text() == "days of work"


def test_an_export_that_fails_half_way_leaves_nothing(merbench, tmp_path):
    """One speaker's text varies and no one else's does: only folds that train on it go well."""
    corpus = make_corpus(36, speakers=3)
    last = np.repeat(corpus.speakers == "speaker2", corpus.modalities[2].lengths)

    def level(values):
        values[~last] = 1.0

    write_corpus(with_values(corpus, 2, level), tmp_path / "corpus", "table")
    suite = merbench.suite(
        corpus={"reader": "table", "path": str(tmp_path / "corpus")},
        folds={**TINY["folds"], "limit": 3},
    )
    before = sorted(tmp_path.rglob("*"))
    said = merbench("grid", "export", suite, "--out", tmp_path / "grid")
    assert said.code == 2
    assert "modality 'text' has no column that varies in the training part" in said.err
    assert sorted(tmp_path.rglob("*")) == before

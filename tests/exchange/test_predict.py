"""Trained cells on another corpus: the same predictions where the data are the same."""

import dataclasses
import io
import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from merbench.corpus.corpus import Modality
from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import configure, read
from merbench.store.folders import write_record
from tests.conftest import TINY
from tests.exchange.conftest import of_method

P = ["p_angry", "p_happy", "p_neutral", "p_sad"]
# As the corpus of the tiny suite, seen from the command line.
SAME = "table:same"


@pytest.fixture(scope="module")
def corpus():
    return read("synthetic", configure("synthetic", utterances=60))


@pytest.fixture
def same(merbench, corpus):
    """The tiny suite's corpus as files, in the working folder."""
    write_corpus(corpus, merbench.folder / "same", "table")
    return SAME


def predicted(said):
    assert said.code == 0, said.err
    return pd.read_csv(io.StringIO(said.out), dtype={"fold": str}).set_index("utterance")


@pytest.mark.parametrize("method", TINY["methods"])
@pytest.mark.parametrize("pattern", ["audio+visual+text", "visual", "audio+text"])
def test_test_utterances_are_predicted_as_in_the_run(merbench, tiny_run, same, method, pattern):
    """Each fold's cell, on its own test part, by the run's own numbers."""
    inside = of_method(tiny_run, method)
    inside = inside[(inside["pattern"] == pattern) & (inside["noise"] == "none")]
    for fold in ("1", "2"):
        expected = inside[inside["fold"] == fold].set_index("utterance")
        said = merbench(
            "predict", tiny_run, "--method", method, "--corpus", same, "--fold", fold,
            "--pattern", pattern,
        )  # fmt: skip
        found = predicted(said).loc[expected.index]
        assert found["prediction"].tolist() == expected["prediction"].tolist()
        # Networks see other batches, which may round a half float the other way.
        np.testing.assert_allclose(found[P], expected[P].astype(float), atol=1e-3)
        assert (found["fold"] == fold).all()


def test_stand_ins_for_absent_input_are_the_run_s_own(merbench, same, tmp_path):
    """nmer reads frozen noise for what is absent: the draw of the suite's seed and utterance."""
    run = tmp_path / "run"
    merbench.run(merbench.suite(methods=["nmer"], seed=3, grid={"noise": []}), run)
    inside = of_method(run, "nmer")
    expected = inside[(inside["pattern"] == "audio") & (inside["fold"] == "1")]
    expected = expected.set_index("utterance")
    said = merbench(
        "predict", run, "--method", "nmer", "--corpus", same, "--fold", 1, "--pattern", "audio"
    )
    found = predicted(said).loc[expected.index]
    np.testing.assert_allclose(found[P], expected[P].astype(float), atol=1e-3)


def test_the_default_is_the_mean_over_all_cells(merbench, tiny_run, same):
    def of(*flags):
        said = merbench("predict", tiny_run, "--method", "mmin", "--corpus", same, *flags)
        return predicted(said)

    mean, first, second = of(), of("--fold", 1), of("--fold", 2)
    np.testing.assert_allclose(mean[P], (first[P] + second[P]) / 2, atol=1e-12)
    assert [f"p_{name}" for name in mean["prediction"]] == mean[P].idxmax(axis=1).tolist()
    assert mean[["fold", "seed"]].isna().all(axis=None)
    assert (of("--fold", 1, "--seed", 0)["seed"] == 0).all()


def test_scores_are_those_of_the_predictions(merbench, tiny_run, same):
    arguments = ["predict", tiny_run, "--method", "logreg", "--corpus", same]
    table = predicted(merbench(*arguments))
    said = merbench(*arguments, "--out", "found.parquet", "--json")
    found = json.loads(said.out)
    right = table["prediction"] == table["label"]
    assert found["scores"]["wa"] == pytest.approx(right.mean())
    assert found["scores"]["ua"] == pytest.approx(right.groupby(table["label"]).mean().mean())
    assert (found["utterances"], found["cells"]) == (60, 2)
    assert "the corpus of the run" in " ".join(found["notes"])
    assert pd.read_parquet("found.parquet")["prediction"].tolist() == table["prediction"].tolist()


def test_csv_and_parquet_hold_the_same(merbench, tiny_run, same):
    for name in ("a.csv", "a.parquet"):
        said = merbench("predict", tiny_run, "--method", "logreg", "--corpus", same, "--out", name)
        assert said.code == 0
        assert said.out.startswith("60 utterances, mean of 2 cells: WA ")
    one, other = pd.read_csv("a.csv"), pd.read_parquet("a.parquet")
    np.testing.assert_array_equal(one[P], other[P])
    assert one["prediction"].tolist() == other["prediction"].tolist()


def test_a_corpus_is_normalised_by_the_fold_s_training_part_not_by_itself(
    merbench, tiny_run, corpus
):
    """One utterance alone has no statistics of its own, and is predicted as among the others."""
    write_corpus(corpus, merbench.folder / "all", "table")
    few = [3, 40]
    modalities = tuple(
        Modality(
            m.name, m.kind, np.concatenate([m.sequence(i) for i in few]),
            np.concatenate([[0], np.cumsum(m.lengths[few])]),
        )
        for m in corpus.modalities
    )  # fmt: skip
    part = dataclasses.replace(
        corpus,
        utterances=tuple(corpus.utterances[i] for i in few),
        labels=corpus.labels[few],
        modalities=modalities,
        **{f"{name}s": column[few] for name, column in corpus.groups.items()},
    )
    write_corpus(part, merbench.folder / "few", "table")
    arguments = ["predict", tiny_run, "--method", "logreg", "--corpus"]
    whole, alone = (predicted(merbench(*arguments, f"table:{name}")) for name in ("all", "few"))
    pd.testing.assert_frame_equal(whole.loc[alone.index, P], alone[P])


def test_cells_keep_what_their_features_were_normalised_by(tiny_run, corpus):
    for cell in (tiny_run / "cells").iterdir():
        record = json.loads((cell / "record.json").read_text("utf-8"))
        found = load_file(cell / "normaliser.safetensors")
        shape = {m["name"]: m for m in record["shape"]["modalities"]}
        assert record["shape"]["classes"] == 4
        for modality in corpus.modalities:
            keep, mean, sd = (found[f"{modality.name}/{k}"] for k in ("keep", "mean", "sd"))
            assert len(keep) == len(mean) == len(sd) == shape[modality.name]["width"]
            assert mean.dtype == sd.dtype == np.float64


def without_audio(corpus):
    return corpus.modalities[1:]


def with_a_stranger(corpus):
    return (dataclasses.replace(corpus.modalities[0], name="vision"), *corpus.modalities[::-1])


@pytest.mark.parametrize(
    ("modalities", "pattern", "words"),
    [
        (
            without_audio,
            "visual+text",
            ["note: the corpus has no modality 'audio': absent for every utterance"],
        ),
        (
            with_a_stranger,
            "audio+visual+text",
            ["note: modality 'vision' is ignored", "did you mean 'visual'?"],
        ),
    ],
)
def test_a_corpus_of_other_modalities_is_predicted_by_those_that_the_method_knows(
    merbench, tiny_run, corpus, same, modalities, pattern, words
):
    other = dataclasses.replace(corpus, modalities=modalities(corpus))
    write_corpus(other, merbench.folder / "other", "table")
    arguments = ["predict", tiny_run, "--method", "zero_fill", "--corpus"]
    said = merbench(*arguments, "table:other")
    assert [word for word in words if word not in said.err] == []
    alike = predicted(merbench(*arguments, same, "--pattern", pattern))
    pd.testing.assert_frame_equal(predicted(said)[P], alike[P])


def test_settings_of_the_reader_make_a_corpus_readable(merbench, tiny_run, corpus):
    """Continuous labels are no classes until bins are said."""
    n = 6
    part = {
        "id": [f"v{i}$_$0" for i in range(n)],
        "regression_labels": np.linspace(-1, 1, n, dtype="f4"),
    }
    for modality, name in zip(corpus.modalities[:2], ("audio", "vision"), strict=True):
        width = modality.values.shape[1]
        part[name] = np.zeros((n, modality.lengths[:n].max(), width), np.float32)
        part[f"{name}_lengths"] = modality.lengths[:n].tolist()
        for i in range(n):
            part[name][i, : modality.lengths[i]] = modality.sequence(i)
    (merbench.folder / "mosi.pkl").write_bytes(
        pickle.dumps({name: {k: v[i::3] for k, v in part.items()}
                      for i, name in enumerate(("train", "valid", "test"))})
    )  # fmt: skip
    arguments = ["predict", tiny_run, "--method", "logreg", "--corpus", "mmsa:mosi.pkl"]
    assert "bin the labels" in merbench(*arguments).err
    said = merbench(*arguments, "--set", "bin={at: [0], names: [sad, happy]}")
    assert set(predicted(said)["label"]) == {"sad", "happy"}
    said = merbench(*arguments, "--set", "bins=3")
    assert said.code == 2
    assert "did you mean 'bin'" in said.err


def test_a_method_that_fuses_utterances_together_says_so(merbench, tiny_run, same, tmp_path):
    merbench.run(merbench.suite(methods=["nmer_released"], grid={"noise": []}), tmp_path / "run")
    said = merbench("predict", tmp_path / "run", "--method", "nmer_released", "--corpus", same)
    assert "utterances at a time, and a prediction depends on the company" in said.err
    said = merbench("predict", tiny_run, "--method", "mmin", "--corpus", same)
    assert "company" not in said.err


def test_labels_that_the_method_does_not_know_are_kept_and_not_scored(merbench, tiny_run, corpus):
    write_corpus(
        dataclasses.replace(corpus, classes=("angry", "happy", "bored", "sad")),
        merbench.folder / "other", "table",
    )  # fmt: skip
    said = merbench("predict", tiny_run, "--method", "logreg", "--corpus", "table:other")
    assert "not scored: the method does not know the label 'bored'; it knows angry, " in said.err
    assert "bored" in set(predicted(said)["label"])
    assert "WA" not in said.err


def test_fewer_classes_than_the_method_knows_are_scored(merbench, tiny_run, corpus):
    two = dataclasses.replace(corpus, labels=corpus.labels % 2, classes=("sad", "angry"))
    write_corpus(two, merbench.folder / "two", "table")
    arguments = ["predict", tiny_run, "--method", "logreg", "--corpus", "table:two"]
    table = predicted(merbench(*arguments))
    said = merbench(*arguments, "--out", "two.csv", "--json")
    right = (table["prediction"] == table["label"]).groupby(table["label"]).mean()
    assert set(right.index) == {"sad", "angry"}
    assert json.loads(said.out)["scores"]["ua"] == pytest.approx(right.mean())


WRONG = {
    "no run": (["none", "--method", "mmin"], 3, "none: not a run"),
    "method": (["{run}", "--method", "mmim"], 2, "has no method 'mmim'; did you mean 'mmin'?"),
    "fold": (["{run}", "--method", "mmin", "--fold", "3"], 2, "--fold: no fold '3'; valid: 1, 2"),
    "seed": (["{run}", "--method", "mmin", "--seed", "1"], 2, "--seed: no seed 1; valid: 0"),
    "pattern": (
        ["{run}", "--method", "mmin", "--pattern", "audio+txt"],
        2,
        "--pattern: no modality 'txt'; did you mean 'text'?",
    ),
    "ending": (
        ["{run}", "--method", "mmin", "--out", "a.txt"],
        2,
        "--out a.txt: found the ending '.txt'; expected .csv or .parquet",
    ),
    "folder": (["{run}", "--method", "mmin", "--out", "no/a.csv"], 2, "there is no folder no"),
    "json": (["{run}", "--method", "mmin", "--json"], 2, "--json needs --out"),
    "device": (["{run}", "--method", "mmin", "--device", "cuda:99"], 2, "available: auto, cpu"),
    "width": (
        ["{run}", "--method", "mmin", "--corpus", "table:narrow"],
        2,
        "does not fit: modality 'audio' has 3 feature columns; expected 40",
    ),
    "kind": (
        ["{run}", "--method", "mmin", "--corpus", "table:vector"],
        2,
        "does not fit: modality 'audio' is of kind 'vector'; expected 'sequence'",
    ),
    "names": (
        ["{run}", "--method", "mmin", "--corpus", "table:renamed"],
        2,
        "has the modalities face, voice; expected at least one of audio, visual, text",
    ),
    "corpus": (["{run}", "--method", "mmin", "--corpus", "nowhere"], 2, "nowhere: no such file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_a_line_and_nothing_written(merbench, tiny_run, corpus, case):
    arguments, code, words = WRONG[case]
    audio, visual, text = corpus.modalities
    vector = dataclasses.replace(
        audio, kind="vector", values=audio.values[audio.offsets[:-1]], offsets=np.arange(61)
    )
    for name, modalities in {
        "same": corpus.modalities,
        "narrow": (dataclasses.replace(audio, values=audio.values[:, :3]), visual, text),
        "vector": (vector, visual, text),
        "renamed": (
            dataclasses.replace(visual, name="face"), dataclasses.replace(audio, name="voice"),
        ),
    }.items():  # fmt: skip
        write_corpus(
            dataclasses.replace(corpus, modalities=modalities), merbench.folder / name, "table"
        )
    before = sorted(merbench.folder.rglob("*"))
    filled = [a.format(run=tiny_run) for a in arguments]
    given = [] if "--corpus" in filled else ["--corpus", SAME]
    said = merbench("predict", *filled, *given)
    assert (said.code, said.out) == (code, "")
    assert words in said.err
    assert "Traceback" not in said.err
    assert sorted(merbench.folder.rglob("*")) == before


def test_an_imported_method_has_nothing_to_apply(merbench, copied, same, table):
    table.to_csv("mine.csv", index=False)
    merbench(
        "grid", "import", "mine.csv", "--suite", merbench.suite(), "--as", "mine", "--run", copied
    )
    said = merbench("predict", copied, "--method", "mine", "--corpus", same)
    assert said.code == 2
    assert "its predictions were imported, so there is nothing trained to apply" in said.err


def test_cells_that_are_not_there_or_too_old_are_said(merbench, copied, same):
    arguments = ["predict", copied, "--method", "mmin", "--corpus", same]
    for cell in (copied / "cells").glob("mmin-*"):
        record = json.loads((cell / "record.json").read_text("utf-8"))
        (cell / "normaliser.safetensors").unlink()
        (cell / "record.json").unlink()
        write_record(cell, {k: v for k, v in record.items() if k not in ("files", "checksum")})
    said = merbench(*arguments)
    assert said.code == 3
    assert "written by an earlier version, without the statistics" in said.err
    for cell in (copied / "cells").glob("mmin-*"):
        shutil.rmtree(cell)
    said = merbench(*arguments)
    assert said.code == 3
    assert "no trained cell of 'mmin' (2 missing or damaged)" in said.err

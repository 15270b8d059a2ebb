"""`data check` says everything that is wrong, and what would be tidied."""

import json

import h5py
import numpy as np
import pytest

from merbench.corpus.check import check_corpus
from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import configured, load_corpus
from merbench.errors import ConfigError, CorpusError
from tests.corpora import THREE, make_corpus
from tests.corpus import test_mmin as mmin
from tests.corpus import test_mmsa as mmsa
from tests.corpus import test_npy_dir as npy_dir
from tests.corpus.tables import HEADER, features, rows, write


def check(spec, **options):
    return check_corpus(*configured(str(spec), **options))


def said(report, kind):
    return [problem.text for problem in report.problems if problem.kind == kind]


def test_every_problem_of_a_table_is_said_with_its_place(tmp_path):
    arrays = features(8)
    arrays["prosody"] = arrays["prosody"][:7]
    arrays["prosody"][2, 1] = np.inf
    arrays["prosody"][5, 0] = -np.inf
    arrays["text_offsets"][[2, 3]] = arrays["text_offsets"][[3, 2]]
    arrays["face_lengths"][[1, 6]] = [8, -1]
    arrays["odd"] = np.array([{}] * 8)
    index = [(*row, "train") for row in rows(8)]
    index[1] = ("u0", "happy", "s1", "trian")
    index[2] = ("u2", "", "s2", "test")
    index[4] = ("", "happy", "", "tets")
    index[7] = ("u7", "happy", "s1")
    folder = write(tmp_path / "c", arrays, index, (*HEADER, "split"))
    report = check(f"table:{folder}")
    assert report.corpus is None
    csv, npz = folder / "index.csv", folder / "features.npz"
    assert said(report, "duplicate id") == [
        f"{csv}, line 3, column 'utterance': utterance 'u0' stands in "
        f"{csv}, line 2, column 'utterance' already"
    ]
    assert [text.partition(": ")[0] for text in said(report, "empty cell")] == [
        f"{csv}, line 6, column 'utterance'",
        f"{csv}, line 6, column 'speaker'",
    ]
    assert said(report, "missing label") == [
        f"{csv}, line 4, column 'label': no label (''); label the utterance or leave it out"
    ]
    assert [text.partition("; valid")[0] for text in said(report, "unknown part")] == [
        f"{csv}, line 3, column 'split': unknown part 'trian'; did you mean 'train'?"
        f" valid: {'dev, test, train, val, valid'}",
        f"{csv}, line 6, column 'split': unknown part 'tets'; did you mean 'test'?"
        f" valid: {'dev, test, train, val, valid'}",
    ]
    assert said(report, "cells in a row") == [f"{csv}, line 9: 3 cells, the header has 4"]
    assert said(report, "count") == [f"{npz}: 'prosody' has 7 utterances, index.csv has 8 rows"]
    assert len(said(report, "infinite value")) == 2
    (falling,) = said(report, "offsets")
    assert falling.startswith(f"{npz}: modality 'text': offsets must not decrease; entry 3 is ")
    assert said(report, "length") == [
        f"{npz}: face_lengths says 8 frames in row 1, 'face' has room for 0 to 7",
        f"{npz}: face_lengths says -1 frames in row 6, 'face' has room for 0 to 7",
    ]
    assert len(said(report, "object array")) == 1
    assert report.counts["infinite value"] == 2
    assert sum(report.counts.values()) == len(report.problems) == 14


def test_continuous_labels_and_ids_that_do_not_match_are_all_said(tmp_path):
    index = [(u, f"{k}.5" if k % 2 else str(k), s) for k, (u, _, s) in enumerate(rows())]
    folder = write(tmp_path, index=index)
    report = check(folder, ids=r"u(?P<session>[024])")
    assert len(said(report, "continuous label")) == 3
    assert [text.split("'")[1] for text in said(report, "ids pattern")] == ["u1", "u3", "u5"]


def test_an_index_without_labels_does_not_hide_what_is_wrong_with_the_features(tmp_path):
    arrays = features()
    arrays["prosody"][3, 1] = np.inf
    arrays["txet_lengths"] = np.ones(6, int)
    report = check(write(tmp_path, arrays, header=("utterance", "labels", "speaker")))
    assert [problem.kind for problem in report.problems] == [
        "missing column",
        "unknown array",
        "infinite value",
    ]
    assert "row 3" in report.problems[2].text


def test_missing_files_are_all_said(tmp_path):
    (tmp_path / "c").mkdir()
    assert len(said(check(f"table:{tmp_path / 'c'}"), "missing file")) == 2


def test_every_problem_of_an_npy_dir_is_said(tmp_path):
    index = [("u0", "sad", "s0"), ("u0", "sad", "s0"), ("nowhere", "", "s1"), *rows()[2:]]
    folder = npy_dir.write(tmp_path / "c", index=index)
    np.save(folder / "clip/u2.npy", np.ones((1, 1, 3)))
    (folder / "clip/u3.npy").write_bytes(b"torn")
    np.save(folder / "wav2vec/u4.npy", np.ones((2, 9)))
    np.save(folder / "wav2vec/u5.npy", np.array([{}]), allow_pickle=True)
    report = check(folder)
    assert report.counts == {
        "duplicate id": 1,
        "missing label": 1,
        "missing file": 1,
        "shape": 1,
        "unreadable": 1,
        "object array": 1,
    }
    assert f"{folder}/clip: u3.npy: not a readable npy file" in said(report, "unreadable")[0]
    np.save(folder / "wav2vec/u5.npy", np.ones((2, 4)))
    assert "'u4' has 9 columns" in said(check(folder), "width")[0]


def test_every_problem_of_an_mmsa_pickle_is_said(tmp_path):
    parts = mmsa.content()
    parts["train"]["id"][1] = parts["train"]["id"][0]
    parts["train"]["annotations"][2:] = ["", "nan"]
    parts["valid"]["audio"] = parts["valid"]["audio"][:1]
    parts["test"]["vision"][1, 0] = np.inf
    parts["test"]["text_lengths"] = [9, -1]
    path = mmsa.write(tmp_path / "a.pkl", parts)
    report = check(path)
    assert report.counts == {
        "missing label": 2,
        "length": 2,
        "duplicate id": 1,
        "count": 1,
        "infinite value": 1,
    }
    assert all(str(path) in problem.text for problem in report.problems)


def test_every_problem_of_the_mmin_layout_is_said(tmp_path):
    folder = mmin.write(tmp_path / "c")
    np.save(folder / "target/1/trn_label.npy", np.full((4, 4), 0.25))
    with h5py.File(folder / "V/denseface.h5", "a") as file:
        del file[mmin.IEMOCAP[0]], file[mmin.IEMOCAP[7]]
        del file[mmin.IEMOCAP[3]]
        file[mmin.IEMOCAP[3]] = np.ones((2, 2, 4))
    (folder / "L/bert_large.h5").unlink()
    report = check(folder)
    assert len(said(report, "missing entry")) == 2
    assert len(said(report, "shape")) == 1
    assert len(said(report, "missing file")) == 1
    assert "row 0 is not one-hot" in said(report, "other")[0]
    assert len(report.problems) == 5


def test_every_problem_of_a_native_corpus_is_said(tmp_path):
    folder = tmp_path / "c"
    write_corpus(make_corpus(), folder, "native")
    (folder / "visual.npy").unlink()
    whole = bytearray((folder / "audio.npy").read_bytes())
    whole[-4:] = np.float32(np.inf).tobytes()
    (folder / "audio.npy").write_bytes(whole)
    offsets = np.load(folder / "text.offsets.npy")
    offsets[2] = offsets[5]
    np.save(folder / "text.offsets.npy", offsets)
    (folder / "more.npy").touch()
    report = check(folder)
    assert len(said(report, "checksum")) == 2
    assert len(said(report, "extra file")) == 1
    assert len(said(report, "missing file")) == 1
    assert "audio.npy: modality 'audio', row" in said(report, "infinite value")[0]
    assert "text.offsets.npy: entry 3: offsets must not decrease" in said(report, "offsets")[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not a readable JSON file"),
        ("[]", "expected one JSON object"),
        ('{"nam": "x"}', "no field 'nam'; did you mean 'name'"),
        ('{"kinds": {"text": "video"}}', "field 'kinds.text'"),
        ('{"classes": "happy"}', "field 'classes'"),
        ('{"groups": ["speakers"]}', "field 'groups.0'"),
    ],
)
def test_a_side_file_that_does_not_fit_is_named(tmp_path, content, words):
    folder = write(tmp_path)
    (folder / "corpus.json").write_text(content)
    (problem,) = check(folder).problems
    assert problem.text.startswith(f"{folder / 'corpus.json'}")
    assert words in problem.text


def test_an_order_that_does_not_fit_is_named(tmp_path):
    folder = mmin.write(tmp_path / "c")
    for order, words in (
        ([*mmin.IEMOCAP[:-1], "u"], "order: no utterance 'u'"),
        (mmin.IEMOCAP[:-1], "7 ids for the 8 utterances"),
        ([*mmin.IEMOCAP, mmin.IEMOCAP[0]], "9 ids for the 8 utterances"),
    ):
        (folder / "corpus.json").write_text(json.dumps({"order": order}))
        (problem,) = check(folder).problems
        assert words in problem.text


def test_what_is_tidied_is_counted(tmp_path):
    arrays = features()
    arrays["prosody"][:, 2] = 7
    arrays["prosody"][1, 0] = np.nan
    arrays["prosody"][2] = np.nan
    arrays["face_lengths"][2] = 0
    start, stop = arrays["text_offsets"][2:4]
    arrays["text"][start:stop] = np.nan
    folder = write(tmp_path / "c", arrays)
    report = check(folder, classes=["sad", "happy", "angry"])
    assert report.problems == ()
    assert report.tidied == (
        "prosody: 1 NaN values in 1 columns become the training mean of their column",
        "prosody: 1 utterances lack it (natively absent)",
        "prosody: 1 constant columns are dropped",
        "text: 1 utterances lack it (natively absent)",
        "face: 1 utterances lack it (natively absent)",
        "1 utterances lack every modality, first 'u2'",
        "class 'angry' has no utterance",
    )


def test_utterances_with_the_features_of_another_are_counted(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(6, 3)) for name in ("audio", "text")}
    for values in arrays.values():
        values[[3, 5]] = values[[0, 0]]
    arrays["text"][5, 0] += 1
    report = check(write(tmp_path, arrays))
    assert report.tidied == (
        "1 utterances have the same features as an earlier one in every modality, first 'u3' as "
        "'u0'",
    )


def test_a_sound_corpus_has_nothing_to_say():
    report = check("synthetic")
    assert (report.problems, report.utterances) == ((), 1200)


def test_a_wrong_setting_is_an_error_and_no_problem_of_the_corpus(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'face'"):
        check(write(tmp_path), kinds={"fase": "tokens"})


def test_reading_stops_at_the_first_problem_that_checking_lists(tmp_path):
    folder = tmp_path / "c"
    write_corpus(make_corpus(streams=THREE), folder, "table")
    lines = (folder / "index.csv").read_text().splitlines()
    lines[3] = lines[2]
    lines[5] = lines[5].replace("c0", "").replace("c1", "")
    (folder / "index.csv").write_text("\n".join(lines))
    first = check(folder).problems[0].text
    with pytest.raises(CorpusError) as caught:
        load_corpus(folder)
    assert str(caught.value) == first

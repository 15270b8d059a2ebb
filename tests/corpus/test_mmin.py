import h5py
import numpy as np
import pytest

from merbench.corpus.load import load_corpus
from merbench.errors import ConfigError, CorpusError

IEMOCAP = [f"Ses0{s}F_impro01_{g}00{k}" for s in (1, 2) for g in "FM" for k in range(2)]
MSP = [f"MSP-IMPROV-S01A-{g}0{s}-S-FM0{k}" for s in (1, 2) for g in "FM" for k in (1, 2)]
# Speakers in the order of the ids, two utterances each; fold k tests speaker k.
SPLITS = [
    {"trn": [4, 5, 6, 7], "val": [2, 3], "tst": [0, 1]},
    {"trn": [7, 6, 5, 4], "val": [0, 1], "tst": [2, 3]},
    {"trn": [0, 1, 2, 3], "val": [6, 7], "tst": [5, 4]},
]
LABELS = np.array([0, 1, 2, 3, 3, 2, 1, 0])


def sequences(ids, width, seed):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(k % 4 + 1, width)).astype("f4") for k, name in enumerate(ids)}


def write_features(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in values.items():
            file[name] = array


def write(folder, ids=IEMOCAP, msp=False):
    """Write the layout by hand, in the form either corpus was released in."""
    write_features(folder / ("A/comparE_raw.h5" if msp else "A/comparE.h5"), sequences(ids, 5, 0))
    write_features(folder / "V/denseface.h5", sequences(ids, 4, 1))
    write_features(folder / "L/bert_large.h5", sequences([*ids, "not in any fold"], 3, 2))
    for k, split in enumerate(SPLITS):
        target = folder / "target" / str(k + 1)
        target.mkdir(parents=True)
        for part, members in split.items():
            names = np.array([ids[i] for i in members])
            np.save(target / f"{part}_int2name.npy", names if msp else names.astype("S")[:, None])
            labels = LABELS[members]
            np.save(target / f"{part}_label.npy", labels if msp else np.eye(4)[labels])
    return folder


def refused(folder, *words, error=CorpusError, **options):
    with pytest.raises(error) as caught:
        load_corpus(f"mmin:{folder}", **options)
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize(("ids", "msp"), [(IEMOCAP, False), (MSP, True)])
def test_both_released_forms_are_read(tmp_path, ids, msp):
    corpus = load_corpus(write(tmp_path, ids, msp))
    assert corpus.utterances == tuple(sorted(ids))
    assert corpus.names == ("audio", "visual", "text")
    assert [m.kind for m in corpus.modalities] == ["sequence", "sequence", "tokens"]
    assert corpus.classes == ("class0", "class1", "class2", "class3")
    assert {u: int(k) for u, k in zip(corpus.utterances, corpus.labels, strict=True)} == dict(
        zip(ids, LABELS.tolist(), strict=True)
    )
    for modality, (width, seed) in zip(corpus.modalities, [(5, 0), (4, 1), (3, 2)], strict=True):
        written = sequences(ids, width, seed)
        if modality.name == "text":
            written = sequences([*ids, "not in any fold"], width, seed)
        for i, utterance in enumerate(corpus.utterances):
            np.testing.assert_array_equal(modality.sequence(i), written[utterance])


@pytest.mark.parametrize(("ids", "msp"), [(IEMOCAP, False), (MSP, True)])
def test_the_predefined_folds_hold_the_utterances_of_the_target_files(tmp_path, ids, msp):
    corpus = load_corpus(write(tmp_path, ids, msp))
    assert [fold.name for fold in corpus.predefined] == ["1", "2", "3"]
    for fold, split in zip(corpus.predefined, SPLITS, strict=True):
        for members, part in ((fold.train, "trn"), (fold.valid, "val"), (fold.test, "tst")):
            assert {corpus.utterances[i] for i in members} == {ids[i] for i in split[part]}
            assert (np.diff(members) > 0).all()


def test_speakers_sessions_and_dialogues_come_from_the_ids(tmp_path):
    corpus = load_corpus(write(tmp_path))
    assert sorted(set(corpus.speakers)) == ["Ses01F", "Ses01M", "Ses02F", "Ses02M"]
    assert sorted(set(corpus.sessions)) == ["1", "2"]
    assert sorted(set(corpus.dialogues)) == ["Ses01F_impro01", "Ses02F_impro01"]


def test_classes_can_be_named(tmp_path):
    folder = write(tmp_path)
    names = ["angry", "happy", "neutral", "sad"]
    assert load_corpus(folder, classes=names).classes == tuple(names)
    refused(folder, "expected 4 different names", error=ConfigError, classes=["a", "b", "c"])
    refused(folder, "expected 4 different names", error=ConfigError, classes=["a", "b", "c", "a"])


def test_a_class_that_no_utterance_has_still_counts_in_one_hot_labels(tmp_path):
    folder = write(tmp_path)
    for path in folder.glob("target/*/*_label.npy"):
        np.save(path, np.pad(np.load(path), ((0, 0), (0, 1))))
    assert load_corpus(folder).classes[-1] == "class4"


def test_an_utterance_that_is_all_nan_or_empty_is_natively_absent(tmp_path):
    folder = write(tmp_path)
    values = sequences(IEMOCAP, 4, 1)
    values[IEMOCAP[0]][:] = np.nan
    values[IEMOCAP[5]] = np.empty((0, 4), "f4")
    write_features(folder / "V/denseface.h5", values)
    corpus = load_corpus(folder)
    absent = np.flatnonzero(corpus.modalities[1].absent)
    assert {corpus.utterances[i] for i in absent} == {IEMOCAP[0], IEMOCAP[5]}


@pytest.mark.parametrize("file", ["V/denseface.h5", "A/comparE.h5", "target/2/val_label.npy"])
def test_a_missing_file_is_named(tmp_path, file):
    folder = write(tmp_path)
    (folder / file).unlink()
    refused(folder, file, str(folder))


def test_broken_files_are_named(tmp_path):
    folder = write(tmp_path)
    (folder / "target/1/trn_label.npy").write_bytes(b"torn")
    refused(folder, "trn_label.npy", "not an npy file")
    np.save(folder / "target/1/trn_label.npy", np.array([None] * 4), allow_pickle=True)
    refused(folder, "trn_label.npy", "not an npy file")
    folder = write(tmp_path / "other")
    (folder / "V/denseface.h5").write_bytes(b"torn")
    refused(folder, "denseface.h5", "not a readable HDF5 file")


def test_folds_must_be_numbered_from_one(tmp_path):
    folder = write(tmp_path)
    (folder / "target/2").rename(folder / "target/5")
    refused(folder, "1, 2, 3, ...; found 1, 3, 5")
    refused(tmp_path / "V", "one folder per fold", "found none")


@pytest.mark.parametrize(
    ("file", "array", "words"),
    [
        ("trn_label.npy", np.eye(4)[[0, 1]], ("2 labels for the 4 ids of trn_int2name.npy",)),
        ("trn_label.npy", np.full((4, 4), 0.25), ("row 0 is not one-hot",)),
        ("trn_label.npy", np.array([0, 1.5, 2, 3]), ("row 1 is 1.5", "bin continuous")),
        ("trn_label.npy", np.array([0, 1, -2, 3]), ("row 2 is -2", "not a class number")),
        ("trn_label.npy", np.array([0, np.nan, 2, 3]), ("row 1 is nan",)),
        ("trn_label.npy", np.array(list("abcd")), ("expected one-hot rows or class numbers",)),
        ("trn_label.npy", np.array([3, 2, 3, 0]), ("target/2", "has class 1 in trn, and class 3")),
        ("trn_int2name.npy", np.arange(4), ("expected utterance ids, found int64",)),
        ("trn_int2name.npy", np.array(["u1"] * 4), ("'u1' occurs more than once",)),
        ("trn_int2name.npy", np.array(list("wxyz")), ("A/comparE.h5", "no dataset 'w'")),
    ],
)
def test_targets_that_do_not_fit_are_named(tmp_path, file, array, words):
    folder = write(tmp_path)
    np.save(folder / "target/1" / file, array)
    refused(folder, *words)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((2, 9)), ("'Ses02F_impro01_M001' has 9 columns", "has 4")),
        (np.ones((2, 2, 4)), ("shape (2, 2, 4)", "expected (T, D)")),
        (np.full((2, 4), np.inf), ("infinite",)),
    ],
)
def test_features_that_do_not_fit_are_named(tmp_path, array, words):
    folder = write(tmp_path)
    write_features(folder / "V/denseface.h5", {**sequences(IEMOCAP, 4, 1), IEMOCAP[-1]: array})
    refused(folder, "denseface.h5", *words)


def test_a_group_in_the_place_of_a_dataset_is_named(tmp_path):
    folder = write(tmp_path)
    with h5py.File(folder / "A/comparE.h5", "a") as file:
        del file[IEMOCAP[0]]
        file.create_group(IEMOCAP[0])
    refused(folder, "comparE.h5", IEMOCAP[0], "is a group")

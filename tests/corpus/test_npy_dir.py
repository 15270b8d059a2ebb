import numpy as np
import pytest

from merbench.corpus.check import check_corpus
from merbench.corpus.load import configured, load_corpus, recognised_by
from merbench.errors import ConfigError, CorpusError
from tests.corpus.tables import HEADER, rows

LENGTHS = [3, 1, 2, 4, 1, 2]


def write(folder, index=None, header=HEADER, labels="labels.csv"):
    """Write the layout by hand: a ragged and a vector modality."""
    rng = np.random.default_rng(0)
    for name, width in (("wav2vec", 4), ("clip", 3)):
        (folder / name).mkdir(parents=True)
        for i, length in enumerate(LENGTHS):
            shape = (length, width) if name == "wav2vec" else (width,)
            np.save(folder / name / f"u{i}.npy", rng.normal(size=shape).astype("f4"))
    lines = [",".join(line) for line in (header, *(rows() if index is None else index))]
    (folder / labels).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def refused(folder, *words, error=CorpusError, **options):
    with pytest.raises(error) as caught:
        load_corpus(f"npy_dir:{folder}", **options)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def notes(folder):
    return check_corpus(*configured(folder)).tidied


def test_a_file_an_utterance_is_read_in_the_order_of_the_csv(tmp_path):
    folder = write(tmp_path / "gcnet", index=rows()[::-1])
    assert recognised_by(folder) == ("npy_dir",)
    corpus = load_corpus(folder)
    assert corpus.name == "gcnet"
    assert corpus.utterances == ("u5", "u4", "u3", "u2", "u1", "u0")
    assert corpus.classes == ("happy", "sad")
    assert corpus.names == ("clip", "wav2vec"), "the order of the sorted folders"
    assert [m.kind for m in corpus.modalities] == ["vector", "sequence"]
    for modality in corpus.modalities:
        for i, utterance in enumerate(corpus.utterances):
            stored = np.load(folder / modality.name / f"{utterance}.npy")
            np.testing.assert_array_equal(modality.sequence(i), np.atleast_2d(stored))


def test_order_kinds_and_the_csv_can_be_said(tmp_path):
    folder = write(tmp_path, labels="train.csv")
    (folder / "other.csv").write_text("x\n")
    options = {"modalities": ["wav2vec", "clip"], "kinds": {"wav2vec": "tokens"}}
    corpus = load_corpus(folder, labels="train.csv", **options)
    assert corpus.names == ("wav2vec", "clip")
    assert corpus.modalities[0].kind == "tokens"


def test_an_utterance_without_a_file_lacks_that_modality(tmp_path):
    folder = write(tmp_path)
    (folder / "clip/u2.npy").unlink()
    np.save(folder / "clip/u4.npy", np.full(3, np.nan))
    np.save(folder / "wav2vec/u5.npy", np.empty((0, 4)))
    corpus = load_corpus(folder)
    clip, wav2vec = corpus.modalities
    assert np.flatnonzero(clip.absent).tolist() == [2, 4]
    assert np.flatnonzero(wav2vec.absent).tolist() == [5]
    assert "clip: 2 utterances lack it (natively absent)" in notes(folder)


def test_files_that_the_csv_does_not_name_are_left_out_and_counted(tmp_path):
    folder = write(tmp_path, index=rows()[:4])
    assert load_corpus(folder).utterances == ("u0", "u1", "u2", "u3")
    assert f"{folder}/clip: 2 files that the csv does not name were left out, first u4.npy" in (
        notes(folder)
    )


def test_an_id_without_any_file_is_named_with_the_nearest(tmp_path):
    folder = write(tmp_path, index=[("u_0", "sad", "s0"), *rows()[1:]])
    refused(folder, "'u_0' has no u_0.npy in clip, wav2vec", "did you mean 'u0'?")


def test_an_id_is_never_followed_out_of_the_folder(tmp_path):
    folder = write(tmp_path / "c", index=[("../secret", "sad", "s0"), *rows()[1:]])
    np.save(tmp_path / "c/secret.npy", np.ones(3))
    refused(folder, "'../secret' has no ../secret.npy")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((2, 9)), ("wav2vec", "'u3' has 9 columns, 'u0' has 4")),
        (np.ones((2, 2, 4)), ("u3.npy", "shape (2, 2, 4)", "expected (T, D)")),
        (np.ones(()), ("u3.npy", "shape ()")),
        (np.full((2, 4), np.inf), ("wav2vec", "utterance 'u3'", "infinite", "column 0")),
        (np.full((2, 4), 1e300), ("utterance 'u3'", "infinite")),
        (np.full((2, 4), "a"), ("u3.npy", "'u3' has type <U1, expected numbers")),
        (np.array([{}] * 4), ("u3.npy", "Python objects")),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, array, words):
    folder = write(tmp_path)
    np.save(folder / "wav2vec/u3.npy", array, allow_pickle=True)
    refused(folder, *words)


def test_a_torn_file_is_named(tmp_path):
    folder = write(tmp_path)
    (folder / "clip/u1.npy").write_bytes(b"torn")
    refused(folder, "clip", "u1.npy", "not a readable npy file")


def test_settings_that_do_not_fit_are_named(tmp_path):
    folder = write(tmp_path)
    refused(folder, "'wav2vec2'", "'wav2vec'", error=ConfigError, modalities=["wav2vec2", "clip"])
    refused(folder, "'clap'", "did you mean 'clip'", error=ConfigError, kinds={"clap": "vector"})
    refused(folder, "'label.csv'", "'labels.csv'", error=ConfigError, labels="label.csv")
    refused(folder, "at least 2 folders", modalities=["clip"])
    (folder / "labels.csv").rename(folder / "a.csv")
    (folder / "b.csv").touch()
    refused(folder, "labels.csv", "a.csv, b.csv", "labels: NAME")

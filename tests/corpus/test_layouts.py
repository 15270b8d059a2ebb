import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.corpus import Corpus, Modality, PredefinedFold
from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import load_corpus
from merbench.errors import ConfigError, CorpusError
from merbench.text import first_unfit
from tests.corpus.tables import write


@pytest.fixture(scope="module")
def synthetic():
    return load_corpus("synthetic", utterances=120)


def test_table_and_mmin_give_one_fingerprint_in_any_order(synthetic, tmp_path):
    write_corpus(synthetic, tmp_path / "t", "table")
    from_table = load_corpus(tmp_path / "t")
    write_corpus(from_table, tmp_path / "m", "mmin")
    from_mmin = load_corpus(tmp_path / "m", classes=synthetic.classes)
    write_corpus(from_mmin, tmp_path / "t2", "table")
    again = load_corpus(tmp_path / "t2")
    assert (
        synthetic.fingerprint
        == from_table.fingerprint
        == from_mmin.fingerprint
        == again.fingerprint
    )


def test_mmin_folds_leave_one_speaker_out_and_the_other_of_the_session_validates(
    synthetic, tmp_path
):
    write_corpus(synthetic, tmp_path / "m", "mmin")
    corpus = load_corpus(tmp_path / "m")
    tested = []
    for fold in corpus.predefined:
        (test,) = set(corpus.speakers[fold.test])
        (valid,) = set(corpus.speakers[fold.valid])
        assert test[:5] == valid[:5], "the same session"
        assert set(corpus.speakers[fold.train]) == set(corpus.speakers) - {test, valid}
        tested.append(test)
    assert sorted(tested) == sorted(set(corpus.speakers))
    assert len(tested) == 10


def test_mmin_files_have_the_form_the_released_code_reads(synthetic, tmp_path):
    write_corpus(synthetic, tmp_path / "m", "mmin")
    names = np.load(tmp_path / "m/target/3/val_int2name.npy")
    labels = np.load(tmp_path / "m/target/3/val_label.npy")
    audio = synthetic.modalities[0]
    with h5py.File(tmp_path / "m/A/comparE.h5") as file:
        for row, label in zip(names, labels.argmax(axis=1), strict=True):
            i = synthetic.utterances.index(row[0].decode())
            assert synthetic.labels[i] == label
            np.testing.assert_array_equal(file[row[0].decode()][()], audio.sequence(i))
    train = [row[0].decode() for row in np.load(tmp_path / "m/target/3/trn_int2name.npy")]
    frames = np.concatenate([audio.sequence(synthetic.utterances.index(u)) for u in train])
    with h5py.File(tmp_path / "m/A/comparE_mean_std.h5") as file:
        assert set(file) == {str(k) for k in range(1, 11)}
        np.testing.assert_allclose(file["3/mean"], frames.mean(axis=0, dtype=float))
        np.testing.assert_allclose(file["3/std"], frames.std(axis=0, dtype=float))


def test_folds_that_came_with_the_corpus_are_kept(synthetic, tmp_path):
    write_corpus(synthetic, tmp_path / "m", "mmin")
    first = load_corpus(tmp_path / "m")
    two = Corpus(**{**vars_of(first), "predefined": first.predefined[:2]})
    write_corpus(two, tmp_path / "n", "mmin")
    again = load_corpus(tmp_path / "n")
    assert again.fingerprint == first.fingerprint
    assert len(again.predefined) == 2
    for one, other in zip(two.predefined, again.predefined, strict=True):
        assert one.test.tolist() == other.test.tolist()


def vars_of(corpus):
    return {name: getattr(corpus, name) for name in Corpus.__dataclass_fields__}


# What can be a name: no control characters, ends of lines, and marks that turn a line around.
text = st.text(st.characters().filter(lambda c: first_unfit([c]) is None), min_size=1, max_size=5)


@st.composite
def corpora(draw, names=("speech", "face")):
    """Corpora with odd names, ragged lengths, absent modalities and single NaNs."""
    ids = draw(st.lists(text, min_size=2, max_size=8, unique=True))
    n = len(ids)
    classes = draw(
        st.lists(text.filter(lambda c: not is_number(c)), min_size=2, max_size=3, unique=True)
    )
    labels = [*range(len(classes)), *draw(st.lists(st.integers(0, len(classes) - 1), min_size=n))]
    labels = np.array(labels[:n])
    classes = [c for k, c in enumerate(classes) if k in labels]
    if len(classes) < 2:
        labels[:2], classes = [0, 1], ["one", "two"]
    lengths = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    lengths[0] = 2
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    vector = rng.normal(size=(n, 2))
    vector[rng.random(n) < 0.3] = np.nan
    vector[0] = [1, np.nan]
    speakers = np.array(draw(st.lists(text, min_size=n, max_size=n)))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    modalities = (
        Modality.build(names[0], rng.normal(size=(lengths.sum(), 3)), offsets),
        Modality.build(names[1], vector),
    )
    if names != ("speech", "face"):
        modalities += (Modality.build("text", rng.normal(size=(n, 2))),)
    order = {name: k for k, name in enumerate(sorted(classes))}
    labels = np.array([order[classes[k]] for k in labels], np.int64)
    return Corpus("any", tuple(ids), labels, tuple(sorted(classes)), modalities, speakers)


def is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("layout", ["table", "npy_dir", "native"])
@settings(deadline=None, max_examples=40)
@given(corpus=corpora())
def test_any_corpus_survives_the_layouts_that_hold_any(tmp_path_factory, layout, corpus):
    folder = tmp_path_factory.mktemp("any") / "corpus"
    try:
        lost = write_corpus(corpus, folder, layout)
    except CorpusError as error:
        assert layout == "npy_dir"
        assert "cannot be the name of a file" in str(error)
        assert not folder.exists()
        return
    assert lost == ()
    assert load_corpus(folder).fingerprint == corpus.fingerprint


@settings(deadline=None, max_examples=40)
@given(corpus=corpora(("audio", "vision")))
def test_any_corpus_survives_mmsa_s_layout(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("any") / "corpus"
    assert write_corpus(corpus, folder, "mmsa") == ()
    assert load_corpus(folder).fingerprint == corpus.fingerprint


def test_one_predefined_fold_becomes_the_split_column(synthetic, tmp_path):
    split = PredefinedFold("any", np.arange(2, 80), np.arange(80, 100), np.arange(100, 120))
    corpus = Corpus(**{**vars_of(synthetic), "predefined": (split,)})
    write_corpus(corpus, tmp_path / "t", "table")
    with (tmp_path / "t/index.csv").open(newline="") as stream:
        column = [row["split"] for row in csv.DictReader(stream)]
    assert column == [""] * 2 + ["train"] * 78 + ["valid"] * 20 + ["test"] * 20
    (fold,) = load_corpus(tmp_path / "t").predefined
    assert fold.train.tolist() == split.train.tolist()


def test_mmin_takes_only_its_three_modalities_and_utterances_of_a_fold(synthetic, tmp_path):
    table = load_corpus(write(tmp_path / "t"))
    with pytest.raises(CorpusError, match=r"audio, visual, text; .*prosody, text, face"):
        write_corpus(table, tmp_path / "m", "mmin")
    split = PredefinedFold("any", np.arange(1, 80), np.arange(80, 100), np.arange(100, 120))
    corpus = Corpus(**{**vars_of(synthetic), "predefined": (split,)})
    with pytest.raises(CorpusError, match=r"1 of corpus 'synthetic'.*first 'Ses01F_impro01_F000'"):
        write_corpus(corpus, tmp_path / "m", "mmin")
    assert [p.name for p in tmp_path.iterdir()] == ["t"], "a failed write leaves nothing"


def test_a_failed_write_leaves_the_old_corpus_as_it_was(synthetic, tmp_path):
    folder = tmp_path / "corpus"
    write_corpus(synthetic, folder, "table")
    split = PredefinedFold("any", np.arange(1, 80), np.arange(80, 100), np.arange(100, 120))
    unwritable = Corpus(**{**vars_of(synthetic), "predefined": (split,)})
    with pytest.raises(CorpusError, match="are in none"):
        write_corpus(unwritable, folder, "mmin", replace=True)
    assert load_corpus(folder).fingerprint == synthetic.fingerprint
    assert [p.name for p in tmp_path.iterdir()] == ["corpus"]


def test_a_corpus_is_replaced_only_on_request(synthetic, tmp_path):
    folder = tmp_path / "corpus"
    write_corpus(synthetic, folder, "table")
    with pytest.raises(ConfigError, match="holds a corpus; --force replaces it"):
        write_corpus(synthetic, folder, "mmin")
    write_corpus(synthetic, folder, "mmin", replace=True)
    assert sorted(p.name for p in folder.iterdir()) == ["A", "L", "V", "corpus.json", "target"]
    assert [p.name for p in tmp_path.iterdir()] == ["corpus"]


def test_what_is_no_corpus_is_never_replaced(synthetic, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="not empty and not a corpus"):
        write_corpus(synthetic, tmp_path, "table", replace=True)
    with pytest.raises(ConfigError, match="is a file"):
        write_corpus(synthetic, tmp_path / "thesis.tex", "table", replace=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("layout", ["table", "npy_dir", "native", "mmsa", "mmin"])
def test_force_replaces_a_folder_that_holds_its_corpus_and_nothing_else(
    synthetic, tmp_path, layout
):
    folder = tmp_path / "corpus"
    write_corpus(synthetic, folder, layout)
    write_corpus(synthetic, folder, layout, replace=True)
    (folder / "notes.txt").write_text("years of work")
    (folder / "raw").mkdir()
    (folder / "raw" / "a.wav").write_bytes(b"RIFF")
    before = sorted(folder.rglob("*"))
    with pytest.raises(ConfigError, match=r"no part of it: notes\.txt, raw/a\.wav; use another"):
        write_corpus(synthetic, folder, "table", replace=True)
    assert sorted(folder.rglob("*")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["corpus"]


def test_of_many_strangers_the_first_are_named(synthetic, tmp_path):
    write_corpus(synthetic, tmp_path / "c", "npy_dir")
    for name in ("audio/a.wav", "audio/b.wav", "audio/c/d.npy", "other.csv"):
        (tmp_path / "c" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "c" / name).write_text("x")
    with pytest.raises(ConfigError, match=r": audio/a.wav, audio/b.wav, audio/c/d.npy and 1 more;"):
        write_corpus(synthetic, tmp_path / "c", "table", replace=True)


@pytest.mark.parametrize("out", ["deep/er/corpus", "there/deep/corpus"])
def test_a_failed_write_leaves_no_folder_on_the_way_to_it(synthetic, tmp_path, out):
    (tmp_path / "there").mkdir()
    one = Corpus(**{**vars_of(synthetic), "modalities": synthetic.modalities[:2]})
    with pytest.raises(CorpusError):
        write_corpus(one, tmp_path / out, "mmin")
    assert [p.name for p in tmp_path.rglob("*")] == ["there"]
    write_corpus(synthetic, tmp_path / out, "mmin")
    assert load_corpus(tmp_path / out).fingerprint == synthetic.fingerprint


def test_a_corpus_that_cannot_be_put_in_its_place_leaves_the_old_one(
    synthetic, tmp_path, monkeypatch
):
    folder = tmp_path / "corpus"
    write_corpus(synthetic, folder, "table")
    rename = Path.rename

    def refuse(self, target):
        if self.suffix == ".new":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ConfigError, match="cannot write there"):
        write_corpus(synthetic, folder, "mmin", replace=True)
    assert [p.name for p in tmp_path.iterdir()] == ["corpus"]
    assert load_corpus(folder).fingerprint == synthetic.fingerprint

import re

import numpy as np
import pytest

from merbench.corpus.load import load_corpus
from merbench.errors import ConfigError, CorpusError
from tests.corpus.tables import HEADER, features, rows, write


def refused(folder, *words, error=CorpusError, **options):
    with pytest.raises(error) as caught:
        load_corpus(f"table:{folder}", **options)
    message = str(caught.value)
    for word in words:
        assert word in message, message


def with_label(labels):
    return [(u, label, s) for (u, _, s), label in zip(rows(len(labels)), labels, strict=True)]


def test_vectors_ragged_and_padded_modalities_are_read_in_the_order_of_the_file(tmp_path):
    arrays = features()
    corpus = load_corpus(write(tmp_path / "tiny", arrays))
    assert corpus.name == "tiny"
    assert corpus.names == ("prosody", "text", "face")
    assert [m.kind for m in corpus.modalities] == ["vector", "tokens", "sequence"]
    prosody, text, face = corpus.modalities
    for i in range(6):
        start, stop = arrays["text_offsets"][i : i + 2]
        np.testing.assert_array_equal(prosody.sequence(i), arrays["prosody"][i : i + 1])
        np.testing.assert_array_equal(text.sequence(i), arrays["text"][start:stop])
        np.testing.assert_array_equal(face.sequence(i), arrays["face"][i, : i % 7 + 1])


def test_labels_and_groups_come_from_the_index(tmp_path):
    corpus = load_corpus(write(tmp_path))
    assert corpus.utterances == ("u0", "u1", "u2", "u3", "u4", "u5")
    assert corpus.classes == ("happy", "sad")
    assert [corpus.classes[k] for k in corpus.labels] == ["sad", "happy"] * 3
    assert corpus.speakers.tolist() == ["s0", "s1", "s2"] * 2
    assert corpus.sessions is None
    assert corpus.dialogues is None


def test_cells_are_text_exactly_as_written(tmp_path):
    index = [("001", "NA", "null"), ("1", "None", "007"), ("NA", "NA", " 7"), ("nan", "None", "7")]
    corpus = load_corpus(write(tmp_path, features(4), index))
    assert corpus.utterances == ("001", "1", "NA", "nan")
    assert corpus.classes == ("NA", "None")
    assert corpus.speakers.tolist() == ["null", "007", " 7", "7"]


def test_quoted_cells_and_a_byte_order_mark_are_understood(tmp_path):
    folder = write(tmp_path, features(2))
    text = '\ufeffutterance,label\n"a,b",x\n"say ""hi""",y\n'
    (folder / "index.csv").write_text(text, encoding="utf-8")
    assert load_corpus(folder).utterances == ("a,b", 'say "hi"')


@pytest.mark.parametrize(
    ("written", "order"),
    [
        (["10", "9", "-1", "10", "9", "-1"], ("-1", "9", "10")),
        (["2.0", "1.0", "2.0", "1.0", "2.0", "1.0"], ("1.0", "2.0")),
        (["b", "a", "10", "9", "b", "a"], ("10", "9", "a", "b")),
    ],
)
def test_classes_are_sorted_numbers_by_value_and_names_by_letters(tmp_path, written, order):
    corpus = load_corpus(write(tmp_path, index=with_label(written)))
    assert corpus.classes == order
    assert [corpus.classes[k] for k in corpus.labels] == written


def test_the_order_of_classes_can_be_said(tmp_path):
    corpus = load_corpus(write(tmp_path), classes=["sad", "happy", "angry"])
    assert corpus.classes == ("sad", "happy", "angry")
    assert corpus.labels.tolist() == [0, 1] * 3


def test_a_column_may_go_by_another_name(tmp_path):
    folder = write(tmp_path, header=("id", "emotion", "actor"))
    columns = {"utterance": "id", "label": "emotion", "speaker": "actor"}
    corpus = load_corpus(folder, columns=columns)
    assert corpus.speakers.tolist() == ["s0", "s1", "s2"] * 2


def test_a_pattern_fills_in_the_groups_that_have_no_column(tmp_path):
    index = [(f"d{i % 2}-u{i}", label, s) for i, (_, label, s) in enumerate(rows())]
    pattern = r"(?P<dialogue>d\d)-u(?P<speaker>\d)"
    corpus = load_corpus(write(tmp_path, index=index), ids=pattern)
    assert corpus.dialogues.tolist() == ["d0", "d1"] * 3
    assert corpus.speakers.tolist() == ["s0", "s1", "s2"] * 2, "the column wins"


def test_a_modality_whose_whole_row_is_nan_is_natively_absent_and_a_single_nan_stays(tmp_path):
    arrays = features()
    arrays["prosody"][1] = np.nan
    arrays["prosody"][2, 0] = np.nan
    start, stop = arrays["text_offsets"][2:4]
    arrays["text"][start:stop] = np.nan
    arrays["face_lengths"][5] = 0
    corpus = load_corpus(write(tmp_path, arrays))
    absent = {(m.name, i) for m in corpus.modalities for i in np.flatnonzero(m.absent)}
    assert absent == {("prosody", 1), ("text", 2), ("face", 5)}
    prosody = corpus.modalities[0]
    assert np.isnan(prosody.values).sum() == 1
    assert np.isnan(prosody.sequence(2)[0, 0])
    assert prosody.kind == "vector"


def test_the_kind_of_a_modality_can_be_said(tmp_path):
    corpus = load_corpus(write(tmp_path), kinds={"face": "tokens"})
    assert corpus.modalities[2].kind == "tokens"


def test_a_split_column_becomes_one_predefined_fold(tmp_path):
    parts = ["train", "valid", "test", "val", "dev", ""]
    index = [(*row, part) for row, part in zip(rows(), parts, strict=True)]
    (fold,) = load_corpus(write(tmp_path, index=index, header=(*HEADER, "split"))).predefined
    assert fold.train.tolist() == [0]
    assert fold.valid.tolist() == [1, 3, 4]
    assert fold.test.tolist() == [2]


def test_a_split_without_a_training_part_still_loads(tmp_path):
    index = [(*row, "test") for row in rows()]
    (fold,) = load_corpus(write(tmp_path, index=index, header=(*HEADER, "split"))).predefined
    assert fold.train.tolist() == []
    assert fold.test.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("missing", ["features.npz", "index.csv"])
def test_a_missing_file_is_named(tmp_path, missing):
    (write(tmp_path) / missing).unlink()
    refused(tmp_path, str(tmp_path / missing), "no such file")


def test_a_missing_folder_is_named(tmp_path):
    refused(tmp_path / "nowhere", "nowhere", "no such folder")
    folder = write(tmp_path)
    refused(folder / "index.csv", "is not a folder")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            ("utterence", "label", "speaker"),
            ("'utterance'", "did you mean 'utterence'", "columns:"),
        ),
        (("utterance", "labels", "speaker"), ("'label'", "did you mean 'labels'")),
        (("utterance", "label", "label"), ("line 1", "'label' occurs more than once")),
    ],
)
def test_missing_and_double_columns_are_named_with_the_nearest(tmp_path, header, words):
    refused(write(tmp_path, header=header), "index.csv", *words)


def test_a_renamed_column_that_is_not_there_is_named(tmp_path):
    folder = write(tmp_path)
    columns = {"speaker": "speakr"}
    refused(folder, "'speakr'", "did you mean 'speaker'", error=ConfigError, columns=columns)


def test_an_index_that_is_no_table_is_refused(tmp_path):
    folder = write(tmp_path)
    for content, words in {
        b"": ("no utterances",),
        b"utterance,label\n": ("no utterances",),
        b"utterance,label\na\n": ("line 2", "1 cells, the header has 2"),
        b"utterance,label\na,\xff\n": ("not a readable UTF-8 csv",),
        b'utterance,label\n"a,x\n': ("not a readable UTF-8 csv",),
    }.items():
        (folder / "index.csv").write_bytes(content)
        refused(folder, "index.csv", *words)


def test_a_doubled_utterance_is_named_with_both_lines(tmp_path):
    index = rows()
    index[4] = ("u1", "sad", "s1")
    refused(write(tmp_path, index=index), "line 6", "'u1'", "line 3")


@pytest.mark.parametrize("column", [0, 2])
def test_an_empty_id_or_group_is_named(tmp_path, column):
    index = [list(row) for row in rows()]
    index[3][column] = ""
    refused(write(tmp_path, index=index), "line 5", HEADER[column], "empty")


@pytest.mark.parametrize("label", ["", "nan", "NaN"])
def test_a_missing_label_is_named(tmp_path, label):
    folder = write(tmp_path, index=with_label(["a", "b", label, "a", "b", "a"]))
    refused(folder, "line 4", "'label'", "no label")


@pytest.mark.parametrize("label", ["0.5", "-1.333", "1e-3", "inf"])
def test_continuous_labels_are_refused_with_a_word_on_binning(tmp_path, label):
    folder = write(tmp_path, index=with_label(["1", "2", "1", label, "2", "1"]))
    refused(folder, "line 5", label, "continuous", "bin the labels")


def test_a_number_written_in_two_ways_is_refused(tmp_path):
    refused(write(tmp_path, index=with_label(["1", "1.0", "2", "1", "2", "1"])), "1, 1.0, 2")


def test_a_single_class_is_refused(tmp_path):
    refused(write(tmp_path, index=with_label(["a"] * 6)), "at least 2 classes")


def test_a_label_outside_the_given_classes_is_named(tmp_path):
    folder = write(tmp_path)
    refused(folder, "line 3", "'happy'", "did you mean 'hapy'", classes=["hapy", "sad"])
    refused(folder, "occurs twice", error=ConfigError, classes=["sad", "happy", "sad"])


def test_an_unknown_part_of_the_split_is_named(tmp_path):
    index = [(*row, "trian") for row in rows()]
    folder = write(tmp_path, index=index, header=(*HEADER, "split"))
    refused(folder, "line 2", "'split'", "'trian'", "did you mean 'train'")


def spoilt(**changes):
    arrays = features()
    for name, value in changes.items():
        if value is None:
            del arrays[name]
        else:
            arrays[name] = value
    return arrays


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prosody": np.zeros((5, 4))}, ("'prosody'", "5 utterances", "6 rows")),
        ({"text_offsets": np.array([0, 3, 12])}, ("'text'", "2 utterances", "6 rows")),
        ({"text_offsets": np.array([0, 1, 3, 6, 7, 9, 11])}, ("'text'", "from 0 to the 12 frames")),
        ({"text_offsets": np.array([0, 3, 1, 6, 7, 9, 12])}, ("'text'", "must not decrease")),
        ({"text_offsets": np.linspace(0, 12, 7)}, ("'text_offsets'", "whole numbers", "float64")),
        ({"face_lengths": np.array([1, 2, 8, 1, 1, 1])}, ("says 8", "row 2", "0 to 7")),
        ({"face_lengths": np.array([1, -2, 3, 1, 1, 1])}, ("says -2", "row 1")),
        ({"face_lengths": np.array([1, 2, 3])}, ("3 entries", "(6, 7, 3)")),
        ({"face_lengths": None}, ("'face'", "(6, 7, 3)", "needs face_lengths")),
        ({"prosody_lengths": np.ones(6, int)}, ("prosody_lengths", "(6, 4)")),
        ({"text_lengths": np.ones(6, int)}, ("both text_offsets and text_lengths",)),
        ({"txt_offsets": np.arange(7)}, ("'txt_offsets'", "'txt'", "did you mean 'text'")),
        ({"prosody": np.array([{}] * 6)}, ("'prosody'", "Python objects", "prosody_offsets")),
        ({"prosody": np.full((6, 4), "a")}, ("features.npz", "'prosody'", "numeric")),
        ({"prosody": np.zeros(())}, ("'prosody'",)),
        ({"prosody": np.full((6, 4), np.inf)}, ("features.npz", "'prosody'", "infinite")),
        ({"prosody": np.full((6, 4), np.nan)}, ("'prosody'", "no value for any utterance")),
    ],
)
def test_features_that_do_not_fit_are_named(tmp_path, changes, words):
    refused(write(tmp_path, spoilt(**changes)), *words)


def test_fewer_than_two_modalities_are_refused(tmp_path):
    refused(write(tmp_path, {"prosody": np.ones((6, 4))}), "at least 2 modalities", "prosody")
    refused(write(tmp_path, {}), "at least 2 modalities", "none")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_a_broken_archive_is_named(tmp_path, content):
    (write(tmp_path) / "features.npz").write_bytes(content)
    refused(tmp_path, "features.npz", "not a readable npz archive")


def test_an_npy_file_under_the_name_of_an_archive_is_refused(tmp_path):
    folder = write(tmp_path)
    with (folder / "features.npz").open("wb") as stream:
        np.save(stream, np.ones(3))
    refused(folder, "features.npz", "not a readable npz archive")


def test_unknown_kinds_and_modalities_are_named(tmp_path):
    folder = write(tmp_path)
    refused(folder, "kinds.face", "'vector', 'tokens'", error=ConfigError, kinds={"face": "video"})
    refused(folder, "'fase'", "did you mean 'face'", error=ConfigError, kinds={"fase": "tokens"})
    refused(folder, "'face'", "said to be a vector", kinds={"face": "vector"})


def test_unknown_settings_are_named_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match=re.escape("no setting 'kind'; did you mean 'kinds'")):
        load_corpus(write(tmp_path), kind={})

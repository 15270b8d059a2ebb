import json
import pickle

import numpy as np
import pytest

from merbench.corpus.check import check_corpus
from merbench.corpus.load import configured, load_corpus, recognised_by
from merbench.errors import ConfigError, CorpusError

COUNTS = {"train": 4, "valid": 2, "test": 2}
LABELS = {"train": [0, 2, 1, 2], "valid": [1, 0], "test": [2, 0]}
NAMES = ("Negative", "Neutral", "Positive")
LENGTHS = {"train": [5, 3, 4, 1], "valid": [2, 5], "test": [1, 3]}


def content(lengths=True):
    """The pickle as MMSA has it: padded arrays, ids, several kinds of labels, extras."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, n in COUNTS.items():
        fields = {
            "raw_text": np.array(["so it goes"] * n, dtype=object),
            "text": rng.normal(size=(n, 5, 6)).astype("f4"),
            "text_bert": np.zeros((n, 3, 5)),
            "audio": rng.normal(size=(n, 5, 4)),
            "vision": rng.normal(size=(n, 3)).astype("f4"),
            "id": [f"v{part[1]}{i % 2}$_${i}" for i in range(n)],
            "annotations": [NAMES[k] for k in LABELS[part]],
            "classification_labels": np.array(LABELS[part]),
            "regression_labels": np.array([k - 1.2 for k in LABELS[part]], "f4"),
        }
        for row, length in enumerate(LENGTHS[part]):
            fields["audio"][row, length:] = 0
            fields["text"][row, length:] = 0
        if lengths:
            fields["audio_lengths"] = LENGTHS[part]
            fields["text_lengths"] = np.array(LENGTHS[part])
        parts[part] = fields
    return parts


def write(path, parts=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content() if parts is None else parts))
    return path


def refused(path, *words, error=CorpusError, **options):
    with pytest.raises(error) as caught:
        load_corpus(f"mmsa:{path}", **options)
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize("lengths", [True, False])
def test_the_pickle_is_read_with_its_lengths_or_by_its_trailing_zeros(tmp_path, lengths):
    parts = content(lengths)
    path = write(tmp_path / "aligned_50.pkl", parts)
    assert recognised_by(path) == ("mmsa",)
    corpus = load_corpus(path)
    assert corpus.name == "aligned_50"
    assert corpus.names == ("audio", "visual", "text")
    assert [m.kind for m in corpus.modalities] == ["sequence", "vector", "tokens"]
    assert list(corpus.utterances) == sorted(corpus.utterances)
    for part, fields in parts.items():
        for row, name in enumerate(fields["id"]):
            i = corpus.utterances.index(name)
            length = LENGTHS[part][row]
            for modality, field in zip(corpus.modalities, ("audio", "vision", "text"), strict=True):
                expected = fields[field][row]
                expected = expected[None] if field == "vision" else expected[:length]
                np.testing.assert_array_equal(modality.sequence(i), expected.astype("f4"))
            assert corpus.classes[corpus.labels[i]] == NAMES[LABELS[part][row]]
            assert corpus.dialogues[i] == name.split("$_$")[0]


def test_the_three_parts_are_one_predefined_fold(tmp_path):
    corpus = load_corpus(write(tmp_path / "a.pkl"))
    (fold,) = corpus.predefined
    for members, part in ((fold.train, "train"), (fold.valid, "valid"), (fold.test, "test")):
        assert {corpus.utterances[i] for i in members} == set(content()[part]["id"])


def test_a_sequence_of_nothing_but_zeros_is_natively_absent_where_there_are_no_lengths(tmp_path):
    parts = content(lengths=False)
    parts["train"]["audio"][1] = 0
    parts["valid"]["vision"][0] = 0
    corpus = load_corpus(write(tmp_path / "a.pkl", parts))
    (absent,) = np.flatnonzero(corpus.modalities[0].absent)
    assert corpus.utterances[absent] == parts["train"]["id"][1]
    assert not corpus.modalities[1].absent.any(), "a vector has no padding"


def test_names_order_and_labels_can_be_said(tmp_path):
    path = write(tmp_path / "a.pkl")
    corpus = load_corpus(path, names={"vision": "face"}, modalities=["text", "face"])
    assert corpus.names == ("text", "face")
    assert load_corpus(path, labels="classification_labels").classes == ("0", "1", "2")
    assert load_corpus(path, classes=NAMES[::-1]).classes == NAMES[::-1]


def test_continuous_labels_are_refused_unless_bins_are_said(tmp_path):
    parts = content()
    for fields in parts.values():
        del fields["annotations"], fields["classification_labels"]
    path = write(tmp_path / "a.pkl", parts)
    refused(path, "train, entry 0 of 'regression_labels'", "continuous label", "bin the labels")
    bins = {"at": [-0.5, 0.5], "names": ["low", "middle", "high"]}
    corpus = load_corpus(path, bin=bins)
    assert corpus.classes == ("low", "middle", "high")
    for name, label in zip(corpus.utterances, corpus.labels, strict=True):
        part = {"r": "train", "a": "valid", "e": "test"}[name[1]]
        assert label == LABELS[part][parts[part]["id"].index(name)]
    for wrong in ({"at": [1, 0], "names": ["a", "b", "c"]}, {"at": [0], "names": ["a"]}):
        refused(path, "bin", error=ConfigError, bin=wrong)


def test_a_label_at_a_threshold_is_above_it(tmp_path):
    parts = content()
    for part, fields in parts.items():
        fields["regression_labels"] = np.array([0.0, -0.1, 0.0, 2.0][: COUNTS[part]])
    path = write(tmp_path / "a.pkl", parts)
    corpus = load_corpus(path, bin={"at": [0], "names": ["negative", "positive"]})
    of = dict(zip(corpus.utterances, corpus.labels.tolist(), strict=True))
    assert [of[name] for name in parts["train"]["id"]] == [1, 0, 1, 1]


def test_infinite_values_are_refused_or_taken_as_unknown(tmp_path):
    parts = content()
    parts["train"]["audio"][1, 0, 2] = -np.inf
    path = write(tmp_path / "a.pkl", parts)
    refused(path, "'audio'", f"utterance {parts['train']['id'][1]!r}", "column 2")
    corpus = load_corpus(path, infinite="nan")
    assert np.isnan(corpus.modalities[0].values).sum() == 1
    report = check_corpus(*configured(path, infinite="nan"))
    assert "audio: 1 infinite values were taken as unknown (NaN)" in report.tidied


def test_a_side_file_beside_the_pickle_gives_defaults_that_settings_override(tmp_path):
    path = write(tmp_path / "a.pkl")
    side = {"name": "mosi", "classes": NAMES[::-1], "names": {"vision": "vision"}}
    (tmp_path / "a.json").write_text(json.dumps(side))
    corpus = load_corpus(path)
    assert (corpus.name, corpus.classes) == ("mosi", NAMES[::-1])
    assert corpus.names == ("audio", "vision", "text")
    assert load_corpus(path, classes=NAMES).classes == NAMES


def test_a_folder_with_one_pickle_is_read_when_it_is_said_to_be_one(tmp_path):
    write(tmp_path / "c/aligned.pkl")
    assert load_corpus(f"mmsa:{tmp_path / 'c'}").name == "aligned"
    write(tmp_path / "c/unaligned.pkl")
    refused(tmp_path / "c", "expected corpus.pkl or one pickle", "aligned.pkl, unaligned.pkl")
    refused(tmp_path / "nothing.pkl", "no such file")


def spoilt(part, **fields):
    parts = content()
    for name, value in fields.items():
        if value is None:
            del parts[part][name]
        else:
            parts[part][name] = value
    return parts


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([1, 2], ("expected a dict of train, valid, test, found list",)),
        ({"training": {}}, ("expected a dict of train, valid, test", "'training'")),
        ({**content(), "tset": {}}, ("unknown part 'tset'; did you mean 'test'",)),
        ({**content(), "test": []}, ("test: expected a dict of fields, found list",)),
        (spoilt("valid", id=None), ("valid: no field 'id'",)),
        (spoilt("valid", id=["a", ["b"]]), ("valid", "'id', entry 1", "found list")),
        (spoilt("valid", id=["a", "a"]), ("valid, entry 1 of 'id'", "valid, entry 0 of 'id'")),
        (spoilt("valid", id=["a", ""]), ("valid, entry 1 of 'id'", "empty")),
        (spoilt("test", annotations=["Neutral"]), ("test", "1 entries, 'id' has 2")),
        (spoilt("test", annotations=["Neutral", ""]), ("test, entry 1", "no label")),
        (spoilt("test", audio=np.zeros((3, 5, 4))), ("test", "'audio' has 3 utterances", "has 2")),
        (spoilt("test", audio=np.zeros((2, 5, 9))), ("'audio' has 4 and 9 columns",)),
        (spoilt("test", audio=np.zeros(2)), ("'audio' has shape (2,)", "(N, T, D)")),
        (spoilt("test", audio=np.zeros((2, 5, 0))), ("shape (2, 5, 0)", "one column")),
        (spoilt("test", audio=[[1.0], [2.0]]), ("test", "'audio'", "one array of numbers")),
        (
            spoilt("test", audio=np.array([np.ones(3), np.ones((2, 3))], dtype=object)),
            ("'audio'", "array of objects", "audio_lengths"),
        ),
        (spoilt("test", audio_lengths=[1]), ("'audio_lengths' has 1 entries", "has 2")),
        (spoilt("test", audio_lengths=[1, 6]), ("entry 1 is 6", "0 to 5")),
        (spoilt("test", audio_lengths=[-1, 2]), ("entry 0 is -1",)),
        (spoilt("test", audio_lengths=[1.5, 2]), ("entry 0 is 1.5",)),
        ({p: {**f, "audio": 0} for p, f in content().items()}, ("'audio'", "objects")),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, parts, words):
    path = write(tmp_path / "a.pkl", parts)
    refused(path, str(path), *words)


def test_fewer_than_two_fields_are_refused(tmp_path):
    parts = content()
    for fields in parts.values():
        del fields["audio"], fields["text"]
    refused(write(tmp_path / "a.pkl", parts), "at least 2 of audio, vision, text", "vision")


def test_unknown_modalities_in_settings_are_named(tmp_path):
    path = write(tmp_path / "a.pkl")
    refused(
        path, "'visoin'", "did you mean 'visual'", error=ConfigError, kinds={"visoin": "vector"}
    )
    refused(path, "'vision'", "visual", error=ConfigError, modalities=["audio", "vision"])


def test_a_pickle_that_would_execute_something_is_refused(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"cos\nsystem\n\x8c\x04true\x85R.")
    refused(path, "holds os.system", "nothing in it was executed")

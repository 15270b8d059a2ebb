import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.corpus.ids import groups_from_ids
from merbench.corpus.load import configure, load_corpus, read
from merbench.errors import ConfigError


@pytest.fixture(scope="module")
def corpus():
    return load_corpus("synthetic")


def sequences(modality):
    return [modality.sequence(i).astype(float) for i in range(len(modality.lengths))]


def pooled(modality):
    return np.stack([np.r_[x.mean(0), x.max(0), x.std(0)] for x in sequences(modality)])


def trend(modality):
    """What pooling cannot see: each feature's early frames minus its late ones."""
    return np.stack([np.linspace(1, -1, len(x)) @ x / len(x) for x in sequences(modality)])


def wa(corpus, features):
    """Accuracy of logistic regression, leaving one speaker out."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    predicted = cross_val_predict(
        classifier, features, corpus.labels, groups=corpus.speakers, cv=LeaveOneGroupOut()
    )
    return (predicted == corpus.labels).mean()


def test_the_default_has_the_documented_shape(corpus):
    assert len(corpus) == 1200
    assert corpus.classes == ("angry", "happy", "neutral", "sad")
    assert corpus.names == ("audio", "visual", "text")
    assert [m.kind for m in corpus.modalities] == ["sequence", "sequence", "tokens"]
    assert [m.width for m in corpus.modalities] == [40, 35, 128]
    audio, visual, text = (m.lengths for m in corpus.modalities)
    assert abs(audio.mean() - 30) < 2
    assert audio.max() == 80
    assert set(visual) == {20}
    assert text.max() == 20
    assert len(set(text)) > 10


def test_the_shape_of_iemocap_has_the_size_of_the_published_features():
    assert configure("synthetic", shape="iemocap").utterances == 5531
    corpus = load_corpus("synthetic", shape="iemocap", utterances=1000)
    assert len(corpus) == 1000
    assert [m.width for m in corpus.modalities] == [130, 342, 1024]
    audio, visual, text = (m.lengths for m in corpus.modalities)
    assert abs(audio.mean() - 45) < 3
    assert 150 < audio.max() <= 340
    assert set(visual) == {50}
    assert text.max() == 22


@pytest.mark.slow
def test_the_full_shape_of_iemocap_is_made_in_seconds():
    start = time.perf_counter()
    corpus = load_corpus("synthetic", shape="iemocap")
    assert time.perf_counter() - start < 20
    assert len(corpus) == 5531
    assert len(set(corpus.dialogues)) == 150


def test_every_session_has_two_speakers_and_every_dialogue_holds_both(corpus):
    for session in set(corpus.sessions):
        assert len(set(corpus.speakers[corpus.sessions == session])) == 2
    for dialogue in set(corpus.dialogues):
        assert len(set(corpus.speakers[corpus.dialogues == dialogue])) == 2
        assert len(set(corpus.sessions[corpus.dialogues == dialogue])) == 1
    assert len(set(corpus.speakers)) == 10


def test_every_speaker_has_the_same_mix_of_classes(corpus):
    for speaker in set(corpus.speakers):
        counts = np.bincount(corpus.labels[corpus.speakers == speaker])
        assert counts.tolist() == [24, 36, 36, 24]


def test_ids_are_sorted_and_tell_speaker_session_and_dialogue(corpus):
    assert list(corpus.utterances) == sorted(corpus.utterances)
    told = groups_from_ids(corpus.utterances)
    assert told.keys() == corpus.groups.keys()
    for name, column in corpus.groups.items():
        assert told[name].tolist() == column.tolist()


@pytest.mark.parametrize("utterances", [40, 61, 237])
def test_small_corpora_still_carry_speaker_folds(utterances):
    corpus = load_corpus("synthetic", utterances=utterances)
    assert len(corpus) == utterances
    assert len(make_folds(corpus, FoldsConfig(scheme="speaker"))) == 10


def test_raw_columns_have_means_that_are_not_zero_and_scales_a_thousandfold_apart(corpus):
    for modality in corpus.modalities:
        spread = modality.values.std(axis=0, dtype=np.float64)
        mean = modality.values.mean(axis=0, dtype=np.float64)
        assert 300 < spread.max() / spread.min() < 3000
        assert (np.abs(mean) > 0.1 * spread).all()
        assert not np.isnan(modality.values).any()


def test_the_corpus_is_a_function_of_its_config(corpus):
    same = read("synthetic", configure("synthetic", seed=0))
    assert same.fingerprint == corpus.fingerprint
    assert load_corpus("synthetic", seed=1).fingerprint != corpus.fingerprint


def test_the_number_of_threads_does_not_reach_the_corpus(corpus):
    for threads in (1, 2):
        with threadpool_limits(threads):
            assert load_corpus("synthetic").fingerprint == corpus.fingerprint


@pytest.fixture(scope="module")
def pools(corpus):
    return {modality.name: pooled(modality) for modality in corpus.modalities}


@pytest.mark.parametrize(
    ("names", "expected"),
    [("text", 0.60), ("audio", 0.53), ("visual", 0.48), ("audio visual text", 0.72)],
)
def test_logistic_regression_reaches_the_documented_accuracy(corpus, pools, names, expected):
    features = np.hstack([pools[name] for name in names.split()])
    assert wa(corpus, features) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("name", ["audio", "visual", "text"])
def test_the_order_of_frames_tells_a_little_more_than_pooling(corpus, pools, name):
    ordered = trend(corpus.modalities[corpus.names.index(name)])
    gain = wa(corpus, np.hstack([pools[name], ordered])) - wa(corpus, pools[name])
    assert 0.01 < gain < 0.12


@pytest.mark.parametrize(("known", "absent"), [("audio", "text"), ("text", "visual")])
def test_an_absent_modality_can_be_imagined_beyond_class_and_speaker(corpus, pools, known, absent):
    speakers = np.unique(corpus.speakers, return_inverse=True)[1]

    def within(features):
        features = StandardScaler().fit_transform(features)
        for groups in (corpus.labels, speakers):
            for group in np.unique(groups):
                features[groups == group] -= features[groups == group].mean(axis=0)
        return features

    means = {m.name: pools[m.name][:, : m.width] for m in corpus.modalities}
    given, wanted = within(means[known]), within(means[absent])
    train = np.arange(len(corpus)) % 2 == 0
    imagined = Ridge(100).fit(given[train], wanted[train]).predict(given[~train])
    explained = 1 - np.square(wanted[~train] - imagined).sum() / np.square(wanted[~train]).sum()
    assert explained > 0.1


def test_fewer_utterances_than_the_speakers_can_share_are_refused():
    with pytest.raises(ConfigError, match="greater than or equal to 20"):
        load_corpus("synthetic", utterances=5)

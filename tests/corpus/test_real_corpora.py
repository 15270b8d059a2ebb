"""The corpora under MERBENCH_CORPORA load as they are, with the facts their README states."""

import os
from pathlib import Path

import numpy as np
import pytest

from merbench.corpus.describe import describe
from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.corpus.ids import groups_from_ids
from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import load_corpus
from merbench.errors import CorpusError


def load(name):
    root = os.environ.get("MERBENCH_CORPORA")
    if not root:
        pytest.skip("MERBENCH_CORPORA is not set: no real corpora to read")
    return load_corpus(Path(root) / name)


@pytest.mark.parametrize("name", ["iemocap4", "ravdess", "mosei_video", "mosi"])
@pytest.mark.parametrize("layout", ["native", pytest.param("npy_dir", marks=pytest.mark.slow)])
def test_every_corpus_keeps_its_fingerprint_in_other_layouts(tmp_path, name, layout):
    corpus = load(name)
    assert write_corpus(corpus, tmp_path / name, layout) == ()
    assert load_corpus(tmp_path / name).fingerprint == corpus.fingerprint


def streams(facts):
    return {m.name: (m.kind, m.width, m.longest) for m in facts.modalities}


def test_iemocap4_loads_with_ragged_audio_and_text_and_some_nan_in_prosody():
    corpus = load("iemocap4")
    facts = describe(corpus)
    assert facts.classes == {"angry": 1103, "happy": 1636, "neutral": 1708, "sad": 1084}
    assert facts.groups == {"speaker": 10, "session": 5, "dialogue": 151}
    assert streams(facts) == {
        "audio": ("sequence", 31, 56),
        "prosody": ("vector", 7, 1),
        "text": ("tokens", 128, 46),
    }
    assert corpus.available.all()
    prosody = corpus.modalities[1].values
    assert np.isnan(prosody).any(axis=1).sum() == 10
    assert len(make_folds(corpus, FoldsConfig(scheme="speaker"))) == 10


def test_the_ids_of_iemocap_tell_what_its_columns_tell():
    corpus = load("iemocap4")
    told = groups_from_ids(corpus.utterances)
    for name, column in corpus.groups.items():
        assert told[name].tolist() == column.tolist()


def test_ravdess_loads_with_two_vector_modalities():
    facts = describe(load("ravdess"))
    assert facts.utterances == 1440
    assert len(facts.classes) == 8
    assert facts.classes.pop("neutral") == 96
    assert set(facts.classes.values()) == {192}
    assert facts.groups == {"speaker": 24, "session": 5}
    assert streams(facts) == {"audio": ("vector", 80, 1), "visual": ("vector", 35, 1)}


def test_mosei_video_loads_with_its_nan_column_and_without_a_training_part():
    corpus = load("mosei_video")
    facts = describe(corpus)
    assert facts.utterances == 922
    assert set(facts.classes) == {"low", "high"}
    assert facts.groups == {}
    assert streams(facts) == {
        "text": ("vector", 768, 1),
        "audio": ("vector", 40, 1),
        "visual": ("vector", 35, 1),
    }
    audio = facts.modalities[1]
    assert (audio.nan_cells, audio.nan_columns, audio.absent) == (653, 1, 0)
    assert corpus.predefined[0].train.tolist() == []
    with pytest.raises(CorpusError, match="needs a training part"):
        make_folds(corpus, FoldsConfig(scheme="predefined"))
    folds = make_folds(corpus, FoldsConfig(scheme="group_kfold", by="utterance"))
    assert len(folds) == 5


def test_mosi_loads_with_dialogues_and_speakers():
    facts = describe(load("mosi"))
    assert facts.utterances == 752
    assert set(facts.classes) == {"negative", "positive"}
    assert facts.groups == {"speaker": 31, "dialogue": 31}
    assert streams(facts) == {
        "text": ("vector", 100, 1),
        "audio": ("vector", 73, 1),
        "visual": ("vector", 100, 1),
    }

"""The copies that hold a canary differ from the corpus where they should, and nowhere else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from merbench.audit.corpora import MOST, ground_of, shuffled_labels, synthetic_ground, with_garbage
from merbench.corpus.load import load_corpus
from merbench.errors import CorpusError
from tests.methods.world import make_corpus


def test_garbage_replaces_features_and_lengths_of_some_utterances_in_some_modalities() -> None:
    corpus = make_corpus(30, gaps=0.5)
    members = np.arange(10, 20)
    spoilt = with_garbage(corpus, members, ("sound", "front"))
    for before, after in zip(corpus.modalities, spoilt.modalities, strict=True):
        for u in range(30):
            same = np.array_equal(before.sequence(u), after.sequence(u))
            there = len(before.sequence(u)) > 0
            assert same == (before.name == "text" or u not in members or not there)
            assert (len(after.sequence(u)) > 0) == there
        if before.name == "sound":
            there = members[before.lengths[members] > 0]
            assert (before.lengths[there] != after.lengths[there]).any()
        # Far from any feature: a method that reads them cannot but notice.
        largest = np.abs(before.values).max(0)
        if before.name != "text":
            assert (np.abs(after.values).max(0) > 2 * largest).all()


def test_copies_keep_the_frozen_draws_and_shuffled_labels_the_class_counts() -> None:
    corpus, members = make_corpus(30), np.arange(5, 25)
    spoilt = with_garbage(corpus, members, corpus.names)
    shuffled = shuffled_labels(corpus, members, "key")
    assert spoilt.fingerprint == shuffled.fingerprint == corpus.fingerprint
    # Without the pin the content would show.
    assert dataclasses.replace(spoilt).fingerprint != corpus.fingerprint
    assert (shuffled.labels != corpus.labels).sum() > 5
    assert np.array_equal(np.bincount(shuffled.labels), np.bincount(corpus.labels))
    outside = np.setdiff1d(np.arange(30), members)
    assert np.array_equal(shuffled.labels[outside], corpus.labels[outside])


def test_the_ground_of_an_audit_is_small_and_divided_by_speaker() -> None:
    corpus, fold, path = synthetic_ground()
    assert path is None
    assert len(corpus) == 360
    assert not fold.overlap
    parts = [set(corpus.speakers[rows].tolist()) for rows in (fold.train, fold.valid, fold.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_of_a_large_corpus_some_utterances_of_each_part_are_taken_as_they_are() -> None:
    corpus, fold, path = ground_of("synthetic", utterances=1200)
    assert [len(fold.train), len(fold.valid), len(fold.test)] == [*MOST.values()]
    assert path is None
    assert len(corpus) == sum(MOST.values())
    whole = load_corpus("synthetic", utterances=1200)
    for u in (0, 7, len(corpus) - 1):
        place = whole.utterances.index(corpus.utterances[u])
        assert corpus.labels[u] == whole.labels[place]
        assert corpus.speakers[u] == whole.speakers[place]
        for mine, theirs in zip(corpus.modalities, whole.modalities, strict=True):
            assert np.array_equal(mine.sequence(u), theirs.sequence(place))


def test_a_corpus_that_cannot_be_divided_is_refused(tmp_path) -> None:
    n = 9
    np.savez(tmp_path / "features.npz", a=np.random.rand(n, 2), b=np.random.rand(n, 3))  # noqa: NPY002
    rows = [f"u{i},{'xy'[i % 2]}" for i in range(n)]
    (tmp_path / "index.csv").write_text("\n".join(["utterance,label", *rows]) + "\n")
    with pytest.raises(CorpusError, match="9 utterances; an audit needs at least 15"):
        ground_of(f"table:{tmp_path}")

"""Folds by speaker, session and group: who is in which part."""

import dataclasses
import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.corruption.donors import reserved_donors
from merbench.errors import CorpusError
from tests.corpora import make_corpus
from tests.corpus.fold_corpora import (
    PARTS,
    assert_well_formed,
    folds_of,
    grouped,
    iemocap_like,
    members,
)


def test_mmin_has_ten_folds_that_validate_on_the_test_speakers_partner():
    corpus = iemocap_like()
    folds = folds_of(corpus, scheme="speaker")
    assert [fold.name for fold in folds] == [f"speaker{k}" for k in range(10)]
    assert_well_formed(corpus, folds)
    for k, fold in enumerate(folds):
        assert members(corpus, fold, "test", "speaker") == {f"speaker{k}"}
        assert members(corpus, fold, "valid", "speaker") == {f"speaker{k ^ 1}"}
        assert [len(getattr(fold, part)) for part in PARTS] == [240, 30, 30]
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested.tolist()) == list(range(300))


def test_the_conversations_validation_shares_with_test_are_recorded():
    corpus = iemocap_like()
    for fold in folds_of(corpus, scheme="speaker"):
        for grouping in corpus.groups:
            for one, other in itertools.combinations(PARTS, 2):
                shared = members(corpus, fold, one, grouping) & members(
                    corpus, fold, other, grouping
                )
                assert fold.overlap[f"{one}/{other} {grouping}"] == len(shared)
        assert fold.overlap["valid/test dialogue"] > 0
        assert fold.overlap["valid/test session"] == 1
        assert fold.overlap["train/test session"] == 0


def test_training_sessions_validates_on_another_session_and_leaves_the_partner_out():
    corpus = iemocap_like()
    for k, fold in enumerate(folds_of(corpus, scheme="speaker", validation="training_sessions")):
        partner = f"speaker{k ^ 1}"
        assert members(corpus, fold, "test", "speaker") == {f"speaker{k}"}
        assert partner not in members(corpus, fold, "train", "speaker")
        assert partner not in members(corpus, fold, "valid", "speaker")
        assert fold.overlap["valid/test dialogue"] == fold.overlap["valid/test session"] == 0
        assert len(fold.valid) >= 0.1 * len(corpus)
        assert [len(fold.train), len(fold.test)] == [210, 30]


def test_without_pairs_the_next_speakers_validate_until_they_are_a_tenth():
    sizes = {"a": 60, "b": 4, "c": 3, "d": 5, "e": 28}
    corpus = grouped(speakers=[s for s, size in sizes.items() for _ in range(size)])
    validating = {
        fold.name: members(corpus, fold, "valid", "speaker")
        for fold in folds_of(corpus, scheme="speaker")
    }
    # 100 utterances: the first speakers after the tested one, in order, that make up ten.
    assert validating == {
        "a": {"b", "c", "d"},
        "b": {"c", "d", "e"},
        "c": {"d", "e"},
        "d": {"e"},
        "e": {"a"},
    }


def test_a_session_of_three_speakers_is_no_pair():
    corpus = grouped(speakers="abcdef" * 4, sessions="112222" * 4)
    validating = {
        fold.name: members(corpus, fold, "valid", "speaker")
        for fold in folds_of(corpus, scheme="speaker")
    }
    assert validating["a"] == {"b"}
    assert validating["b"] == {"a"}
    # c's session has three others: the next in order.
    assert validating["c"] == {"d"}
    assert validating["f"] == {"a"}


def test_session_folds_validate_on_the_next_session():
    corpus = iemocap_like()
    folds = folds_of(corpus, scheme="session")
    assert_well_formed(corpus, folds)
    for k, fold in enumerate(folds):
        assert fold.name == f"session{k}"
        assert members(corpus, fold, "test", "session") == {f"session{k}"}
        assert members(corpus, fold, "valid", "session") == {f"session{(k + 1) % 5}"}
        assert [len(getattr(fold, part)) for part in PARTS] == [180, 60, 60]


@pytest.mark.parametrize("by", ["speaker", "session", "dialogue", "utterance"])
@pytest.mark.parametrize("n", [3, 4, 5])
def test_group_kfold_keeps_groups_together_and_tests_each_utterance_once(by, n):
    corpus = iemocap_like()
    folds = folds_of(corpus, scheme="group_kfold", n=n, by=by)
    assert [fold.name for fold in folds] == [str(k + 1) for k in range(n)]
    assert_well_formed(corpus, folds)
    assert sorted(np.concatenate([f.test for f in folds]).tolist()) == list(range(300))
    for k, fold in enumerate(folds):
        assert np.array_equal(fold.valid, folds[(k + 1) % n].test)
        assert len(fold.train) + len(fold.valid) + len(fold.test) == 300
        if by != "utterance":
            assert not any(
                fold.overlap[f"{pair} {by}"] for pair in ("train/valid", "train/test", "valid/test")
            )


def test_group_kfold_takes_five_folds_by_speaker_unless_told():
    folds = folds_of(iemocap_like(), scheme="group_kfold")
    assert len(folds) == 5
    assert all(fold.overlap["train/test speaker"] == 0 for fold in folds)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 11), min_size=12, max_size=60),
    st.integers(3, 6),
)
def test_folds_of_groups_of_any_size_are_balanced_to_within_the_largest(speakers, n):
    corpus = grouped(speakers=speakers)
    try:
        folds = folds_of(corpus, scheme="group_kfold", n=n)
    except CorpusError as error:
        # Too few groups, or a fold that cannot hold two utterances.
        assert "need at least" in str(error) or "1 utterances" in str(error)
        return
    assert_well_formed(corpus, folds)
    sizes = [len(fold.test) for fold in folds]
    largest = max(speakers.count(s) for s in speakers)
    assert max(sizes) - min(sizes) <= largest


def test_group_kfold_does_not_depend_on_the_order_of_the_utterances():
    speakers = [f"s{k}" for k in range(17) for _ in range(2 + k % 3)]
    mixed = random.Random(1).sample(speakers, len(speakers))
    tested = [
        [
            members(corpus, fold, "test", "speaker")
            for fold in folds_of(corpus, scheme="group_kfold", n=4)
        ]
        for corpus in (grouped(speakers=speakers), grouped(speakers=mixed))
    ]
    assert tested[0] == tested[1]


@settings(deadline=None, max_examples=60)
@given(
    speakers=st.integers(3, 9),
    n=st.integers(40, 90),
    config=st.sampled_from(
        [
            {"scheme": "speaker"},
            {"scheme": "speaker", "validation": "training_sessions"},
            {"scheme": "session"},
            {"scheme": "group_kfold", "n": 3, "by": "speaker"},
            {"scheme": "group_kfold", "n": 4, "by": "dialogue"},
            {"scheme": "group_kfold", "n": 5, "by": "utterance"},
        ]
    ),
    held_out=st.booleans(),
)
def test_parts_never_share_an_utterance_or_a_promised_group(speakers, n, config, held_out):
    corpus = make_corpus(n, speakers=speakers)
    reserved = reserved_donors(corpus, 0) if held_out else None
    try:
        folds = make_folds(corpus, FoldsConfig(**config), reserved)
    except CorpusError as error:
        if "session" in str(error):
            assert speakers < 5  # fewer than three sessions of two
        else:
            # Nobody is left where validation comes from the one other session.
            assert speakers <= 4 and "validation" in config
        return
    assert_well_formed(corpus, folds)
    promised = config.get("by", config["scheme"])
    for fold in folds:
        for one, other in itertools.combinations(PARTS, 2):
            if promised in corpus.groups:
                assert not members(corpus, fold, one, promised) & members(
                    corpus, fold, other, promised
                )
        if held_out:
            used = {*fold.train.tolist(), *fold.valid.tolist(), *fold.test.tolist()}
            assert not used & set(reserved.tolist())


def test_names_stand_in_natural_order():
    corpus = grouped(speakers=["s10", "s2", "s1", "s010", "a", "S3", "7", "x\u00b2"] * 4)
    expected = ["7", "S3", "a", "s1", "s2", "s010", "s10", "x\u00b2"]
    assert [fold.name for fold in folds_of(corpus, scheme="speaker")] == expected


def test_limit_takes_the_first_folds_unchanged():
    corpus = iemocap_like()
    every = folds_of(corpus, scheme="speaker")
    some = folds_of(corpus, scheme="speaker", limit=3)
    assert [fold.key for fold in some] == [fold.key for fold in every[:3]]


def test_the_key_of_a_fold_changes_with_any_part():
    fold = folds_of(iemocap_like(), scheme="session")[0]
    keys = {
        fold.key,
        dataclasses.replace(fold, name="x").key,
        dataclasses.replace(fold, train=fold.train[1:]).key,
        dataclasses.replace(fold, valid=fold.valid[1:]).key,
        dataclasses.replace(fold, test=fold.test[1:]).key,
        dataclasses.replace(fold, valid=fold.test, test=fold.valid).key,
    }
    assert len(keys) == 6
    assert dataclasses.replace(fold, warnings=("said",)).key == fold.key

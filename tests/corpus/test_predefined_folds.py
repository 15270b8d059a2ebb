"""Folds that a corpus brings: taken as they are, completed, warned about."""

import dataclasses

import numpy as np
import pytest

from tests.corpora import make_corpus
from tests.corpus.fold_corpora import (
    PARTS,
    assert_well_formed,
    folds_of,
    grouped,
    iemocap_like,
    predefined,
)


def test_predefined_parts_are_taken_as_they_are_even_where_they_share_speakers():
    corpus = predefined(iemocap_like(), range(200), range(200, 250), range(250, 300))
    (fold,) = folds_of(corpus, scheme="predefined")
    assert fold.name == "official"
    assert [len(getattr(fold, part)) for part in PARTS] == [200, 50, 50]
    assert fold.overlap["train/test speaker"] == 10


@pytest.mark.parametrize("grouping", ["speakers", "dialogues", None])
def test_a_missing_validation_part_is_a_tenth_of_the_training_groups(grouping):
    names = np.repeat(np.arange(40), 5)
    corpus = grouped(**{grouping or "speakers": names})
    if grouping is None:
        corpus = dataclasses.replace(corpus, speakers=None)
    corpus = predefined(corpus, range(160), [], range(160, 200))
    (fold,) = folds_of(corpus, scheme="predefined")
    assert_well_formed(corpus, [fold])
    assert len(fold.valid) == (16 if grouping is None else 20)
    assert len(fold.train) + len(fold.valid) == 160
    assert fold.test.tolist() == list(range(160, 200))
    if grouping:
        assert not set(names[fold.train]) & set(names[fold.valid])
    (again,) = folds_of(corpus, scheme="predefined")
    assert again.key == fold.key


def test_the_hold_out_takes_the_speakers_where_dialogues_are_known_too():
    corpus = predefined(make_corpus(200, speakers=20), range(160), [], range(160, 200))
    (fold,) = folds_of(corpus, scheme="predefined")
    assert fold.overlap["train/valid speaker"] == 0


@pytest.mark.parametrize("small", ["x", "y"])
def test_the_hold_out_never_takes_every_group(small):
    # Whichever of two groups comes first, and small as it may be, the other one trains.
    big = "y" if small == "x" else "x"
    corpus = grouped(speakers=[small] * 2 + [big] * 38 + ["z"] * 10)
    corpus = predefined(corpus, range(40), [], range(40, 50))
    (fold,) = folds_of(corpus, scheme="predefined")
    assert {len(fold.train), len(fold.valid)} == {2, 38}


def test_a_part_that_lacks_a_class_is_warned_about_by_name():
    corpus = make_corpus(30, speakers=None, classes=3)
    corpus = dataclasses.replace(corpus, labels=np.array([0] * 10 + [1] * 10 + [0, 1, 2, 2, 2] * 2))
    corpus = predefined(corpus, [*range(15), 22, 23], range(15, 20), range(20, 22))
    (fold,) = folds_of(corpus, scheme="predefined")
    assert fold.warnings == (
        "fold official: the valid part has no c0, c2",
        "fold official: the test part has no c2",
    )


def test_complete_parts_give_no_warning():
    assert all(not fold.warnings for fold in folds_of(iemocap_like(), scheme="session"))

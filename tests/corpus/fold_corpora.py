"""Corpora to divide, and what folds of them must be."""

import dataclasses
import itertools

import numpy as np

from merbench.corpus.corpus import PredefinedFold
from merbench.corpus.folds import FoldsConfig, make_folds
from tests.corpora import make_corpus

PARTS = ("train", "valid", "test")


def grouped(**columns):
    """A corpus with these speakers, sessions or dialogues, one for each utterance."""
    n = len(next(iter(columns.values())))
    none = dict.fromkeys(("speakers", "sessions", "dialogues"))
    filled = {name: np.array(list(map(str, column))) for name, column in columns.items()}
    return dataclasses.replace(make_corpus(n), **{**none, **filled})


def iemocap_like():
    """Ten speakers in five sessions of two; every dialogue holds both."""
    return make_corpus(300, speakers=10, classes=4)


def folds_of(corpus, **config):
    return make_folds(corpus, FoldsConfig(**config))


def members(corpus, fold, part, grouping):
    return set(corpus.groups[grouping][getattr(fold, part)].tolist())


def assert_well_formed(corpus, folds):
    for fold in folds:
        parts = [getattr(fold, part).tolist() for part in PARTS]
        assert all(part == sorted(set(part)) and len(part) >= 2 for part in parts)
        everyone = list(itertools.chain(*parts))
        assert len(everyone) == len(set(everyone))
        assert set(everyone) <= set(range(len(corpus)))


def predefined(corpus, train, valid, test, name="official"):
    parts = (np.array(sorted(part), np.int64) for part in (train, valid, test))
    return dataclasses.replace(corpus, predefined=(PredefinedFold(name, *parts),))

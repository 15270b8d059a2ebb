"""Schemes that a corpus cannot carry are refused, and the reason is said."""

import numpy as np
import pytest

from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.errors import CorpusError
from tests.corpora import make_corpus
from tests.corpus.fold_corpora import (
    folds_of,
    grouped,
    predefined,
)

REFUSALS = {
    "no speakers": (
        grouped(dialogues="abc" * 4),
        {"scheme": "speaker"},
        r"'speaker' needs a speaker .* 'small' has none; known: dialogue, utterance",
    ),
    "no sessions": (grouped(speakers="abc" * 4), {"scheme": "session"}, "needs a session"),
    "no dialogues": (
        grouped(speakers="abc" * 4),
        {"scheme": "group_kfold", "n": 3, "by": "dialogue"},
        "needs a dialogue",
    ),
    "two speakers": (
        grouped(speakers="ab" * 4),
        {"scheme": "speaker"},
        "at least 3 speakers.*has 2",
    ),
    "two sessions": (
        grouped(sessions="ab" * 4),
        {"scheme": "session"},
        "at least 3 sessions.*has 2",
    ),
    "more folds than groups": (
        grouped(speakers="abcd" * 4),
        {"scheme": "group_kfold", "n": 5},
        "5 folds by speaker need at least 5 speakers, corpus 'small' has 4",
    ),
    "limit beyond the folds": (
        grouped(speakers="abcd" * 4),
        {"scheme": "speaker", "limit": 5},
        "folds.limit is 5, but corpus 'small' has 4 folds under scheme 'speaker'",
    ),
    "n without group_kfold": (
        grouped(speakers="abcd" * 4),
        {"scheme": "speaker", "n": 4},
        "folds.n belongs to group_kfold, not to scheme 'speaker'",
    ),
    "by without group_kfold": (
        grouped(speakers="abcd" * 4),
        {"scheme": "speaker", "by": "speaker"},
        "folds.by belongs to group_kfold",
    ),
    "validation without speakers": (
        grouped(sessions="abcd" * 4),
        {"scheme": "session", "validation": "training_sessions"},
        "belongs to scheme 'speaker'",
    ),
    "training_sessions without sessions": (
        grouped(speakers="abcd" * 4),
        {"scheme": "speaker", "validation": "training_sessions"},
        "needs sessions",
    ),
    "nobody left to train on": (
        grouped(speakers="a" * 90 + "bc"),
        {"scheme": "speaker"},
        "no speaker is left to train on when 'a' is tested",
    ),
    "no predefined folds": (
        grouped(speakers="abcd" * 4),
        {"scheme": "predefined"},
        "brings no folds of its own; valid schemes for it: speaker, group_kfold",
    ),
    "one utterance in a part": (
        grouped(speakers="abcdbcd"),
        {"scheme": "speaker"},
        "the test part of fold 'a' has 1 utterances",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_scheme_that_the_corpus_cannot_carry_is_refused_with_the_reason(case):
    corpus, config, message = REFUSALS[case]
    with pytest.raises(CorpusError, match=message):
        folds_of(corpus, **config)


@pytest.mark.parametrize(
    ("train", "valid", "test", "message"),
    [
        ([], range(5), range(5, 24), "fold 'official' of corpus 'small' has none; use group_kfold"),
        (range(12), range(12, 24), [], "fold 'official' .* has no test part"),
        (
            range(12),
            range(10, 20),
            range(20, 24),
            "2 utterances in both train and valid, first 'u010'",
        ),
        (range(12), range(12, 20), [3, 22], "1 utterances in both train and test, first 'u003'"),
        ([0, 4, 8], [], range(12, 24), "no validation part and only one speaker to train on"),
    ],
)
def test_predefined_folds_that_do_not_hold_water_are_refused(train, valid, test, message):
    corpus = predefined(make_corpus(24), train, valid, test)
    with pytest.raises(CorpusError, match=message):
        folds_of(corpus, scheme="predefined")


def test_reserved_donors_that_empty_a_part_are_refused():
    corpus = grouped(speakers="abc" * 4)
    with pytest.raises(CorpusError, match="the test part of fold 'a' has 1 utterances"):
        make_folds(corpus, FoldsConfig(), np.array([0, 3, 6]))

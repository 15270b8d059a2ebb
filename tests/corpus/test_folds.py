import dataclasses
import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.corpus import PredefinedFold
from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.corruption.donors import reserved_donors
from merbench.errors import CorpusError
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


def predefined(corpus, train, valid, test, name="official"):
    parts = (np.array(sorted(part), np.int64) for part in (train, valid, test))
    return dataclasses.replace(corpus, predefined=(PredefinedFold(name, *parts),))


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

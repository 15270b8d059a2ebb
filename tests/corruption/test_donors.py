import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.corruption.donors import Donors, reserved_donors
from merbench.errors import CorpusError
from tests.corpora import CPU, corruptor, everyone, make_corpus, noise

SCHEMES = (
    {"scheme": "speaker"},
    {"scheme": "speaker", "validation": "training_sessions"},
    {"scheme": "session"},
    {"scheme": "group_kfold", "n": 4, "by": "dialogue"},
    {"scheme": "group_kfold", "n": 3, "by": "utterance"},
)


def column(draw, n, names):
    return draw(st.none() | st.lists(st.sampled_from(names), min_size=n, max_size=n).map(np.array))


@st.composite
def corpora(draw):
    """A corpus with any speakers and dialogues, or none, and modalities that may be absent."""
    n = draw(st.integers(6, 20))
    corpus = make_corpus(n, speakers=None, seed=draw(st.integers(0, 99)), absent=0.3)
    return dataclasses.replace(
        corpus,
        speakers=column(draw, n, ["s", "t", "u"][: draw(st.integers(1, 3))]),
        dialogues=column(draw, n, ["d", "e", "f"][: draw(st.integers(1, 3))]),
    )


@settings(deadline=None, max_examples=100)
@given(corpora(), st.data())
def test_donors_are_other_speakers_else_other_dialogues_else_other_utterances(corpus, data):
    donors = Donors.of(corpus, 0, None)
    has_it = [u for u in range(len(corpus)) if corpus.modalities[0].lengths[u] > 0]
    utterance = data.draw(st.integers(0, len(corpus) - 1))
    found = donors.strangers(utterance).tolist()
    for group in (corpus.speakers, corpus.dialogues):
        if group is not None and len({group[u] for u in has_it}) > 1:
            assert found == [u for u in has_it if group[u] != group[utterance]]
            return
    assert found == [u for u in has_it if u != utterance]


@settings(deadline=None, max_examples=50)
@given(corpora(), st.integers(0, 2), st.integers(0, 9))
def test_nobody_gives_to_themselves_or_gives_what_they_lack(corpus, modality, seed):
    donors = Donors.of(corpus, modality, None)
    rng = np.random.default_rng(seed)
    for utterance in range(len(corpus)):
        if not len(donors.strangers(utterance)):
            continue
        chosen = donors.choose(utterance, 30, rng)
        assert utterance not in chosen
        assert corpus.available[chosen, modality].all()
        assert (donors.lengths(chosen) > 0).all()


def test_over_many_draws_every_stranger_gives():
    donors = Donors.of(make_corpus(), 0, None)
    chosen = donors.choose(0, 500, np.random.default_rng(0))
    assert set(chosen.tolist()) == set(donors.strangers(0).tolist())


def test_the_fold_has_no_say_in_who_gives():
    corpus = make_corpus(60)
    of_folds = [
        Donors.of(corpus, 0, corruptor(corpus, train=fold.train).normaliser)
        for fold in make_folds(corpus, FoldsConfig(scheme="speaker"))
    ]
    for donors in of_folds:
        assert donors.pool.tolist() == list(range(60))
        assert donors.strangers(0).tolist() == of_folds[0].strangers(0).tolist()


def test_frames_are_the_donors_own_normalised_by_the_fold():
    corpus = make_corpus()
    source = corruptor(corpus, train=np.arange(12))
    norm = source.normaliser.modalities[0]
    donors = Donors.of(corpus, 0, source.normaliser)
    chosen = np.array([20, 3, 20, 0])
    places = np.array([0, 0, corpus.modalities[0].lengths[20] - 1, 4])
    for row, utterance, place in zip(donors.frames(chosen, places), chosen, places, strict=True):
        raw = corpus.modalities[0].sequence(int(utterance))[place].astype(np.float64)
        np.testing.assert_allclose(row, (raw - norm.mean) / norm.sd, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [20, 60, 133])
def test_a_tenth_is_reserved(n):
    corpus = make_corpus(n)
    reserved = reserved_donors(corpus, 0)
    assert len(reserved) == round(n / 10)
    assert reserved.tolist() == sorted(set(reserved.tolist()))


def test_who_is_reserved_depends_on_the_seed_and_the_ids_alone():
    corpus = make_corpus(60)
    reserved = {corpus.utterances[u] for u in reserved_donors(corpus, 0)}
    backwards = dataclasses.replace(corpus, utterances=corpus.utterances[::-1])
    assert {backwards.utterances[u] for u in reserved_donors(backwards, 0)} == reserved
    other = make_corpus(60, seed=5, speakers=3)
    assert {other.utterances[u] for u in reserved_donors(other, 0)} == reserved
    assert {corpus.utterances[u] for u in reserved_donors(corpus, 1)} != reserved


@pytest.mark.parametrize("config", SCHEMES)
def test_reserved_donors_are_in_no_part_and_nobody_else_gives(config):
    corpus = make_corpus(160, speakers=8)
    reserved = reserved_donors(corpus, 3)
    folds = make_folds(corpus, FoldsConfig(**config), reserved)
    for fold in folds:
        for part in (fold.train, fold.valid, fold.test):
            assert not set(part.tolist()) & set(reserved.tolist())
    donors = Donors.of(corpus, 0, None, reserved)
    rng = np.random.default_rng(0)
    for utterance in folds[0].test.tolist():
        chosen = donors.choose(utterance, 20, rng)
        assert set(chosen.tolist()) <= set(reserved.tolist())
        assert (corpus.speakers[chosen] != corpus.speakers[utterance]).all()


@pytest.mark.parametrize("name", ["babble", "token_swap"])
def test_with_held_out_donors_the_features_of_all_others_stay_out_of_the_noise(name):
    corpus = make_corpus(60)
    reserved = reserved_donors(corpus, 0)
    source = corruptor(corpus, reserved=reserved)
    everything = source.damage(noise(name), 0, everyone(corpus), 0, CPU).tensors()[-1]
    if name == "token_swap":
        frames = [
            source.normaliser.modalities[0].apply(corpus.modalities[0].sequence(int(u)))
            for u in reserved
        ]
        of_reserved = {tuple(frame) for frame in np.concatenate(frames).tolist()}
        assert {tuple(frame) for frame in everything.tolist()} <= of_reserved
    other = corruptor(corpus).damage(noise(name), 0, everyone(corpus), 0, CPU).tensors()[-1]
    assert not np.array_equal(everything.numpy(), other.numpy())


def test_where_nobody_can_give_the_error_says_who_needs_what():
    corpus = make_corpus(24)
    source = corruptor(corpus, reserved=np.array([7]))
    with pytest.raises(CorpusError, match=r"donate audio to 'u007' \(1 may donate at all\)"):
        source.damage(noise("babble"), 0, np.array([7]), 0, CPU)

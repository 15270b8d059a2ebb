import dataclasses

import numpy as np
import pytest

from merbench import registry
from merbench.corpus.corpus import PredefinedFold
from merbench.corruption.corruptor import draws_hash
from tests.corpora import MIXED, Stream, make_corpus, noise, with_values

NOISES = [noise(name) for name in registry.names("noises")]
# A fresh process gives the same hash: see test_frozen_draws.


def test_it_is_a_function_of_its_arguments():
    assert draws_hash(make_corpus(), NOISES, 1, 0) == draws_hash(make_corpus(), NOISES, 1, 0)


def test_it_changes_with_seed_draws_noises_corpus_and_donors():
    corpus = make_corpus(absent=0.1)

    def touch(values):
        values[3, 1] -= 1

    hashes = [
        draws_hash(corpus, NOISES, 1, 0),
        draws_hash(corpus, NOISES, 1, 1),
        draws_hash(corpus, NOISES, 2, 0),
        draws_hash(corpus, NOISES[1:], 1, 0),
        draws_hash(corpus, NOISES[:-1], 1, 0),
        draws_hash(corpus, [], 1, 0),
        draws_hash(with_values(corpus, 0, touch), NOISES, 1, 0),
        draws_hash(corpus, NOISES, 1, 0, np.array([1, 5, 9])),
        draws_hash(corpus, NOISES, 1, 0, np.array([1, 5, 10])),
    ]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("name", registry.names("noises"))
def test_each_noise_alone_has_a_hash_of_its_own(name):
    corpus = make_corpus()
    mine = draws_hash(corpus, [noise(name)], 1, 0)
    others = [
        draws_hash(corpus, [noise(other)], 1, 0)
        for other in registry.names("noises")
        if other != name
    ]
    assert mine not in others


def test_without_noise_it_still_tells_seeds_and_corpora_apart():
    # Stand-ins for absent modalities are drawn from the same keys.
    hashes = {
        draws_hash(make_corpus(seed=corpus), [], 1, seed) for corpus in (0, 1) for seed in (0, 1)
    }
    assert len(hashes) == 4


def test_it_does_not_ask_for_a_fold():
    # Two corpora that differ in the division they bring along draw alike.
    corpus = make_corpus()
    fold = PredefinedFold("x", np.arange(8), np.arange(8, 16), np.arange(16, 24))
    divided = dataclasses.replace(corpus, predefined=(fold,))
    assert draws_hash(corpus, NOISES, 1, 0) == draws_hash(divided, NOISES, 1, 0)


def test_noises_in_time_are_not_drawn_for_vectors():
    vectors = (Stream("prosody", 3, 1), Stream("face", 3, 1))
    corpus = make_corpus(streams=vectors)
    timed = [kind for kind in NOISES if kind.timed]
    untimed = [kind for kind in NOISES if not kind.timed]
    assert draws_hash(corpus, timed, 1, 0) == draws_hash(corpus, [], 1, 0)
    assert draws_hash(corpus, NOISES, 1, 0) == draws_hash(corpus, untimed, 1, 0)
    assert draws_hash(make_corpus(streams=MIXED), timed, 1, 0) != draws_hash(
        make_corpus(streams=MIXED), [], 1, 0
    )


def test_whose_voices_babble_counts():
    corpus = make_corpus()
    few, many = (draws_hash(corpus, [noise("babble", talkers=n)], 1, 0) for n in (3, 4))
    assert few != many

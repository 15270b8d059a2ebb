"""What the random numbers behind a corruption depend on, and what they do not."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench import registry
from merbench.corpus.corpus import Modality
from merbench.corruption.corruptor import draws_hash
from tests.corpora import (
    CPU,
    Stream,
    clean_part,
    corruptor,
    everyone,
    make_corpus,
    noise,
    with_values,
)

NOISES = registry.names("noises")
# These put in normalised frames of donors: the draw is whose frames, not their values.
OF_DONORS = ("babble", "token_swap")
OF_VALUES = tuple(name for name in NOISES if name not in OF_DONORS)


def damaged(source, name, utterances=None, *, modality=0, draw=0, severity=0.5, **options):
    """Return the damaged sequences of some utterances."""
    utterances = everyone(source.corpus) if utterances is None else np.asarray(utterances)
    kind = noise(name, **options)
    clean = clean_part(source, utterances).features[source.corpus.names[modality]]
    damage = source.damage(kind, modality, utterances, draw, CPU)
    return clean.with_values(damage.apply(clean, kind.at_severity(severity)))


def drawn(source, name, *, modality=0, draw=0):
    """Return what was drawn for everyone, as one array."""
    utterances = everyone(source.corpus)
    tensors = source.damage(noise(name), modality, utterances, draw, CPU).tensors()
    return torch.cat([tensor.double().flatten() for tensor in tensors])


def same(one, other):
    return one.shape == other.shape and torch.equal(one, other)


@pytest.mark.parametrize("name", NOISES)
@settings(deadline=None, max_examples=15)
@given(utterances=st.lists(st.integers(0, 23), min_size=1, max_size=30), draw=st.integers(0, 3))
def test_which_utterances_are_asked_for_and_in_what_order_changes_nothing(name, utterances, draw):
    source = corruptor(make_corpus(absent=0.2))
    everything = damaged(source, name, draw=draw)
    alone = damaged(source, name, utterances, draw=draw)
    assert same(alone.values, everything.take(torch.tensor(utterances)).values)


@pytest.mark.parametrize("name", NOISES)
def test_drawing_twice_gives_the_same(name):
    source = corruptor(make_corpus())
    assert same(drawn(source, name), drawn(source, name))
    assert same(drawn(source, name), drawn(corruptor(make_corpus()), name))


@pytest.mark.parametrize("name", NOISES)
def test_global_random_state_has_no_part_in_it(name):
    source = corruptor(make_corpus())
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - it must not matter
    first = drawn(source, name)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert same(first, drawn(source, name))


@pytest.mark.parametrize("name", OF_VALUES)
def test_the_fold_changes_nothing(name):
    corpus = make_corpus(nan=0.02)
    one = corruptor(corpus, train=np.arange(12))
    other = corruptor(corpus, train=np.arange(12, 24))
    for modality in range(3):
        assert same(drawn(one, name, modality=modality), drawn(other, name, modality=modality))


def test_the_fold_changes_how_donors_are_scaled_and_not_what_they_say():
    corpus = make_corpus()
    raw = []
    for train in (np.arange(12), np.arange(12, 24)):
        source = corruptor(corpus, train=train)
        damage = source.damage(noise("token_swap"), 0, everyone(corpus), 0, CPU)
        threshold, foreign = damage.tensors()
        norm = source.normaliser.modalities[0]
        raw.append((threshold, foreign.double().numpy() * norm.sd + norm.mean))
    assert same(raw[0][0], raw[1][0])
    np.testing.assert_allclose(raw[0][1], raw[1][1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gaussian", "impulse"])
def test_a_column_that_a_fold_drops_leaves_the_noise_of_the_others_alone(name):
    rows = slice(0, make_corpus().modalities[0].offsets[12])

    def constant_at_first(values):
        values[rows, [2]] = 4

    corpus = with_values(make_corpus(), 0, constant_at_first)
    narrow = corruptor(corpus, train=np.arange(12))
    whole = corruptor(corpus, train=np.arange(24))
    assert narrow.normaliser.modalities[0].constant == (2,)
    (without,) = narrow.damage(noise(name), 0, everyone(corpus), 0, CPU).tensors()
    (with_it,) = whole.damage(noise(name), 0, everyone(corpus), 0, CPU).tensors()
    assert same(without, with_it[:, [0, 1, 3, 4]])
    there = narrow.absent_noise(0, everyone(corpus), 4, CPU).values
    assert same(there, whole.absent_noise(0, everyone(corpus), 4, CPU).values[:, [0, 1, 3, 4]])


@pytest.mark.parametrize("name", ["gaussian", "impulse", "babble"])
@pytest.mark.parametrize("schedule", ["scaled_linear", "cosine"])
def test_every_level_mixes_in_the_same_noise(name, schedule):
    source = corruptor(make_corpus())
    clean = clean_part(source).features["audio"].values.double()
    (e,) = source.damage(
        noise(name, schedule=schedule), 0, everyone(source.corpus), 0, CPU
    ).tensors()
    for severity in (0.1, 0.5, 0.9, 1.0):
        share = noise(name, schedule=schedule).at_severity(severity).severity
        mixed = damaged(source, name, severity=severity, schedule=schedule).values.double()
        found = (mixed - (1 - share) ** 0.5 * clean) / share**0.5
        torch.testing.assert_close(found, e.double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NOISES)
def test_the_suites_seed_and_the_draw_change_everything(name):
    corpus = make_corpus(60)
    first = drawn(corruptor(corpus), name)
    assert not same(first, drawn(corruptor(corpus, seed=1), name))
    assert not same(first, drawn(corruptor(corpus), name, draw=1))
    assert not same(drawn(corruptor(corpus, seed=1), name), drawn(corruptor(corpus), name, draw=1))


@pytest.mark.parametrize("name", NOISES)
def test_another_corpus_has_other_draws_even_where_one_value_elsewhere_differs(name):
    corpus = make_corpus(60)

    def touch(values):
        values[0, 0] += 1

    other = with_values(corpus, 2, touch)
    assert other.fingerprint != corpus.fingerprint
    assert not same(drawn(corruptor(corpus), name), drawn(corruptor(other), name))


@pytest.mark.parametrize("name", NOISES)
def test_modalities_of_one_content_have_draws_of_their_own(name):
    corpus = make_corpus(60)
    audio = corpus.modalities[0]
    twin = Modality("twin", audio.kind, audio.values, audio.offsets)
    source = corruptor(dataclasses.replace(corpus, modalities=(audio, twin)))
    assert not same(drawn(source, name, modality=0), drawn(source, name, modality=1))


@pytest.mark.parametrize("name", NOISES)
def test_utterances_of_one_content_have_draws_of_their_own(name):
    n = 40
    corpus = make_corpus(n, streams=(Stream("audio", 3, 9), Stream("text", 3, 9)))
    audio = corpus.modalities[0]
    same_length = Modality(
        "audio", "sequence", np.resize(audio.values, (n * 9, 3)), np.arange(n + 1) * 9
    )
    corpus = dataclasses.replace(corpus, modalities=(same_length, corpus.modalities[1]))
    tensors = corruptor(corpus).damage(noise(name), 0, np.arange(n), 0, CPU).tensors()
    for tensor in tensors:
        of_each = {tuple(row) for row in tensor.reshape(n, -1).tolist()}
        assert len(of_each) > 1 if tensor.numel() == n else len(of_each) == n


def test_renaming_an_utterance_changes_its_draws():
    corpus = make_corpus()
    renamed = dataclasses.replace(corpus, utterances=("other", *corpus.utterances[1:]))
    assert not same(drawn(corruptor(corpus), "gaussian"), drawn(corruptor(renamed), "gaussian"))


def test_noises_of_two_families_are_drawn_apart():
    source = corruptor(make_corpus())
    keys = [registry.load("noises", name).family for name in NOISES]
    assert {name for name in NOISES if keys.count(registry.load("noises", name).family) > 1} == {
        "burst",
        "freeze",
    }
    assert same(drawn(source, "burst"), drawn(source, "freeze"))
    dropped, swapped = (
        source.damage(noise(name), 0, everyone(source.corpus), 0, CPU).tensors()[0]
        for name in ("frame_drop", "token_swap")
    )
    assert not same(dropped, swapped)


def test_settings_of_a_noise_leave_its_draws_alone():
    source = corruptor(make_corpus())
    raw, scaled = (
        source.damage(noise("impulse", raw=raw), 0, everyone(source.corpus), 0, CPU).tensors()[0]
        for raw in (True, False)
    )
    torch.testing.assert_close(raw, scaled * 0.3**0.5)


def test_the_stand_in_for_an_absent_modality_is_frozen_by_utterance():
    source = corruptor(make_corpus())
    everything = source.absent_noise(1, everyone(source.corpus), 7, CPU)
    assert everything.lengths.tolist() == [7] * 24
    assert everything.width == 3
    some = torch.tensor([5, 3, 20])
    alone = source.absent_noise(1, some.numpy(), 7, CPU)
    assert same(alone.values, everything.take(some).values)
    other = corruptor(make_corpus(), seed=1).absent_noise(1, everyone(source.corpus), 7, CPU)
    assert not same(everything.values, other.values)


REPORT = """
import json, sys, hashlib
import torch
from merbench.corruption.corruptor import draws_hash
from tests.corpora import *

torch.manual_seed(99)
corpus = make_corpus(absent=0.1, nan=0.02)
source = corruptor(corpus)
found = {"fingerprint": corpus.fingerprint}
names = sys.argv[1:]
for name in reversed(names):
    sha = hashlib.sha256()
    for tensor in source.damage(noise(name), 0, everyone(corpus), 1, CPU).tensors():
        sha.update(tensor.numpy().tobytes())
    found[name] = sha.hexdigest()
found["absent"] = hashlib.sha256(
    source.absent_noise(0, everyone(corpus), 5, CPU).values.numpy().tobytes()
).hexdigest()
found["hash"] = draws_hash(corpus, [noise(name) for name in names], 2, 0)
found["held out"] = draws_hash(
    corpus, [noise(name) for name in names], 2, 0, np.array([1, 5, 9])
)
print(json.dumps(found))
"""


def in_a_fresh_process(hash_seed):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *NOISES],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_fresh_process_draws_the_same_bytes():
    one, other = in_a_fresh_process("1"), in_a_fresh_process("2")
    assert one == other
    corpus = make_corpus(absent=0.1, nan=0.02)
    assert one["fingerprint"] == corpus.fingerprint
    kinds = [noise(name) for name in NOISES]
    assert one["hash"] == draws_hash(corpus, kinds, 2, 0)
    assert one["held out"] == draws_hash(corpus, kinds, 2, 0, np.array([1, 5, 9]))
    assert len(set(one.values())) == len(NOISES) - 1 + 4  # burst and freeze share their spans

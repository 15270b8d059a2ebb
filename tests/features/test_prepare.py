"""A fold made ready: what training may see, and training utterances made incomplete."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.corruption.grid import NoiseColumn, all_patterns, build_grid
from merbench.execution.plan import Protocol
from merbench.execution.prepare import prepare, withhold
from merbench.features.part import corpus_shape
from tests.corpora import CPU, clean_part, corruptor, make_corpus, noise, with_values

N = 600
CORPUS = make_corpus(N)
SOURCE = corruptor(CORPUS)
PART = clean_part(SOURCE)
SHAPE = corpus_shape(CORPUS, SOURCE.normaliser, np.arange(N))


def protocol(corpus=CORPUS, *, rate=0.0, seed=0, columns=(), draws=1, reserved=None):
    return Protocol(
        corpus=corpus,
        grid=build_grid(corpus, all_patterns(corpus.names), columns, draws),
        seed=seed,
        reserved=reserved,
        train_missing_rate=rate,
        threads=1,
        evaluation_batch=64,
        device="cpu",
    )


def withheld(rate, part=PART, corpus=CORPUS, seed=0):
    return withhold(part, SHAPE, protocol(corpus, rate=rate, seed=seed), corpus.utterances)


def incomplete(part):
    return ~part.available.all(1)


def test_rate_0_leaves_the_part_as_it_is():
    assert withheld(0.0) is PART


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_of_incomplete_utterances_is_the_rate(rate):
    share = float(incomplete(withheld(rate)).double().mean())
    assert abs(share - rate) < 5 * (rate * (1 - rate) / N) ** 0.5


def test_all_partial_patterns_are_drawn_alike():
    left = withheld(0.999).available[incomplete(withheld(0.999))]
    patterns, counts = left.unique(dim=0, return_counts=True)
    assert len(patterns) == 6
    assert patterns.any(1).all()
    expected = len(left) / 6
    assert (counts - expected).abs().max() < 5 * (expected * 5 / 6) ** 0.5


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_higher_rate_adds_utterances_and_changes_no_ones_pattern(one, other):
    low, high = withheld(min(one, other)), withheld(max(one, other))
    hit = incomplete(low)
    assert incomplete(high)[hit].all()
    assert torch.equal(high.available[hit], low.available[hit])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=20), st.sampled_from([0.3, 0.8]))
def test_who_is_hit_depends_on_the_id_and_not_on_the_fold(rows, rate):
    positions = torch.tensor(rows)
    alone = withheld(rate, PART.select(positions))
    assert torch.equal(alone.available, withheld(rate).available[positions])


def test_seed_and_corpus_decide_who_is_hit():
    def touch(values):
        values[0, 0] += 1

    other = with_values(CORPUS, 1, touch)
    first = withheld(0.5).available
    assert not torch.equal(first, withheld(0.5, seed=1).available)
    assert not torch.equal(first, withheld(0.5, corpus=other).available)
    assert torch.equal(first, withheld(0.5).available)


def test_what_is_withheld_is_gone_and_the_rest_untouched():
    part = withheld(0.6)
    assert torch.equal(part.labels, PART.labels)
    for column, name in enumerate(SHAPE.names):
        there = part.available[:, column]
        features, whole = part.features[name], PART.features[name]
        assert torch.equal(features.lengths, torch.where(there, whole.lengths, 0))
        kept = there.nonzero().squeeze(1)
        assert torch.equal(features.values, whole.take(kept).values)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 99))
def test_natively_absent_modalities_stay_absent_and_nobody_loses_everything(seed):
    corpus = make_corpus(60, seed=seed, absent=0.4)
    source = corruptor(corpus)
    part = clean_part(source)
    shape = corpus_shape(corpus, source.normaliser, np.arange(60))
    left = withhold(part, shape, protocol(corpus, rate=0.9), corpus.utterances)
    assert not (left.available & ~part.available).any()
    assert left.available.any(1).equal(part.available.any(1))


def folds(corpus):
    return make_folds(corpus, FoldsConfig(scheme="speaker"))


def test_validation_and_test_keep_everything_whatever_training_lacks():
    fold = folds(CORPUS)[0]
    ready = prepare(protocol(rate=0.7), fold)
    assert incomplete(ready.train).any()
    assert ready.valid.available.all()
    assert ready.evaluator.part.available.all()
    assert ready.train.positions.tolist() == fold.train.tolist()
    assert ready.valid.positions.tolist() == fold.valid.tolist()
    assert ready.evaluator.part.positions.tolist() == fold.test.tolist()


def test_training_data_is_the_training_and_validation_part_and_stand_ins_for_the_latter():
    fold = folds(CORPUS)[0]
    ready = prepare(protocol(), fold)
    for absent_input, count in (("zeros", 1), ("noise", len(fold.valid))):
        data = ready.training_data(absent_input)
        assert data.train is ready.train
        assert data.valid is ready.valid
        for index, name in enumerate(CORPUS.names):
            assert len(data.absent[name]) == count
            if absent_input == "noise":
                length = ready.shape.modalities[index].typical_length
                frozen = ready.evaluator.corruptor.absent_noise(index, fold.valid, length, CPU)
                assert torch.equal(data.absent[name].values, frozen.values)


def test_what_training_sees_does_not_move_with_the_test_features():
    fold = folds(CORPUS)[0]

    def spoil(values):
        rows = np.concatenate(
            [np.arange(*CORPUS.modalities[0].offsets[u : u + 2]) for u in fold.test]
        )
        values[rows] = 1e3
        values[rows[::2]] = np.nan

    spoilt = with_values(CORPUS, 0, spoil)
    clean, other = (prepare(protocol(c), fold) for c in (CORPUS, spoilt))
    for one, two in ((clean.train, other.train), (clean.valid, other.valid)):
        for name in CORPUS.names:
            assert torch.equal(one.features[name].values, two.features[name].values)
    assert clean.shape == other.shape
    assert not torch.equal(
        clean.evaluator.part.features["audio"].values, other.evaluator.part.features["audio"].values
    )


def impulse(raw):
    kind = noise("impulse", raw=raw)
    return [NoiseColumn("impulse", kind, ("absent",), (kind.at_level(21),))]


def test_a_fold_is_prepared_once_and_anew_where_anything_of_the_protocol_differs():
    fold, next_fold = folds(CORPUS)[:2]
    base = protocol(columns=impulse(raw=False))
    assert prepare(base, fold) is prepare(dataclasses.replace(base), fold)
    reserved = np.array([5, 9])
    for other in (
        protocol(columns=impulse(raw=True)),  # same label, same points
        protocol(columns=impulse(raw=False), seed=1),
        protocol(columns=impulse(raw=False), draws=2),
        protocol(columns=impulse(raw=False), rate=0.5),
        protocol(columns=impulse(raw=False), reserved=reserved),
        protocol(),
        dataclasses.replace(base, evaluation_batch=32),
    ):
        assert prepare(base, fold) is not prepare(other, fold)
        assert other.token != base.token
    assert prepare(base, fold) is not prepare(base, next_fold)


def test_two_suites_in_one_process_that_differ_in_a_noises_settings_meet_each_its_own():
    fold = folds(CORPUS)[0]
    sizes = []
    for raw in (True, False):
        evaluator = prepare(protocol(columns=impulse(raw)), fold).evaluator
        condition = next(c for c in evaluator.grid.conditions if c.on)
        index = next(k for k, seen in enumerate(condition.inputs) if seen.noise)
        clean = evaluator.part.features[evaluator.shape.names[index]].values
        added = evaluator.sequences(index, condition.inputs[index]).values
        share = condition.point.severity
        sizes.append(float((added - (1 - share) ** 0.5 * clean).abs().max() / share**0.5))
    assert sizes == pytest.approx([1.0, 0.3**-0.5], rel=1e-4)
